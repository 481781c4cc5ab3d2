package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Stories of a ledger that cannot vouch for its end: what it still has goes up
// once, under the old epoch; what is new goes up under a new one.

// beside puts an older ledger.db into a folder, beside the newer high-water file.
func beside(t *testing.T, older, dir string) {
	t.Helper()
	for _, name := range []string{"ledger.db", "ledger.db-wal"} {
		b, err := os.ReadFile(filepath.Join(older, name))
		if os.IsNotExist(err) {
			_ = os.Remove(filepath.Join(dir, name))
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// close ends a store's program in order.
func (w *world) close() {
	w.t.Helper()
	w.cut(false)
	w.must(w.ledger.Close())
}

func (w *world) cups() stock.Quantity { return w.agent.View().Level("cup").Sellable / stock.Unit }

func TestALedgerThatLostItsEndGoesOnUnderANewEpoch(t *testing.T) {
	for name, c := range map[string]struct {
		sent int // of A5 to A8, which the older file does not have, the hub has so many
	}{"nothing of what was lost had been sent": {0}, "half of it": {2}, "all of it": {4}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := opened(t, dir) // A4 is not at the hub
			older := copied(t, dir)
			want := []string{"A1", "A2", "A3", "A4"}
			for n := range 4 {
				r := fmt.Sprint("A", 5+n)
				w.till(r)
				if n < c.sent {
					want = append(want, r)
					w.quiet()
					w.cut(false)
				}
			}
			w.close()
			beside(t, older, dir)

			store := pc(t, dir, w.central)
			if have := store.cups(); have != 96 { // the hub told 97, and A4 is still pending
				t.Errorf("the till sees %v cups", have)
			}
			if n, _ := store.agent.Backlog(); n != 1 {
				t.Errorf("backlog %d", n)
			}
			told, err := store.agent.Notices()
			if err != nil || len(told) != 1 || told[0].Kind != ledger.NoticeLost || told[0].After != 4 || told[0].UpTo != 8 {
				t.Errorf("people are told %+v, %v", told, err)
			}
			store.till("B1")
			store.till("B2")
			if have := store.cups(); have != 94 {
				t.Errorf("after two sales the till sees %v cups", have)
			}
			if c.sent == 0 {
				store.restart()
				if have := store.cups(); have != 94 {
					t.Errorf("started again the till sees %v cups", have)
				}
			}
			store.quiet()
			receiptsAre(t, w.central, append(want, "B1", "B2")...)
			for _, e := range store.ledger.Epochs() {
				if e.Tail {
					t.Errorf("epoch %s has a tail left", e.Name)
				}
			}
			if waiting, _ := store.agent.Quarantined(10); len(waiting) > 0 {
				t.Errorf("%d operations wait for a person", len(waiting))
			}
			told, err = store.agent.Notices()
			if err != nil || len(told) != 1 {
				t.Fatalf("people are told %+v, %v", told, err)
			}
			if err := store.agent.Saw(told[0].ID); err != nil {
				t.Fatal(err)
			}
			store.restart()
			if told, err := store.agent.Notices(); err != nil || len(told) != 0 {
				t.Errorf("seen, it is told again: %+v, %v", told, err)
			}
			store.till("C1")
			store.quiet()
			receiptsAre(t, w.central, append(want, "B1", "B2", "C1")...)
		})
	}
}

// What the till sees does not jump while a tail goes up: not before the hub has it,
// not after, and not in the moment between that and the round that tells of it.
func TestTheViewHoldsStillWhileATailGoesUp(t *testing.T) {
	dir := t.TempDir()
	w := opened(t, dir)
	older := copied(t, dir)
	w.till("A5")
	w.close()
	beside(t, older, dir)
	store := pc(t, dir, w.central)
	store.till("B1")
	for turns := 0; ; turns++ {
		if have := store.cups(); have != 95 {
			t.Fatalf("turn %d: the till sees %v cups", turns, have)
		}
		if turns == 200 {
			t.Fatal("it does not come to rest")
		}
		if store.conn == nil || store.conn.closed {
			store.connect()
		}
		if !store.hear() && !store.settle() && !store.offer() && !store.read() && len(store.receipts(t)) == 5 {
			break
		}
	}
	store.quiet()
	receiptsAre(t, w.central, "A1", "A2", "A3", "A4", "B1")
}

// The older file went on elsewhere, on a clone, whose sales the hub has: what only
// this disk has of the old epoch is written again, once.
func TestATailOfAnotherHistoryIsWrittenAgainOnce(t *testing.T) {
	for _, known := range []bool{true, false} {
		t.Run(fmt.Sprint("the journal tells: ", known), func(t *testing.T) {
			dir := t.TempDir()
			w := opened(t, dir)
			clone := pc(t, copied(t, dir), w.central)
			w.till("A5")
			w.till("A6")
			older := copied(t, dir)
			w.till("A7")
			w.close()
			clone.till("X5")
			clone.till("X6")
			clone.quiet()
			clone.close()
			beside(t, older, dir)
			if !known {
				w.forgets = 100
			}
			store := pc(t, dir, w.central)
			store.till("B1")
			store.quiet()
			want := []string{"A1", "A2", "A3", "A4", "X5", "X6", "B1"}
			waiting, err := store.agent.Quarantined(10)
			if err != nil {
				t.Fatal(err)
			}
			if known {
				want = append(want, "A5", "A6")
			} else if len(waiting) != 3 { // A4 too: no round has told of it here
				t.Errorf("%d operations wait for a person", len(waiting))
			}
			receiptsAre(t, w.central, want...)
			for _, r := range waiting {
				decide(t, store, r)
			}
			store.quiet()
			if !known {
				want = append(want, "A5", "A6")
			}
			receiptsAre(t, w.central, want...)
		})
	}
}

// The other history is the shorter one, so that the hub cannot see the fork: the store
// finds it, and its next connection searches where it began.
func TestATailThatIsLongerThanTheOtherHistory(t *testing.T) {
	dir := t.TempDir()
	w := opened(t, dir)
	clone := pc(t, copied(t, dir), w.central)
	w.till("A5")
	w.till("A6")
	older := copied(t, dir)
	w.till("A7")
	w.close()
	clone.till("X5")
	clone.quiet()
	clone.close()
	beside(t, older, dir)
	store := pc(t, dir, w.central)
	store.till("B1")
	store.quiet()
	receiptsAre(t, w.central, "A1", "A2", "A3", "A4", "X5", "A5", "A6", "B1")
}

// decide says of an operation that waits for a person what is true of it.
func decide(t *testing.T, w *world, r ledger.Record) {
	t.Helper()
	id := stock.OperationID{Agent: here, Epoch: r.Epoch, Sequence: r.Sequence}
	if _, err := w.agent.Admit(id, r.Receipt != "A4"); err != nil {
		t.Fatal(err)
	}
	w.must(w.agent.Follow())
}

// A hub restored from before the doubt lacks some of the old epoch: it goes up
// again, and the tail with it.
func TestATailGoesUpToARestoredHub(t *testing.T) {
	dir := t.TempDir()
	w := opened(t, dir)
	entries := len(w.entries)
	w.quiet() // A4
	w.cut(false)
	w.till("A5")
	older := copied(t, dir)
	w.till("A6")
	w.close()
	beside(t, older, dir)
	store := pc(t, dir, w.central)
	store.till("B1")
	store.quiet()
	receiptsAre(t, w.central, "A1", "A2", "A3", "A4", "A5", "B1")
	store.rebuild(entries-1, 2)
	store.till("B2")
	store.quiet()
	receiptsAre(t, w.central, "A1", "A2", "A3", "A4", "A5", "B1", "B2")
}
