package agent_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
)

// marked is a ledger whose high-water file is a list of the sequences that were
// written to it.
type marked struct {
	ledger.Ledger
	last   uint64
	writes chan uint64
	gate   chan struct{}         // nil: a write ends at once
	fails  atomic.Pointer[error] // how a write ends
}

func (m *marked) Mark() func() error {
	at := m.Head().Position.Sequence
	if at == m.last {
		return nil
	}
	m.last = at
	return func() error {
		if m.gate != nil {
			<-m.gate
		}
		m.writes <- at
		if why := m.fails.Load(); why != nil {
			return *why
		}
		return nil
	}
}

func runMarked(t *testing.T) (*running, *marked) {
	r := run(t)
	m := &marked{Ledger: r.ledger.Ledger, writes: make(chan uint64, 1000)}
	r.ledger.Ledger = m
	return r, m
}

func (m *marked) next(t *testing.T) uint64 {
	t.Helper()
	synctest.Wait()
	select {
	case at := <-m.writes:
		return at
	default:
		t.Fatal("nothing was written to the high-water file")
		return 0
	}
}

// Behind the ledger by a beat at most where the store is quiet, by a number of
// operations where it is busy; and never ahead of it.
func TestTheHighWaterFileFollowsTheLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := runMarked(t)
		r.start()
		r.sellOne()
		r.sellOne()
		time.Sleep(protocol.BeatMS*time.Millisecond + 1)
		if at := m.next(t); at != 2 {
			t.Errorf("after a beat it is at %d", at)
		}
		time.Sleep(3 * protocol.BeatMS * time.Millisecond)
		if synctest.Wait(); len(m.writes) > 0 {
			t.Error("it was written again, and nothing had happened")
		}
		for range protocol.MaxUnmarked {
			r.sellOne()
		}
		if at := m.next(t); at < 2+protocol.MaxUnmarked/2 || at > 2+protocol.MaxUnmarked {
			t.Errorf("in a busy second it is at %d", at)
		}
		r.end(nil)
	})
}

// A till does not wait for it, however long it takes; no second write begins
// meanwhile.
func TestNoTillWaitsForTheHighWaterFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := runMarked(t)
		m.gate = make(chan struct{})
		r.start()
		for range 3 * protocol.MaxUnmarked {
			r.sellOne()
		}
		synctest.Wait()
		close(m.gate)
		if at := m.next(t); at != protocol.MaxUnmarked/2 {
			t.Errorf("the first write was of %d", at)
		}
		time.Sleep(protocol.BeatMS*time.Millisecond + 1)
		if at := m.next(t); at != 3*protocol.MaxUnmarked {
			t.Errorf("the next is of %d", at)
		}
		r.end(nil)
	})
}

// A full disk is no disk that failed: the store goes on, and the file is written once
// there is room, though nothing more was recorded.
func TestAFullDiskPutsTheHighWaterFileOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := runMarked(t)
		full := fmt.Errorf("write high-water file: %w", syscall.ENOSPC)
		m.fails.Store(&full)
		r.start()
		r.sellOne()
		for range 3 {
			time.Sleep(protocol.BeatMS*time.Millisecond + 1)
			if at := m.next(t); at != 1 {
				t.Errorf("it was tried with %d", at)
			}
		}
		synctest.Wait()
		m.fails.Store(nil)
		time.Sleep(protocol.BeatMS*time.Millisecond + 1)
		m.next(t)
		time.Sleep(3 * protocol.BeatMS * time.Millisecond)
		if synctest.Wait(); len(m.writes) > 0 {
			t.Error("it was written, and then once more")
		}
		r.end(nil)
	})
}

// A disk that cannot take it is a disk that failed: the store stops.
func TestAHighWaterFileThatCannotBeWrittenStopsTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := runMarked(t)
		broken := errors.New("input/output error")
		m.fails.Store(&broken)
		r.start()
		r.sellOne()
		time.Sleep(protocol.BeatMS*time.Millisecond + 1)
		if err := r.server.Wait(); !errors.Is(err, broken) {
			t.Errorf("it ended with %v", err)
		}
		r.stop()
	})
}
