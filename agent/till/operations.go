package till

import (
	"context"
	"net/http"

	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

type (
	saleInput struct {
		Keyed
		Body saleBody
	}
	returnInput struct {
		Keyed
		Body returnBody
	}
	inspectionInput struct {
		Keyed
		Body inspectionBody
	}
	deliveryInput struct {
		Keyed
		Body deliveryBody
	}
	damageInput struct {
		Keyed
		Body damageBody
	}
	adjustmentInput struct {
		Keyed
		Body adjustmentBody
	}
	reverseInput struct {
		Keyed
		ID string `path:"id" maxLength:"256" doc:"The operation to undo" example:"S014.k3f9.123"`
	}
)

// posting is the route of a POST that records an operation.
func posting(path, summary, detail string, problems ...api.Code) serve.Route {
	return serve.Route{Method: http.MethodPost, Path: path, Status: http.StatusCreated, Summary: summary, Detail: detail, Tag: "operations",
		Problems: append([]api.Code{api.CodeKeyMissing, api.CodeKeyReused, api.CodeTooLarge, api.CodeWrongContentType, api.CodeStorage}, problems...)}
}

func (t *till) routeOperations(s *serve.Server) {
	serve.Handle(s, posting("/v1/sales", "Record a sale", "Goods out, and in an exchange goods back, as one operation. Answered once it is durable; never refused for stock or for an unknown code. Without a key, till and receipt are the key."), t.sell)
	serve.Handle(s, posting("/v1/returns", "Record a return", "Goods back without goods out. A line without a disposition goes where the policy says for its class; without a policy to return_pending, to be inspected."), t.takeBack)
	serve.Handle(s, posting("/v1/inspections", "Record an inspection", "What became of goods in return_pending."), t.inspect)
	serve.Handle(s, posting("/v1/deliveries", "Record goods in", ""), t.deliver)
	serve.Handle(s, posting("/v1/damages", "Record damage, repair or write-off", ""), t.damage)
	serve.Handle(s, posting("/v1/adjustments", "Correct the record", "Each line says why."), t.adjust)
	serve.Handle(s, posting("/v1/operations/{id}/reverse", "Undo one whole operation", "Once, and only while nothing refers to it.", api.CodeNotFound, api.CodeNotAllowed), t.reverse)
}

func (t *till) sell(ctx context.Context, in *saleInput) (*recordedOutput, error) {
	b := &in.Body
	lines := b.lines()
	return t.record(ctx, act{kind: "sale", path: "/v1/sales", key: in.Key, otherwise: receiptKey(b.Till, b.Receipt), received: b.received,
		operation: stock.Operation{At: claimed(b.At), Receipt: b.Receipt, Till: b.Till, Lines: lines},
		refers:    t.refers(lines), field: b.fieldOf})
}

func (t *till) takeBack(ctx context.Context, in *returnInput) (*recordedOutput, error) {
	b := &in.Body
	lines := returnLines(b.Lines)
	return t.record(ctx, act{kind: "return", path: "/v1/returns", key: in.Key, received: b.received,
		operation: stock.Operation{At: claimed(b.At), Receipt: b.Receipt, Till: b.Till, Lines: lines},
		refers:    t.refers(lines), field: lineField})
}

func (t *till) inspect(ctx context.Context, in *inspectionInput) (*recordedOutput, error) {
	return t.record(ctx, act{kind: "inspection", path: "/v1/inspections", key: in.Key, received: in.Body.received,
		operation: stock.Operation{At: claimed(in.Body.At), Lines: in.Body.lines()}, field: lineField})
}

func (t *till) deliver(ctx context.Context, in *deliveryInput) (*recordedOutput, error) {
	return t.record(ctx, act{kind: "delivery", path: "/v1/deliveries", key: in.Key, received: in.Body.received,
		operation: stock.Operation{At: claimed(in.Body.At), Document: in.Body.Document, Lines: in.Body.lines()}, field: lineField})
}

func (t *till) damage(ctx context.Context, in *damageInput) (*recordedOutput, error) {
	return t.record(ctx, act{kind: "damage", path: "/v1/damages", key: in.Key, received: in.Body.received,
		operation: stock.Operation{At: claimed(in.Body.At), Lines: in.Body.lines()}, field: lineField})
}

func (t *till) adjust(ctx context.Context, in *adjustmentInput) (*recordedOutput, error) {
	return t.record(ctx, act{kind: "adjustment", path: "/v1/adjustments", key: in.Key, received: in.Body.received,
		operation: stock.Operation{At: claimed(in.Body.At), Lines: in.Body.lines()}, field: lineField})
}

func (t *till) reverse(ctx context.Context, in *reverseInput) (*recordedOutput, error) {
	return t.record(ctx, act{kind: "reverse", path: "/v1/operations/" + in.ID + "/reverse", key: in.Key,
		operation: stock.Operation{Reverses: in.ID}, refers: []string{in.ID}})
}
