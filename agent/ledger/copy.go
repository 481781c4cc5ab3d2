package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/shelfsync/shelfsync/protocol"
)

// CopyName is the file of a copy, in the folder of its ledger. Whoever asked for
// it proves it, and takes it away.
const CopyName = "copy.db"

// Copying makes a copy of a ledger a slice at a time, so that operations may be
// recorded between two slices: they are in it too.
type Copying struct {
	path   string
	target *database
	backup *sqlite3.SQLiteBackup
}

// Backup begins a copy.
func (l *SQLite) Backup() (*Copying, error) {
	c := &Copying{path: filepath.Join(l.dir, CopyName)}
	err := errors.Join(l.failed, removeDatabase(c.path))
	if err == nil {
		c.target, err = dial(c.path)
	}
	if err == nil { // it is synced when it is whole; before that it is nothing
		_, err = c.target.text("PRAGMA journal_mode = OFF")
		_, unsynced := c.target.text("PRAGMA synchronous = OFF")
		err = errors.Join(err, unsynced)
	}
	if err == nil {
		c.backup, err = c.target.conn.Backup("main", l.conn, "main")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("copy ledger: %w", err), c.Close())
	}
	return c, nil
}

// Step copies the next slice; done says that the copy is whole and on the disk.
func (c *Copying) Step() (done bool, err error) {
	if done, err = c.backup.Step(protocol.CopyPages); err == nil && done {
		err = errors.Join(c.backup.Finish(), c.target.Close(), disk.sync(c.path), disk.sync(filepath.Dir(c.path)))
		c.backup, c.target = nil, nil
	}
	if err != nil {
		return false, fmt.Errorf("copy ledger: %w", err)
	}
	return done, nil
}

// Close gives up a copy that is not whole.
func (c *Copying) Close() error {
	var errs []error
	if c.backup != nil {
		errs = append(errs, c.backup.Finish())
	}
	if c.target != nil {
		errs = append(errs, c.target.Close(), removeDatabase(c.path))
	}
	c.backup, c.target = nil, nil
	return errors.Join(errs...)
}

// removeDatabase takes a database away, with what SQLite keeps beside it.
func removeDatabase(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := disk.remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
