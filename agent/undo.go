package agent

import (
	"slices"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// stillUndoable says why an operation cannot be undone any more: a later count
// knows what it did, or its goods have arrived.
func (a *Agent) stillUndoable(id stock.OperationID, undone *stock.Operation) error {
	sent := stock.Quantity(0)
	for i := range undone.Lines {
		line := &undone.Lines[i]
		switch line.Kind {
		case stock.Count, stock.Arrive, stock.CloseTransfer:
			return ErrNotUndone
		case stock.Dispatch:
			sent += line.Quantity
		}
		if later, err := a.countedAfter(id, line); err != nil || later {
			return reason(err, ErrCountedSince)
		}
	}
	if sent > 0 && a.arrivedOf(id, undone, sent) {
		return ErrArrived
	}
	return nil
}

func reason(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// countedAfter reports whether a count of a line's item was recorded after an
// operation, earlier in the same commit included.
func (a *Agent) countedAfter(id stock.OperationID, line *stock.Line) (bool, error) {
	if !line.Kind.Moves() {
		return false, nil
	}
	if a.since.counted[line.Code()] {
		return true, nil
	}
	counts, err := a.ledger.ReferredBy(countMark(line.Code()))
	if err != nil {
		return false, a.fail("look up counts of "+line.Code(), err)
	}
	epochs := a.ledger.Epochs()
	order := func(name string) int {
		return slices.IndexFunc(epochs, func(e ledger.EpochHead) bool { return e.Name == name })
	}
	for _, count := range counts {
		if count.Epoch == id.Epoch && count.Sequence > id.Sequence || order(count.Epoch) > order(id.Epoch) {
			return true, nil
		}
	}
	return false, nil
}

// arrivedOf reports whether the store knows that not all goods of its dispatch
// are under way any more.
func (a *Agent) arrivedOf(id stock.OperationID, undone *stock.Operation, sent stock.Quantity) bool {
	name := undone.Was // on the slip, and for the hub
	if name == "" {
		name = id.String()
	}
	if d := a.sent.find(name); d != nil && d.over {
		return true
	}
	lines := a.view.Transfer(name)
	for _, line := range lines {
		sent -= line.Quantity
	}
	head := a.ledger.Head()
	applied := id.Epoch != head.Epoch || id.Sequence <= head.Through.Sequence
	return len(lines) > 0 && sent != 0 || len(lines) == 0 && applied
}

// resolveClose ends a transfer that the store knows of.
func (a *Agent) resolveClose(id string, op *stock.Operation) error {
	if d := a.sent.find(id); len(a.view.Transfer(id)) == 0 && (d == nil || d.over) {
		return ErrNoTransfer
	}
	line := stock.Line{Kind: stock.CloseTransfer, Of: id}
	if len(op.Lines) > 0 {
		line.Reason = op.Lines[0].Reason
	}
	op.Lines = []stock.Line{line}
	return nil
}
