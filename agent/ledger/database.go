package ledger

import (
	"context"
	"database/sql/driver"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	sqlite3 "github.com/mattn/go-sqlite3"
)

//go:embed schema.sql
var schema string

const (
	schemaVersion = 1
	applicationID = 0x53_48_4c_46 // "SHLF": another program's database is not taken for ours
	// safeVersion is the first SQLite without the WAL-reset race that could lose
	// committed writes: 3.51.3.
	safeVersion = 3_051_003
)

// pragmas are set on the one connection. FULL syncs the log at each commit; the
// driver's own default does not, and an answered sale could vanish.
var pragmas = []string{
	"synchronous = EXTRA", "journal_mode = WAL", "wal_autocheckpoint = 1000", "journal_size_limit = 67108864", "mmap_size = 0",
	"cell_size_check = ON", "trusted_schema = OFF", "temp_store = MEMORY", "foreign_keys = ON", "cache_size = -8000",
	"fullfsync = ON", "checkpoint_fullfsync = ON", "busy_timeout = 5000",
}

// promised are read back: a pragma that did not take is a promise we cannot keep.
var promised = map[string]string{"synchronous": "3", "journal_mode": "wal", "wal_autocheckpoint": "1000", "mmap_size": "0", "foreign_keys": "1"}

// database is one driver connection with its prepared statements. The error of
// any write sticks.
type database struct {
	conn     *sqlite3.SQLiteConn
	prepared map[string]*sqlite3.SQLiteStmt
	lock     *os.File
	failed   error
}

// openDatabase opens, or creates whole, the ledger of a folder.
func openDatabase(dir string, found func(*database) error) (*database, error) {
	if _, number, _ := sqlite3.Version(); number < safeVersion {
		return nil, fmt.Errorf("open ledger: this program has SQLite %d, which may lose commits; %d or later is needed", number, safeVersion)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make ledger folder: %w", err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "ledger.db")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := create(path, found); err != nil {
			return nil, errors.Join(fmt.Errorf("create ledger: %w", err), lock.Close())
		}
	}
	d, err := connect(path)
	if err == nil {
		d.lock = lock
		if err = d.verify(); err == nil {
			return d, nil
		}
		return nil, errors.Join(fmt.Errorf("open ledger: %w", err), d.Close())
	}
	return nil, errors.Join(fmt.Errorf("open ledger: %w", err), lock.Close())
}

// lockFolder keeps a second agent off the same folder: two writers would fork
// its history.
func lockFolder(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fmt.Errorf("lock ledger: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock ledger %s: %w", dir, ErrInUse), lock.Close())
	}
	return lock, nil
}

// create builds the file under another name and renames it when it is whole: a
// crash leaves no ledger or a good one.
func create(path string, found func(*database) error) error {
	next := path + ".new"
	for _, old := range []string{next, next + "-wal", next + "-shm"} {
		if err := os.Remove(old); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	d, err := connect(next)
	if err != nil {
		return err
	}
	err = d.transaction(func() error {
		for _, statement := range strings.SplitAfter(schema, ";\n") {
			if err := d.exec(statement); err != nil {
				return err
			}
		}
		return found(d)
	})
	if err == nil {
		_, err = d.text(fmt.Sprintf("PRAGMA user_version = %d", schemaVersion))
	}
	if err == nil {
		_, err = d.text(fmt.Sprintf("PRAGMA application_id = %d", applicationID))
	}
	if err = errors.Join(err, d.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func connect(path string) (*database, error) {
	conn, err := (&sqlite3.SQLiteDriver{}).Open("file:" + path + "?_txlock=immediate")
	if err != nil {
		return nil, err
	}
	d := &database{conn: conn.(*sqlite3.SQLiteConn), prepared: map[string]*sqlite3.SQLiteStmt{}}
	for _, pragma := range pragmas {
		if _, err := d.text("PRAGMA " + pragma); err != nil { // some answer with a row
			return nil, errors.Join(fmt.Errorf("set %s: %w", pragma, err), d.Close())
		}
	}
	return d, nil
}

// verify reads back what the ledger's promise rests on.
func (d *database) verify() error {
	for name, want := range promised {
		have, err := d.text("PRAGMA " + name)
		if err != nil {
			return err
		}
		if have != want {
			return fmt.Errorf("pragma %s is %s, not %s: sales would not be safe", name, have, want)
		}
	}
	for name, want := range map[string]int64{"application_id": applicationID, "user_version": schemaVersion} {
		have, err := d.number("PRAGMA " + name)
		if err != nil {
			return err
		}
		if name == "user_version" && have > want {
			return fmt.Errorf("the ledger has schema %d, this program knows %d: install the later program again", have, want)
		}
		if have != want {
			return fmt.Errorf("%s is %d, not %d: not a ledger of ours", name, have, want)
		}
	}
	if state, err := d.text("PRAGMA quick_check(1)"); err != nil || state != "ok" {
		return fmt.Errorf("the database is damaged: %s: %w", state, errors.Join(ErrDamaged, err))
	}
	return nil
}

// statement prepares a text once.
func (d *database) statement(text string) (*sqlite3.SQLiteStmt, error) {
	if s, ok := d.prepared[text]; ok {
		return s, nil
	}
	prepared, err := d.conn.Prepare(text)
	if err != nil {
		return nil, err
	}
	s := prepared.(*sqlite3.SQLiteStmt)
	d.prepared[text] = s
	return s, nil
}

// named numbers values as the driver wants them. A context that never ends
// costs no goroutine there.
func named(values []driver.Value) []driver.NamedValue {
	list := make([]driver.NamedValue, len(values))
	for i, v := range values {
		list[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return list
}

// exec runs a statement that returns nothing.
func (d *database) exec(text string, values ...driver.Value) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	s, err := d.statement(text)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(context.Background(), named(values))
	return err
}

// query walks the rows of a statement; row may keep nothing of its argument but
// strings and copied bytes.
func (d *database) query(row func([]driver.Value) error, text string, values ...driver.Value) error {
	s, err := d.statement(text)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), named(values))
	if err != nil {
		return err
	}
	defer rows.Close()
	columns := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(columns); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := row(columns); err != nil {
			return err
		}
	}
}

func (d *database) text(text string, values ...driver.Value) (found string, err error) {
	err = d.query(func(row []driver.Value) error { found = fmt.Sprint(row[0]); return nil }, text, values...)
	return found, err
}

func (d *database) number(text string, values ...driver.Value) (found int64, err error) {
	err = d.query(func(row []driver.Value) error { found, _ = row[0].(int64); return nil }, text, values...)
	return found, err
}

// transaction runs body whole or not at all. An error of storage sticks: what
// the disk then holds is not known until the program has started again.
func (d *database) transaction(body func() error) error {
	if d.failed != nil {
		return d.failed
	}
	err := d.exec("BEGIN IMMEDIATE")
	if err == nil {
		if err = body(); err == nil {
			err = d.exec("COMMIT")
		}
		if err != nil {
			_ = d.exec("ROLLBACK") // the first error is the one to tell
		}
	}
	if err != nil {
		d.failed = err
	}
	return err
}

// Close ends the connection, which checkpoints the log.
func (d *database) Close() error {
	var errs []error
	for _, s := range d.prepared {
		errs = append(errs, s.Close())
	}
	errs = append(errs, d.conn.Close())
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}
