package ledger

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Every schema that a released program wrote stays here as it was: a new ledger
// takes the same steps as an old one.
var (
	//go:embed schema_1.sql
	schema1 string
	//go:embed schema_2.sql
	schema2 string
	//go:embed schema_3.sql
	schema3 string
	//go:embed schema_4.sql
	schema4 string
	//go:embed schema_5.sql
	schema5 string
	//go:embed schema_6.sql
	schema6 string
	//go:embed schema_7.sql
	schema7 string

	steps = []string{schema1, schema2, schema3, schema4, schema5, schema6, schema7} // to version 1, from 1 to 2, and so on
)

const applicationID = 0x53_48_4c_46 // "SHLF": another program's database is not taken for ours

// create builds the file under another name and renames it when it is whole: a
// crash leaves no ledger or a good one.
func create(path string, found func(*database) error) error {
	next := path + ".new"
	for _, old := range []string{next, next + "-wal", next + "-shm"} {
		if err := disk.remove(old); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	d, err := dial(next)
	if err != nil {
		return err
	}
	if err = d.configure(); err == nil {
		err = d.transaction(func() error {
			return errors.Join(d.take(steps), d.set("application_id", applicationID), found(d))
		})
	}
	if err = errors.Join(err, d.Close()); err != nil {
		return err
	}
	if _, err := os.Stat(next + "-wal"); err == nil {
		return errors.New("its first rows did not reach the database file")
	}
	return errors.Join(disk.sync(next), disk.rename(next, path), disk.sync(filepath.Dir(path)))
}

// disk is what a ledger asks of its folder beside SQLite; tests put one in its
// place that writes down what was asked.
var disk = folder{write: writeSynced, copy: copyFile, sync: syncPath, rename: os.Rename, link: os.Link, remove: os.Remove}

type folder struct {
	write  func(path string, b []byte) error // anew, and synced
	copy   func(from, to string) error       // not synced
	sync   func(path string) error           // of a file, or of a folder's names
	rename func(from, to string) error
	link   func(from, to string) error
	remove func(path string) error
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// migrate brings an older ledger to this program's schema, whole or not at all.
func (d *database) migrate() error {
	have, err := d.number("PRAGMA user_version")
	if err != nil {
		return err
	}
	switch {
	case have == int64(len(steps)):
		return nil
	case have > int64(len(steps)):
		return fmt.Errorf("the ledger has schema %d, this program knows %d: install the later program again", have, len(steps))
	case have < 1:
		return errors.New("the database has no schema: not a ledger of ours")
	}
	if err := d.transaction(func() error { return d.take(steps[have:]) }); err != nil {
		return fmt.Errorf("bring schema %d to %d: %w", have, len(steps), err)
	}
	return nil
}

// take runs the last steps and writes down how far the schema has come.
func (d *database) take(last []string) error {
	for _, step := range last {
		for _, statement := range strings.SplitAfter(step, ";\n") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if err := d.exec(statement); err != nil {
				return err
			}
		}
	}
	return d.set("user_version", int64(len(steps)))
}

// set writes a number into the header of the file, within the transaction.
func (d *database) set(pragma string, value int64) error {
	return d.exec(fmt.Sprintf("PRAGMA %s = %d", pragma, value))
}
