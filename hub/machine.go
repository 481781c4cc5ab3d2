package hub

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Machine is the state machine that the ordered log drives. Its owner is the
// log's goroutine; everybody else reads the board.
type Machine struct {
	state *stock.State
	board *Board
	keep  Keep
	now   func() time.Time

	answer  func(question []byte) ([]byte, error)
	horizon func() uint64

	ticked atomic.Pointer[time.Time]    // when this process last applied a tick
	mark   struct{ index, hash uint64 } // of the last tick: every node has one there
}

// Applied is one entry on its way to the journal. Without an entry it says that
// the state jumped to index by a snapshot.
type Applied struct {
	Index   uint64
	Wall    int64
	Entry   []byte
	Results []stock.Result
}

// Keep is where a machine leaves what it applied.
type Keep struct {
	Take    func(Applied) // in the order of the log
	Flushed func() error  // returns when all that was taken is on disk
}

// NewMachine has an empty state and posts to board.
func NewMachine(board *Board, keep Keep, now func() time.Time) *Machine {
	return &Machine{state: stock.NewState(), board: board, keep: keep, now: now}
}

// Apply takes committed entries, posts the state after the last of them and
// gives each entry its []stock.Result. It panics where an entry cannot be
// understood: a node that cannot read the log stops.
func (m *Machine) Apply(entries []cluster.Entry) []any {
	answers := make([]any, len(entries))
	for i, e := range entries {
		if e.Index <= m.state.Index() {
			continue // the snapshot holds it already
		}
		entry, err := protocol.DecodeEntry(e.Data)
		if err != nil {
			panic(fmt.Sprintf("hub: log entry %d: %v", e.Index, err))
		}
		results := m.state.Apply(e.Index, entry)
		m.noteTick(entry)
		m.keep.Take(Applied{e.Index, entry.Wall, e.Data, results})
		answers[i] = results
	}
	m.board.Post(m.state.Freeze())
	return answers
}

// noteTick remembers by the monotonic clock when hub time last moved here.
func (m *Machine) noteTick(entry *stock.Entry) {
	for _, c := range entry.Commands {
		if _, ok := c.(*stock.Tick); ok {
			now := m.now()
			m.ticked.Store(&now)
			m.mark.index, m.mark.hash = m.state.Index(), m.state.Hash()
		}
	}
}

// Ticked is when this process last applied a tick; false if it never did.
func (m *Machine) Ticked() (time.Time, bool) {
	at := m.ticked.Load()
	if at == nil {
		return time.Time{}, false
	}
	return *at, true
}

// Answer answers another node of the hub.
func (m *Machine) Answer(question []byte) ([]byte, error) { return m.answer(question) }

// Horizon is the oldest entry that this node's journal holds; 0: none.
func (m *Machine) Horizon() uint64 { return m.horizon() }

// Mark is where the last tick stands, and the state's hash right after it.
func (m *Machine) Mark() (index, hash uint64) { return m.mark.index, m.mark.hash }

// Applied is the index of the last applied entry.
func (m *Machine) Applied() uint64 { return m.state.Index() }

// Freeze captures the state for a snapshot.
func (m *Machine) Freeze() cluster.Image { return image{m.state.Freeze(), m.keep.Flushed} }

// Restore builds the state of a snapshot aside and swaps it in.
func (m *Machine) Restore(r io.Reader) error {
	state, err := protocol.ReadSnapshot(r)
	if err != nil {
		return err
	}
	m.state = state
	m.keep.Take(Applied{Index: state.Index()})
	m.board.Post(state.Freeze())
	return nil
}

// image is a frozen state on its way into a snapshot. The log before it may be
// dropped afterwards, so the journal must hold everything up to it first.
type image struct {
	state   *stock.State
	flushed func() error
}

func (i image) Write(w io.Writer) error {
	if err := i.flushed(); err != nil {
		return fmt.Errorf("flush journal before snapshot: %w", err)
	}
	return protocol.WriteSnapshot(w, i.state)
}

// Release has nothing to give back: a frozen state is only memory.
func (i image) Release() {}
