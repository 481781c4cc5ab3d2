// Package crashdisk is a disk that forgets: for tests of what stands on SQLite.
//
// Promise. A Disk writes down, in order, what a folder's SQLite files and the
// code beside them ask of the disk, or lets the nth such call fail. A Player makes
// of that every kind of folder that a power cut may leave.
//
// Owner. The test that recorded it; a Disk may be written to by SQLite on any
// thread, everything else is not safe for concurrent use.
//
// Flow.
//
//	SQLite -> shim.c -> the machine's files       (a VFS, the default of this process)
//	             |
//	             +----> Recording -> Player -> image, a folder's files
//
// Invariants. What a file holds after its last sync is in every image. Of what came
// later any part may be there, in sectors of 512 bytes; a file that grew may end
// in garbage. A sync that failed makes nothing durable, and the next one that
// succeeds does not mend it. Names are durable once their folder was synced. SQLite
// asks that a write spoils nothing beside itself (powersafe overwrite): so here.
//
// Only tests import it: a program of ours has one file system, the machine's.
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

// Kind is what was asked of a disk.
type Kind int32

// The kinds; their numbers are those of shim.h.
const (
	Create   Kind = 1 + iota
	Write         // Data at an offset
	Truncate      // to a size
	Sync          // of a file
	SyncDir       // of the folder that Name is in
	Delete
	Rename // Name to Other
	Mark   // the test's own: At is its number, Data its text
	Read
	Open
	Link // another name, Other, for Name
)

func (k Kind) String() string {
	if k < Create || k > Link {
		return fmt.Sprintf("kind %d", int32(k))
	}
	return [...]string{"create", "write", "truncate", "sync", "sync folder", "delete", "rename", "mark", "read", "open", "link"}[k-1]
}

// Codes with which a call may fail, as SQLite numbers them.
const (
	NoSpace = 13 // SQLITE_FULL
	ioError = 10 // SQLITE_IOERR; the second byte says what was done
)

// ioErrors is what a failed call of a kind answers.
var ioErrors = map[Kind]C.int{Read: ioError | 1<<8, Write: ioError | 3<<8, Sync: ioError | 4<<8, Truncate: ioError | 6<<8, Delete: ioError | 10<<8, Open: 14}

// Event is one thing that happened to a disk.
type Event struct {
	Kind        Kind
	Name, Other string // below the folder
	At          int64  // offset of a write, size after a truncate, number of a mark
	Data        []byte
	Failed      bool // it was answered with an error; of a write Data is the part that was done
}

// Recording is what happened to a folder, from a moment at which all of it was
// durable.
type Recording struct {
	Before map[string][]byte // files by their name below the folder
	Events []Event
}

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
