package ledgertest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
)

// doubted ends the present epoch in doubt and begins the second one.
func doubted(t *testing.T, l ledger.Ledger) (first string) {
	t.Helper()
	head := l.Head()
	if err := l.NewEpoch("second", ledger.Notice{Kind: ledger.NoticeLost, Epoch: head.Epoch, After: head.Position.Sequence, UpTo: head.Position.Sequence + 4}); err != nil {
		t.Fatal(err)
	}
	return head.Epoch
}

func tails(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	records := write(t, l, 1, 5)
	settle(t, l, at(records, 2))
	first := doubted(t, l)
	write(t, l, 6, 7)
	l = again()
	tail := l.Epochs()[0]
	equal(t, "the first epoch", tail, ledger.EpochHead{Name: first, Position: at(records, 5), Through: at(records, 2), Tail: true})
	waiting, err := l.Quarantined(10)
	if err != nil || len(waiting) > 0 {
		t.Fatalf("%d operations wait for a person, %v: they go up by themselves", len(waiting), err)
	}
	one, _, err := l.BySequence(first, 4)
	if err != nil || one.Quarantined || one.Settled {
		t.Fatalf("operation 4 is %+v, %v", one, err)
	}
	operations, end, err := l.ReadEpoch(first, tail.Through, 10, 1<<20)
	if err != nil || len(operations) != 3 || end != tail.Position {
		t.Fatalf("the tail: %d operations up to %d, %v", len(operations), end.Sequence, err)
	}
	if err := l.EndTail(first, at(records, 4)); err != nil {
		t.Fatal(err)
	}
	l = again()
	equal(t, "the first epoch", l.Epochs()[0], ledger.EpochHead{Name: first, Position: at(records, 5), Through: at(records, 4)})
	waiting, err = l.Quarantined(10)
	if err != nil || len(waiting) != 1 || waiting[0].Sequence != 5 {
		t.Fatalf("what the hub does not have waits for a person: %v, %v", waiting, err)
	}
}

func tailsRefused(t *testing.T, l ledger.Ledger, _ func() ledger.Ledger) {
	records := write(t, l, 1, 5)
	settle(t, l, at(records, 2))
	if err := l.EndTail(l.Head().Epoch, at(records, 5)); !errors.Is(err, ledger.ErrForked) {
		t.Fatalf("the present epoch has no tail: %v", err)
	}
	first := doubted(t, l)
	other := at(records, 3)
	other.Chain[0] ^= 1
	for _, through := range []protocol.Position{at(records, 1), other, {Sequence: 6}} {
		if err := l.EndTail(first, through); !errors.Is(err, ledger.ErrForked) {
			t.Fatalf("it ended at %d: %v", through.Sequence, err)
		}
	}
	if err := l.EndTail(first, at(records, 5)); err != nil {
		t.Fatal(err)
	}
	if err := l.EndTail(first, at(records, 5)); !errors.Is(err, ledger.ErrForked) {
		t.Fatalf("it ended twice: %v", err)
	}
}

func notices(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	write(t, l, 1, 3)
	first := doubted(t, l)
	l = again()
	told, err := l.Notices()
	if err != nil || len(told) != 1 {
		t.Fatal(told, err)
	}
	equal(t, "the notice", told[0], ledger.Notice{ID: 1, Kind: ledger.NoticeLost, Epoch: first, After: 3, UpTo: 7, At: 3})
	if err := l.Saw(told[0].ID); err != nil {
		t.Fatal(err)
	}
	told, err = again().Notices()
	equal(t, "what is left", fmt.Sprint(told, err), "[] <nil>")
}
