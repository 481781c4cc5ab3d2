package ledgertest

import (
	"errors"
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
)

// at is the position of an operation, by the records that Append gave.
func at(records []ledger.Record, n int) protocol.Position {
	return protocol.Position{Sequence: records[n-1].Sequence, Chain: records[n-1].Chain}
}

func settle(t *testing.T, l ledger.Ledger, through protocol.Position) {
	t.Helper()
	if err := l.Keep(ledger.Kept{Through: through}); err != nil {
		t.Fatal(err)
	}
}

// settleOn is settle on a day of the hub's clock.
func settleOn(t *testing.T, l ledger.Ledger, day int64, through protocol.Position) {
	t.Helper()
	if err := l.Keep(ledger.Kept{Through: through, Now: day * protocol.HeldEveryMS}); err != nil {
		t.Fatal(err)
	}
}

func prune(t *testing.T, l ledger.Ledger, before int64) int {
	t.Helper()
	n, err := l.Prune(before)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func found(t *testing.T, l ledger.Ledger, epoch string, sequence uint64) bool {
	t.Helper()
	_, ok, err := l.BySequence(epoch, sequence)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func settledEpochs(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	first := l.Head().Epoch
	records := write(t, l, 1, 3)
	settle(t, l, at(records, 2))
	if err := l.NewEpoch("second", ledger.Notice{Kind: ledger.NoticeLost, Epoch: first, After: 3}); err != nil {
		t.Fatal(err)
	}
	second := write(t, l, 4, 5)
	l = again()
	for sequence, want := range map[uint64]bool{2: true, 3: false} {
		record, _, err := l.BySequence(first, sequence)
		equal(t, "error", err, nil)
		equal(t, "settled", record.Settled, want)
	}
	epochs := l.Epochs()
	equal(t, "epochs", len(epochs), 2)
	equal(t, "the first", epochs[0], ledger.EpochHead{Name: first, Position: at(records, 3), Through: at(records, 2), Tail: true})
	equal(t, "the second", epochs[1], ledger.EpochHead{Name: "second", Position: at(second, 2)})
}

func strangeWatermark(t *testing.T, l ledger.Ledger, _ func() ledger.Ledger) {
	records := write(t, l, 1, 3)
	other := at(records, 2)
	other.Chain[0] ^= 1
	for _, through := range []protocol.Position{other, {Sequence: 4}, {Chain: [32]byte{1}}} {
		if err := l.Keep(ledger.Kept{Through: through}); !errors.Is(err, ledger.ErrForked) {
			t.Fatalf("a watermark at %d of another history: %v", through.Sequence, err)
		}
	}
	settle(t, l, at(records, 3))
}

func pruning(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	epoch := l.Head().Epoch
	records := write(t, l, 1, 9)
	equal(t, "pruned before the hub has them", prune(t, l, 100*protocol.HeldEveryMS), 0)
	settleOn(t, l, 1, at(records, 3))
	settleOn(t, l, 10, at(records, 7))
	equal(t, "pruned too early", prune(t, l, protocol.HeldEveryMS), 0)
	equal(t, "pruned by age", prune(t, l, 5*protocol.HeldEveryMS), 3)
	equal(t, "pruned again", prune(t, l, 5*protocol.HeldEveryMS), 0)
	equal(t, "pruned below the watermark", prune(t, l, 100*protocol.HeldEveryMS), 3)
	l = again()
	equal(t, "pruned", l.Epochs()[0].Pruned, 6)
	equal(t, "position", l.Head().Position, at(records, 9))
	equal(t, "operation 6 is found", found(t, l, epoch, 6), false)
	equal(t, "operation 7 is found", found(t, l, epoch, 7), true)
	listed, _, err := l.List(0, 100)
	if err != nil || len(listed) != 3 || listed[2].Receipt != "R7" {
		t.Fatalf("the list holds %d, the last is %+v, %v", len(listed), listed[len(listed)-1], err)
	}
	record, ok, err := l.ByKey("key 2")
	if err != nil || !ok || string(record.Answer) != `{"n":2}` || record.Fingerprint != [32]byte{2} || len(record.Bytes) != 0 {
		t.Fatalf("key 2 finds %+v, %t, %v", record, ok, err)
	}
	operations, _, err := l.Read(at(records, 6), 100, 1<<20)
	if err != nil || len(operations) != 3 {
		t.Fatalf("read after what was pruned: %d, %v", len(operations), err)
	}
	if _, _, err := l.Read(at(records, 5), 100, 1<<20); !errors.Is(err, ledger.ErrForked) {
		t.Fatalf("read what was pruned: %v", err)
	}
}

// A hub that lost everything must not stop a store that no longer has it either.
func prunedForOldHub(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	records := write(t, l, 1, 9)
	settleOn(t, l, 1, at(records, 5))
	settleOn(t, l, 9, at(records, 8))
	equal(t, "pruned", prune(t, l, 5*protocol.HeldEveryMS), 5)
	if err := l.Keep(ledger.Kept{Rebase: true, Base: protocol.HubPosition{Incarnation: 2}}); err != nil {
		t.Fatal(err)
	}
	l = again()
	equal(t, "through", l.Head().Through, at(records, 5))
	operations, _, err := l.Read(l.Head().Through, 100, 1<<20)
	if err != nil || len(operations) != 4 {
		t.Fatalf("what is pending again: %d, %v", len(operations), err)
	}
}

// What the hub held is remembered over a restart, a day apart; another hub has held
// nothing yet, and a round that tells no time says nothing of it.
func pruneRemembers(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	const day = protocol.HeldEveryMS
	records := write(t, l, 1, 9)
	settleOn(t, l, 1, at(records, 3))
	if err := l.Keep(ledger.Kept{Through: at(records, 5), Now: 2*day - 1}); err != nil { // the same day
		t.Fatal(err)
	}
	settleOn(t, l, 4, at(records, 8))
	l = again()
	settleOn(t, l, 4, at(records, 8))
	equal(t, "pruned by what an earlier run remembered", prune(t, l, 3*day), 3)
	if err := l.Keep(ledger.Kept{Rebase: true, Base: protocol.HubPosition{Incarnation: 2}, Through: at(records, 8), Now: 6 * day}); err != nil {
		t.Fatal(err)
	}
	equal(t, "pruned by what another hub held", prune(t, l, 6*day), 0)
	settleOn(t, l, 9, at(records, 9))
	equal(t, "pruned by what this one held", prune(t, l, 7*day), 5)
	if err := l.NewEpoch("second", ledger.Notice{Kind: ledger.NoticeLost}); err != nil {
		t.Fatal(err)
	}
	later := write(t, l, 10, 14)
	settleOn(t, l, 20, at(later, 4))
	settleOn(t, l, 30, at(later, 5))
	equal(t, "pruned of two epochs", prune(t, l, 25*day), 4)
}

func pruneSlices(t *testing.T, l ledger.Ledger, _ func() ledger.Ledger) {
	records := write(t, l, 1, protocol.MaxPruned+20)
	settle(t, l, at(records, len(records)))
	equal(t, "first slice", prune(t, l, 1<<40), protocol.MaxPruned)
	equal(t, "second slice", prune(t, l, 1<<40), 19)
	equal(t, "third slice", prune(t, l, 1<<40), 0)
}

func sticks(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	write(t, l, 1, 2)
	_, first := l.Append([]ledger.Entry{entry(1)})
	if first == nil {
		t.Fatal("a key was taken twice")
	}
	for call, err := range afterFailure(l) {
		if !errors.Is(err, first) {
			t.Errorf("%s: after %v the ledger said %v", call, first, err)
		}
	}
	write(t, again(), 3, 3)
}

// afterFailure is what every call says.
func afterFailure(l ledger.Ledger) map[string]error {
	said := map[string]error{"Keep": l.Keep(ledger.Kept{}), "Load": l.Load(ledger.Visitor{}), "NewEpoch": l.NewEpoch("next", ledger.Notice{}), "Saw": l.Saw(1)}
	_, said["Notices"] = l.Notices()
	_, said["Backup"] = l.Backup()
	_, said["Append"] = l.Append([]ledger.Entry{entry(3)})
	_, _, said["ByKey"] = l.ByKey("key 1")
	_, _, said["BySequence"] = l.BySequence(l.Head().Epoch, 1)
	_, _, said["List"] = l.List(0, 10)
	_, said["ReferredBy"] = l.ReferredBy("S1.x.1")
	_, _, said["Read"] = l.Read(protocol.Position{}, 10, 100)
	_, said["Outcomes"] = l.Outcomes(l.Head().Epoch, 1)
	_, said["Prune"] = l.Prune(9)
	_, _, said["Chain"] = l.Chain(l.Head().Epoch, 1)
	_, said["Quarantined"] = l.Quarantined(9)
	said["Again"] = l.Again(ledger.Again{Epoch: "again", Write: rewritten()})
	said["Admit"] = l.Admit(ledger.Place{Epoch: l.Head().Epoch, Sequence: 1}, nil)
	return said
}
