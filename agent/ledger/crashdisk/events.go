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

import "fmt"

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
