// Package serve is what both programs share to serve HTTP: set-up of the
// standard mux with OpenAPI 3.1, problems, request ids, limits, streams,
// metrics, configuration and logging.
//
// Promise: whatever arrives, the answer is what was registered for it or an
// application/problem+json that says what was wrong and where; a body reaches
// its handler only if every fault it could have without the state was looked
// for. Nothing here knows what stock is.
//
// Owner: a Server belongs to the program that made it. Routes are registered
// before the first request; after that a Server is only read, so it has no lock.
//
// Flow of a request: request id and trace, host allow-list, cross-origin
// check, the standard mux, then for a described route: body limit, content
// type, JSON syntax, schema, the body's own Validate, the handler. A panic
// anywhere below becomes a logged stack and a 500.
//
// Another package registers a route without ever importing huma:
//
//	type saleInput struct {
//		Key  string `header:"Idempotency-Key"`
//		Body api.Sale
//	}
//	type saleOutput struct {
//		Replayed string `header:"Idempotency-Replayed"`
//		Body     api.Recorded
//	}
//
//	serve.Handle(s, serve.Route{
//		Method: "POST", Path: "/v1/sales", Status: 201,
//		Summary: "Record a sale", Tag: "operations",
//	}, func(ctx context.Context, in *saleInput) (*saleOutput, error) {
//		recorded, err := till.Sell(ctx, in.Body)
//		if err != nil {
//			return nil, err // an *api.Problem is written as it is, anything else is a logged 500
//		}
//		return &saleOutput{Body: recorded}, nil
//	})
//
// Streams, pages and the WebSocket are plain handlers: Server.Raw, Server.Page.
package serve
