package agent

import (
	"cmp"
	"slices"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// sent are dispatches that the base does not hold yet, oldest first: until the hub
// tells of them as transfers, the store does.
type sent []dispatched

type dispatched struct {
	sequence uint64
	id       string // of the transfer: on its slip
	as       string // of the operation, which a fork may have made another
	over     bool   // undone, or closed, by what is pending as well
	lines    []stock.StoreTransfer
}

// wrote takes an operation that is pending.
func (s *sent) wrote(here string, id stock.OperationID, op *stock.Operation) {
	if op.Reverses != "" {
		s.end(op.Reverses)
		return
	}
	if len(op.Lines) > 0 && op.Lines[0].Kind == stock.CloseTransfer {
		s.end(op.Lines[0].Of)
		return
	}
	d := dispatched{sequence: id.Sequence, id: op.Was, as: id.String()}
	if d.id == "" {
		d.id = d.as
	}
	for i := range op.Lines {
		if op.Lines[i].Kind == stock.Dispatch && op.Lines[i].Item != "" {
			d.add(here, &op.Lines[i])
		}
	}
	if len(d.lines) > 0 {
		*s = append(*s, d)
	}
}

// old says that all are of epochs that are over: the next round tells of them.
func (s sent) old() {
	for i := range s {
		s[i].sequence = 0
	}
}

func (s *sent) end(id string) {
	for i := range *s {
		if (*s)[i].id == id || (*s)[i].as == id {
			(*s)[i].over = true
		}
	}
}

// find is a dispatch that only the store knows of; nil: none of that name.
func (s sent) find(id string) *dispatched {
	for i := range s {
		if s[i].id == id {
			return &s[i]
		}
	}
	return nil
}

func (d *dispatched) add(here string, line *stock.Line) {
	t := stock.StoreTransfer{ID: d.id, From: here, Dispatched: true, At: line.Location, Item: line.Item, Account: line.Account, Quantity: line.Quantity}
	for i := range d.lines {
		if have := &d.lines[i]; have.At == t.At && have.Item == t.Item && have.Account == t.Account {
			have.Quantity += t.Quantity
			return
		}
	}
	d.lines = append(d.lines, t)
}

// settled drops what the base holds now.
func (s *sent) settled(through uint64) {
	n := 0
	for n < len(*s) && (*s)[n].sequence <= through {
		n++
	}
	*s = (*s)[n:]
}

// Transfers are the lines of all open transfers from, to or at this store, by id:
// as the hub has told, and those that only the store knows of yet.
func (a *Agent) Transfers() []stock.StoreTransfer {
	lines := a.view.Transfers()
	for _, d := range a.sent {
		if d.over || len(a.view.Transfer(d.id)) > 0 {
			continue
		}
		for _, line := range d.lines {
			if item, _, known := a.view.Resolve(line.Item); !known || item.Stocked {
				lines = append(lines, line)
			}
		}
	}
	slices.SortStableFunc(lines, func(x, y stock.StoreTransfer) int { return cmp.Compare(x.ID, y.ID) })
	return lines
}
