package agent

import (
	"errors"
	"fmt"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/sync/session"
)

// tails are the epochs that are over and that a hub of another incarnation may
// lack in part: they go up before the present one, one after the other, each over
// a connection of its own.
type tails struct {
	left        []History
	incarnation uint64   // for which they go up, or went
	courier     *Courier // of the first of them, while there is a connection
}

// rebased is told that the hub is another one; true if tails go up first.
func (a *Agent) rebased(hub protocol.HubPosition) bool {
	if a.tails.incarnation == hub.Incarnation {
		return false
	}
	a.tails.incarnation = hub.Incarnation
	epochs := a.ledger.Epochs()
	for _, e := range epochs[:len(epochs)-1] {
		if e.Through.Sequence > 0 {
			a.tails.left = append(a.tails.left, a.historyOf(e.Name, e.Pruned, e.Through))
		}
	}
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
		a.nextTail(err.Error())
	case err != nil:
		return true, fmt.Errorf("bring epoch %s: %w", a.tails.left[0].Epoch, err)
	case c.Outcome() != nil:
		a.nextTail("epoch " + c.Outcome().Epoch + " is whole at the hub")
	case c.Ended():
		again, err := c.Again()
		if err != nil {
			a.nextTail(err.Error())
			break
		}
		a.tails.left[0] = again
		a.endTail("the hub has another history of an epoch that is over")
	}
	return true, nil
}

func (a *Agent) nextTail(why string) {
	a.tails.left = a.tails.left[1:]
	a.endTail(why)
}

func (a *Agent) endTail(why string) {
	a.tails.courier = nil
	if a.port != nil {
		a.port.Close(protocol.Bye{Code: protocol.ByeShutdown, Text: why})
	}
}
