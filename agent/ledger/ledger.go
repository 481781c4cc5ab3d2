// Package ledger is the store's durable log, and the base that the hub last
// told it.
//
// Promise. What Append returned is on disk, in sequence, with a chain that
// proves which history it belongs to; a round is kept whole or not at all. After
// an error of storage every call returns it: nothing is answered on a disk that
// has lied once, and the program has to start again.
//
// Owner. The agent's loop; a Ledger is not safe for concurrent use.
//
// Flow.
//
//	Append -> one transaction, one sync -> Record
//	Read   -> the uplink            Keep -> base, through and outcomes at once
//	Mark   -> the high-water file, behind the ledger, on another goroutine
//	Backup -> a copy, slice by slice; Verify proves one, Restore puts it in place
//
// Invariants. Sequence has no gap within an epoch. chain(n) = SHA-256(chain(n-1),
// bytes(n)), checked whenever an operation is read. The head is derived from the
// operations themselves, never from a second place that may disagree. The hub's
// watermark is always of this ledger's history.
//
// Doubt. A file beside the ledger says how far it had come. A ledger that ends
// before that, or that the file does not fit, begins a new epoch and leaves a
// notice; what it still has of the old one is that epoch's tail. After a stop that
// nobody ordered everything is read before it is opened.
//
// Pruning. An operation that the hub has held for longer than the caller wants,
// by the hub's clock and never by this PC's, loses its bytes; its key, answer and chain stay for ever,
// so a till that repeats itself years later still gets its first answer. Only
// ByKey finds it then.
package ledger

import (
	"errors"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Entry is one operation on its way into the ledger.
type Entry struct {
	Bytes         []byte // never empty on its way in; empty once pruned
	Kind          string
	Receipt, Till string
	At            int64    // the store's clock when it was recorded, unix ms: its time is counted from here, not from what a till claims
	Key           string   // idempotency key, unique for ever; may be empty
	Fingerprint   [32]byte // of the request's body
	Answer        []byte   // the body the till was given
	Refers        []string // ids of operations of this ledger it refers to
}

// Record is an operation in the ledger.
type Record struct {
	Entry
	Epoch       string
	Sequence    uint64
	Chain       [32]byte
	Settled     bool  // at or below the hub's watermark of its epoch, or a person said that the hub has it
	Quarantined bool  // nobody can tell whether the hub has it: it waits for a person
	Again       Place // where a fork made the store write it again; zero: nowhere
}

// Head is where the ledger stands.
type Head struct {
	Installation string // which PC: made with the folder
	Epoch        string
	Position     protocol.Position    // last operation of the epoch
	Through      protocol.Position    // what the hub had applied of it, as the base knows
	Base         protocol.HubPosition // the hub position of the kept values
}

// EpochHead is where one epoch of the ledger stands.
type EpochHead struct {
	Name     string
	Position protocol.Position // its last operation
	Through  protocol.Position // what the hub had applied of it
	Pruned   uint64            // operations up to here have lost their bytes
	Tail     bool              // it is over, and what follows Through goes up under its name
}

func (e *EpochHead) settled(sequence uint64) bool { return sequence <= e.Through.Sequence }

// Kept is one round on its way into the ledger.
type Kept struct {
	Base     protocol.HubPosition
	Through  protocol.Position
	Now      int64 // the hub's clock, ms; 0: not told
	Rebase   bool  // another incarnation: levels, claims, outcomes, tasks and transfers are void
	Restart  bool  // claims start over
	Renew    bool  // tasks and transfers start over
	Items    []stock.Item
	Levels   []stock.StoreLevel
	Claims   []stock.StoreClaim
	Outcomes []stock.Outcome
	Tasks    []stock.StoreTask

	Policy    stock.StorePolicy     // version 0: as it was
	Transfers []stock.StoreTransfer // lines; all of a transfer's replace what was kept of it
}

// Visitor receives the kept values; a nil function skips its kind.
type Visitor struct {
	Item  func(stock.Item)
	Level func(stock.StoreLevel)
	Claim func(stock.StoreClaim)
	Task  func(stock.StoreTask)

	Transfer func(stock.StoreTransfer) // one line
	Policy   func(stock.StorePolicy)   // where a round has told of it
}

// Cursor is a place in the list of operations, newest first; 0 is its beginning.
type Cursor uint64

// Place names an operation of the ledger.
type Place struct {
	Epoch    string
	Sequence uint64
}

// Ledger is the port: SQLite on a store's disk, or memory.
type Ledger interface {
	Head() Head
	// Append writes all entries in one durable commit.
	Append(entries []Entry) ([]Record, error)
	ByKey(key string) (Record, bool, error)
	BySequence(epoch string, sequence uint64) (Record, bool, error)
	// List returns operations older than before, newest first, and where the next
	// page begins. What was written again is listed once, at its later place.
	List(before Cursor, limit int) ([]Record, Cursor, error)
	// ReferredBy lists the operations that refer to an operation id.
	ReferredBy(id string) ([]Place, error)
	// Read returns operations of the present epoch after a position: at least
	// one if there is one, at most so many in at most maxBytes. ErrForked where
	// the ledger cannot go on from there; that is no error of storage.
	Read(after protocol.Position, maxOperations, maxBytes int) (operations [][]byte, end protocol.Position, err error)
	// Chain is the chain of an epoch at an operation, pruned or not; false where
	// there is none.
	Chain(epoch string, sequence uint64) ([32]byte, bool, error)
	// ReadEpoch is Read of any epoch.
	ReadEpoch(epoch string, after protocol.Position, maxOperations, maxBytes int) (operations [][]byte, end protocol.Position, err error)
	// Keep stores a round in one durable commit.
	Keep(Kept) error
	// Load visits the kept values by code or id.
	Load(Visitor) error
	// Outcomes are what the hub said of one operation.
	Outcomes(epoch string, sequence uint64) ([]stock.Outcome, error)
	// NewEpoch begins a new history because this ledger cannot vouch for the end of
	// the present one. What the hub is not known to have of that goes up under its
	// own name, as the epoch's tail.
	NewEpoch(name string, why Notice) error
	// EndTail says what the hub has of an epoch's tail. What follows through waits
	// for a person.
	EndTail(epoch string, through protocol.Position) error
	// Notices are those that nobody has seen yet, oldest first; Saw ends one.
	Notices() ([]Notice, error)
	Saw(notice int64) error
	// Mark is the write of the high-water file for where the ledger stands, nil
	// where it says so already or there is none. It may run on another goroutine,
	// one after the other; its error is one of storage.
	Mark() func() error
	// Again begins a new epoch with what the hub does not have of the present one,
	// in one durable commit. ErrForked where Through is not of its history.
	Again(Again) error
	// Quarantined are operations of which nobody can tell whether the hub has them,
	// oldest first, at most so many.
	Quarantined(limit int) ([]Record, error)
	// Admit takes what a person decided of one of them, in one durable commit: the
	// entry to write in the present epoch, or nil where the hub has it. ErrNotQuarantined
	// where it waits for nobody.
	Admit(held Place, entry *Entry) error
	// Epochs are all histories of this ledger, oldest first.
	Epochs() []EpochHead
	// Backup begins a copy of the ledger, made a slice at a time.
	Backup() (*Copying, error)
	// Prune takes the bytes of operations that the hub was known to hold before a
	// time of its own clock, in ms, by the days at which rounds told of it; all that
	// it holds where no round has told of a later time. At most protocol.MaxPruned in
	// a call, oldest first. It returns how many.
	Prune(before int64) (int, error)
	Close() error
}

// Errors of a ledger, wrapped with what was being done.
var (
	ErrForked         = errors.New("the position is not of this ledger's history")
	ErrDamaged        = errors.New("an operation's bytes do not match its chain")
	ErrNotQuarantined = errors.New("the operation waits for nobody")
	ErrInUse          = errors.New("another program uses this ledger")

	errUnfinished = errors.New("a restore did not come to its end: restore the backup again")
	errNoFile     = errors.New("this ledger has no file")
	errKeyTwice   = errors.New("an idempotency key is used twice")
)
