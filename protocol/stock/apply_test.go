package stock_test

import (
	"bytes"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// FuzzApply: bytes that are a log entry apply, whatever they say, and leave a
// state whose invariants hold and whose snapshot can be read.
func FuzzApply(f *testing.F) {
	batch := protocol.BatchBytes{Agent: "S1", Installation: "pc1", Epoch: "e1", End: protocol.Position{Sequence: 1}, Operations: [][]byte{{0xc1}}}
	op := stock.Operation{Document: "D9", Lines: []stock.Line{{Kind: stock.Stage, Reservation: "r1", Quantity: 500}, {Kind: stock.Pick, Item: "HEART", Quantity: 700, Reservation: "r1"}}}
	encoded, err := protocol.EncodeOperation(&op)
	if err != nil {
		f.Fatal(err)
	}
	batch.Operations = append(batch.Operations, encoded)
	for _, c := range []protocol.Command{
		protocol.BatchCommand(&batch),
		protocol.EncodeCommand(&stock.Document{Source: "erp", Location: "W1", Operation: op}),
		protocol.EncodeCommand(&stock.Reserve{ID: "r2", Mode: stock.Partial, Lines: []stock.ReserveLine{{Item: "HEART", Quantity: 9000, Candidates: []string{"S1", "W1"}}}}),
		protocol.EncodeCommand(&stock.Step{ID: "r1", Action: stock.Fulfil, Quantity: 400}),
		protocol.EncodeCommand(&stock.PutItems{Items: []stock.Item{{Code: "HEART", Aliases: []stock.Alias{{Code: "A", Factor: 1 << 62}}}}}),
		protocol.EncodeCommand(&stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S1"}}}),
		protocol.EncodeCommand(&stock.AssignWriter{Location: "W1", Installation: "pc2"}),
		protocol.EncodeCommand(&stock.Tick{Elapsed: 10_000, Echoes: []stock.Echo{{Location: "S1", Now: 1, Base: 9}}}),
		protocol.EncodeCommand(&stock.Found{Incarnation: 1}),
		protocol.EncodeCommand(&stock.SetPolicy{Policy: somePolicy()}),
		protocol.EncodeCommand(&stock.SetPolicy{Replaces: 2, Policy: stock.Policy{Groups: []stock.ChannelGroup{{Channel: "web", Group: "OWN"}},
			Allocation: []stock.Allocation{{Group: "OWN", Class: "default", Protected: 4000}}}}),
		protocol.EncodeCommand(&stock.Reserve{ID: "r3", Channel: "market", Mode: stock.Partial, Lines: []stock.ReserveLine{{Item: "HEART", Quantity: 9000, Group: "SHOPS"}}}),
		protocol.EncodeCommand(&stock.Echoes{Term: 1, Echoes: []stock.Echo{{Location: "S1", Now: 1, Base: 9}}}),
		protocol.EncodeCommand(&stock.Step{ID: "r1", Action: stock.Move, Line: "1", Quantity: 400, To: "W1"}),
		protocol.EncodeCommand(&stock.PutLocations{Locations: []stock.LocationFacts{{Code: "W1", State: stock.Closed}}}),
		protocol.EncodeCommand(&stock.Document{Source: "erp", Location: "S1", Operation: stock.Operation{Document: "D8",
			Lines: []stock.Line{{Kind: stock.Adjust, Item: "HEART", Quantity: -8300, Account: stock.Sellable}}}}),
	} {
		f.Add(protocol.EncodeEntry(1, []protocol.Command{c, c}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		entry, err := protocol.DecodeEntry(b)
		if err != nil {
			return
		}
		w := newWorld(t)
		w.run([]string{"location", "S1", ",", "W1"})
		w.run([]string{"writer", "S1", "pc1"})
		w.run([]string{"opening", "S1", "HEART", "10"})
		w.run([]string{"opening", "W1", "HEART", "10"})
		w.run([]string{"web", "reserves", "r1", "3", "HEART", "at", "S1", "W1", ",", "2", "HEART", "at", "W1"})
		w.run([]string{"web", "confirms", "r1"})
		w.run([]string{"policy", "keep", "1", "HEART", ",", "group", "OWN", "web", ",", "protect", "6", "for", "OWN", ",", "candidates", "SHOPS", "S1", "W1"})
		w.state.Apply(w.index+1, entry)
		if err := w.state.Check(); err != nil {
			t.Fatal(err)
		}
		if loaded := reload(t, w.state); loaded.Hash() != w.state.Hash() || !bytes.Equal(image(t, loaded.Freeze()), image(t, w.state.Freeze())) {
			t.Fatal("a snapshot says something else than its state")
		}
	})
}

// TestApplyStops where guessing would be the alternative.
func TestApplyStops(t *testing.T) {
	for name, apply := range map[string]func(s *stock.State){
		"the log went backwards": func(s *stock.State) { s.Apply(1, &stock.Entry{}) },
		"an unknown command":     func(s *stock.State) { s.Apply(2, &stock.Entry{Commands: []stock.Command{"sell everything"}}) },
	} {
		s := stock.NewState()
		s.Apply(1, &stock.Entry{})
		if !panics(func() { apply(s) }) {
			t.Errorf("%s did not stop the node", name)
		}
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

// TestAReservationIsNotSplitForEver: its lines are numbered, and a snapshot has
// to hold them.
func TestAReservationIsNotSplitForEver(t *testing.T) {
	w := newWorld(t)
	w.run([]string{"location", "S1"})
	w.run([]string{"writer", "S1", "pc1"})
	w.run([]string{"opening", "S1", "HEART", "10"})
	w.run([]string{"web", "reserves", "r1", "10", "HEART", "at", "S1"})
	part := protocol.EncodeCommand(&stock.Step{ID: "r1", Action: stock.Confirm, Line: "1", Quantity: 1})
	lines := 1
	for range 2 {
		results := w.apply(many(part, 1000)...)
		for _, r := range results {
			if r.Code == stock.Accepted {
				lines++
			} else if r.Code != stock.TooMany {
				t.Fatalf("confirming a part answers %v", r.Code)
			}
		}
	}
	if lines != 1024 {
		t.Errorf("a reservation was split into %d lines, want 1024", lines)
	}
	w.throughSnapshot()
	// A pick beyond the bound moves its goods all the same.
	if got := w.run([]string{"S1", "picks", "0.001", "HEART", "for", "r1", "line", "1"}); got[1] != "e1.1 late_pick line 1: HEART" {
		t.Errorf("a pick of an indivisible line answers %v", got)
	}
	if got := w.run([]string{"show", "S1", "HEART"}); got[0] != "sellable 9.999, claimed 9.999, available 0" {
		t.Errorf("the level is %v", got)
	}
}

// TestPartsOfPartsAreNamedBriefly: a line's name has to fit its format, however
// often a store sets aside a part of a part.
func TestPartsOfPartsAreNamedBriefly(t *testing.T) {
	w := newWorld(t)
	w.run([]string{"location", "S1"})
	w.run([]string{"writer", "S1", "pc1"})
	w.run([]string{"opening", "S1", "HEART", "1"})
	w.run([]string{"web", "reserves", "r1", "1", "HEART", "at", "S1"})
	w.run([]string{"web", "confirms", "r1"})
	name := "1"
	for q := stock.Quantity(999); q > 900; q-- {
		verb := []string{"unstages", "stages"}[q%2]
		w.run([]string{"S1", verb, "r1", "line", name, "quantity", q.String()})
		name += ".1"
	}
	r, _ := w.state.Reservation("r1")
	for i := range r.Lines {
		if len(r.Lines[i].Line) > 66 {
			t.Errorf("a line is named %q", r.Lines[i].Line)
		}
	}
	if len(r.Lines) != 33 {
		t.Errorf("a line was split %d times, want 32", len(r.Lines)-1)
	}
}

func many(c protocol.Command, n int) []protocol.Command {
	list := make([]protocol.Command, n)
	for i := range list {
		list[i] = c
	}
	return list
}
