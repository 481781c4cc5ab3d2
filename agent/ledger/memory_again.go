package ledger

import (
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
	if m.failed = m.NewEpoch(a.Epoch); m.failed != nil {
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
	c.transfers, c.outcomes = maps.Clone(m.transfers), maps.Clone(m.outcomes)
	return &c
}
