package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/shelfsync/shelfsync/protocol"
)

// Again begins an epoch with the operations of the one that ends.
func (m *Memory) Again(a Again) error {
	if m.failed != nil {
		return m.failed
	}
	number := len(m.epochs) - 1
	old, first, end := m.present(), m.first[number], len(m.log)
	if !m.holds(a.Through) || a.Through.Sequence < old.Pruned {
		return fmt.Errorf("begin epoch %s after a fork: operation %d: %w", a.Epoch, a.Through.Sequence, ErrForked)
	}
	if m.begin(a.Epoch); m.failed != nil {
		return m.failed
	}
	m.epochs[number].Through = a.Through
	for i := first + int(a.After); i < end; i++ {
		r, _ := m.record(i)
		if entry, ok := a.Write(r); ok {
			m.again[i] = len(m.log)
			m.write(entry)
		}
	}
	return nil
}

// begin lets later operations begin a new history.
func (m *Memory) begin(name string) {
	if m.failed == nil && m.numberOf(name) >= 0 {
		m.failed = fmt.Errorf("begin epoch %s: its name was used before", name)
	}
	if m.failed == nil {
		m.epochs, m.first = append(m.epochs, EpochHead{Name: name}), append(m.first, len(m.log))
	}
}

// NewEpoch begins a new history because the end of the present one is in doubt.
func (m *Memory) NewEpoch(name string, why Notice) error {
	number := len(m.epochs) - 1
	if m.begin(name); m.failed != nil {
		return m.failed
	}
	old := &m.epochs[number]
	old.Tail = old.Position.Sequence > old.Through.Sequence
	if n := m.numberOf(why.Epoch); n >= 0 && why.After > 0 {
		why.At = m.log[m.first[n]+int(why.After)-1].At
	}
	why.ID = int64(len(m.notices)) + 1
	m.notices = append(m.notices, why)
	return nil
}

// EndTail says what the hub has of an epoch's tail.
func (m *Memory) EndTail(epoch string, through protocol.Position) error {
	n := m.numberOf(epoch)
	err := tailOf(m.epochs, int64(n)+1, through)
	if err == nil && !m.holdsAt(n, through) {
		err = fmt.Errorf("operation %d: %w", through.Sequence, ErrForked)
	}
	if m.failed != nil || err != nil {
		return errors.Join(m.failed, err)
	}
	m.epochs[n].Tail, m.epochs[n].Through = false, through
	return nil
}

// Notices are those that nobody has seen yet, oldest first.
func (m *Memory) Notices() (notices []Notice, err error) {
	for _, n := range m.notices {
		if n.Kind != "" && m.failed == nil {
			notices = append(notices, n)
		}
	}
	return notices, m.failed
}

// Saw says that a person has seen a notice.
func (m *Memory) Saw(id int64) error {
	if m.failed == nil && id >= 1 && id <= int64(len(m.notices)) {
		m.notices[id-1].Kind = ""
	}
	return m.failed
}

// write puts one entry at the end.
func (m *Memory) write(e Entry) Record {
	at := &m.present().Position
	*at = protocol.Position{Sequence: at.Sequence + 1, Chain: protocol.NextChain(at.Chain, e.Bytes)}
	r := Record{Entry: e, Epoch: m.present().Name, Sequence: at.Sequence, Chain: at.Chain}
	if e.Key != "" {
		m.keys[e.Key] = len(m.log)
	}
	m.log = append(m.log, r)
	return r
}

// Quarantined are operations of which nobody can tell whether the hub has them.
func (m *Memory) Quarantined(limit int) (records []Record, err error) {
	for i := range m.log {
		if r, _ := m.record(i); r.Quarantined && len(records) < limit {
			records = append(records, r)
		}
	}
	return records, m.failed
}

// Admit takes what a person decided of one of them.
func (m *Memory) Admit(held Place, entry *Entry) error {
	r, ok, err := m.BySequence(held.Epoch, held.Sequence)
	if err != nil {
		return err
	}
	if !ok || !r.Quarantined {
		return fmt.Errorf("operation %d of epoch %s: %w", held.Sequence, held.Epoch, ErrNotQuarantined)
	}
	i := m.first[m.numberOf(held.Epoch)] + int(held.Sequence) - 1
	if m.again[i] = -1; entry != nil {
		m.again[i] = len(m.log)
		m.write(*entry)
	}
	return nil
}

// Chain is the chain of an epoch at an operation.
func (m *Memory) Chain(epoch string, sequence uint64) ([32]byte, bool, error) {
	n := m.numberOf(epoch)
	if m.failed != nil || n < 0 || sequence == 0 || sequence > m.epochs[n].Position.Sequence {
		return [32]byte{}, false, m.failed
	}
	return m.log[m.first[n]+int(sequence)-1].Chain, true, nil
}

// Copy is what an image of its disk would hold.
func (m *Memory) Copy() *Memory {
	c := *m
	c.epochs, c.log, c.first = slices.Clone(m.epochs), slices.Clone(m.log), slices.Clone(m.first)
	c.keys, c.again = maps.Clone(m.keys), maps.Clone(m.again)
	c.items, c.levels, c.claims, c.tasks = maps.Clone(m.items), maps.Clone(m.levels), maps.Clone(m.claims), maps.Clone(m.tasks)
	c.notices = slices.Clone(m.notices)
	c.transfers, c.outcomes = maps.Clone(m.transfers), maps.Clone(m.outcomes)
	return &c
}
