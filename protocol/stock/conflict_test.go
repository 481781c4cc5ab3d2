package stock_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// write1 lets S1 write one operation of many lines.
func (w *world) write1(lines ...stock.Line) []string {
	w.t.Helper()
	b, err := protocol.EncodeOperation(&stock.Operation{Lines: lines})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.write("S1", b)
}

func newStoreWorld(t *testing.T) *world {
	w := newWorld(t)
	w.run([]string{"location", "S1", ",", "S2"})
	w.run([]string{"writer", "S1", "pc1"})
	w.run([]string{"opening", "S1", "HEART", "10"})
	return w
}

// TestConflictsAreBounded: a store that has gone wrong fills no memory; the
// oldest go first, and who reads from before them starts over.
func TestConflictsAreBounded(t *testing.T) {
	w := newStoreWorld(t)
	before := w.state.Horizon()
	lines := make([]stock.Line, 500)
	for i := range lines {
		lines[i] = stock.Line{Kind: stock.Pick, Item: "HEART", Quantity: 1, Reservation: "nobody"}
	}
	for range stock.MaxConflicts/len(lines) + 2 {
		w.write1(lines...)
	}
	if n := w.state.Sizes().Conflicts; n != stock.MaxConflicts {
		t.Errorf("%d conflicts are remembered", n)
	}
	if total := w.state.Totals().LatePicks; total != stock.MaxConflicts+1000 {
		t.Errorf("%d late picks are counted", total)
	}
	if w.state.Horizon() == before {
		t.Error("the horizon has not moved")
	}
	w.throughSnapshot()
}

// TestTasksAreBounded, and done ones make room.
func TestTasksAreBounded(t *testing.T) {
	w := newStoreWorld(t)
	open := func() (n int) {
		l, _ := w.state.Location("S1")
		for range l.TasksSince(0) {
			n++
		}
		return n
	}
	var lines []stock.Line
	for i := range stock.MaxTasks + 3 {
		lines = append(lines, stock.Line{Kind: stock.Stage, Item: "HEART", Quantity: 1, Reservation: "nobody", ReservationLine: fmt.Sprint(i)})
	}
	w.write1(lines[:900]...)
	w.write1(lines[900:]...)
	if n := open(); n != stock.MaxTasks {
		t.Errorf("%d tasks are open", n)
	}
	w.throughSnapshot()
	w.write1(stock.Line{Kind: stock.Done, Of: "7"})
	w.write1(lines[stock.MaxTasks+1])
	if n := open(); n != stock.MaxTasks {
		t.Errorf("%d tasks are open after one was done and another asked", n)
	}
}

// TestATransferIsBounded: lines past its bound are booked from variance, and the
// store is told that nobody follows them.
func TestATransferIsBounded(t *testing.T) {
	w := newStoreWorld(t)
	items, lines := &stock.PutItems{}, []stock.Line{}
	for i := range 2001 {
		code := fmt.Sprint("I", i)
		items.Items = append(items.Items, stock.Item{Code: code, Class: "default", Stocked: true})
		lines = append(lines, stock.Line{Kind: stock.Arrive, Item: code, Quantity: 1000, Account: stock.Sellable, Of: "S2.e1.1", Location: "S2"})
	}
	for len(items.Items) > 0 {
		n := min(500, len(items.Items))
		w.apply(protocol.EncodeCommand(&stock.PutItems{Items: items.Items[:n]}))
		items.Items = items.Items[n:]
	}
	for len(lines) > 1 {
		if answers := w.write1(lines[:500]...); len(answers) != 1 {
			t.Fatalf("lines within the bound answer %v", answers)
		}
		lines = lines[500:]
	}
	if got := strings.Join(w.write1(lines...), "; "); got != "accepted through S1.e1.5; e1.5 untracked line 1: I2000" {
		t.Errorf("the line past the bound answers %s", got)
	}
	if got := w.run([]string{"show", "S1", "I2000"})[0]; got != "sellable 1" {
		t.Errorf("where the line past the bound arrived there are %s", got)
	}
	w.throughSnapshot()
}

// TestAConflictSaysWhoHadSeenWhat: the record holds what the store had seen and
// when the claim had been promised.
func TestAConflictSaysWhoHadSeenWhat(t *testing.T) {
	w := newStoreWorld(t)
	w.run([]string{"web", "reserves", "r1", "10", "HEART", "at", "S1", "with", "order", "O-1", "priority", "3"})
	promised := w.index
	b, err := protocol.EncodeOperation(&stock.Operation{Incarnation: 7, Seen: 2, Lines: []stock.Line{{Kind: stock.Sale, Item: "HEART", Quantity: 4000}}})
	if err != nil {
		t.Fatal(err)
	}
	w.run([]string{"tick", "5s"})
	w.write("S1", b)
	for no, c := range w.state.ConflictsFrom(0) {
		want := stock.Conflict{Index: w.index, At: 5000, Location: 0, Item: 0, Reservation: "r1", Line: "1.1", Order: "O-1", Channel: "web", Quantity: 4000,
			State: stock.Held, Priority: 3, Remedy: stock.MadeShort, Policy: stock.PolicyBuiltIn, Promised: promised,
			Cause: stock.Cause{Kind: stock.ByOperation, Operation: stock.OperationID{Agent: "S1", Epoch: "e1", Sequence: 1}, Incarnation: 7, Seen: 2}}
		if no != 0 || *c != want {
			t.Errorf("conflict %d is %+v\nwant %+v", no, *c, want)
		}
	}
	if w.state.Sizes().Conflicts != 1 {
		t.Error("there is another conflict, or none")
	}
}

// BenchmarkConflict: a sale takes what one of 20 claims of the item stood for, at
// a location with so many claims of other items.
func BenchmarkConflict(b *testing.B) {
	for _, others := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprint(others), func(b *testing.B) {
			s, index := stock.NewState(), uint64(0)
			apply := func(commands ...stock.Command) {
				index++
				s.Apply(index, &stock.Entry{Commands: commands})
			}
			adjust := func(document, item string, q stock.Quantity) *stock.Document {
				return &stock.Document{Source: "erp", Location: "S1", Operation: stock.Operation{Document: document,
					Lines: []stock.Line{{Kind: stock.Adjust, Scanned: item, Quantity: q, Account: stock.Sellable}}}}
			}
			claim := func(id, item string) *stock.Reserve {
				return &stock.Reserve{ID: id, Mode: stock.AllOrNothing, TTL: 1 << 40, Lines: []stock.ReserveLine{{Item: item, Quantity: 1000, Candidates: []string{"S1"}}}}
			}
			apply(&stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S1", State: stock.Open}}})
			for i := range others {
				item := fmt.Sprint("other", i/20)
				apply(adjust(fmt.Sprint("o", i), item, 1000), claim(fmt.Sprint("c", i), item))
			}
			for i := range 20 {
				apply(adjust(fmt.Sprint("h", i), "HEART", 1000), claim(fmt.Sprint("r", i), "HEART"))
			}
			b.ResetTimer()
			for i := range b.N {
				apply(adjust(fmt.Sprint("sold", i), "HEART", -1000))
				apply(adjust(fmt.Sprint("got", i), "HEART", 1000), claim(fmt.Sprint("again", i), "HEART"))
			}
		})
	}
}
