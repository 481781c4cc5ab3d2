package ledger

import (
	"database/sql/driver"
	"fmt"

	"github.com/shelfsync/shelfsync/protocol"
)

// Notice is what a person has to know of an epoch that ended because the ledger
// could not vouch for its end.
type Notice struct {
	ID    int64 // given by the ledger
	Kind  string
	Epoch string // that ended
	After uint64 // the last operation that is here
	UpTo  uint64 // recorded, and no longer here, are those after it up to this one; 0: nobody can tell
	At    int64  // when the last that is here was recorded, by its own stamp, unix ms; 0: none is
}

// Kinds of a notice. Written into ledgers: add, never change.
const (
	NoticeLost     = "lost"     // the ledger ends before its high-water mark
	NoticeOther    = "other"    // the mark is of another history: another ledger was put in its place
	NoticeMark     = "mark"     // the mark is missing or damaged
	NoticeRestored = "restored" // it was restored from a backup
)

// NewEpoch begins a new history because this ledger cannot vouch for the end of
// the present one. What the hub is not known to have of that goes up under its own
// name, as the epoch's tail.
func (l *SQLite) NewEpoch(name string, why Notice) error {
	old, number := l.present(), l.number()
	tail := old.Position.Sequence > old.Through.Sequence
	err := l.transaction(func() error {
		if tail {
			if err := l.exec("UPDATE epoch SET tail = 1 WHERE number = ?1", number); err != nil {
				return err
			}
		}
		if err := l.exec("INSERT INTO epoch (number, name) VALUES (?1, ?2)", number+1, name); err != nil {
			return err
		}
		return l.exec("INSERT INTO notice (kind, epoch, after, upto, at_ms) VALUES (?1, ?2, ?3, ?4, (SELECT coalesce(max(at_ms), 0) FROM operation WHERE id = ?5))",
			why.Kind, why.Epoch, int64(why.After), int64(why.UpTo), idOf(max(1, l.numberOf(why.Epoch)), why.After))
	})
	if err != nil {
		return fmt.Errorf("begin epoch %s: %w", name, err)
	}
	old.Tail = tail
	l.epochs = append(l.epochs, EpochHead{Name: name})
	return nil
}

// EndTail says what the hub has of an epoch's tail. What follows through waits for
// a person.
func (l *SQLite) EndTail(epoch string, through protocol.Position) error {
	number := l.numberOf(epoch)
	if err := tailOf(l.epochs, number, through); err != nil {
		return err
	}
	held, err := l.holds(number, through)
	if err == nil && !held {
		err = fmt.Errorf("operation %d: %w", through.Sequence, ErrForked)
	}
	if err == nil {
		err = l.transaction(func() error {
			return l.exec("UPDATE epoch SET tail = 0, through = ?2, chain = ?3 WHERE number = ?1", number, int64(through.Sequence), through.Chain[:])
		})
	}
	if err != nil {
		return fmt.Errorf("end the tail of epoch %s: %w", epoch, err)
	}
	e := &l.epochs[number-1]
	e.Tail, e.Through = false, through
	return nil
}

// tailOf reports why an epoch has no tail that could end there.
func tailOf(epochs []EpochHead, number int64, through protocol.Position) error {
	if number < 1 || !epochs[number-1].Tail || through.Sequence < epochs[number-1].Through.Sequence {
		return fmt.Errorf("no tail of an epoch ends at operation %d: %w", through.Sequence, ErrForked)
	}
	return nil
}

// Notices are those that nobody has seen yet, oldest first.
func (l *SQLite) Notices() (notices []Notice, err error) {
	err = l.query(func(row []driver.Value) error {
		notices = append(notices, Notice{ID: row[0].(int64), Kind: row[1].(string), Epoch: row[2].(string), After: uint64(row[3].(int64)),
			UpTo: uint64(row[4].(int64)), At: row[5].(int64)})
		return nil
	}, "SELECT id, kind, epoch, after, upto, at_ms FROM notice WHERE seen = 0 ORDER BY id")
	return notices, err
}

// Saw says that a person has seen a notice.
func (l *SQLite) Saw(id int64) error {
	return l.transaction(func() error { return l.exec("UPDATE notice SET seen = 1 WHERE id = ?1", id) })
}
