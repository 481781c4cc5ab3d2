package compressed

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func seedOf(t *testing.T, fallback uint64) uint64 {
	text := os.Getenv("SHELFSYNC_SEED")
	if text == "" {
		return fallback
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("SHELFSYNC_SEED: %v", err)
	}
	return seed
}

// TestOneVirtualHour is three nodes, their stores and channels for an hour of
// their time, with more than a hundred faults.
func TestOneVirtualHour(t *testing.T) {
	play(t, seedOf(t, 1), time.Hour).vacuous(t, 1)
}

// TestTenVirtualHours is the same for five seeds, two hours each.
func TestTenVirtualHours(t *testing.T) {
	if os.Getenv("SHELFSYNC_DEEP") == "" {
		t.Skip("takes minutes: set SHELFSYNC_DEEP=1 (make test-deep)")
	}
	if racing {
		t.Skip("the race detector gives out after some hundred seconds of this (its own check in tsan_rtl.cpp): make test-deep runs it without; TestOneVirtualHour is raced")
	}
	for seed := seedOf(t, 100); seed < seedOf(t, 100)+5; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { play(t, seed, 2*time.Hour).vacuous(t, 2) })
	}
}

// sometimes is what a run must have met, so often in an hour: a schedule that
// never comes there proves nothing about it.
var sometimes = []struct {
	what  string
	least int
}{
	{"a node began to lead", 20},
	{"a snapshot was written", 50},
	{"a snapshot was installed", 1},
	{"a late snapshot was kept away", 3},
	{"a conflicting tail was cut", 1},
	{"a node with an empty folder joined", 1},
	{"a node crashed", 5},
	{"a store's PC crashed", 1},
	{"a write was forwarded to the leader", 50},
	{"an outcome was unknown", 3},
	{"a write was refused without a trace", 3},
	{"a node said that it is behind", 5},
	{"an agent changed its node", 20},
	{"a reservation was short", 5},
	{"a claim moved", 1},
	{"a claim: stage", 20},
	{"a claim: pick", 20},
	{"an order ended or stands as expired", 20},
	{"an order ended or stands as released", 20},
	{"an order ended or stands as short", 1},
	{"an old request was sent again", 100},
}

// vacuous fails a run that did not meet what it is there for.
func (w *world) vacuous(t *testing.T, hours int) {
	if t.Failed() {
		return
	}
	for _, s := range sometimes {
		if times := w.seen.times(s.what); times < s.least*hours {
			t.Errorf("vacuous: %q %d times in %d h, at least %d wanted", s.what, times, hours, s.least*hours)
		}
	}
	for kind, times := range w.wire.repeated {
		if times == 0 && kind != timeoutNow && kind != ownMessage {
			t.Errorf("vacuous: no request of kind %d was sent again and answered", kind)
		}
	}
	if w.strikes < 100*hours {
		t.Errorf("vacuous: %d faults in %d h", w.strikes, hours)
	}
}

// play plays one seed.
func play(t *testing.T, seed uint64, length time.Duration) *world {
	t.Logf("seed %d (SHELFSYNC_SEED): the schedule is drawn from it; what the Go scheduler does is not", seed)
	began := time.Now()
	var w *world
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(t, seed)
		w.play(length)
	})
	t.Logf("%d stores, %d faults in %v of virtual time, %v of real time", w.shape.stores, w.strikes, length, time.Since(began).Round(10*time.Millisecond))
	t.Logf("requests between nodes: %v, sent again: %v", w.wire.seen, w.wire.repeated)
	return w
}

// tell reports while the bubble still lives: what is stuck in it ends the program.
func (w *world) tell() {
	w.t.Logf("met:\n%s", w.seen.table())
	w.seen.mu.Lock()
	defer w.seen.mu.Unlock()
	for _, fault := range w.seen.faults {
		w.t.Error(fault)
	}
	if w.t.Failed() {
		for _, line := range w.seen.said {
			w.t.Log(line)
		}
	}
}

// play is one run from the founding to the audit.
func (w *world) play(length time.Duration) {
	if w.open() {
		w.others.Go(w.drizzle)
		w.schedule(length)
	}
	if !w.seen.broken() {
		w.net.clear()
		for _, n := range w.nodes {
			w.up(n)
		}
		w.live(10 * time.Second)
	}
	close(w.closing)
	w.working.Wait()
	if !w.seen.broken() && w.converge() {
		w.audit()
	}
	w.tell()
	w.close()
}

// close ends everything, whatever it found.
func (w *world) close() {
	close(w.endings)
	w.watches.Wait()
	w.net.clear()
	for _, s := range w.stores {
		if s.now() != nil {
			s.stop()
		}
	}
	for _, n := range w.nodes {
		if n.run.Load() != nil {
			n.stop()
		}
	}
	w.others.Wait()
	time.Sleep(keepAlive + time.Second) // time stands still once this goroutine has ended
}
