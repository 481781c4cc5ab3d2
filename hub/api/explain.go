package api

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/protocol"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) explain(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/explain", Tag: "journal", Summary: "One number taken apart: opening balance, every change, closing balance",
		Detail: "The opening balance is that of the newest image of the state, or of the last one before from; where none is so old, of the oldest there is. Opening plus all changes is closing, " +
			"part by part, and closing is the level at position. The pages of one explanation lead to one position.",
		Problems: []shapes.Code{shapes.CodeNotFound, shapes.CodeBehind, shapes.CodeBeyondHorizon, shapes.CodeOtherIncarnation, shapes.CodeInternal}}, r.getExplanation)
}

type explainInput struct {
	Reading
	shapes.Paging
	Location string `query:"location" required:"true" example:"S014"`
	Item     string `query:"item" required:"true" example:"85123A"`
	From     string `query:"from" doc:"A position or a time (RFC 3339): begin at the last image before it" example:"7.900000"`
}

type explainOutput struct{ Body shapes.Explanation }

func (r routes) getExplanation(ctx context.Context, in *explainInput) (*explainOutput, error) {
	state, err := r.state(ctx, in.Reading)
	if err != nil {
		return nil, err
	}
	if _, ok := state.Location(in.Location); !ok {
		return nil, shapes.NewProblem(shapes.CodeNotFound, "no location has the code "+in.Location)
	}
	if _, ok := state.ItemNo(in.Item); !ok {
		return nil, shapes.NewProblem(shapes.CodeNotFound, "no item has the code "+in.Item)
	}
	question := hub.Explained{Location: in.Location, Item: in.Item, To: state.Index(), Limit: in.Limit}
	if err := in.from(state, &question); err != nil {
		return nil, err
	}
	x, err := r.hub.Explain(ctx, question)
	if err != nil {
		return nil, r.pastProblem(err)
	}
	return &explainOutput{explanationShape(state, &question, x)}, nil
}

// from reads where the explanation begins, and from a cursor where it ends.
func (in *explainInput) from(state *stock.State, question *hub.Explained) error {
	if in.Cursor != "" {
		to, skip, ok := strings.Cut(in.Cursor, "-")
		index, err := readCursor(to, 64)
		after, err2 := readCursor(skip, 31)
		if !ok || to == "" || errors.Join(err, err2) != nil {
			return shapes.Invalid(shapes.FieldError{Path: "query.cursor", Message: "is not a cursor this server gave"})
		}
		question.To, question.Skip = index, int(after)
	}
	var err error
	question.From, question.FromTime, err = fromIn(state, in.From)
	return err
}

// fromIn reads a place in the past: a position, a time, or neither.
func fromIn(state *stock.State, text string) (index uint64, at time.Time, err error) {
	if text == "" {
		return 0, at, nil
	}
	if at, err = time.Parse(time.RFC3339, text); err == nil {
		return 0, at, nil
	}
	index, err = indexIn(state, "query.from", text)
	return max(index, 1), time.Time{}, err // nothing was ever before the first entry
}

// pastProblem says why the past cannot be shown.
func (r routes) pastProblem(err error) error {
	switch {
	case errors.Is(err, hub.ErrBeyondHorizon):
		state := r.hub.Board().State()
		return shapes.NewProblem(shapes.CodeBeyondHorizon, "the journal of this node begins at "+positionAt(state.Incarnation(), r.hub.Journal().Horizon())+
			", and what leads on from an image begins later: ask another node, or for less")
	case errors.Is(err, hub.ErrAhead):
		problem := shapes.NewProblem(shapes.CodeBehind, "this node stands at "+position(r.hub.Board().State()))
		problem.RetryAfterS = retrySeconds
		return problem
	case errors.Is(err, hub.ErrDiffers):
		return shapes.NewProblem(shapes.CodeInternal, "the journal of this node leads to another state than its log: keep its data folder and ask another node")
	}
	return err
}

func explanationShape(state *stock.State, question *hub.Explained, x *hub.Explanation) shapes.Explanation {
	shape := shapes.Explanation{Location: question.Location, Item: question.Item, Before: balanceShape(x.Before), Count: int64(x.Count),
		Closing: balanceShape(x.Closing), Position: positionAt(state.Incarnation(), question.To), Totals: []shapes.ExplainedKind{},
		Opening: shapes.ExplainedFrom{Position: positionAt(state.Incarnation(), x.From.Index), Wall: time.UnixMilli(x.From.At).UTC(), Balance: balanceShape(x.Opening)}}
	shape.Data = []shapes.ExplainedChange{}
	for _, total := range x.Kinds {
		shape.Totals = append(shape.Totals, shapes.ExplainedKind{Kind: total.Kind, Changes: int64(total.Changes), Change: balanceShape(total.By)})
	}
	for i := range x.Changes {
		shape.Data = append(shape.Data, changeShape(state, question, &x.Changes[i]))
	}
	if through := question.Skip + len(x.Changes); through < x.Count {
		shape.NextCursor = cursorAt(question.To) + "-" + cursorAt(uint64(through))
	}
	return shape
}

func changeShape(state *stock.State, question *hub.Explained, c *hub.Changed) shapes.ExplainedChange {
	shape := shapes.ExplainedChange{Change: balanceShape(hub.Difference(c.Before, c.After)), After: balanceShape(c.After)}
	if c.Operation != nil {
		shape.JournalRecord = operationRecord(c.Operation, c.Operation.ID.Agent, c.Outcomes)
		shape.Kind, shape.Operation = "operation", c.Operation.ID.String()
	} else if records := commandRecords(c.Command, &protocol.AppliedResult{Code: c.Code, Outcomes: c.Outcomes}); len(records) == 1 {
		shape.JournalRecord = records[0]
	} else {
		shape.JournalRecord.Kind = c.Kind
	}
	shape.Position, shape.Wall = positionAt(state.Incarnation(), c.Index), time.UnixMilli(c.Wall).UTC()
	var lines []shapes.OperationLine
	for _, line := range shape.Lines {
		if line.Item == question.Item {
			lines = append(lines, line)
		}
	}
	shape.Lines = lines
	shape.Why = whyOf(c)
	for _, settled := range c.Conflicts {
		shape.Conflicts = append(shape.Conflicts, conflictShape(state, settled.No, settled.Conflict))
	}
	return shape
}

// whyOf are sentences for what went oddly.
func whyOf(c *hub.Changed) (why []string) {
	for _, o := range c.Outcomes {
		said, ok := sentences[o.Code]
		if !ok {
			said = o.Code.String()
		}
		if o.Line > 0 {
			said = "line " + strconv.Itoa(o.Line) + ": " + said
		}
		why = append(why, said)
	}
	if c.ClosedPast {
		why = append(why, "closed_past: it was written before the last count, which has found or missed these goods; they are booked against variance")
	}
	if _, tick := c.Command.(*stock.Tick); tick {
		why = append(why, "expired: a hold was over")
	}
	for _, settled := range c.Conflicts {
		said := "conflict: " + settled.Quantity.String() + " of reservation " + settled.Reservation + ": " + settled.Remedy.String()
		why = append(why, said)
	}
	return why
}

// sentences say what an outcome means for the level.
var sentences = map[stock.OutcomeCode]string{
	stock.Parked:           "parked: nobody knew the item; nothing moved until it is mapped",
	stock.Quarantined:      "quarantined: kept with its bytes, nothing moved",
	stock.Service:          "service: not stock",
	stock.TooLate:          "too_late: the claim had ended; the store puts the goods back",
	stock.LatePick:         "late_pick: the goods left for a claim that had ended",
	stock.PickedTwice:      "picked_twice: the goods left again for a claim already fulfilled",
	stock.NotConfirmed:     "not_confirmed: set aside before an order stood behind it",
	stock.RecountNeeded:    "recount: the hub knew of movements that the counter did not; nothing moved, and the store counts again",
	stock.UnknownLocation:  "unknown_location: the goods left for a place that nobody knows, and are in transit here",
	stock.DuplicateArrival: "duplicate_arrival: the transfer was over; the goods are booked from variance",
	stock.Mapped:           "mapped: a parked line was applied once its code was known",
	stock.Admitted:         "admitted: a person let in what had been quarantined",
	stock.Untracked:        "untracked: the transfer could not be followed; booked from or to variance",
}

func balanceShape(b stock.Balance) shapes.Balance {
	return shapes.Balance{Sellable: shapes.Of(b.Sellable), Damaged: shapes.Of(b.Damaged), ReturnPending: shapes.Of(b.ReturnPending), InTransit: shapes.Of(b.InTransit),
		OnHand: shapes.Of(b.OnHand()), Claims: shapes.Of(b.Claims), Staged: shapes.Of(b.Staged), AheadOfPapers: shapes.Of(b.Ahead)}
}
