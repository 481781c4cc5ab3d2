package ledgertest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
)

// rewritten is how the stories write an operation again; those of held stay.
func rewritten(held ...uint64) func(ledger.Record) (ledger.Entry, bool) {
	return func(r ledger.Record) (ledger.Entry, bool) {
		e := r.Entry
		e.Bytes, e.Key = append([]byte("again "), r.Bytes...), ""
		return e, !slices.Contains(held, r.Sequence)
	}
}

// again: an operation that was written again is found at its old place, which
// says where it is now; its key gives its first answer; it is listed and sent once.
func again(t *testing.T, l ledger.Ledger, reopen func() ledger.Ledger) {
	first := l.Head().Epoch
	records := write(t, l, 1, 4)
	refers := entry(5)
	refers.Refers = []string{"S1." + first + ".4"}
	more, err := l.Append([]ledger.Entry{refers, entry(6)})
	equal(t, "error", err, nil)
	records = append(records, more...)
	settle(t, l, at(records, 1))
	var told []string
	write := rewritten()
	err = l.Again(ledger.Again{Epoch: "second", Through: at(records, 3), After: 3, Write: func(r ledger.Record) (ledger.Entry, bool) {
		told = append(told, fmt.Sprint(r.Sequence, r.Refers))
		return write(r)
	}})
	equal(t, "error", err, nil)
	equal(t, "what is told of them", fmt.Sprint(told), fmt.Sprint([]string{"4 []", "5 [S1." + first + ".4]", "6 []"}))
	for range 2 {
		head := l.Head()
		equal(t, "epoch", head.Epoch, "second")
		equal(t, "sequence", head.Position.Sequence, 3)
		equal(t, "through", head.Through, protocol.Position{})
		equal(t, "the first epoch", l.Epochs()[0], ledger.EpochHead{Name: first, Position: at(records, 6), Through: at(records, 3)})
		operations, end, err := l.Read(protocol.Position{}, 10, 1<<20)
		if err != nil || len(operations) != 3 || string(operations[0]) != "again operation 4" || end != head.Position {
			t.Fatalf("to send: %q to %v, %v", operations, end, err)
		}
		tail, end, err := l.ReadEpoch(first, at(records, 2), 1, 1<<20)
		if err != nil || len(tail) != 1 || string(tail[0]) != "operation 3" || end != at(records, 3) {
			t.Fatalf("of the first epoch: %q to %v, %v", tail, end, err)
		}
		old, _, err := l.BySequence(first, 5)
		equal(t, "error", err, nil)
		equal(t, "where it is now", old.Again, ledger.Place{Epoch: "second", Sequence: 2})
		equal(t, "held or settled", old.Quarantined || old.Settled, false)
		shared, _, _ := l.BySequence(first, 3)
		equal(t, "settled", shared.Settled, true)
		equal(t, "written again", shared.Again, ledger.Place{})
		kept, ok, err := l.ByKey("key 5")
		if err != nil || !ok || string(kept.Answer) != `{"n":5}` || kept.Fingerprint != [32]byte{5} {
			t.Fatalf("key 5 finds %+v, %t, %v", kept, ok, err)
		}
		listed, _, err := l.List(0, 100)
		var order []string
		for _, r := range listed {
			order = append(order, fmt.Sprint(r.Epoch == first, r.Receipt))
		}
		if want := "[falseR6 falseR5 falseR4 trueR3 trueR2 trueR1]"; err != nil || fmt.Sprint(order) != want {
			t.Fatalf("listed %v, %v", order, err)
		}
		by, err := l.ReferredBy("S1." + first + ".4")
		if err != nil || len(by) != 2 {
			t.Fatalf("referred by %v, %v", by, err)
		}
		held, err := l.Quarantined(10)
		if err != nil || len(held) > 0 {
			t.Fatalf("held %v, %v", held, err)
		}
		l = reopen()
	}
}

// againHolds: what lies between, and what cannot be written, waits for a person.
func againHolds(t *testing.T, l ledger.Ledger, reopen func() ledger.Ledger) {
	first := l.Head().Epoch
	records := write(t, l, 1, 700)
	err := l.Again(ledger.Again{Epoch: "second", Through: at(records, 2), After: 4, Write: rewritten(6, 650)})
	equal(t, "error", err, nil)
	equal(t, "written again", l.Head().Position.Sequence, 694)
	told := func() (told string) {
		held, err := l.Quarantined(100)
		equal(t, "error", err, nil)
		for _, r := range held {
			if r.Epoch != first || !r.Quarantined || len(r.Bytes) == 0 {
				t.Fatalf("held %+v", r)
			}
			told += r.Receipt + " "
		}
		return told
	}
	equal(t, "held", told(), "R3 R4 R6 R650 ")
	l = reopen()
	equal(t, "held after a restart", told(), "R3 R4 R6 R650 ")
	some, _ := l.Quarantined(2)
	equal(t, "a page of them", len(some), 2)
	equal(t, "settled", l.Admit(ledger.Place{Epoch: first, Sequence: 3}, nil), nil)
	late := entry(4)
	late.Key = ""
	equal(t, "settled", l.Admit(ledger.Place{Epoch: first, Sequence: 4}, &late), nil)
	for range 2 {
		equal(t, "held", told(), "R6 R650 ")
		equal(t, "end", l.Head().Position.Sequence, 695)
		has, _, _ := l.BySequence(first, 3)
		equal(t, "the hub has it", has.Settled, true)
		now, _, _ := l.BySequence(first, 4)
		equal(t, "it is written", now.Again, ledger.Place{Epoch: "second", Sequence: 695})
		for _, sequence := range []uint64{1, 3, 4, 5, 999} {
			if err := l.Admit(ledger.Place{Epoch: first, Sequence: sequence}, nil); !errors.Is(err, ledger.ErrNotQuarantined) {
				t.Fatalf("operation %d: %v", sequence, err)
			}
		}
		l = reopen()
	}
}

// againRefused: an end that is of another history changes nothing.
func againRefused(t *testing.T, l ledger.Ledger, reopen func() ledger.Ledger) {
	records := write(t, l, 1, 3)
	other := at(records, 2)
	other.Chain[0] ^= 1
	for _, through := range []protocol.Position{other, {Sequence: 4}} {
		if err := l.Again(ledger.Again{Epoch: "second", Through: through, After: 3, Write: rewritten()}); !errors.Is(err, ledger.ErrForked) {
			t.Fatalf("through %d: %v", through.Sequence, err)
		}
	}
	equal(t, "epochs", len(l.Epochs()), 1)
	chain, ok, err := l.Chain(l.Head().Epoch, 2)
	if err != nil || !ok || chain != at(records, 2).Chain {
		t.Fatalf("chain %v %t", err, ok)
	}
	if _, ok, _ := l.Chain(l.Head().Epoch, 4); ok {
		t.Fatal("a chain of an operation that is not there")
	}
	// Twice in a row: what was written again once is written again from there.
	equal(t, "error", l.Again(ledger.Again{Epoch: "second", Through: at(records, 1), After: 1, Write: rewritten()}), nil)
	equal(t, "error", l.Again(ledger.Again{Epoch: "third", Write: rewritten()}), nil)
	l = reopen()
	listed, _, err := l.List(0, 100)
	if err != nil || len(listed) != 3 || string(listed[0].Bytes) != "again again operation 3" {
		t.Fatalf("listed %d, %v", len(listed), err)
	}
}
