package stock_test

import (
	"strconv"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// carry counts, or moves a transfer by one leg: papers late, goods early, short,
// over, elsewhere, home, closed, twice.
func (h *history) carry() {
	at := one(h.next, someLocations)
	line := stock.Line{Scanned: one(h.next, someItems[:3]), Quantity: stock.Quantity(1+h.next(6)) * 500, Account: stock.Sellable}
	if h.next(4) == 0 {
		line.Account = one(h.next, []stock.Account{stock.Damaged, stock.ReturnPending})
	}
	switch h.next(8) {
	case 0, 1:
		h.recount(one(h.next, []string{"S1", "S2"}), &line)
		return
	case 2, 3, 4:
		line.Kind, line.Location = stock.Dispatch, one(h.next, []string{"S1", "S2", "W1", "W1", "X9"})
	case 5, 6:
		line.Kind, line.Of, line.Location = stock.Arrive, h.transferID(), one(h.next, []string{"S1", "S2", "W1", "X9"})
		if t, ok := h.state.Transfer(line.Of); ok && h.next(3) > 0 {
			p := one(h.next, h.state.StoreTransfers(t))
			line.Scanned, line.Account = p.Item, p.Account
			if p.Quantity > 0 && h.next(2) == 0 {
				line.Quantity = p.Quantity
			}
		}
	case 7:
		if line.Kind, line.Of = stock.CloseTransfer, h.transferID(); h.next(2) == 0 {
			h.apply(protocol.EncodeCommand(&stock.EndTransfer{ID: line.Of}))
			return
		}
	}
	op := stock.Operation{Incarnation: 7, Lines: []stock.Line{line}}
	switch {
	case at == "W1":
		op.Document = strconv.Itoa(h.next(1000))
		h.apply(protocol.EncodeCommand(&stock.Document{Source: "wms", Location: at, Operation: op}))
		return
	case line.Kind == stock.Dispatch && h.next(6) == 0:
		op.Reverses = h.transferID()
	}
	h.write(at, h.encoded(&op))
}

func (h *history) encoded(op *stock.Operation) []byte {
	b, err := protocol.EncodeOperation(op)
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

// recount counts what is there, or what the store believes to be there.
func (h *history) recount(at string, line *stock.Line) {
	l, _ := h.state.Location(at)
	no, _ := h.state.ItemNo(line.Scanned)
	*line = stock.Line{Kind: stock.Count, Scanned: line.Scanned, Counted: line.Quantity, Expected: l.Level(no).Sellable, Confirmed: h.next(2) == 0}
	if h.next(4) == 0 {
		line.Expected += 500
	}
	line.Quantity = line.Counted - line.Expected
	h.write(at, h.encoded(&stock.Operation{Incarnation: 7, Lines: []stock.Line{*line}}))
}

// transferID is one that is open, or that may come, or that is over.
func (h *history) transferID() string {
	var open []string
	for _, t := range h.state.TransfersFrom(0) {
		open = append(open, t.ID)
	}
	if len(open) > 0 && h.next(4) > 0 {
		return one(h.next, open)
	}
	if h.next(4) == 0 {
		return "wms/" + strconv.Itoa(h.next(1000))
	}
	s := one(h.next, []string{"S1", "S2"})
	return s + "." + h.store(s).epoch + "." + strconv.Itoa(max(1, len(h.store(s).ledger().operations)-2+h.next(6)))
}
