package compressed

import (
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

func TestOneVirtualHour(t *testing.T) {
	run(t, seedOf(t, 1), lengthOf(time.Hour))
}

// run plays one seed.
func run(t *testing.T, seed uint64, length time.Duration) {
	t.Logf("seed %d (SHELFSYNC_SEED): the schedule is drawn from it; what the Go scheduler does is not", seed)
	began := time.Now()
	var w *world
	strikes := 0
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(t, seed)
		strikes = w.play(length)
	})
	t.Logf("%d stores, %d faults in %v of virtual time, %v of real time", w.shape.stores, strikes, length, time.Since(began).Round(10*time.Millisecond))
	t.Logf("requests between nodes: %v, sent again: %v", w.wire.seen, w.wire.repeated)
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
func (w *world) play(length time.Duration) (strikes int) {
	if w.open() {
		w.others.Go(w.drizzle)
		strikes = w.schedule(length)
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
	return strikes
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
}

func lengthOf(d time.Duration) time.Duration {
	if s := os.Getenv("LEN"); s != "" {
		d, _ = time.ParseDuration(s)
	}
	return d
}
