package ledger

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"fmt"

	"github.com/shelfsync/shelfsync/protocol"
)

// sumOf proves what the chain does not: which key has which answer.
func sumOf(e *Entry, chain [32]byte) int64 {
	h := sha256.New()
	write := func(b []byte) {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b)))) // a hash takes everything
		_, _ = h.Write(b)
	}
	for _, text := range []string{e.Kind, e.Receipt, e.Till, e.Key} {
		write([]byte(text))
	}
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(e.At)))
	write(e.Fingerprint[:])
	write(e.Answer)
	write(chain[:])
	return int64(binary.BigEndian.Uint64(h.Sum(nil)))
}

// proveWhole reads everything before the store sells again: the structure of the
// file, its indices and references, and every operation. It is asked for where the
// last program did not end by itself: then nobody knows what reached the disk.
func (l *SQLite) proveWhole() error {
	for _, check := range []string{"PRAGMA integrity_check(1)", "SELECT coalesce(max('a reference leads nowhere'), 'ok') FROM pragma_foreign_key_check"} {
		if err := l.says(check); err != nil {
			return err
		}
	}
	for i := range l.epochs {
		if err := l.proveEpoch(int64(i) + 1); err != nil {
			return err
		}
	}
	return nil
}

// proveEpoch walks an epoch from its first operation: no gap, no row that does not
// match its sum, no bytes that do not match the chain.
func (l *SQLite) proveEpoch(number int64) error {
	e := &l.epochs[number-1]
	var at protocol.Position
	return l.query(func(row []driver.Value) error {
		sequence, chain := sequenceOf(row[0].(int64)), position(nil, row[2]).Chain
		if sequence != at.Sequence+1 {
			return fmt.Errorf("operation %d of epoch %s is missing: %w", at.Sequence+1, e.Name, ErrDamaged)
		}
		bytes, _ := row[1].([]byte)
		if sequence > e.Pruned && protocol.NextChain(at.Chain, bytes) != chain {
			return fmt.Errorf("operation %d of epoch %s: %w", sequence, e.Name, ErrDamaged)
		}
		at = protocol.Position{Sequence: sequence, Chain: chain}
		entry := entryOf(row[4:])
		return summed(row[3], &entry, chain, sequence)
	}, "SELECT id, bytes, chain, sum, "+entryColumns+" FROM operation WHERE id > ?1 AND id < ?2 ORDER BY id", idOf(number, 0), idOf(number+1, 0))
}

// summed checks a row's sum; rows of earlier versions have none.
func summed(sum driver.Value, e *Entry, chain [32]byte, sequence uint64) error {
	if have, ok := sum.(int64); ok && have != sumOf(e, chain) {
		return fmt.Errorf("the row of operation %d does not match its sum: %w", sequence, ErrDamaged)
	}
	return nil
}
