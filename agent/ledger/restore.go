package ledger

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// Proved is what a ledger's file holds, every byte of it proved.
type Proved struct {
	Installation string
	Epochs       []EpochHead
	Operations   uint64 // those that were pruned included
}

// Verify proves a file that no program has open, and the log beside it: structure,
// references, every sum and every chain from its beginning. It is not written.
func Verify(file string) (p Proved, err error) {
	folder, err := os.MkdirTemp("", "shelfsync-verify-")
	if err != nil {
		return p, fmt.Errorf("make a folder for the copy: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	l, err := proved(file, filepath.Join(folder, "ledger.db"))
	if err != nil {
		return p, fmt.Errorf("verify %s: %w", file, err)
	}
	p = Proved{Installation: l.installation, Epochs: l.epochs}
	for _, e := range l.epochs {
		p.Operations += e.Position.Sequence
	}
	return p, l.database.Close()
}

// proved opens a copy of a ledger's file and proves it whole.
func proved(file, copied string) (*SQLite, error) {
	if err := idle(file); err != nil {
		return nil, err
	}
	if err := disk.copy(file, copied); err != nil {
		return nil, err
	}
	checks := []func() error{}
	if err := disk.copy(file+"-wal", copied+"-wal"); err == nil {
		checks = append(checks, func() error { return proveLog(copied + "-wal") })
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	d, err := dial(copied)
	if err != nil {
		return nil, err
	}
	l := &SQLite{database: d}
	checks = append(checks, d.ours, d.configure, d.verified, d.migrate, d.emptyLog, l.readHead, l.proveWhole)
	for _, check := range checks {
		if err := check(); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	return l, nil
}

// Restored is what became of a restore.
type Restored struct {
	Head     Head
	Replaced string // the folder that holds what was replaced; empty: there was nothing
}

// Restore puts a backup in the place of a folder's ledger, which no program may have
// open. What was replaced is kept beside it. The restored ledger begins a new epoch,
// because the old one went on after the backup.
func Restore(dir, file string, random io.Reader) (r Restored, err error) {
	if random == nil {
		random = rand.Reader
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return r, fmt.Errorf("make ledger folder: %w", err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	path := filepath.Join(dir, "ledger.db")
	next := restoredName(path)
	if r.Head, err = prepare(file, path+".restoring", random); err == nil {
		// From here on the ledger is in pieces, and that has to be known as long as it is.
		err = errors.Join(disk.rename(path+".restoring", next), disk.sync(dir))
	}
	if err != nil {
		return r, fmt.Errorf("restore %s: %w", file, err)
	}
	if r.Replaced, err = setAside(dir); err == nil {
		err = errors.Join(disk.rename(next, path), disk.sync(dir))
	}
	if err != nil {
		return r, fmt.Errorf("put the backup in its place: %w", err)
	}
	return r, nil
}

// restoredName is the file that takes a ledger's place, whole. As long as it is there
// what it replaces may be in pieces: a log moved away takes sales with it, and the
// file without it looks whole. So no program opens it; another restore does.
func restoredName(path string) string { return path + ".restored" }

// prepare makes the ledger that is to be put in place: whole, on the disk, in a new
// epoch. The next program that opens it finds that it has no high-water file yet.
func prepare(file, next string, random io.Reader) (Head, error) {
	if err := removeDatabase(next); err != nil {
		return Head{}, err
	}
	l, err := proved(file, next)
	if err != nil {
		return Head{}, err
	}
	name, err := drawName(random, epochBytes)
	if err == nil {
		head := l.Head()
		err = l.NewEpoch(name, Notice{Kind: NoticeRestored, Epoch: head.Epoch, After: head.Position.Sequence})
	}
	if err == nil {
		err = l.transaction(func() error { return l.exec("UPDATE about SET value = 'none' WHERE name = 'high_water'") })
	}
	return l.Head(), errors.Join(err, l.database.Close(), disk.sync(next))
}

// setAside keeps what is to be replaced in a folder of its own. The ledger's file
// stays in its place as well until the other takes it, so that no crash leaves a
// folder in which a program would begin anew.
func setAside(dir string) (string, error) {
	path := filepath.Join(dir, "ledger.db")
	have, err := size(path)
	if err != nil {
		return "", err
	}
	log, err := size(path + "-wal")
	if err != nil || have < 0 && log < 0 {
		return "", errors.Join(err, remove(filepath.Join(dir, waterName)))
	}
	aside := ""
	for n := 1; aside == "" || errors.Is(err, os.ErrExist); n++ {
		aside = filepath.Join(dir, "replaced-"+strconv.Itoa(n))
		err = os.Mkdir(aside, 0o750)
	}
	if err != nil {
		return "", err
	}
	if have >= 0 {
		if err := disk.link(path, filepath.Join(aside, "ledger.db")); err != nil {
			return "", err
		}
	}
	for _, name := range []string{"ledger.db-wal", "ledger.db-shm", waterName} {
		err := disk.rename(filepath.Join(dir, name), filepath.Join(aside, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	return aside, errors.Join(disk.sync(aside), disk.sync(dir))
}

func remove(path string) error {
	if err := disk.remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
