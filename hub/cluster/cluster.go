// Package cluster puts opaque entries into one order that every node agrees on.
//
// Promise. What [Order.Propose] answers without an error is on disk on a
// majority of the nodes and applied here; it is never lost and never applied
// twice in one history of a machine. Entries reach the machine in the order of
// the log, and one proposer's entries in the order it offered them. Where the
// promise cannot be kept (a disk fails, a snapshot is damaged, the machine
// panics) the node stops with a sentence instead of guessing.
//
// Owner. The [Machine] is called by one goroutine of the log and by nobody
// else. [Raft] owns its folder, its connections and raft's goroutines; [Memory]
// owns a slice. Both are safe to call from any goroutine.
//
// Flow.
//
//	Propose -> slot -> raft -> log on disk (ours: CRC) -> majority -> driver -> Machine.Apply
//	                                                                    '-> answer, slot given back
//	a node that does not lead: Propose -> its connection to the leader -> the leader's Propose; the result
//	    is this node's own, once it has applied the index that the leader named
//	Machine.Freeze -> Image.Write -> snapshot file -> read back -> log shortened
//	start: newest sound snapshot -> Machine.Restore -> log entries after it -> Machine.Apply
//
// Invariants. The index inside a snapshot equals the machine's own, or the node
// does not start. A log always joins the snapshot below it. A vote and its term
// are written in one transaction. A snapshot that is older than the state is
// never installed. A folder exists whole or not at all, and its server id is
// never used for another folder. One folder founds a cluster at most once, and
// only where every other node of its list is new as well. A node whose state
// differs from what the majority has at the same place stops.
package cluster

import (
	"errors"
	"io"
	"time"
)

// Machine is what the ordered log drives. Calls come from one goroutine, in order.
type Machine interface {
	// Apply takes consecutive committed entries and returns one result for each,
	// aligned. It must be deterministic; results are values, never errors.
	Apply(entries []Entry) []any
	// Freeze returns a cheap immutable capture of the state at the last applied entry.
	Freeze() Image
	// Restore replaces the state by what r holds, built aside and swapped once.
	// On error the old state is untouched and the process must stop.
	Restore(r io.Reader) error
}

// Positioned is a Machine that knows the index of its last applied entry. A
// restored snapshot whose index it contradicts stops the node.
type Positioned interface {
	Applied() uint64
}

// Answering is a Machine that answers what another node asks it by [Members.Ask].
// Questions come from many goroutines, beside everything else.
type Answering interface {
	Answer(question []byte) ([]byte, error)
}

// Journaling is a Machine that keeps what was applied; the other nodes are told
// from where on. It is asked from other goroutines.
type Journaling interface {
	Horizon() uint64
}

// Entry is one committed entry. Indices grow; they have gaps where the log
// keeps entries of its own.
type Entry struct {
	Index, Term uint64
	Data        []byte
}

// Image is a frozen state on its way into a snapshot. Write may run while the
// machine applies further entries.
type Image interface {
	Write(w io.Writer) error
	Release()
}

// Order is an ordered log with a machine behind it.
type Order interface {
	// Propose offers one entry, which the caller no longer changes, and returns
	// at once; the answer is sent exactly once on the returned buffered channel,
	// after the entry has been applied here. A node that does not lead passes the
	// entry on.
	Propose(data []byte) <-chan Proposed
	// Leader is who leads, by server id; "" if nobody is known to.
	Leader() (id string, self bool)
	// Leadership tells whenever this node begins or ceases to lead: the latest
	// value only. There is one channel for all callers.
	Leadership() <-chan bool
	Status() Status
	// Barrier returns once everything committed anywhere before the call has been
	// applied here: nil, ErrNotLeader where no leader is known, or ErrUnknown after
	// the given time.
	Barrier(within time.Duration) error
	// Snapshot writes the state and shortens the log; nothing new is no error.
	Snapshot() error
	// Close answers what is in flight and ends the log. The machine is not
	// called any more.
	Close() error
}

// Members are the nodes of an order that can have several. Changes are asked of
// any node and are done by the leader.
type Members interface {
	// Nodes are the members, the asked one included, by address.
	Nodes() []Node
	// AddAt makes the running node at an address a member: without a vote until
	// it has caught up. Asked again, it gives the vote.
	AddAt(address string) error
	// Remove takes a member out for ever: its folder never joins again.
	Remove(id string) error
	// Ask puts a question to the node at an address, whose machine answers it if
	// it is [Answering].
	Ask(address string, question []byte, within time.Duration) ([]byte, error)
}

// Proposed is the answer to one proposal: the machine's result and where the
// entry stands, or one of the errors below.
type Proposed struct {
	Result any
	Index  uint64
	Err    error
}

// Errors of Propose and Barrier.
var (
	// ErrNotLeader: not proposed; it is safe to offer it again, here or elsewhere.
	ErrNotLeader = errors.New("no node is known to lead the log")
	// ErrUnknown: leadership was lost, the node stops or time ran out. The entry
	// may yet be applied: repeat it with the same id.
	ErrUnknown = errors.New("the entry may or may not be in the log: repeat it with the same id")
	// ErrTooLarge: not proposed; no node will ever take it.
	ErrTooLarge = errors.New("the entry is larger than the log takes")
	// ErrStartAgain: the node stops, and is well after a new start.
	ErrStartAgain = errors.New("start the node again")
	// ErrBusy: not proposed; too many proposals wait for an answer.
	ErrBusy = errors.New("too many proposals wait for the log: come back")
)

// Status is how the log stands on this node.
type Status struct {
	ID, Address   string
	Role          string // leader, follower, candidate or shutdown
	Leads         bool
	Term          uint64
	LeaderID      string // "" if nobody is known to lead
	LeaderAddress string
	LastIndex     uint64 // last entry on disk here
	CommitIndex   uint64
	AppliedIndex  uint64 // last entry the machine has applied
	SnapshotIndex uint64
	Members       []Member
	LastContact   time.Time // when a follower last heard from its leader
}

// Member is one node of the cluster.
type Member struct {
	ID, Address string
	Votes       bool
}
