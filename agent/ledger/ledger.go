// Package ledger is the store's durable log, and the base that the hub last
// told it.
//
// Promise. What Append returned is on disk, in sequence, with a chain that
// proves which history it belongs to; a round is kept whole or not at all. After
// a storage error every call returns it: nothing is answered on a disk that has
// lied once.
//
// Owner. The agent's loop; a Ledger is not safe for concurrent use.
//
// Flow.
//
//	Append -> one transaction, one sync -> Record
//	Read   -> the uplink            Keep -> base, through and outcomes at once
//
// Invariants. Sequence has no gap within an epoch. chain(n) = SHA-256(chain(n-1),
// bytes(n)), checked whenever operations are read. The head is derived from the
// operations themselves, never from a second place that may disagree.
package ledger

import (
	"errors"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Entry is one operation on its way into the ledger.
type Entry struct {
	Bytes         []byte
	Kind          string
	Receipt, Till string
	At            int64    // the store's clock, unix ms
	Key           string   // idempotency key, unique for ever; may be empty
	Fingerprint   [32]byte // of the request's body
	Answer        []byte   // the body the till was given
	Refers        []string // ids of operations of this ledger it refers to
}

// Record is an operation in the ledger.
type Record struct {
	Entry
	Epoch    string
	Sequence uint64
	Chain    [32]byte
	Settled  bool // at or below the hub's watermark
}

// Head is where the ledger stands.
type Head struct {
	Installation string // which PC: made with the folder
	Epoch        string
	Position     protocol.Position    // last operation of the epoch
	Through      protocol.Position    // what the hub had applied of it, as the base knows
	Base         protocol.HubPosition // the hub position of the kept values
}

// Kept is one round on its way into the ledger.
type Kept struct {
	Base     protocol.HubPosition
	Through  protocol.Position
	Rebase   bool // another incarnation: levels, claims and outcomes are void
	Restart  bool // claims start over
	Items    []stock.Item
	Levels   []stock.StoreLevel
	Claims   []stock.StoreClaim
	Outcomes []stock.Outcome
}

// Visitor receives the kept values; a nil function skips its kind.
type Visitor struct {
	Item  func(stock.Item)
	Level func(stock.StoreLevel)
	Claim func(stock.StoreClaim)
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
	// page begins.
	List(before Cursor, limit int) ([]Record, Cursor, error)
	// ReferredBy lists the operations that refer to an operation id.
	ReferredBy(id string) ([]Place, error)
	// Read returns operations of the present epoch after a position: at least
	// one if there is one, at most so many in at most maxBytes.
	Read(after protocol.Position, maxOperations, maxBytes int) (operations [][]byte, end protocol.Position, err error)
	Keep(Kept) error
	Load(Visitor) error
	Outcomes(epoch string, sequence uint64) ([]stock.Outcome, error)
	// NewEpoch lets later operations begin a new history.
	NewEpoch(name string) error
	Close() error
}

// Errors of a ledger, wrapped with what was being done.
var (
	ErrForked  = errors.New("the position is not of this ledger's history")
	ErrDamaged = errors.New("an operation's bytes do not match its chain")
	ErrInUse   = errors.New("another program uses this ledger")

	errKeyTwice = errors.New("an idempotency key is used twice")
)
