package agent_test

import (
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// What the hub holds loses its bytes after its time, a slice at a beat; what it does
// not hold stays, however old.
func TestOldOperationsArePrunedOnceTheHubHasThem(t *testing.T) {
	w := newWorld(t, ledger.NewMemory("pc", "e1"))
	w.connect()
	w.drain()
	w.correct("cup", 9000*stock.Unit)
	sell := func(n int) {
		requests := make([]*agent.Request, n)
		for i := range requests {
			requests[i] = w.request(sold("cup", 1))
		}
		for _, a := range w.agent.Record(requests) {
			w.must(a.Err)
		}
		w.must(w.agent.Follow())
	}
	for range 5 {
		sell(500)
	}
	w.quiet()
	w.cut(false)
	sell(5)
	pruned := func() uint64 { return w.ledger.Epochs()[0].Pruned }
	w.must(w.agent.Beat())
	w.now = w.now.Add((protocol.LedgerDays - 1) * 24 * time.Hour)
	for range protocol.PruneBeats {
		w.must(w.agent.Beat())
	}
	if pruned() != 0 {
		t.Fatalf("%d are pruned before their time", pruned())
	}
	w.now = w.now.Add(48 * time.Hour)
	for n, want := range []uint64{1000, 2000, 2499, 2499} { // the operation at the watermark itself stays
		for range map[bool]int{true: protocol.PruneBeats, false: 1}[n == 0] {
			if w.must(w.agent.Beat()); pruned() > 0 {
				break
			}
		}
		if pruned() != want {
			t.Fatalf("slice %d: %d are pruned, want %d", n, pruned(), want)
		}
	}
	w.drain()
	if n, _ := w.agent.Backlog(); n != 0 {
		t.Errorf("backlog %d", n)
	}
	again := w.request(sold("cup", 1)) // a till repeats itself after all that time
	again.Key = "key-2"
	if a := w.record(again); a.Err != nil || !a.Replayed {
		t.Errorf("%+v", a)
	}
}
