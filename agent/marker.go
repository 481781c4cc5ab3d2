package agent

import (
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
	unmarked int // operations since the last write was begun
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
	if write := l.Mark(); write != nil {
		m.writing = true
		m.writes <- write
	}
}

// end waits for the write that is under way.
func (m *marker) end() (err error) {
	close(m.writes)
	for one := range m.wrote {
		err = one
	}
	return err
}
