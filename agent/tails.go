package agent

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/session"
)

// tails are epochs that are over and of which the hub may lack the end: because it
// is one of another incarnation, or because they ended in doubt. They go up before
// the present one, one after the other, each over a connection of its own.
type tails struct {
	left        []tail
	incarnation uint64   // of the hub for which all went up, or go
	courier     *Courier // of the first of them, while there is a connection
	first       *Courier // of the first of them: what it suspects outlives a connection

	pending uint64    // operations that are shown to tills and that no hub is known to have
	since   time.Time // when the oldest of them was written
	shown   bool      // some stay in the view until the next round, though the hub has them
}

// tail is one of them; open names the epoch of the ledger that is pending until it
// is up.
type tail struct {
	History
	open string
}

// oweTails lists what goes up of epochs that ended in doubt.
func (a *Agent) oweTails() {
	for _, e := range a.ledger.Epochs() {
		if e.Tail {
			a.tails.left = append(a.tails.left, tail{a.historyOf(e.Name, e.Pruned, e.Position), e.Name})
		}
	}
}

// foldTails lets tills see what is pending of epochs that ended in doubt.
func (a *Agent) foldTails() error {
	a.tails.pending, a.tails.shown = 0, false
	for _, e := range a.ledger.Epochs() {
		if !e.Tail {
			continue
		}
		id := stock.OperationID{Agent: a.config.Location, Epoch: e.Name, Sequence: e.Through.Sequence}
		if err := a.pending(e.Name, e.Through, e.Position, func(op *stock.Operation) {
			id.Sequence++
			a.view.Fold(op)
			a.sent.wrote(a.config.Location, id, op)
			if at := a.written(op); a.tails.pending == 0 || at.Before(a.tails.since) {
				a.tails.since = at
			}
			a.tails.pending++
		}); err != nil {
			return err
		}
	}
	a.sent.old()
	return nil
}

// rebased is told that the hub is another one; true if tails go up first.
func (a *Agent) rebased(hub protocol.HubPosition) bool {
	if a.tails.incarnation == hub.Incarnation {
		return false
	}
	a.tails.incarnation = hub.Incarnation
	epochs := a.ledger.Epochs()
	for _, e := range epochs[:len(epochs)-1] {
		if e.Through.Sequence > 0 && !e.Tail {
			a.tails.left = append(a.tails.left, tail{History: a.historyOf(e.Name, e.Pruned, e.Through)})
		}
	}
	a.oweTails()
	if len(a.tails.left) == 0 {
		return false
	}
	a.session.Stop()
	a.closed(session.Close{Bye: protocol.Bye{Code: protocol.ByeShutdown, Text: "what this hub may lack of epochs that are over goes up first"}})
	return true
}

func (a *Agent) historyOf(epoch string, pruned uint64, end protocol.Position) History {
	head := a.ledger.Head()
	return History{Location: a.config.Location, Installation: head.Installation, Epoch: epoch, Program: a.config.Program, From: protocol.Position{Sequence: pruned},
		End: end, Base: a.base,
		Read: func(after protocol.Position, maxOperations, maxBytes int) ([][]byte, protocol.Position, error) {
			return a.ledger.ReadEpoch(epoch, after, int(min(uint64(maxOperations), end.Sequence-after.Sequence)), maxBytes)
		},
		Chain: func(sequence uint64) ([32]byte, error) {
			chain, _, err := a.ledger.Chain(epoch, sequence)
			return chain, err
		}}
}

// bring lets the courier of a tail act; false if there is none. An error is one
// of storage.
func (a *Agent) bring(act func(*Courier) error) (bool, error) {
	c := a.tails.courier
	if c == nil {
		return false, nil
	}
	err := act(c)
	switch {
	case errors.Is(err, ErrRefused) && c.LastBye().Code != 0: // it is tried again
		a.link.LastError, a.link.Refused = err.Error(), true
	case errors.Is(err, ErrRefused): // its bytes were pruned, long after the hub had them
		return true, a.up(a.tails.left[0].open, 0, err.Error())
	case err != nil:
		return true, fmt.Errorf("bring epoch %s: %w", a.tails.left[0].Epoch, err)
	case c.Outcome() != nil:
		return true, a.up(a.tails.left[0].open, math.MaxUint64, "epoch "+c.Outcome().Epoch+" is whole at the hub")
	case c.Ended():
		return true, a.parted(c)
	}
	return true, nil
}

// parted goes on where the hub has another history of an epoch that is over.
func (a *Agent) parted(c *Courier) error {
	again, err := c.Again()
	switch {
	case err == nil:
		a.tails.left[0].History, a.tails.first = again, nil
		a.endTail("the hub has another history of an epoch that is over")
	case a.tails.left[0].open != "" && a.askElsewhere():
		a.tails.first = nil // another node is asked from the beginning
		a.endTail(err.Error())
	default:
		a.unanswered = nil
		return a.up(a.tails.left[0].open, c.parted.common.Sequence, err.Error())
	}
	return nil
}

// up says that the first tail is at the hub, up to an operation of its epoch.
func (a *Agent) up(epoch string, through uint64, why string) error {
	a.nextTail(why)
	for _, e := range a.ledger.Epochs() {
		if e.Name != epoch || !e.Tail {
			continue
		}
		at := e.Position
		if sequence := max(through, e.Through.Sequence); sequence < at.Sequence {
			chain, _, err := a.ledger.Chain(epoch, sequence)
			if at = (protocol.Position{Sequence: sequence, Chain: chain}); err != nil {
				return fmt.Errorf("bring epoch %s: %w", epoch, err)
			}
		}
		if err := a.ledger.EndTail(epoch, at); err != nil {
			return fmt.Errorf("bring epoch %s: %w", epoch, err)
		}
		if at != e.Position {
			return a.load() // what waits for a person is not shown
		}
		a.tails.shown = true
		a.tails.pending -= min(a.tails.pending, e.Position.Sequence-e.Through.Sequence)
	}
	return nil
}

func (a *Agent) nextTail(why string) {
	a.tails.left, a.tails.first = a.tails.left[1:], nil
	a.endTail(why)
}

func (a *Agent) endTail(why string) {
	a.tails.courier = nil
	if a.port != nil {
		a.port.Close(protocol.Bye{Code: protocol.ByeShutdown, Text: why})
	}
}
