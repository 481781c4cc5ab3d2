package ledger

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// safeVersion is the first SQLite without the WAL-reset race that could lose
// committed writes: 3.51.3.
const safeVersion = 3_051_003

// pragmas are set on the one connection. FULL syncs the log at each commit; the
// driver's own default does not, and an answered sale could vanish.
var pragmas = []string{
	"locking_mode = EXCLUSIVE", "query_only = OFF", "page_size = 4096", "synchronous = EXTRA", "journal_mode = WAL", "wal_autocheckpoint = 0", "journal_size_limit = 67108864", "mmap_size = 0",
	"cell_size_check = ON", "trusted_schema = OFF", "temp_store = MEMORY", "foreign_keys = ON", "cache_size = -8000",
	"fullfsync = ON", "checkpoint_fullfsync = ON", "busy_timeout = 5000",
}

// promised are read back: a pragma that did not take is a promise we cannot keep.
var promised = map[string]string{
	"locking_mode": "exclusive", "query_only": "0", "cache_size": "-8000", "busy_timeout": "5000", "page_size": "4096", "synchronous": "3", "journal_mode": "wal", "wal_autocheckpoint": "0", "journal_size_limit": "67108864", "mmap_size": "0",
	"cell_size_check": "1", "trusted_schema": "0", "temp_store": "2", "foreign_keys": "1", "fullfsync": "1", "checkpoint_fullfsync": "1",
}

// database is one driver connection with its prepared statements, the only one
// that writes and checkpoints. Its first error sticks: what the disk then holds
// is not known until the program has started again.
type database struct {
	dir      string
	conn     *sqlite3.SQLiteConn
	prepared map[string]*sqlite3.SQLiteStmt
	lock     *os.File
	logPages int64 // how long the log may grow
	unclean  bool  // the last program left a log: it did not end by itself
	failed   error
}

// unsafeVersion refuses a version of SQLite that may lose what it has committed.
func unsafeVersion(number int) error {
	if number < safeVersion {
		return fmt.Errorf("open ledger: this program has SQLite %d, which may lose commits: build it with %d or later", number, safeVersion)
	}
	return nil
}

// openDatabase opens, or creates whole, the ledger of a folder.
func openDatabase(dir string, found func(*database) error) (*database, error) {
	if _, number, _ := sqlite3.Version(); unsafeVersion(number) != nil {
		return nil, unsafeVersion(number)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make ledger folder: %w", err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	d, err := openFile(filepath.Join(dir, "ledger.db"), found)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger: %w", err), lock.Close())
	}
	d.dir, d.lock = dir, lock
	return d, nil
}

func openFile(path string, found func(*database) error) (*database, error) {
	log, err := size(path + "-wal")
	if err != nil {
		return nil, err
	}
	if begun, err := size(restoredName(path)); err != nil || begun >= 0 {
		return nil, errors.Join(err, fmt.Errorf("%s is there: %w", restoredName(path), errUnfinished))
	}
	if whole, err := size(path); err != nil {
		return nil, err
	} else if whole < 0 && log > 0 {
		return nil, fmt.Errorf("%s is gone, but its log is there: put the file back, or move the log away to begin a new ledger: %w", path, ErrDamaged)
	} else if water, err := size(filepath.Join(filepath.Dir(path), waterName)); err != nil || whole < 0 && water >= 0 {
		return nil, errors.Join(err, fmt.Errorf("%s is gone, but its high-water file is there: put the file back, or restore a backup: %w", path, ErrDamaged))
	} else if whole < 0 {
		if err := create(path, found); err != nil {
			return nil, fmt.Errorf("create %s: %w", path, err)
		}
	}
	d, err := dial(path)
	if err != nil {
		return nil, err
	}
	checks := []func() error{d.ours, d.configure, d.verified, d.migrate}
	if log > 0 { // the last program did not end by itself
		prove := func() error { return proveLog(path + "-wal") }
		checks, d.unclean = []func() error{prove, d.ours, d.configure, d.verified, d.migrate, d.emptyLog}, true
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	return d, nil
}

// size is the length of a file, -1 where there is none.
func size(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
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

// idle refuses the file of a ledger that a program has open: it would be copied while
// it changes, and what is whole would look damaged.
func idle(file string) error {
	lock, err := os.Open(filepath.Join(filepath.Dir(file), "lock"))
	if err != nil || filepath.Base(file) != "ledger.db" { // a backup, or a disk from elsewhere
		return nil
	}
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil {
		err = fmt.Errorf("an agent runs on it, and sends what it has by itself: %w", ErrInUse)
	}
	return errors.Join(err, lock.Close())
}

// dial opens a connection as the driver does; it promises nothing yet. No other
// program gets at the file as long as it is open: nobody checkpoints beside us, and
// nobody's long look at it lets the log grow. The driver reads the file as it opens
// it, so that has to be said here.
func dial(path string) (*database, error) {
	conn, err := (&sqlite3.SQLiteDriver{}).Open("file:" + inURI.Replace(path) + "?_locking_mode=EXCLUSIVE")
	var busy sqlite3.Error
	if errors.As(err, &busy) && busy.Code == sqlite3.ErrBusy {
		err = fmt.Errorf("another program reads %s; close that: %w", path, errors.Join(ErrInUse, err))
	}
	if err != nil {
		return nil, err
	}
	return &database{conn: conn.(*sqlite3.SQLiteConn), prepared: map[string]*sqlite3.SQLiteStmt{}, logPages: checkpointPages}, nil
}

// inURI writes what a path may hold and a URI gives a meaning to.
var inURI = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23")

func (d *database) configure() error {
	for _, pragma := range pragmas {
		if _, err := d.text("PRAGMA " + pragma); err != nil { // some answer with a row
			return fmt.Errorf("set %s: %w", pragma, err)
		}
	}
	return nil
}

// ours is asked before anything is written to the file.
func (d *database) ours() error {
	have, err := d.number("PRAGMA application_id")
	if err == nil && have != applicationID {
		err = fmt.Errorf("application_id is %d, not %d: not a ledger of ours", have, applicationID)
	}
	return err
}

// verified reads back what the ledger's promise rests on.
func (d *database) verified() error {
	for name, want := range promised {
		have, err := d.text("PRAGMA " + name)
		if err != nil {
			return err
		}
		if have != want {
			return fmt.Errorf("pragma %s is %s, not %s: sales would not be safe", name, have, want)
		}
	}
	return nil
}

// pages looks for damage in the structure of the file.
func (d *database) pages() error { return d.says("PRAGMA quick_check(1)") }

// says asks for a check of SQLite's own.
func (d *database) says(check string) error {
	state, err := d.text(check)
	if err == nil && state != "ok" {
		err = fmt.Errorf("the database is damaged: %s: %w", state, ErrDamaged)
	}
	return err
}

// emptyLog leaves nothing of the log of a program that was killed.
func (d *database) emptyLog() error {
	_, err := d.text("PRAGMA wal_checkpoint(TRUNCATE)")
	return err
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
	s, err := d.statement(text)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(context.Background(), named(values))
	return err
}

// query walks the rows of a statement; row may keep nothing of its argument but
// strings and copied bytes. An error of row says that the rows are damaged.
func (d *database) query(row func([]driver.Value) error, text string, values ...driver.Value) error {
	if d.failed == nil {
		d.failed = d.walk(row, text, values)
	}
	return d.failed
}

func (d *database) walk(row func([]driver.Value) error, text string, values []driver.Value) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case runtime.Error: // a damaged row may hold a value of another type, or name what is not there
			err = fmt.Errorf("a row holds what it cannot: %w: %w", r, ErrDamaged)
		default:
			panic(r)
		}
	}()
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

// transaction runs body whole or not at all.
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
		} else {
			err = d.checkpoint()
		}
	}
	if err != nil {
		d.failed = err
	}
	return err
}

// checkpointPages is how long the log grows before it is taken into the file.
const checkpointPages = 1000

// checkpoint takes a long log into the file. SQLite would do so by itself after a
// commit, but then it tells nobody of an error.
func (d *database) checkpoint() error {
	var pages int64
	err := d.query(func(row []driver.Value) error { pages, _ = row[1].(int64); return nil }, "PRAGMA wal_checkpoint(NOOP)")
	if err == nil && pages >= d.logPages {
		_, err = d.text("PRAGMA wal_checkpoint(PASSIVE)")
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
	return errors.Join(errs...)
}

// unlock lets another program have the folder.
func (d *database) unlock() error {
	if d.lock == nil {
		return nil
	}
	return d.lock.Close()
}
