package agent

import (
	"errors"
	"fmt"
	"time"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/volume"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/sync/session"
)

// Port is the outgoing side of the connection to a hub node. A Bye without a
// code only closes it.
type Port interface {
	Send(protocol.Frame) bool // false: the queue is full
	Close(protocol.Bye)
}

// Link is how the connection to the hub stands, for people.
type Link struct {
	Online    bool
	Since     time.Time
	Hub       string // the address in use or tried last
	LastError string
	Refused   bool // the hub will not speak with this agent until a person acts
}

// refusals are the reasons that no retry mends by itself.
var refusals = map[protocol.ByeCode]bool{protocol.ByeWriter: true, protocol.ByeUpgradeHub: true, protocol.ByeVersion: true}

// Connected begins the conversation over a connection that was just made.
func (a *Agent) Connected(port Port, address string) error {
	a.port = port
	a.link.Hub, a.lastBye = address, protocol.Bye{}
	if len(a.tails.left) > 0 {
		if a.tails.first == nil {
			a.tails.first = NewCourier(a.tails.left[0].History)
		}
		a.tails.courier = a.tails.first
		_, err := a.bring(func(c *Courier) error { return c.Connected(port) })
		return a.stored(err)
	}
	a.session.Start(a.hello())
	return a.Follow()
}

// Receive takes a frame of the hub.
func (a *Agent) Receive(frame protocol.Frame) error {
	switch frame.(type) {
	case *protocol.Welcome, *protocol.Round:
		a.heard = a.config.Now()
	}
	if brought, err := a.bring(func(c *Courier) error { return c.Receive(frame) }); brought {
		return a.stored(err)
	}
	a.session.Receive(frame)
	return a.Follow()
}

// Disconnected says that the connection has ended, and why.
func (a *Agent) Disconnected(why error) {
	a.session.Stop()
	if a.tails.courier != nil {
		a.tails.courier.Disconnected()
	}
	a.port, a.tails.courier = nil, nil
	if why != nil && a.lastBye == (protocol.Bye{}) {
		a.link.LastError = why.Error()
	}
	a.setOnline(false)
}

// Beat is called every protocol.BeatMS.
func (a *Agent) Beat() error {
	a.lookAtRoom()
	if err := a.prune(); err != nil {
		return err
	}
	if brought, err := a.bring((*Courier).Beat); brought {
		return a.stored(err)
	}
	backlog, oldest := a.Backlog()
	a.session.Beat(backlog, uint64(oldest.Milliseconds()))
	return a.Follow()
}

// stored notes an error of storage.
func (a *Agent) stored(err error) error {
	if err != nil && a.failed == nil {
		a.failed = err
	}
	return a.failed
}

// Follow carries out what the session asks for. An error is one of storage.
func (a *Agent) Follow() error {
	for a.failed == nil {
		action, ok := a.session.Next()
		if !ok {
			return nil
		}
		if err := a.act(action); err != nil {
			a.failed = err
		}
	}
	return a.failed
}

func (a *Agent) act(action session.Action) error {
	switch do := action.(type) {
	case session.Send:
		if a.port != nil && !a.port.Send(do.Frame) {
			a.port.Close(protocol.Bye{Code: protocol.ByeBusy, Text: "the link takes frames more slowly than they are written"})
		}
	case session.Read:
		return a.supply(do)
	case session.Store:
		return a.store(do.Round)
	case session.Applied:
		if held, err := a.holds(do.Through); err != nil || !held {
			return err
		}
		a.advance(do.Through)
		a.config.Replace = false // the location is ours: do not take it over again
		a.setOnline(true)
	case session.Rebase:
		if a.rebased(do.Hub) {
			return nil
		}
		held, err := a.holds(do.Through)
		if err != nil || !held || do.Through.Sequence >= a.applied.Sequence {
			return err // not held: a fork, which the session finds
		}
		return a.owe(do.Through) // the old base serves until the new one is whole
	case session.Recall:
		chain, _, err := a.ledger.Chain(a.ledger.Head().Epoch, do.Sequence)
		if err != nil {
			return fmt.Errorf("look up operation %d: %w", do.Sequence, err)
		}
		a.session.Recalled(chain)
	case session.Forked:
		return a.fork(do)
	case session.Close:
		a.closed(do)
	}
	return nil
}

// holds reports whether a position is of this ledger's history.
func (a *Agent) holds(at protocol.Position) (bool, error) {
	if at.Sequence == 0 {
		return at == protocol.Position{}, nil
	}
	chain, ok, err := a.ledger.Chain(a.ledger.Head().Epoch, at.Sequence) // it stays where bytes were pruned
	if err != nil {
		return false, fmt.Errorf("look up operation %d: %w", at.Sequence, err)
	}
	return ok && chain == at.Chain, nil
}

func (a *Agent) supply(read session.Read) error {
	operations, end, err := a.ledger.Read(read.After, read.MaxOperations, read.MaxBytes)
	if errors.Is(err, ledger.ErrForked) {
		a.session.Supply(nil, read.After) // it says goodbye: the hub knows another history
		return nil
	}
	if err != nil {
		return fmt.Errorf("read ledger after %d: %w", read.After.Sequence, err)
	}
	a.session.Supply(operations, end)
	return nil
}

// store keeps a whole round, then tells the session and whoever watches.
func (a *Agent) store(round *protocol.Round) error {
	held, err := a.holds(round.Through)
	if err != nil {
		return err
	}
	if !held { // a clone of this PC speaks to another node: what it sent must not settle what we sold
		a.session.Suspect()
		a.session.Stop()
		a.closed(session.Close{Bye: protocol.Bye{Code: protocol.ByeForked,
			Text: fmt.Sprintf("the hub holds another operation %d of this epoch", round.Through.Sequence)}})
		return nil
	}
	if a.room == volume.Full {
		a.session.Stop()
		a.closed(session.Close{Bye: protocol.Bye{Code: protocol.ByeBusy, Text: "the store's disk is full: it keeps no round"}})
		return nil
	}
	err = a.keep(ledger.Kept{Base: round.Hub, Through: round.Through, Now: round.Now, Rebase: round.Hub.Incarnation != a.base.Incarnation, Restart: round.Restart, Renew: round.Renew,
		Items: round.Items, Levels: round.Levels, Claims: round.Claims, Outcomes: round.Outcomes, Tasks: round.Tasks, Transfers: round.Transfers, Policy: round.Policy})
	if err != nil {
		return err
	}
	a.pruning.now = round.Now
	a.session.Stored(round.Hub, round.Through)
	event := Event{Type: "round"}
	for i := range round.Levels {
		if i == maxEventItems {
			break
		}
		event.Items = append(event.Items, round.Levels[i].Item)
	}
	a.events.add(event, a.config.Now())
	for _, outcome := range round.Outcomes { // a copy each: an event must not keep the round alive
		a.events.add(Event{Type: "outcome", Outcome: &outcome}, a.config.Now())
	}
	return nil
}

// maxEventItems bounds the items one event names.
const maxEventItems = 100

func (a *Agent) closed(c session.Close) {
	a.link.LastError = c.Bye.Code.String() + ": " + c.Bye.Text
	a.link.Refused = refusals[c.Bye.Code]
	a.lastBye = c.Bye
	if c.Bye.Code == protocol.ByeReplaced { // a copy of this PC takes turns with it: each gets some work done
		a.lastBye.RetryMS = max(c.Bye.RetryMS, protocol.ReplacedRetryMS)
	}
	if a.port != nil {
		if c.Received {
			a.port.Close(protocol.Bye{})
		} else {
			a.port.Close(c.Bye)
		}
	}
}

func (a *Agent) setOnline(online bool) {
	if a.link.Online == online {
		return
	}
	a.link.Online, a.link.Since = online, a.config.Now()
	if online {
		a.link.LastError, a.link.Refused, a.lastBye = "", false, protocol.Bye{}
	}
	a.events.add(Event{Type: "link"}, a.config.Now())
}

// Link is how the connection stands.
func (a *Agent) Link() Link { return a.link }

// LastBye is why the last connection ended, if either side said so.
func (a *Agent) LastBye() protocol.Bye { return a.lastBye }

// AsOf is when the hub was last heard.
func (a *Agent) AsOf() (at time.Time, ever bool) { return a.heard, !a.heard.IsZero() }

// Applied is how far the hub has applied this epoch.
func (a *Agent) Applied() protocol.Position { return a.applied }

// Unreachable says that a hub address could not be dialled.
func (a *Agent) Unreachable(address string, err error) {
	a.link.Hub, a.link.LastError, a.lastBye = address, err.Error(), protocol.Bye{}
}
