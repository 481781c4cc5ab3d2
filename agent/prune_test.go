package agent_test

import (
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// What the hub has held for its time loses its bytes, a slice at a beat. The hub's
// clock tells that time: this PC's, and what tills claim, may be years ahead.
func TestWhatTheHubHasHeldLongEnoughIsPruned(t *testing.T) {
	w := newWorld(t, ledger.NewMemory("pc", "e1"))
	w.connect()
	w.drain()
	w.correct("cup", 9000*stock.Unit)
	for range 5 {
		requests := make([]*agent.Request, 500)
		for i := range requests {
			requests[i] = w.request(sold("cup", 1))
			requests[i].Operation.At = w.now.Add(-20 * 365 * 24 * time.Hour).UnixMilli()
		}
		for _, a := range w.agent.Record(requests) {
			w.must(a.Err)
		}
		w.must(w.agent.Follow())
		w.drain()
	}
	held, at := w.ledger.Head().Position, w.position()
	tell := func(day int64) { // a round of the hub on a day of its clock
		at.Index++
		w.must(w.agent.Receive(&protocol.Round{Hub: at, Now: day * protocol.HeldEveryMS, Through: held, Last: true}))
		if w.agent.Base() != at {
			t.Fatal("the round was not kept")
		}
	}
	beats := func(n int) uint64 {
		for range n {
			w.must(w.agent.Beat())
			w.must(w.agent.Receive(&protocol.Round{})) // the hub's sign of life
		}
		return w.ledger.Epochs()[0].Pruned
	}
	tell(1000)
	w.now = w.now.Add(50 * 365 * 24 * time.Hour) // somebody set the clock
	if n := beats(2 * protocol.PruneBeats); n != 0 {
		t.Fatalf("by this PC's clock %d were pruned", n)
	}
	tell(1000 + protocol.LedgerDays)
	if n := beats(2 * protocol.PruneBeats); n != 0 {
		t.Fatalf("%d were pruned before their time", n)
	}
	tell(1001 + protocol.LedgerDays)
	if n := beats(protocol.PruneBeats); n != 2499 { // the operation at the watermark itself stays
		t.Fatalf("%d are pruned", n)
	}
	again := w.request(sold("cup", 1)) // a till repeats itself after all that time
	again.Key = "key-2"
	if a := w.record(again); a.Err != nil || !a.Replayed {
		t.Errorf("%+v", a)
	}
}

// A slice at a time, so that a sale waits for one at most.
func TestPruningGoesByBeats(t *testing.T) {
	l := &sliced{Ledger: ledger.NewMemory("pc", "e1")}
	w := newWorld(t, l)
	w.connect()
	w.drain()
	at := w.position()
	at.Index++
	w.must(w.agent.Receive(&protocol.Round{Hub: at, Now: 1000 * protocol.HeldEveryMS, Last: true}))
	for range protocol.PruneBeats {
		w.must(w.agent.Beat())
		w.must(w.agent.Receive(&protocol.Round{}))
	}
	if l.asked != 4 || l.before != (1000-protocol.LedgerDays)*protocol.HeldEveryMS {
		t.Errorf("asked %d times, what was held before %d", l.asked, l.before)
	}
}

// sliced has three whole slices to prune, and then no more.
type sliced struct {
	ledger.Ledger
	asked  int
	before int64
}

func (s *sliced) Prune(before int64) (int, error) {
	s.asked, s.before = s.asked+1, before
	if s.asked <= 3 {
		return protocol.MaxPruned, nil
	}
	return 7, nil
}
