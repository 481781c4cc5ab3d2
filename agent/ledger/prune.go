package ledger

import (
	"database/sql/driver"
	"fmt"

	"github.com/shelfsync/shelfsync/protocol"
)

// Prune takes the bytes of old settled operations.
func (l *SQLite) Prune(before int64) (pruned int, err error) {
	for i := range l.epochs {
		n, err := l.pruneEpoch(int64(i)+1, before, protocol.MaxPruned-pruned)
		if err != nil {
			return pruned, fmt.Errorf("prune operations before %d: %w", before, err)
		}
		pruned += n
	}
	return pruned, nil
}

// pruneEpoch moves on from what was pruned before and stays below the watermark
// itself: that operation is what the hub and the ledger meet at.
func (l *SQLite) pruneEpoch(number, before int64, limit int) (int, error) {
	e := &l.epochs[number-1]
	upTo, young := e.Pruned, false
	err := l.query(func(row []driver.Value) error {
		if young = young || row[1].(int64) >= before; !young {
			upTo = sequenceOf(row[0].(int64))
		}
		return nil
	}, "SELECT id, at_ms FROM operation WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3", idOf(number, e.Pruned), idOf(number, e.Through.Sequence), int64(limit))
	if err != nil || upTo == e.Pruned {
		return 0, err
	}
	err = l.transaction(func() error {
		if err := l.exec("UPDATE operation SET bytes = x'' WHERE id > ?1 AND id <= ?2", idOf(number, e.Pruned), idOf(number, upTo)); err != nil {
			return err
		}
		return l.exec("UPDATE epoch SET pruned = ?2 WHERE number = ?1", number, int64(upTo))
	})
	if err != nil {
		return 0, err
	}
	pruned := int(upTo - e.Pruned)
	e.Pruned = upTo
	return pruned, nil
}
