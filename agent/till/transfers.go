package till

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

type (
	dispatchBody struct {
		api.Dispatch
		received []byte
	}
	arrivalBody struct {
		api.Arrival
		received []byte
	}
	closingBody struct {
		api.TransferClosing
		received []byte
	}
	dispatchInput struct {
		Keyed
		Body dispatchBody
	}
	arrivalInput struct {
		Keyed
		Body arrivalBody
	}
	closingInput struct {
		Keyed
		ID   string `path:"id" maxLength:"256" doc:"The transfer" example:"S014.k3f9.123"`
		Body closingBody
	}
	transfersInput struct {
		api.Paging
	}
	transfersOutput struct{ Body api.Page[api.Transfer] }
)

func (b *dispatchBody) UnmarshalJSON(raw []byte) error {
	return receive(raw, &b.Dispatch, &b.received)
}
func (b *arrivalBody) UnmarshalJSON(raw []byte) error { return receive(raw, &b.Arrival, &b.received) }
func (b *closingBody) UnmarshalJSON(raw []byte) error {
	return receive(raw, &b.TransferClosing, &b.received)
}

func (t *till) routeTransfers(s *serve.Server) {
	tagged := func(r serve.Route) serve.Route {
		r.Tag = "transfers"
		return r
	}
	serve.Handle(s, tagged(posting("/v1/transfers", "Send goods to another location", "The answer's operation is the transfer's id: print it on the slip. Undone like any operation, as long as nothing has arrived.")), t.dispatch)
	serve.Handle(s, tagged(serve.Route{Method: http.MethodGet, Path: "/v1/transfers", Summary: "Open transfers from, to or at this store",
		Detail:   "As the hub has told of them; what has arrived here since is taken away, and what was sent since is there with since_ms 0.",
		Problems: []api.Code{api.CodeUnavailable}}), t.transfers)
	serve.Handle(s, tagged(posting("/v1/arrivals", "Record goods of a transfer that have come", "Here or anywhere, also back home; the papers may be late.")), t.arrive)
	serve.Handle(s, tagged(posting("/v1/transfers/{id}/close", "Say that nothing more is to come of a transfer", "What is still in transit is booked to variance.", api.CodeNotFound)), t.closeTransfer)
}

func (t *till) dispatch(ctx context.Context, in *dispatchInput) (*recordedOutput, error) {
	b := &in.Body
	return t.record(ctx, act{kind: "dispatch", path: "/v1/transfers", key: in.Key, received: b.received, field: lineField,
		operation: stock.Operation{At: claimed(b.At), Document: b.Document, Lines: transferLines(b.Lines, stock.Line{Kind: stock.Dispatch, Location: b.To})}})
}

func (t *till) arrive(ctx context.Context, in *arrivalInput) (*recordedOutput, error) {
	b := &in.Body
	a := act{kind: "arrival", path: "/v1/arrivals", key: in.Key, received: b.received, field: lineField,
		operation: stock.Operation{At: claimed(b.At), Document: b.Document, Lines: transferLines(b.Lines, stock.Line{Kind: stock.Arrive, Location: b.From, Of: b.Transfer})}}
	if t.ownOperation(b.Transfer) {
		a.refers = []string{b.Transfer}
	}
	return t.record(ctx, a)
}

// transferLines are the lines of one leg; each is like the one given.
func transferLines(asked []api.TransferLine, like stock.Line) []stock.Line {
	lines := make([]stock.Line, len(asked))
	for i, l := range asked {
		lines[i] = like
		lines[i].Scanned, lines[i].Quantity, lines[i].Account, lines[i].Reason = l.Item, l.Quantity.Stock(), adjusts[l.Disposition], l.Reason
	}
	return lines
}

func (t *till) closeTransfer(ctx context.Context, in *closingInput) (*recordedOutput, error) {
	return t.record(ctx, act{kind: "close_transfer", path: "/v1/transfers/" + in.ID + "/close", key: in.Key, received: in.Body.received, transfer: in.ID,
		operation: stock.Operation{Lines: []stock.Line{{Reason: in.Body.Reason}}}})
}

// transfers lists a page. The cursor names the last transfer of the page before.
func (t *till) transfers(ctx context.Context, in *transfersInput) (*transfersOutput, error) {
	last, err := base64.RawURLEncoding.DecodeString(in.Cursor)
	if err != nil {
		return nil, badCursor()
	}
	var lines []stock.StoreTransfer
	if err := t.ask(ctx, func(a *agent.Agent) error {
		lines = a.Transfers()
		return nil
	}); err != nil {
		return nil, err
	}
	page := api.Page[api.Transfer]{Data: []api.Transfer{}}
	from := slices.IndexFunc(lines, func(l stock.StoreTransfer) bool { return l.ID > string(last) })
	if from < 0 {
		from = len(lines)
	}
	for _, l := range lines[from:] {
		n := len(page.Data)
		if n == 0 || page.Data[n-1].ID != l.ID {
			if n == in.Limit {
				page.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(page.Data[n-1].ID))
				break
			}
			page.Data = append(page.Data, api.Transfer{ID: l.ID, From: l.From, Dispatched: l.Dispatched, SinceMS: l.Since})
			n++
		}
		one := &page.Data[n-1]
		one.Lines = append(one.Lines, api.TransitLine{At: l.At, Item: l.Item, Disposition: l.Account.String(), Quantity: api.Of(l.Quantity)})
	}
	return &transfersOutput{page}, nil
}
