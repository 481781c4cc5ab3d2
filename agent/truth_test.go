package agent_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// basePlusPending holds the view against its definition: the hub's levels where
// the base stands, plus every operation that state did not have.
func (w *world) basePlusPending() {
	w.t.Helper()
	levels := map[string]stock.Level{}
	at := protocol.Position{}
	hub := w.past[w.agent.Base()]
	if hub == nil {
		hub = stock.NewState() // no round has come yet
	}
	if l, ok := hub.Location(here); ok {
		for no, level := range l.LevelsSince(0) {
			levels[hub.Item(no).Code] = level
		}
		epoch, _ := l.Epoch(w.ledger.Head().Epoch)
		at = epoch.Through
	}
	for n, bytes := range w.operations() {
		op, err := protocol.DecodeOperation(bytes)
		w.must(err)
		for _, line := range op.Lines {
			item, _, known := w.agent.View().Resolve(line.Code())
			if uint64(n) < at.Sequence || !line.Kind.Moves() || line.Item == "" && line.Kind != stock.Delivery || known && !item.Stocked {
				continue
			}
			level := levels[line.Code()]
			from, to, q := line.Legs(op.Reverses != "")
			book(&level, from, -q)
			book(&level, to, q)
			levels[line.Code()] = level
		}
	}
	for _, seen := range w.agent.View().Levels() {
		want := levels[seen.Item]
		want.Claims, want.Staged = seen.Level.Claims, seen.Level.Staged // clamped: compared when all is quiet
		want.InTransit = seen.Level.InTransit                           // hangs on the transfers that the hub tells of, likewise
		if seen.Level != want {
			w.t.Fatalf("item %s: the store sees %+v, base and pending make %+v", seen.Item, seen.Level, want)
		}
	}
}

func book(level *stock.Level, account stock.Account, q stock.Quantity) {
	cells := map[stock.Account]*stock.Quantity{stock.Sellable: &level.Sellable, stock.Damaged: &level.Damaged, stock.ReturnPending: &level.ReturnPending}
	if cell := cells[account]; cell != nil {
		*cell += q
	}
}

// same compares what the store's tills see with what the hub holds, and the
// store's operations with those in the hub.
func (w *world) same() {
	w.t.Helper()
	head := w.ledger.Head()
	var applied [][]byte // of the present epoch
	for i, b := range w.applied {
		if w.epochs[i] == head.Epoch {
			applied = append(applied, b)
		}
	}
	if want := w.operations(); !slices.EqualFunc(applied, want, slices.Equal[[]byte]) {
		w.t.Fatalf("the hub has %d operations, the ledger %d, or others", len(applied), len(want))
	}
	if n, _ := w.agent.Backlog(); n != 0 || w.agent.Base() != w.position() || head.Through != head.Position {
		w.t.Fatalf("backlog %d, base %v of %v, through %d of %d", n, w.agent.Base(), w.position(), head.Through.Sequence, head.Position.Sequence)
	}
	l, _ := w.hub.Location(here)
	levels := map[string]stock.Level{}
	for no, level := range l.LevelsSince(0) {
		levels[w.hub.Item(no).Code] = level
	}
	for _, seen := range w.agent.View().Levels() {
		if levels[seen.Item] != seen.Level {
			w.t.Fatalf("item %s: the store sees %+v, the hub has %+v", seen.Item, seen.Level, levels[seen.Item])
		}
		delete(levels, seen.Item)
	}
	for code, level := range levels {
		if level != (stock.Level{}) {
			w.t.Fatalf("item %s: the store sees none of %+v", code, level)
		}
	}
	if have, want := fmt.Sprint(w.agent.View().Tasks()), fmt.Sprint(w.round(protocol.HubPosition{}, head.Epoch).Tasks); have != want {
		w.t.Fatalf("the store sees the tasks\n%s\nthe hub has\n%s", have, want)
	}
	told := w.round(protocol.HubPosition{}, head.Epoch).Transfers
	slices.SortStableFunc(told, func(a, b stock.StoreTransfer) int { return strings.Compare(a.ID, b.ID) })
	if have, want := fmt.Sprint(w.agent.Transfers()), fmt.Sprint(told); have != want {
		w.t.Fatalf("the store sees the transfers\n%s\nthe hub has\n%s", have, want)
	}
	if have, want := w.claims(w.agent.View().Claims("")), w.claims(w.round(protocol.HubPosition{}, head.Epoch).Claims); have != want {
		w.t.Fatalf("the store sees the claims\n%sthe hub has\n%s", have, want)
	}
}

func (w *world) claims(claims []stock.StoreClaim) string {
	var lines []string
	for _, c := range claims {
		if c.State.Open() && !c.Gone {
			lines = append(lines, fmt.Sprintln(c.Reservation, c.Line, c.Item, c.Quantity, c.State))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// operations are the bytes of the ledger's present epoch.
func (w *world) operations() (all [][]byte) {
	w.t.Helper()
	for at := (protocol.Position{}); at.Sequence < w.ledger.Head().Position.Sequence; {
		some, end, err := w.ledger.Read(at, 1000, 1<<20)
		w.must(err)
		all, at = append(all, some...), end
	}
	return all
}
