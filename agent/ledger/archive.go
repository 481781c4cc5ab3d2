package ledger

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/shelfsync/shelfsync/protocol"
)

// Archive is the ledger of a PC that no longer writes it, read as far as it is
// intact. It works on a copy: the file itself is never written.
type Archive struct {
	ledger  *SQLite
	folder  string
	Epochs  []ArchivedEpoch // oldest first; those without operations are left out
	Damages []string        // what is missing, sentence by sentence
	Waiting int             // operations that wait for a person's decision after a fork: they are not among the epochs
}

// ArchivedEpoch is one history, from what was pruned to the last operation that is
// intact.
type ArchivedEpoch struct {
	Name    string
	From    protocol.Position // the bytes of operations up to here were pruned
	End     protocol.Position
	Through protocol.Position // what the hub was known to have
	number  int64
}

// OpenArchive reads a ledger's file and the log beside it, if there is one.
func OpenArchive(file string) (*Archive, error) {
	folder, err := os.MkdirTemp("", "shelfsync-import-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the copy: %w", err)
	}
	a := &Archive{folder: folder}
	if err := a.open(file); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", file, err), a.Close())
	}
	return a, nil
}

func (a *Archive) open(file string) error {
	path := filepath.Join(a.folder, "ledger.db")
	if err := idle(file); err != nil {
		return err
	}
	if err := copyFile(file, path); err != nil {
		return err
	}
	if err := copyFile(file+"-wal", path+"-wal"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if log, err := size(path + "-wal"); err != nil {
		return err
	} else if log > 0 {
		if err := proveLog(path + "-wal"); err != nil {
			a.Damages = append(a.Damages, err.Error()+"; what was written behind it is missing here")
		}
	}
	d, err := dial(path)
	if err != nil {
		return err
	}
	a.ledger = &SQLite{database: d}
	for _, check := range []func() error{d.ours, d.configure, d.migrate, a.head} {
		if err := check(); err != nil {
			return err
		}
	}
	if err := d.pages(); err != nil {
		d.failed = nil // it is read as far as it goes
		a.Damages = append(a.Damages, err.Error())
	}
	return a.walk()
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// head reads what stands beside the operations.
func (a *Archive) head() (err error) {
	l := a.ledger
	if l.installation, err = l.text("SELECT value FROM about WHERE name = 'installation'"); err != nil {
		return err
	}
	if l.base.Incarnation, err = l.about("incarnation"); err != nil {
		return err
	}
	if l.base.Index, err = l.about("base"); err != nil {
		return err
	}
	return l.query(func(row []driver.Value) error {
		l.epochs = append(l.epochs, EpochHead{Name: row[1].(string), Through: position(row[2], row[3]), Pruned: uint64(row[4].(int64)), Tail: row[5].(int64) != 0})
		if row[0].(int64) != int64(len(l.epochs)) {
			return fmt.Errorf("epoch %d is missing: %w", len(l.epochs), ErrDamaged)
		}
		return nil
	}, "SELECT number, name, through, chain, pruned, tail FROM epoch ORDER BY number")
}

// walk proves every epoch from its beginning, and stops at the first damage.
func (a *Archive) walk() error {
	l := a.ledger
	for i := range l.epochs {
		e := ArchivedEpoch{Name: l.epochs[i].Name, Through: l.epochs[i].Through, number: int64(i) + 1}
		if e.From.Sequence = l.epochs[i].Pruned; e.From.Sequence > 0 {
			chain, ok, err := l.chain(e.number, e.From.Sequence)
			if err != nil || !ok {
				a.damage(&e, "its beginning cannot be read")
				continue
			}
			e.From.Chain = chain
		}
		e.End = e.From
		upTo := uint64(1) << (sequenceBits - 1)
		ended := i < len(l.epochs)-1 && !l.epochs[i].Tail
		if ended {
			upTo = e.Through.Sequence // later ones were written again, or wait for a person
		}
		a.prove(&e, upTo)
		if ended {
			n, err := l.waiting(e.number, e.Through.Sequence)
			if err != nil {
				a.damage(&e, "what waits for a person cannot be counted")
			}
			a.Waiting += n
		}
		if e.End.Sequence > 0 {
			a.Epochs = append(a.Epochs, e)
		}
	}
	return nil
}

// waiting counts the operations of an ended epoch that wait for a person.
func (l *SQLite) waiting(number int64, through uint64) (int, error) {
	n, err := l.database.number("SELECT count(*) FROM operation WHERE id > ?1 AND id < ?2 AND id NOT IN (SELECT old FROM again)", idOf(number, through), idOf(number+1, 0))
	return int(n), err
}

func (a *Archive) prove(e *ArchivedEpoch, upTo uint64) {
	for e.End.Sequence < upTo {
		operations, end, err := a.Read(e, e.End, int(min(againSlice, upTo-e.End.Sequence)), protocol.MaxIntakeBytes) // not what was written again
		e.End = end
		if err != nil {
			a.damage(e, err.Error())
			return
		}
		if len(operations) == 0 {
			break
		}
	}
	if last := a.last(e); last > e.End.Sequence && e.End.Sequence < upTo || e.End.Sequence < e.Through.Sequence {
		a.damage(e, fmt.Sprintf("operation %d is not there", e.End.Sequence+1))
	}
}

// last is the sequence of the newest row, intact or not; 0 if nobody can tell.
func (a *Archive) last(e *ArchivedEpoch) uint64 {
	id, err := a.ledger.database.number("SELECT max(id) FROM operation WHERE id > ?1 AND id < ?2", idOf(e.number, 0), idOf(e.number+1, 0))
	if err != nil {
		a.ledger.failed = nil
	}
	return sequenceOf(id)
}

func (a *Archive) damage(e *ArchivedEpoch, why string) {
	a.ledger.failed = nil
	missing := "how many follow cannot be told"
	if last := a.last(e); last > e.End.Sequence {
		missing = fmt.Sprintf("%d operations, %d to %d, are missing here", last-e.End.Sequence, e.End.Sequence+1, last)
	} else if e.Through.Sequence > e.End.Sequence {
		missing = fmt.Sprintf("operations %d to %d are missing here; the hub was known to have them", e.End.Sequence+1, e.Through.Sequence)
	}
	a.Damages = append(a.Damages, fmt.Sprintf("epoch %s is intact up to operation %d: %s; %s", e.Name, e.End.Sequence, why, missing))
}

// Installation names the PC that wrote it.
func (a *Archive) Installation() string { return a.ledger.installation }

// Base is the hub position of what it was told last.
func (a *Archive) Base() protocol.HubPosition { return a.ledger.base }

// Read returns operations after a position that is of the epoch, as far as they
// prove each other; where one does not, an error comes with those before it.
func (a *Archive) Read(e *ArchivedEpoch, after protocol.Position, maxOperations, maxBytes int) (operations [][]byte, end protocol.Position, err error) {
	end = after
	bytes := 0
	first := idOf(e.number, after.Sequence)
	a.ledger.failed = nil
	err = a.ledger.query(func(row []driver.Value) error {
		b := clone(row[1])
		if bytes += len(b); bytes > maxBytes && len(operations) > 0 {
			return nil
		}
		next := protocol.Position{Sequence: end.Sequence + 1, Chain: protocol.NextChain(end.Chain, b)}
		if position(int64(sequenceOf(row[0].(int64))), row[2]) != next {
			return fmt.Errorf("operation %d does not match its chain", next.Sequence)
		}
		operations, end = append(operations, b), next
		return nil
	}, "SELECT id, bytes, chain FROM operation WHERE id > ?1 AND id <= ?2 ORDER BY id", first, first+int64(maxOperations))
	a.ledger.failed = nil
	return operations, end, err
}

// Chain is the chain of an epoch at one of its operations.
func (a *Archive) Chain(e *ArchivedEpoch, sequence uint64) (chain [32]byte, err error) {
	chain, _, err = a.ledger.chain(e.number, sequence)
	return chain, err
}

// Close removes the copy.
func (a *Archive) Close() error {
	var err error
	if a.ledger != nil {
		err = a.ledger.database.Close()
	}
	return errors.Join(err, os.RemoveAll(a.folder))
}
