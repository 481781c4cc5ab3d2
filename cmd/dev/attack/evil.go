package attack

import (
	"context"
	"errors"
	"fmt"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// The attacker as an agent: it is the writer of its own location, and speaks
// every frame well until the one that matters.
const (
	evilInstallation = "attacker"
	evilEpoch        = "evil"
	evilOperations   = 3 // that its location holds before the attacks
)

// evilHello is a Hello without fault.
func evilHello() *protocol.Hello {
	return &protocol.Hello{Version: protocol.FrameVersion, Role: protocol.RoleAgent, Agent: storeEvil, Installation: evilInstallation,
		Epoch: evilEpoch, Position: protocol.Position{Sequence: 1 << 32}, Feature: protocol.FeatureLevel, Program: "attack"}
}

// but is evilHello with one change.
func but(change func(*protocol.Hello)) *protocol.Hello {
	hello := evilHello()
	change(hello)
	return hello
}

// greeted says Hello and waits for the answer.
func greeted(hello *protocol.Hello) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		s, refused, err := w.open(ctx, nil)
		if err != nil || refused != "" {
			return refused, err
		}
		s.send(message(protocol.EncodeFrame(hello)))
		return s.welcomed()
	}
}

// welcomed waits for a Welcome, or for how the connection ends without one.
func (s *socket) welcomed() (string, error) {
	defer s.Close()
	for {
		frame, err := s.next()
		if err != nil {
			return err.Error(), nil
		}
		switch f := frame.(type) {
		case *protocol.Welcome:
			if f.Forked {
				return "welcome, forked", nil
			}
			return "welcome", nil
		case *protocol.Bye:
			return "bye " + f.Code.String(), nil
		}
	}
}

// admitted opens a connection as the writer of the attacker's location.
func (w *world) admitted(ctx context.Context) (*socket, *protocol.Welcome, error) {
	s, refused, err := w.open(ctx, nil)
	if err == nil && refused != "" {
		err = errors.New(refused)
	}
	if err != nil {
		return nil, nil, err
	}
	s.send(message(goodHello))
	frame, err := s.next()
	welcome, ok := frame.(*protocol.Welcome)
	if err == nil && !ok {
		err = fmt.Errorf("a good Hello is answered with %T", frame)
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, welcome, nil
}

// after sends, on an admitted connection, the frames that follow from where it
// stands, and waits for the end.
func after(frames func(at protocol.Position) []protocol.Frame) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		s, welcome, err := w.admitted(ctx)
		if err != nil {
			return "", err
		}
		for _, f := range frames(welcome.Through) {
			s.send(message(protocol.EncodeFrame(f)))
		}
		return s.end(), nil
	}
}

// batchAfter is a good batch.
func batchAfter(at protocol.Position, operations ...[]byte) *protocol.Append {
	batch := &protocol.Append{After: at, Operations: operations, End: at}
	for _, operation := range operations {
		batch.End = protocol.Position{Sequence: batch.End.Sequence + 1, Chain: protocol.NextChain(batch.End.Chain, operation)}
	}
	return batch
}

// adjustment is the bytes of an operation of the attacker's own ledger.
func adjustment(units int64) []byte {
	operation := &stock.Operation{Lines: []stock.Line{{Kind: stock.Adjust, Scanned: itemVictim, Item: itemVictim, Quantity: stock.Quantity(units) * stock.Unit,
		Account: stock.Sellable, Reason: "evil"}}}
	encoded, err := protocol.EncodeOperation(operation)
	if err != nil {
		panic("attack: an operation of one line does not fit: " + err.Error())
	}
	return encoded
}

// taken sends a batch on an admitted connection and waits until it is
// acknowledged.
func acknowledged(operations ...[]byte) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		s, welcome, err := w.admitted(ctx)
		if err != nil {
			return "", err
		}
		batch := batchAfter(welcome.Through, operations...)
		s.send(message(protocol.EncodeFrame(batch)))
		return s.acked(batch.End), nil
	}
}

func (s *socket) acked(end protocol.Position) string {
	defer s.Close()
	for {
		frame, err := s.next()
		if err != nil {
			return err.Error()
		}
		switch f := frame.(type) {
		case *protocol.Ack:
			if f.Through == end {
				return "ack"
			}
		case *protocol.Bye:
			return "bye " + f.Code.String()
		}
	}
}
