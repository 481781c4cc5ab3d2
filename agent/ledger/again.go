package ledger

import (
	"database/sql/driver"
	"fmt"

	"github.com/shelfsync/shelfsync/protocol"
)

// Again begins a new epoch because the hub has another history of the present
// one, and writes again what only this ledger has.
type Again struct {
	Epoch   string
	Through protocol.Position // of the epoch that ends: the hub holds it up to here
	After   uint64            // operations after it are written again; those between are quarantined for a person

	// Write gives an operation its place in the new epoch, without a key; false
	// quarantines it for a person. Records come in their order, with what they refer to.
	Write func(Record) (Entry, bool)
}

// againSlice bounds the operations that are in memory while they are written again.
const againSlice = 256

// Again begins an epoch with the operations of the one that ends, whole or not at
// all.
func (l *SQLite) Again(a Again) error {
	old, number := l.present(), l.number()
	next := EpochHead{Name: a.Epoch}
	held, err := l.holds(number, a.Through)
	if err == nil && (!held || a.Through.Sequence < old.Pruned) {
		err = fmt.Errorf("operation %d: %w", a.Through.Sequence, ErrForked)
	}
	if err == nil {
		err = l.transaction(func() error {
			if err := l.exec("UPDATE epoch SET through = ?2, chain = ?3 WHERE number = ?1", number, int64(a.Through.Sequence), a.Through.Chain[:]); err != nil {
				return err
			}
			if err := l.exec("INSERT INTO epoch (number, name) VALUES (?1, ?2)", number+1, a.Epoch); err != nil {
				return err
			}
			refers, err := l.refers(idOf(number, a.After))
			for after := a.After; err == nil && after < old.Position.Sequence; after += againSlice {
				err = l.writeSlice(&a, refers, idOf(number, after), &next)
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("begin epoch %s after a fork: %w", a.Epoch, err)
	}
	old.Through = a.Through
	l.epochs = append(l.epochs, next)
	return nil
}

func (l *SQLite) writeSlice(a *Again, refers map[int64][]string, after int64, next *EpochHead) error {
	records, err := l.records("WHERE id > ?1 AND id <= ?2 ORDER BY id", after, after+againSlice)
	if err != nil {
		return err
	}
	for i := range records {
		id := after + int64(i) + 1
		if sequenceOf(id) != records[i].Sequence {
			return fmt.Errorf("operation %d: %w", sequenceOf(id), ErrDamaged)
		}
		records[i].Refers = refers[id]
		entry, ok := a.Write(records[i])
		if !ok {
			continue
		}
		next.Position = protocol.Position{Sequence: next.Position.Sequence + 1, Chain: protocol.NextChain(next.Position.Chain, entry.Bytes)}
		if err := l.insertAt(l.number()+1, &entry, next.Position); err != nil {
			return err
		}
		if err := l.exec("INSERT INTO again (old, id) VALUES (?1, ?2)", id, idOf(l.number()+1, next.Position.Sequence)); err != nil {
			return err
		}
	}
	return nil
}

// refers is what the operations after one refer to.
func (l *SQLite) refers(after int64) (map[int64][]string, error) {
	refers := map[int64][]string{}
	err := l.query(func(row []driver.Value) error {
		id := row[0].(int64)
		refers[id] = append(refers[id], row[1].(string))
		return nil
	}, "SELECT id, target FROM refer WHERE id > ?1 ORDER BY id, target", after)
	return refers, err
}

// Admit takes what a person decided of a quarantined operation: the entry to write, or
// nil where the hub has it.
func (l *SQLite) Admit(held Place, entry *Entry) error {
	old, ok, err := l.BySequence(held.Epoch, held.Sequence)
	if err == nil && (!ok || !old.Quarantined) {
		err = fmt.Errorf("operation %d of epoch %s: %w", held.Sequence, held.Epoch, ErrNotQuarantined)
		return err
	}
	if err != nil {
		return err
	}
	at := l.present().Position
	err = l.transaction(func() error {
		var id driver.Value
		if entry != nil {
			at = protocol.Position{Sequence: at.Sequence + 1, Chain: protocol.NextChain(at.Chain, entry.Bytes)}
			id = idOf(l.number(), at.Sequence)
			if err := l.insert(entry, at); err != nil {
				return err
			}
		}
		return l.exec("INSERT INTO again (old, id) VALUES (?1, ?2)", idOf(l.numberOf(held.Epoch), held.Sequence), id)
	})
	if err != nil {
		return fmt.Errorf("settle operation %d of epoch %s: %w", held.Sequence, held.Epoch, err)
	}
	l.present().Position = at
	return nil
}

// Quarantined are operations of which nobody can tell whether the hub has them,
// oldest first, at most so many.
func (l *SQLite) Quarantined(limit int) (records []Record, err error) {
	for i := range l.epochs[:len(l.epochs)-1] {
		e := &l.epochs[i]
		if e.Tail || e.Through.Sequence == e.Position.Sequence || len(records) >= limit {
			continue
		}
		some, err := l.records("WHERE id > ?1 AND id < ?2 AND id NOT IN (SELECT old FROM again) ORDER BY id LIMIT ?3",
			idOf(int64(i)+1, e.Through.Sequence), idOf(int64(i)+2, 0), int64(limit-len(records)))
		if err != nil {
			return nil, err
		}
		records = append(records, some...)
	}
	return records, l.failed
}
