package agent

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// resolve writes into the operation whatever depends on the store's catalogue,
// view or ledger, so that nobody has to look it up again.
func (a *Agent) resolve(request *Request, op *stock.Operation, sequence uint64) error {
	switch {
	case op.Reverses != "":
		return a.resolveReverse(op)
	case request.Count != nil:
		return a.resolveCount(request, op, sequence)
	case request.Close != "":
		return a.resolveClose(request.Close, op)
	case request.Claim != nil:
		return a.resolveClaim(request.Claim, op)
	case request.Task != "":
		task, ok := a.view.Task(request.Task)
		if !ok {
			return ErrNoTask
		}
		op.Lines = []stock.Line{{Kind: stock.Done, Scanned: task.Item, Item: task.Item, Quantity: task.Quantity, Of: request.Task}}
		return nil
	}
	op.Lines = append([]stock.Line(nil), op.Lines...)
	for i := range op.Lines {
		line := &op.Lines[i]
		if line.Kind == stock.Dispatch && line.Location == a.config.Location {
			return ErrToItself
		}
		item, factor, known := a.view.Resolve(line.Scanned)
		if known {
			line.Item = item.Code
		}
		if line.Kind == stock.Return && line.Account == stock.NoAccount { // the till left it to the policy
			line.Account, op.Policy = a.view.ReturnsTo(line.Code())
		}
		if !known {
			if a.view.Known(line.Scanned) {
				line.Item = line.Scanned
			}
			continue
		}
		if line.Quantity > stock.MaxQuantity/stock.Quantity(factor) || line.Quantity < -stock.MaxQuantity/stock.Quantity(factor) {
			return fmt.Errorf("line %d: %w", i+1, ErrBeyondLimit)
		}
		line.Quantity *= stock.Quantity(factor)
		a.resolveClaimLine(line)
	}
	return nil
}

// resolveClaimLine names the claim that a sale hands over, where the till gave
// only the reservation: the first of that item which is open here.
func (a *Agent) resolveClaimLine(line *stock.Line) {
	if line.Reservation == "" || line.ReservationLine != "" {
		return
	}
	for _, c := range a.view.Claims(line.Reservation) {
		if c.Item == line.Item {
			line.ReservationLine = c.Line
			return
		}
	}
}

// resolveReverse takes the lines of the operation to undo, where that is allowed.
func (a *Agent) resolveReverse(op *stock.Operation) error {
	id, ok := a.parseID(op.Reverses)
	if !ok {
		return ErrNotFound
	}
	record, ok, err := a.ledger.BySequence(id.Epoch, id.Sequence)
	if err != nil {
		return a.fail("look up "+op.Reverses, err)
	}
	if !ok {
		return ErrNotFound
	}
	if record.Quarantined {
		return ErrQuarantined
	}
	undone, err := protocol.DecodeOperation(record.Bytes)
	if err != nil {
		return fmt.Errorf("look up %s: %w", op.Reverses, err)
	}
	if undone.Reverses != "" {
		return ErrNotReversible
	}
	for i := range undone.Lines {
		if undone.Lines[i].Reservation != "" {
			return ErrNotReversible
		}
	}
	if err := a.unreferred(op.Reverses); err != nil {
		return err
	}
	if err := a.stillUndoable(id, &undone); err != nil {
		return err
	}
	if undone.Was != "" { // what others know it by
		op.Reverses = undone.Was
	}
	op.Receipt, op.Till, op.Lines = undone.Receipt, undone.Till, undone.Lines
	return nil
}

func (a *Agent) unreferred(id string) error {
	by, err := a.ledger.ReferredBy(id)
	if err != nil {
		return a.fail("look up what refers to "+id, err)
	}
	for _, other := range by {
		record, ok, err := a.ledger.BySequence(other.Epoch, other.Sequence)
		if err != nil {
			return a.fail("look up what refers to "+id, err)
		}
		if ok && record.Kind == "reverse" {
			return ErrReversed
		}
	}
	if len(by) > 0 {
		return ErrReferred
	}
	return nil
}

// parseID reads an operation id of this agent.
func (a *Agent) parseID(id string) (stock.OperationID, bool) {
	rest, ok := strings.CutPrefix(id, a.config.Location+".")
	epoch, number, cut := strings.Cut(rest, ".")
	sequence, err := strconv.ParseUint(number, 10, 64)
	return stock.OperationID{Agent: a.config.Location, Epoch: epoch, Sequence: sequence}, ok && cut && err == nil
}

// resolveClaim writes one line for each claim of a reservation that the step is
// about.
func (a *Agent) resolveClaim(step *ClaimStep, op *stock.Operation) error {
	for _, c := range a.view.Claims(step.Reservation) {
		if step.Line != "" && step.Line != c.Line || !stepApplies(step.Kind, c.State) {
			continue
		}
		q := c.Quantity
		if step.Quantity > 0 {
			q = step.Quantity
		}
		if q > c.Quantity {
			return ErrTooMuch
		}
		op.Lines = append(op.Lines, stock.Line{Kind: step.Kind, Scanned: c.Item, Item: c.Item, Quantity: q, Reservation: c.Reservation, ReservationLine: c.Line})
	}
	switch {
	case len(op.Lines) == 0:
		return ErrNotFound
	case len(op.Lines) > 1 && step.Quantity > 0:
		return ErrAmbiguous
	}
	return nil
}

func stepApplies(kind stock.Kind, state stock.ClaimState) bool {
	switch kind {
	case stock.Stage:
		return state == stock.Confirmed
	case stock.Unstage:
		return state == stock.Staged
	}
	return state.Open()
}
