package agent

import (
	"errors"
	"syscall"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
)

// marker writes the ledger's high-water file behind the tills' backs: the loop says
// where the ledger stands, once a beat and after so many operations, and goes on;
// one write is under way at a time.
type marker struct {
	writes   chan func() error
	wrote    chan error
	writing  bool
	write    func() error // the last that was begun
	again    func() error // one for which the disk had no room
	unmarked int          // operations since the last write was begun
}

func newMarker() marker {
	return marker{writes: make(chan func() error, 1), wrote: make(chan error, 1)}
}

// run carries out what it is handed until there is no more.
func (m *marker) run() {
	for write := range m.writes {
		m.wrote <- write()
	}
	close(m.wrote)
}

// recorded counts what the file does not say yet. Half of the bound is left for
// what is recorded while it is written.
func (m *marker) recorded(operations int, l ledger.Ledger) {
	if m.unmarked += operations; m.unmarked >= protocol.MaxUnmarked/2 {
		m.mark(l)
	}
}

// mark begins a write, unless one is under way: the next beat comes soon.
func (m *marker) mark(l ledger.Ledger) {
	if m.writing {
		return
	}
	m.unmarked = 0
	write := l.Mark()
	if write == nil {
		write = m.again
	}
	if m.again = nil; write != nil {
		m.writing, m.write = true, write
		m.writes <- write
	}
}

// ended takes how a write ended. A full disk is no disk that failed: nothing is
// recorded on it, so the file is not far behind, and it is written when there is room.
func (m *marker) ended(err error) error {
	if m.writing = false; errors.Is(err, syscall.ENOSPC) {
		m.again = m.write
		return nil
	}
	return err
}

// end waits for the write that is under way.
func (m *marker) end() (err error) {
	close(m.writes)
	for one := range m.wrote {
		err = m.ended(one)
	}
	return err
}
