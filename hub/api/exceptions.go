package api

import (
	"context"
	"strconv"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/protocol"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) exceptions(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/exceptions", Tag: "exceptions", Summary: "What waits for a person",
		Detail: "Parked lines, quarantined operations, negative stock, set-aside goods that are missing, orders nobody collects, transfers that do not end, receipts and arrivals that came twice, forks. Those that ended are remembered for 7 days of hub time."}, r.listExceptions)
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/exceptions/{id}", Tag: "exceptions", Summary: "One of them, with what is kept of it"}, r.getException)
	serve.Handle(s, serve.Route{Method: "POST", Path: "/v1/exceptions/{id}/owner", Tag: "exceptions", Summary: "Who looks after it"}, r.own)
	serve.Handle(s, serve.Route{Method: "POST", Path: "/v1/exceptions/{id}/resolve", Tag: "exceptions", Summary: "Close it by hand",
		Detail: "Nothing moves: a parked line or a quarantined operation is given up, anything else goes on as it does."}, r.resolve)
	serve.Handle(s, serve.Route{Method: "POST", Path: "/v1/exceptions/{id}/map", Tag: "exceptions", Summary: "Say what the code of a parked line means",
		Detail: "The code becomes an alias of the item, and all lines that are parked for it take effect, in the order in which they were parked."}, r.mapCode)
	serve.Handle(s, serve.Route{Method: "POST", Path: "/v1/exceptions/{id}/admit", Tag: "exceptions", Summary: "Let an operation out of quarantine",
		Detail: "As its bytes say or, where nobody can read them, as a person writes it. It takes effect once, in the place where it was written."}, r.admit)
}

type exceptionsInput struct {
	Reading
	shapes.Paging
	State    string `query:"state" enum:"open,ended,all" doc:"Absent: open"`
	Kind     string `query:"kind" example:"parked"`
	Location string `query:"location" example:"S014"`
	Owner    string `query:"owner" example:"anna"`
}

func (in *exceptionsInput) matches(state *stock.State, e *stock.Exception) bool {
	return (in.State == "all" || e.Open() == (in.State != "ended")) && (in.Kind == "" || in.Kind == e.Code.String()) &&
		(in.Owner == "" || in.Owner == e.Owner) && (in.Location == "" || in.Location == state.LocationAt(e.Location).Code)
}

type exceptionsOutput struct {
	Body struct {
		shapes.Page[shapes.Exception]
		Position string `json:"position"`
	}
}

func (r routes) listExceptions(ctx context.Context, in *exceptionsInput) (*exceptionsOutput, error) {
	state, err := r.state(ctx, in.Reading)
	if err != nil {
		return nil, err
	}
	after, err := pageAfter(in.Cursor)
	if err != nil {
		return nil, err
	}
	out := &exceptionsOutput{}
	out.Body.Position = position(state)
	out.Body.Data = []shapes.Exception{}
	for no, e := range state.ExceptionsFrom(uint32(after)) {
		if len(out.Body.Data) == in.Limit {
			out.Body.NextCursor = cursorAt(uint64(no))
			break
		}
		if in.matches(state, e) {
			out.Body.Data = append(out.Body.Data, exceptionShape(state, no, e))
		}
	}
	return out, nil
}

func exceptionShape(state *stock.State, no uint32, e *stock.Exception) shapes.Exception {
	shape := shapes.Exception{ID: strconv.FormatUint(uint64(no)+1, 10), Kind: e.Code.String(), State: "open", Location: state.LocationAt(e.Location).Code, Owner: e.Owner,
		Document: e.Document, Line: int64(e.Number), Item: e.Line.Code(), Detail: e.Text, Position: positionAt(state.Incarnation(), e.Index),
		Quantity: shapes.Of(e.Line.Quantity), Reservation: e.Line.Reservation, ReservationLine: e.Line.ReservationLine}
	if !e.Open() {
		shape.State = "ended"
	}
	if e.Operation.Sequence > 0 {
		shape.Operation = e.Operation.String()
	}
	if e.Line.Kind != stock.NoKind {
		shape.Movement = e.Line.Kind.String()
	}
	if e.Code == stock.DuplicateArrival || e.Code == stock.AgedTransfer {
		shape.Transfer = e.Line.Of
	}
	for _, c := range e.History {
		shape.History = append(shape.History, shapes.Care{Action: c.Action.String(), By: c.By, Detail: c.Text, HubTimeMS: c.At, Position: positionAt(state.Incarnation(), c.Index)})
	}
	return shape
}

type exceptionInput struct {
	Reading
	ID string `path:"id" maxLength:"10" example:"12"`
}

type exceptionOutput struct{ Body shapes.Exception }

func (r routes) getException(ctx context.Context, in *exceptionInput) (*exceptionOutput, error) {
	state, err := r.state(ctx, in.Reading)
	if err != nil {
		return nil, err
	}
	no, e, err := exceptionOf(state, in.ID)
	if err != nil {
		return nil, err
	}
	shape := exceptionShape(state, no, e)
	shape.Bytes = e.Raw
	return &exceptionOutput{shape}, nil
}

func exceptionOf(state *stock.State, id string) (uint32, *stock.Exception, error) {
	n, err := strconv.ParseUint(id, 10, 32)
	if err == nil && n > 0 {
		if e, ok := state.Exception(uint32(n - 1)); ok {
			return uint32(n - 1), e, nil
		}
	}
	return 0, nil, shapes.NewProblem(shapes.CodeNotFound, "no exception "+id+" is open, nor has one ended within 7 days")
}

// about finds the exception that a command is about: its caller may have read of
// it at a node that is ahead of this one.
func (r routes) about(ctx context.Context, id string) (uint32, *stock.Exception, error) {
	state, err := r.state(ctx, Reading{Consistency: "linearizable"})
	if err != nil {
		return 0, nil, err
	}
	return exceptionOf(state, id)
}

// care runs a command about an exception and answers with what it is now. What has
// been done before is answered alike; what ended otherwise is told so.
func (r routes) care(ctx context.Context, no uint32, command stock.Command, done stock.CareAction) (*exceptionOutput, error) {
	result, index, err := r.do(ctx, command)
	if err != nil {
		return nil, err
	}
	if result.Code == stock.NotAllowed {
		return nil, shapes.NewProblem(shapes.CodeNotAllowed, result.Text+": nothing was done")
	}
	state, err := r.reach(ctx, index)
	if err != nil {
		return nil, err
	}
	e, ok := state.Exception(no)
	if !ok || result.Code == stock.NotFound && result.Text == "" {
		return nil, shapes.NewProblem(shapes.CodeNotFound, "no such exception: it may have ended long ago")
	}
	if last := len(e.History) - 1; result.Code == stock.Repeated && !e.Open() && e.History[last].Action != done {
		return nil, shapes.NewProblem(shapes.CodeNotAllowed, "the exception has ended before: "+e.History[last].Action.String()+" "+e.History[last].Text)
	}
	return &exceptionOutput{exceptionShape(state, no, e)}, nil
}

type ownInput struct {
	ID   string `path:"id" maxLength:"10" example:"12"`
	Body shapes.Owning
}

func (r routes) own(ctx context.Context, in *ownInput) (*exceptionOutput, error) {
	no, _, err := r.about(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return r.care(ctx, no, &stock.Own{Exception: no, Owner: in.Body.Owner, By: in.Body.By}, stock.TakenOver)
}

type resolveInput struct {
	ID   string `path:"id" maxLength:"10" example:"12"`
	Body shapes.Resolution
}

func (r routes) resolve(ctx context.Context, in *resolveInput) (*exceptionOutput, error) {
	no, _, err := r.about(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return r.care(ctx, no, &stock.Resolve{Exception: no, By: in.Body.By, Note: in.Body.Note}, stock.Resolved)
}

type mapInput struct {
	ID   string `path:"id" maxLength:"10" example:"12"`
	Body shapes.Mapping
}

type mapOutput struct {
	Body struct {
		Code     string `json:"code" example:"CARTON"`
		Item     string `json:"item" example:"85123A"`
		Applied  int    `json:"applied" doc:"Lines that took effect"`
		Position string `json:"position" doc:"Where the last of them did"`
	}
}

func (r routes) mapCode(ctx context.Context, in *mapInput) (*mapOutput, error) {
	_, e, err := r.about(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if e.Code != stock.Parked {
		return nil, shapes.NewProblem(shapes.CodeNotAllowed, "exception "+in.ID+" is "+e.Code.String()+": only a parked line has a code to map")
	}
	command := stock.Map{Code: e.Line.Code(), Item: in.Body.Item, Factor: max(in.Body.Factor, 1), By: in.Body.By}
	out := &mapOutput{}
	out.Body.Code, out.Body.Item = command.Code, command.Item
	result, index, err := hub.MapCode(ctx, r.hub, command)
	switch {
	case err != nil:
		return nil, logProblem(err)
	case result.Code == stock.NotFound:
		return nil, shapes.Invalid(shapes.FieldError{Path: "body.item", Message: "the catalogue has no item " + command.Item})
	case result.Code == stock.Invalid:
		return nil, shapes.Invalid(shapes.FieldError{Path: "body.factor", Message: result.Text})
	case result.Code == stock.NotAllowed:
		return nil, shapes.NewProblem(shapes.CodeNotAllowed, result.Text)
	}
	out.Body.Applied, out.Body.Position = result.Lines, positionAt(r.hub.Board().State().Incarnation(), index)
	return out, nil
}

type admitInput struct {
	ID   string `path:"id" maxLength:"10" example:"12"`
	Body shapes.Admission
}

func (r routes) admit(ctx context.Context, in *admitInput) (*exceptionOutput, error) {
	no, e, err := r.about(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	command := &stock.Admit{Exception: no, By: in.Body.By, Counted: in.Body.Counted}
	switch {
	case len(in.Body.Lines) > 0:
		command.Operation = stock.Operation{Correlation: serve.TraceID(ctx), Lines: movementLines(in.Body.Lines)}
		if _, err := protocol.EncodeOperation(&command.Operation); err != nil {
			return nil, shapes.NewProblem(shapes.CodeTooLarge, err.Error())
		}
	case e.Open():
		command.Operation.Raw = e.Raw
	}
	return r.care(ctx, no, command, stock.WasAdmitted)
}
