package api

import (
	"context"

	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) transfers(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/transfers", Tag: "movements", Summary: "Open transfers, oldest first",
		Detail: "Goods on their way, and goods that arrived ahead of their papers.", Problems: []shapes.Code{shapes.CodeNotFound}}, r.listTransfers)
	serve.Handle(s, serve.Route{Method: "POST", Path: "/v1/transfers/{id}/close", Tag: "movements", Summary: "Nothing more is to come of a transfer",
		Detail: "What is still in transit is booked to variance. A document's id holds a slash, written %2F.", Problems: []shapes.Code{shapes.CodeNotFound, shapes.CodeUnavailable, shapes.CodeBusy}}, r.closeTransfer)
}

type transfersInput struct {
	Reading
	shapes.Paging
	Location string `query:"location" doc:"Only those from, to or at this location" example:"S014"`
}

type transfersOutput struct {
	Body struct {
		shapes.Page[shapes.Transfer]
		Position string `json:"position"`
	}
}

func (r routes) listTransfers(ctx context.Context, in *transfersInput) (*transfersOutput, error) {
	state, err := r.state(ctx, in.Reading)
	if err != nil {
		return nil, err
	}
	from, err := pageAfter(in.Cursor)
	if err != nil {
		return nil, err
	}
	concerns := func(*stock.Transfer) bool { return true }
	if in.Location != "" {
		l, ok := state.Location(in.Location)
		if !ok {
			return nil, shapes.NewProblem(shapes.CodeNotFound, "no location has the code "+in.Location)
		}
		concerns = func(t *stock.Transfer) bool { return t.Concerns(l.No) }
	}
	out := &transfersOutput{}
	out.Body.Position = position(state)
	out.Body.Data = []shapes.Transfer{}
	for no, t := range state.TransfersFrom(uint32(from)) {
		if !concerns(t) {
			continue
		}
		if len(out.Body.Data) == in.Limit {
			out.Body.NextCursor = cursorAt(uint64(no))
			break
		}
		out.Body.Data = append(out.Body.Data, transferShape(state, t))
	}
	return out, nil
}

func transferShape(state *stock.State, t *stock.Transfer) shapes.Transfer {
	shape := shapes.Transfer{ID: t.ID, Dispatched: t.Dispatched, SinceMS: t.Since, Aged: t.Aged()}
	for _, line := range state.StoreTransfers(t) {
		shape.From = line.From
		shape.Lines = append(shape.Lines, shapes.TransitLine{At: line.At, Item: line.Item, Disposition: line.Account.String(), Quantity: shapes.Of(line.Quantity)})
	}
	return shape
}

type closingInput struct {
	ID   string `path:"id" maxLength:"256" doc:"The transfer" example:"S014.k3f9.123"`
	Body shapes.TransferClosing
}

type closingOutput struct {
	Body struct {
		ID       string `json:"id"`
		Position string `json:"position" doc:"Where it was closed"`
	}
}

func (r routes) closeTransfer(ctx context.Context, in *closingInput) (*closingOutput, error) {
	result, index, err := r.do(ctx, &stock.EndTransfer{ID: in.ID, Reason: in.Body.Reason})
	if err != nil {
		return nil, err
	}
	if result.Code == stock.NotFound {
		return nil, shapes.NewProblem(shapes.CodeNotFound, "no transfer "+in.ID+" is open: it may be over already")
	}
	out := &closingOutput{}
	out.Body.ID, out.Body.Position = in.ID, positionAt(r.hub.Board().State().Incarnation(), index)
	return out, nil
}
