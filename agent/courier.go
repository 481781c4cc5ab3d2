package agent

import (
	"errors"
	"fmt"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/sync/session"
)

// Courier brings one history of a PC that no longer writes to the hub, in that
// PC's name: under its installation, its epoch and its sequence. So the hub's
// watermark alone decides what is new, and bringing it twice is harmless. It is
// owned by one goroutine.
type Courier struct {
	history History
	session *session.Agent
	port    Port
	start   *protocol.Position // where the hub stood when it was first asked
	applied protocol.Position
	bye     protocol.Bye
	outcome *Brought
	parted  *parting
}

// History is what a Courier brings.
type History struct {
	Location     string
	Installation string
	Epoch        string
	Program      string
	From, End    protocol.Position // the bytes of what comes up to From are gone
	Base         protocol.HubPosition
	Read         func(after protocol.Position, maxOperations, maxBytes int) ([][]byte, protocol.Position, error)
	Chain        func(sequence uint64) ([32]byte, error)
}

// Brought is what became of a history.
type Brought struct {
	Epoch   string            // under which it was brought: another one where the hub had forked
	After   uint64            // then it goes on after this operation of the history's own epoch
	New     uint64            // operations that the hub did not have
	Through protocol.Position // the hub has it up to here
}

// parting is where the hub's history and ours part.
type parting struct {
	common  protocol.Position
	unknown uint64 // whether the hub has those after common up to here nobody can tell
}

// ErrRefused is a hub that will not take the history, wrapped with its reason.
var ErrRefused = errors.New("the hub refuses it")

// NewCourier has no connection yet.
func NewCourier(history History) *Courier {
	return &Courier{history: history, session: session.NewAgent()}
}

// Connected begins a conversation over a connection that was just made.
func (c *Courier) Connected(port Port) error {
	h := &c.history
	c.port, c.bye = port, protocol.Bye{}
	c.session.Start(protocol.Hello{Version: protocol.FrameVersion, Role: protocol.RoleAgent, Agent: h.Location, Installation: h.Installation, Epoch: h.Epoch,
		Position: h.End, Base: h.Base, Feature: protocol.FeatureLevel, Backlog: h.End.Sequence - c.applied.Sequence, OldestMS: archived, Program: h.Program})
	return c.follow()
}

// archived is the age, ms, of what a courier brings: it queues behind what stores
// sell now, and what it has read says nothing of the location.
const archived = 1 << 40

// Receive takes a frame of the hub.
func (c *Courier) Receive(frame protocol.Frame) error {
	c.session.Receive(frame)
	return c.follow()
}

// Disconnected says that the connection has ended.
func (c *Courier) Disconnected() { c.session.Stop() }

// Beat is called every protocol.BeatMS.
func (c *Courier) Beat() error {
	c.session.Beat(c.history.End.Sequence-c.applied.Sequence, archived)
	return c.follow()
}

// Outcome is what became of the history; nil until that is known, and where the
// hub has parted from it.
func (c *Courier) Outcome() *Brought { return c.outcome }

// Ended says that nothing more is to come of a connection.
func (c *Courier) Ended() bool { return c.outcome != nil || c.parted != nil }

// LastBye is why the last connection ended, if either side said so.
func (c *Courier) LastBye() protocol.Bye { return c.bye }

func (c *Courier) follow() error {
	for {
		action, ok := c.session.Next()
		if !ok {
			return nil
		}
		if err := c.act(action); err != nil {
			return err
		}
	}
}

func (c *Courier) act(action session.Action) error {
	switch do := action.(type) {
	case session.Send:
		if !c.port.Send(do.Frame) {
			c.port.Close(protocol.Bye{Code: protocol.ByeBusy, Text: "the link takes frames more slowly than they are written"})
		}
	case session.Read:
		return c.supply(do)
	case session.Applied:
		c.advance(do.Through)
	case session.Recall:
		chain, err := c.history.Chain(do.Sequence)
		if err != nil {
			return fmt.Errorf("look up operation %d: %w", do.Sequence, err)
		}
		c.session.Recalled(chain)
	case session.Forked:
		c.forked(do)
	case session.Close:
		c.bye = do.Bye
		if do.Received {
			c.port.Close(protocol.Bye{})
		} else {
			c.port.Close(do.Bye)
		}
		if refusals[do.Bye.Code] || do.Bye.Code == protocol.ByeProtocol {
			return fmt.Errorf("%w: %s", ErrRefused, do.Bye.Text)
		}
	} // rounds are for who writes the location now
	return nil
}

func (c *Courier) supply(read session.Read) error {
	if read.After.Sequence < c.history.From.Sequence {
		return fmt.Errorf("%w: it has operations up to %d of epoch %s, and here they are gone up to %d", ErrRefused, read.After.Sequence, c.history.Epoch, c.history.From.Sequence)
	}
	chain, err := c.history.Chain(read.After.Sequence)
	if err != nil {
		return fmt.Errorf("look up operation %d: %w", read.After.Sequence, err)
	}
	if chain != read.After.Chain {
		c.session.Supply(nil, read.After) // another history: it searches where that begins
		return nil
	}
	operations, end, err := c.history.Read(read.After, read.MaxOperations, read.MaxBytes)
	if err != nil {
		return fmt.Errorf("read after operation %d: %w", read.After.Sequence, err)
	}
	c.session.Supply(operations, end)
	return nil
}

func (c *Courier) advance(through protocol.Position) {
	if c.start == nil {
		c.start = &through
	}
	if c.applied = through; through == c.history.End {
		c.outcome = &Brought{Epoch: c.history.Epoch, New: through.Sequence - c.start.Sequence, Through: through}
	}
}

// forked: the hub has more than is here, which is the same history, or another
// one.
func (c *Courier) forked(f session.Forked) {
	common := f.Common
	if c.history.From.Sequence > common.Sequence { // pruned because the hub had it
		common = c.history.From
	}
	if common == c.history.End {
		c.outcome = &Brought{Epoch: c.history.Epoch, Through: common}
		return
	}
	c.parted = &parting{common, max(f.Unknown, common.Sequence)}
}

// Again is the history under which goes on what the hub does not have, where it
// forked: as the PC itself would write it again, so that whoever brings it first
// brings it for both.
func (c *Courier) Again() (History, error) {
	h, p := c.history, c.parted
	if p.unknown > p.common.Sequence {
		return h, fmt.Errorf("whether the hub has the operations %d to %d of epoch %s, or others in their place, its journal no longer tells: nothing after operation %d was brought",
			p.common.Sequence+1, p.unknown, h.Epoch, p.common.Sequence)
	}
	chain, err := h.Chain(p.common.Sequence + 1)
	if err != nil {
		return h, err
	}
	next := History{Location: h.Location, Installation: h.Installation, Epoch: ledger.EpochAfter(h.Installation, h.Epoch, chain), Program: h.Program}
	var operations [][]byte
	at := []protocol.Position{{}}
	for after := p.common; after != h.End; {
		some, end, err := h.Read(after, protocol.MaxBatchOperations, protocol.MaxIntakeBytes)
		if err != nil {
			return h, err
		}
		for i, bytes := range some {
			former := rewriting{location: h.Location, old: h.Epoch}.former(after.Sequence + uint64(i) + 1)
			written, err := writtenAgain(bytes, former)
			if err != nil {
				continue // as its own ledger would leave it out
			}
			operations = append(operations, written)
			last := at[len(at)-1]
			at = append(at, protocol.Position{Sequence: last.Sequence + 1, Chain: protocol.NextChain(last.Chain, written)})
		}
		after = end
	}
	next.End = at[len(at)-1]
	next.Chain = func(sequence uint64) ([32]byte, error) { return at[min(sequence, next.End.Sequence)].Chain, nil }
	next.Read = func(after protocol.Position, maxOperations, maxBytes int) (some [][]byte, end protocol.Position, err error) {
		to := after.Sequence
		for bytes := 0; to < next.End.Sequence && len(some) < maxOperations; to++ {
			if bytes += len(operations[to]); bytes > maxBytes && len(some) > 0 {
				break
			}
			some = append(some, operations[to])
		}
		return some, at[to], nil
	}
	return next, nil
}
