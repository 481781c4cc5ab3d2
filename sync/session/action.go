package session

import "github.com/shelfsync/shelfsync/protocol"

// Action is what a session asks of its owner: one of the types below.
type Action interface{ action() }

// Send asks to put a frame on the link. If the link's queue is full the owner
// closes the connection: what was sent before a gap could not be trusted.
type Send struct{ Frame protocol.Frame }

// Close ends the connection. Received says that the peer ended it with this
// Bye; otherwise the Bye is to be sent. Either way it is why, for people and for
// [Backoff]. It is the last action of a connection.
type Close struct {
	Bye      protocol.Bye
	Received bool
}

// Rebase tells an agent, before anything else of a connection, that the hub's
// log is another than the one its base stands on: the base is void, and what
// follows Through is pending again. An agent without a base is told too.
type Rebase struct {
	Hub     protocol.HubPosition // where the new log stands
	Through protocol.Position    // what it holds of this ledger
}

// Recall asks an agent for the chain of its present epoch at an operation; the
// answer is [Agent.Recalled].
type Recall struct{ Sequence uint64 }

// Forked tells an agent that the hub has another history of its present epoch.
// Common is the last operation known to be in both; of those after it and up to
// Unknown nobody can tell any more, and of later ones the hub has none. The answer
// is [Agent.Begin], once the ledger has begun a new epoch.
type Forked struct {
	Hub     protocol.HubPosition
	Through protocol.Position // the hub's watermark of the epoch
	Common  protocol.Position
	Unknown uint64
}

// Read asks an agent for the operations of its ledger that follow After, at
// least one of them; the answer is [Agent.Supply], with none if the ledger has
// never stood at After.
type Read struct {
	After         protocol.Position
	MaxOperations int
	MaxBytes      int // of operation bytes; any single operation fits
}

// Store asks an agent to store a whole round in one transaction; the answer is
// [Agent.Stored].
type Store struct{ Round *protocol.Round }

// Applied tells an agent that the hub has applied its ledger up to Through.
// Within a connection it only grows; a node that lags may begin lower.
type Applied struct{ Through protocol.Position }

// Greeted hands a hub node the Hello of a connection; the answer is [Hub.Admit]
// or [Hub.Refuse].
type Greeted struct{ Hello protocol.Hello }

// Heard hands a hub node what every Append says about its sender, before the
// operations in it.
type Heard struct {
	Echo     int64  // hub time the agent last read, ms
	Base     uint64 // index of the base it has stored
	Backlog  uint64 // operations not known to be applied
	OldestMS uint64 // age of the oldest of them
}

// Take hands a hub node a verified batch: it follows the one before, its chain
// was recomputed, it is within all limits. The answer is [Hub.Acked] or
// [Hub.Ignored], in the order of the batches.
type Take struct{ Append *protocol.Append }

func (Send) action()    {}
func (Close) action()   {}
func (Rebase) action()  {}
func (Recall) action()  {}
func (Forked) action()  {}
func (Read) action()    {}
func (Store) action()   {}
func (Applied) action() {}
func (Greeted) action() {}
func (Heard) action()   {}
func (Take) action()    {}
