package ledger

import (
	"database/sql/driver"
	"fmt"

	"github.com/shelfsync/shelfsync/protocol"
)

// held is how far the hub held the ledger when its clock said so: the epochs before
// one, as far as their watermarks, and that one up to an operation.
type held struct {
	now     int64 // the hub's clock, ms
	epoch   int64
	through uint64
}

// upTo is how far an epoch may be pruned: below its watermark, which is the
// operation that the hub and the ledger meet at.
func (h *held) upTo(number int64, e *EpochHead) uint64 {
	limit := max(e.Through.Sequence, 1) - 1
	switch {
	case number == h.epoch:
		return min(limit, h.through)
	case number > h.epoch:
		return 0
	}
	return limit
}

// notes reports whether a round's time is to be remembered: one a day is.
func notes(last, now int64) bool {
	return now > 0 && (last == 0 || now-last >= protocol.HeldEveryMS)
}

// note remembers how far the hub holds the ledger, within the transaction of a round.
func (l *SQLite) note(k *Kept, through uint64) error {
	if k.Rebase { // another hub: what this one was told to hold, it may not
		if err := l.exec("DELETE FROM held"); err != nil {
			return err
		}
	}
	last := l.noted
	if k.Rebase {
		last = 0
	}
	if !notes(last, k.Now) {
		return nil
	}
	return l.exec("INSERT OR REPLACE INTO held (hub_ms, epoch, through) VALUES (?1, ?2, ?3)", k.Now, l.number(), int64(through))
}

// noting takes over what note has written.
func (l *SQLite) noting(k *Kept) {
	if k.Rebase {
		l.noted = 0
	}
	if notes(l.noted, k.Now) {
		l.noted = k.Now
	}
	l.heard = max(k.Now, 0)
}

// Prune takes the bytes of old operations that the hub holds.
func (l *SQLite) Prune(before int64) (pruned int, err error) {
	past := held{now: l.heard, epoch: l.number(), through: l.present().Through.Sequence}
	if past.now >= before {
		past = held{}
		err = l.query(func(row []driver.Value) error {
			past = held{row[0].(int64), row[1].(int64), uint64(row[2].(int64))}
			return nil
		}, "SELECT hub_ms, epoch, through FROM held WHERE hub_ms < ?1 ORDER BY hub_ms DESC LIMIT 1", before)
	}
	for i := range l.epochs {
		if err != nil {
			return pruned, fmt.Errorf("prune what the hub held before %d: %w", before, err)
		}
		var n int
		n, err = l.pruneEpoch(int64(i)+1, &past, protocol.MaxPruned-pruned)
		pruned += n
	}
	return pruned, err
}

// pruneEpoch moves on from what was pruned before.
func (l *SQLite) pruneEpoch(number int64, past *held, limit int) (int, error) {
	e := &l.epochs[number-1]
	upTo := min(past.upTo(number, e), e.Pruned+uint64(limit))
	if upTo <= e.Pruned {
		return 0, l.failed
	}
	err := l.transaction(func() error {
		if err := l.exec("UPDATE operation SET bytes = x'' WHERE id > ?1 AND id <= ?2", idOf(number, e.Pruned), idOf(number, upTo)); err != nil {
			return err
		}
		if err := l.exec("DELETE FROM held WHERE hub_ms < ?1", past.now); err != nil { // they say less
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
