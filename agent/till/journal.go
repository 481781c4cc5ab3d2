package till

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

func (t *till) operations(ctx context.Context, in *listInput) (*listOutput, error) {
	out := &listOutput{}
	err := t.ask(ctx, func(a *agent.Agent) (err error) {
		out.Body, err = t.listed(a, in.Limit, in.Cursor)
		return err
	})
	return out, err
}

func (t *till) operation(ctx context.Context, in *oneInput) (*operationOutput, error) {
	epoch, sequence, ours := cutOperation(t.Location, in.ID)
	if !ours {
		return nil, t.noOperation(in.ID)
	}
	out := &operationOutput{}
	err := t.ask(ctx, func(a *agent.Agent) error {
		record, ok, err := a.Find(stock.OperationID{Agent: t.Location, Epoch: epoch, Sequence: sequence})
		switch {
		case err != nil:
			return fmt.Errorf("look up %s: %w", in.ID, err)
		case !ok:
			return t.noOperation(in.ID)
		}
		out.Body, err = t.operationRecord(a, record)
		return err
	})
	return out, err
}

func (t *till) noOperation(id string) error {
	return api.NewProblem(api.CodeNotFound, "this store's ledger has no operation "+id+"; its ids look like "+t.Location+".k3f9.123")
}

// admit takes what a person decided of an operation of which, after a fork, nobody
// can tell whether the hub has it.
func (t *till) admit(ctx context.Context, in *admitInput) (*operationOutput, error) {
	epoch, sequence, ours := cutOperation(t.Location, in.ID)
	if !ours {
		return nil, t.noOperation(in.ID)
	}
	out := &operationOutput{}
	err := t.ask(ctx, func(a *agent.Agent) error {
		now, err := a.Admit(stock.OperationID{Agent: t.Location, Epoch: epoch, Sequence: sequence}, in.Body.Decision == "send")
		switch {
		case errors.Is(err, agent.ErrNotFound):
			return t.noOperation(in.ID)
		case errors.Is(err, agent.ErrNotQuarantined):
			return api.NewProblem(api.CodeNotAllowed, in.ID+" waits for nobody's decision")
		case err != nil:
			return t.notRecorded(ctx, err)
		}
		record, _, err := a.Find(now)
		if err == nil {
			out.Body, err = t.operationRecord(a, record)
		}
		return errors.Join(err, a.Follow())
	})
	return out, err
}

// listed is one page of the ledger, newest first.
func (t *till) listed(a *agent.Agent, limit int, cursor string) (page api.Page[api.OperationRecord], err error) {
	var before uint64
	if cursor != "" {
		if before, err = strconv.ParseUint(cursor, 10, 63); err != nil {
			return page, badCursor()
		}
	}
	records, next, err := a.Ledger().List(ledger.Cursor(before), limit)
	if err != nil {
		return page, fmt.Errorf("list operations: %w", err)
	}
	page.Data = make([]api.OperationRecord, len(records))
	for i := range records {
		if page.Data[i], err = t.operationRecord(a, records[i]); err != nil {
			return page, err
		}
	}
	if len(records) == limit && next != 0 {
		page.NextCursor = strconv.FormatUint(uint64(next), 10)
	}
	return page, nil
}

// operationRecord is one operation as its bytes say, and what the hub made of it.
func (t *till) operationRecord(a *agent.Agent, r ledger.Record) (api.OperationRecord, error) {
	id := stock.OperationID{Agent: t.Location, Epoch: r.Epoch, Sequence: r.Sequence}.String()
	op, err := protocol.DecodeOperation(r.Bytes)
	if err != nil {
		return api.OperationRecord{}, fmt.Errorf("read operation %s: %w", id, err)
	}
	outcomes, err := a.Ledger().Outcomes(r.Epoch, r.Sequence)
	if err != nil {
		return api.OperationRecord{}, fmt.Errorf("read outcomes of %s: %w", id, err)
	}
	out := api.OperationRecord{ID: id, Sequence: r.Sequence, Kind: r.Kind, At: time.UnixMilli(op.At).UTC(), Receipt: op.Receipt, Till: op.Till,
		Document: op.Document, Reverses: op.Reverses, Was: op.Was, Lines: make([]api.OperationLine, len(op.Lines)), State: "pending"}
	switch {
	case r.Settled:
		out.State = "settled"
	case r.Quarantined:
		out.State = "quarantined"
	}
	for i := range op.Lines {
		out.Lines[i] = operationLine(&op.Lines[i], op.Reverses != "")
		if r.Settled {
			out.Lines[i].Effect = effectOf(outcomes, i+1)
		}
	}
	for i := range outcomes {
		out.Outcomes = append(out.Outcomes, outcomeOf(t.Location, &outcomes[i]))
	}
	return out, nil
}

func operationLine(l *stock.Line, undone bool) api.OperationLine {
	out := api.OperationLine{Kind: l.Kind.String(), Item: l.Code(), Quantity: api.Of(l.Quantity), Reservation: l.Reservation,
		ReservationLine: l.ReservationLine, Reason: l.Reason, ApprovedBy: l.Approved, Of: l.Of, Location: l.Location}
	if l.Scanned != l.Code() {
		out.Scanned = l.Scanned
	}
	if l.Kind.Moves() {
		from, to, q := l.Legs(undone)
		out.From, out.To, out.Quantity = from.String(), to.String(), api.Of(q)
	}
	return out
}

// effects is what an outcome means for the goods of a line; after the others
// they moved.
var effects = map[stock.OutcomeCode]string{
	stock.Parked: "parked", stock.Quarantined: "quarantined", stock.Service: "ignored",
	stock.TooLate: "too_late", stock.NotConfirmed: "ignored", stock.RecountNeeded: "recount",
}

// effectOf is what became of a line, counted from 1, that the hub has applied.
func effectOf(outcomes []stock.Outcome, line int) string {
	for _, o := range outcomes {
		if effect, ok := effects[o.Code]; ok && (o.Line == line || o.Line == 0) {
			return effect
		}
	}
	return "applied"
}

func outcomeOf(location string, o *stock.Outcome) api.Outcome {
	return api.Outcome{Operation: stock.OperationID{Agent: location, Epoch: o.Epoch, Sequence: o.Sequence}.String(), Line: int64(o.Line),
		Effect: o.Code.String(), Detail: o.Text}
}
