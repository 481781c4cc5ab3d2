package api

import (
	"context"

	"github.com/shelfsync/shelfsync/protocol"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) movements(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "POST", Path: "/v1/movements", Tag: "movements", Status: 201,
		Summary:  "Facts for a location without an agent, corrections, opening balances",
		Problems: []shapes.Code{shapes.CodeNotFound, shapes.CodeWrongWriter, shapes.CodeTooLarge, shapes.CodeDocumentReused}}, r.postMovements)
}

type movementsInput struct{ Body shapes.Movements }

type movementsOutput struct {
	Status int
	Body   struct {
		Document string           `json:"document"`
		Transfer string           `json:"transfer,omitempty" doc:"Names what the document dispatches: print it on the slip" example:"wms/GRN-2026-001"`
		Position string           `json:"position" doc:"Where it took effect; repeated, where it first did"`
		Outcomes []shapes.Outcome `json:"outcomes,omitempty" doc:"Only what did not go plainly"`
	}
}

func (r routes) postMovements(ctx context.Context, in *movementsInput) (*movementsOutput, error) {
	command, err := documentCommand(ctx, &in.Body)
	if err != nil {
		return nil, err
	}
	result, _, err := r.do(ctx, command)
	if err != nil {
		return nil, err
	}
	switch result.Code {
	case stock.NotFound:
		return nil, shapes.Invalid(shapes.FieldError{Path: "body.location", Message: "no location has the code " + in.Body.Location})
	case stock.Reused:
		return nil, shapes.NewProblem(shapes.CodeDocumentReused, "document "+in.Body.Document+" was booked before with other lines; nothing was booked now")
	case stock.WrongWriter:
		return nil, shapes.NewProblem(shapes.CodeWrongWriter, "a store's agent writes "+in.Body.Location+": only adjustments may be added here")
	}
	out := &movementsOutput{Status: 201}
	if result.Code == stock.Repeated {
		out.Status = 200
	}
	out.Body.Document = in.Body.Document
	if in.Body.Dispatches() {
		out.Body.Transfer = stock.DocumentTransfer(in.Body.Source, in.Body.Document)
	}
	out.Body.Position = positionAt(r.hub.Board().State().Incarnation(), result.At)
	for _, o := range result.Outcomes {
		out.Body.Outcomes = append(out.Body.Outcomes, shapes.Outcome{Operation: in.Body.Document, Line: int64(o.Line), Effect: o.Code.String(), Detail: o.Text})
	}
	return out, nil
}

func documentCommand(ctx context.Context, body *shapes.Movements) (*stock.Document, error) {
	command := &stock.Document{Source: body.Source, Location: body.Location,
		Operation: stock.Operation{Document: body.Document, Correlation: serve.TraceID(ctx)}}
	if !body.At.IsZero() {
		command.Operation.At = body.At.UnixMilli()
	}
	command.Operation.Lines = movementLines(body.Lines)
	if _, err := protocol.EncodeOperation(&command.Operation); err != nil {
		return nil, shapes.NewProblem(shapes.CodeTooLarge, err.Error()+": split the document")
	}
	return command, nil
}

func movementLines(shapes []shapes.MovementLine) []stock.Line {
	lines := make([]stock.Line, len(shapes))
	for i, line := range shapes {
		kind, _ := stock.ParseKind(line.Movement)
		account, _ := stock.ParseAccount(line.Account)
		if account == stock.NoAccount && (kind == stock.Adjust || kind == stock.Return || kind.Transfers()) {
			account = stock.Sellable
		}
		lines[i] = stock.Line{Kind: kind, Scanned: line.Item, Quantity: line.Quantity.Stock(), Account: account,
			Reason: line.Reason, Approved: line.ApprovedBy, Of: line.Of, Location: line.Other}
	}
	return lines
}
