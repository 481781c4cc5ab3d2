package crashdisk

/*
#cgo CFLAGS: -std=gnu99 -Wall
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"
)

// Codes with which a call may fail, as SQLite numbers them.
const (
	NoSpace = 13 // SQLITE_FULL
	ioError = 10 // SQLITE_IOERR; the second byte says what was done
)

// ioErrors is what a failed call of a kind answers.
var ioErrors = map[Kind]C.int{Read: ioError | 1<<8, Write: ioError | 3<<8, Sync: ioError | 4<<8, Truncate: ioError | 6<<8, Delete: ioError | 10<<8, Open: 14}

// Disk is a folder that is recorded.
type Disk struct {
	root   string
	before map[string][]byte
	shim   *C.cd_disk
}

// Attach begins to record a folder; what is in it counts as durable. SQLite must be
// in this program: it is the caller that imports its driver.
func Attach(root string) (*Disk, error) {
	root, err := filepath.EvalSymlinks(root) // as SQLite names it
	if err != nil {
		return nil, fmt.Errorf("record a folder: %w", err)
	}
	before, err := files(root)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", root, err)
	}
	if rc := C.cd_install(); rc != 0 {
		return nil, fmt.Errorf("record %s: SQLite does not take the recording file system (code %d)", root, int(rc))
	}
	name := C.CString(root)
	defer C.free(unsafe.Pointer(name))
	return &Disk{root: root, before: before, shim: C.cd_attach(name)}, nil
}

// files reads a folder; SQLite's shared memory and locks are not durable.
func files(root string) (map[string][]byte, error) {
	found := map[string][]byte{}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) == ".db-shm" || e.Name() == "lock" {
			continue
		}
		if found[e.Name()], err = os.ReadFile(filepath.Join(root, e.Name())); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Mark notes a moment of the test between two calls.
func (d *Disk) Mark(number int, text string) { d.note(Mark, int64(number), "", "", []byte(text)) }

// Note writes down what other code than SQLite does to the folder. Paths outside the
// folder are none of this disk's.
func (d *Disk) Note(kind Kind, path, other string, at int64, data []byte) {
	name, inside := d.below(path)
	to, _ := d.below(other)
	if inside {
		d.note(kind, at, name, to, data)
	}
}

func (d *Disk) below(path string) (string, bool) {
	if path == "" {
		return "", false
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(folder, filepath.Base(path))
	}
	name, err := filepath.Rel(d.root, path)
	return name, err == nil && filepath.IsLocal(name)
}

func (d *Disk) note(kind Kind, at int64, name, other string, data []byte) {
	first, second := C.CString(name), C.CString(other)
	defer C.free(unsafe.Pointer(first))
	defer C.free(unsafe.Pointer(second))
	var bytes unsafe.Pointer
	if len(data) > 0 {
		bytes = unsafe.Pointer(&data[0])
	}
	C.cd_note(d.shim, C.int(kind), C.int64_t(at), first, second, bytes, C.size_t(len(data)))
}

// Fail lets the nth call of a kind from the beginning fail, and those up to last
// after it: with an error of input and output, or for want of space. A write that
// fails has done its first half, in whole sectors.
func (d *Disk) Fail(kind Kind, nth, last int, noSpace bool) {
	code := ioErrors[kind]
	if noSpace {
		code = NoSpace
	}
	C.cd_fail(d.shim, C.int(kind), C.int64_t(nth), C.int64_t(last), code)
}

// Calls is how many calls of a kind there were, and Failed how many of all failed.
func (d *Disk) Calls(kind Kind) int { return int(C.cd_calls(d.shim, C.int(kind))) }

// Failed is how many calls were made to fail.
func (d *Disk) Failed() int { return int(C.cd_failed(d.shim)) }

// Stop ends the recording and hands it over.
func (d *Disk) Stop() (*Recording, error) {
	C.cd_detach(d.shim)
	defer C.cd_release(d.shim)
	var length C.size_t
	log := C.cd_log(d.shim, &length)
	r := &Recording{Before: d.before}
	if length == 0 {
		return r, nil
	}
	rest := unsafe.Slice((*byte)(unsafe.Pointer(log)), int(length))
	for len(rest) > 0 {
		e, n, err := readEvent(rest)
		if err != nil {
			return nil, err
		}
		r.Events, rest = append(r.Events, e), rest[n:]
	}
	return r, nil
}

// readEvent copies the first event of a log.
func readEvent(log []byte) (Event, int, error) {
	const head = int(unsafe.Sizeof(C.cd_event{}))
	if len(log) < head {
		return Event{}, 0, errors.New("the recording ends within an event")
	}
	var raw C.cd_event
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&raw)), head), log)
	n := head + int(raw.name) + int(raw.length) + int(raw.other)
	if len(log) < n {
		return Event{}, 0, errors.New("the recording ends within an event")
	}
	rest := log[head:]
	e := Event{Kind: Kind(raw.kind), Failed: raw.failed != 0, At: int64(raw.at), Name: string(rest[:raw.name])}
	rest = rest[raw.name:]
	e.Data = append([]byte(nil), rest[:raw.length]...)
	e.Other = string(rest[raw.length : int(raw.length)+int(raw.other)])
	return e, n, nil
}
