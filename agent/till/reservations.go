package till

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

type (
	stepInput struct {
		Keyed
		ID   string `path:"id" maxLength:"64" doc:"The reservation" example:"web-20261124-0017"`
		Body *stepBody
	}
	claimsInput struct {
		api.Paging
	}
	claimsOutput struct {
		Body api.Page[api.StoreReservation]
	}
	oneInput struct {
		ID string `path:"id" maxLength:"256"`
	}
)

// steps are what a counter does with a claim.
var steps = []struct {
	word    string
	kind    stock.Kind
	summary string
}{
	{"stage", stock.Stage, "Set a confirmed claim aside"},
	{"unstage", stock.Unstage, "Put a claim that was set aside back on the shelf"},
	{"pick", stock.Pick, "Hand a claim over: the goods leave the store"},
	{"cannot_pick", stock.CannotPick, "Say that the goods of a claim are not there"},
}

func (t *till) routeReservations(s *serve.Server) {
	read := func(path, summary string) serve.Route {
		return serve.Route{Method: http.MethodGet, Path: path, Summary: summary, Tag: "reservations", Problems: []api.Code{api.CodeUnavailable}}
	}
	serve.Handle(s, read("/v1/reservations", "Open claims on this store, line by line"), t.claims)
	one := read("/v1/reservations/{id}", "The open lines of one reservation")
	one.Problems = append(one.Problems, api.CodeNotFound)
	serve.Handle(s, one, t.claim)
	for _, step := range steps {
		route := posting("/v1/reservations/{id}/"+step.word, step.summary, "Without a line: every line that the step applies to.", api.CodeNotFound, api.CodeNotAllowed)
		route.Tag = "reservations"
		serve.Handle(s, route, func(ctx context.Context, in *stepInput) (*recordedOutput, error) {
			return t.step(ctx, step.word, step.kind, in)
		})
	}
}

func (t *till) step(ctx context.Context, word string, kind stock.Kind, in *stepInput) (*recordedOutput, error) {
	a := act{kind: word, path: "/v1/reservations/" + in.ID + "/" + word, key: in.Key,
		claim: &agent.ClaimStep{Kind: kind, Reservation: in.ID}}
	if in.Body != nil {
		a.received = in.Body.received
		a.claim.Line, a.claim.Quantity = in.Body.Line, in.Body.Quantity.Stock()
	}
	return t.record(ctx, a)
}

// noClaim says why a step found no line to act on: there is none, or it stands
// in another state.
func (t *till) noClaim(ctx context.Context, step *agent.ClaimStep) error {
	open, err := t.claimsOf(ctx, step.Reservation)
	if err != nil {
		return err
	}
	var states []string
	for _, c := range open {
		if step.Line == "" || step.Line == c.Line {
			states = append(states, "line "+c.Line+" is "+c.State.String())
		}
	}
	if len(states) == 0 {
		return api.NewProblem(api.CodeNotFound, "this store knows no open line of that reservation; it may have ended, or the hub has not told of it yet")
	}
	return api.NewProblem(api.CodeNotAllowed, strings.Join(states, ", ")+": nothing to "+step.Kind.String())
}

func (t *till) claimsOf(ctx context.Context, reservation string) (claims []stock.StoreClaim, err error) {
	err = t.ask(ctx, func(a *agent.Agent) error {
		claims = a.View().Claims(reservation)
		return nil
	})
	return claims, err
}

func (t *till) claims(ctx context.Context, in *claimsInput) (*claimsOutput, error) {
	claims, err := t.claimsOf(ctx, "")
	if err != nil {
		return nil, err
	}
	claims, next, err := pageOfClaims(claims, in.Paging)
	if err != nil {
		return nil, err
	}
	return &claimsOutput{api.Page[api.StoreReservation]{Data: storeReservations(claims), NextCursor: next}}, nil
}

func (t *till) claim(ctx context.Context, in *oneInput) (*claimsOutput, error) {
	claims, err := t.claimsOf(ctx, in.ID)
	switch {
	case err != nil:
		return nil, err
	case len(claims) == 0:
		return nil, api.NewProblem(api.CodeNotFound, "this store knows no open line of that reservation; it may have ended, or the hub has not told of it yet")
	}
	return &claimsOutput{api.Page[api.StoreReservation]{Data: storeReservations(claims)}}, nil
}

func storeReservations(claims []stock.StoreClaim) []api.StoreReservation {
	out := make([]api.StoreReservation, len(claims))
	for i, c := range claims {
		out[i] = api.StoreReservation{ID: c.Reservation, Order: c.Order, Channel: c.Channel, Line: c.Line, Item: c.Item,
			Quantity: api.Of(c.Quantity), State: c.State.String()}
	}
	return out
}

// pageOfClaims cuts one page out of claims in order. The cursor names the last
// line of the page before, so claims that come and go shift nothing.
func pageOfClaims(claims []stock.StoreClaim, p api.Paging) (page []stock.StoreClaim, next string, err error) {
	if p.Cursor != "" {
		last, err := base64.RawURLEncoding.DecodeString(p.Cursor)
		id, line, ok := strings.Cut(string(last), "\n")
		if err != nil || !ok {
			return nil, "", badCursor()
		}
		from := slices.IndexFunc(claims, func(c stock.StoreClaim) bool {
			return c.Reservation > id || c.Reservation == id && c.Line > line
		})
		if from < 0 {
			from = len(claims)
		}
		claims = claims[from:]
	}
	if len(claims) <= p.Limit {
		return claims, "", nil
	}
	last := claims[p.Limit-1]
	return claims[:p.Limit], base64.RawURLEncoding.EncodeToString([]byte(last.Reservation + "\n" + last.Line)), nil
}

func badCursor() *api.Problem {
	return api.Invalid(api.FieldError{Path: "query.cursor", Message: "is not a next_cursor of this list"})
}
