package api

import (
	"context"
	"strconv"
	"strings"

	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// defaultHold is how long a hold lasts where the request does not say, ms.
const defaultHold = 900_000

func (r routes) reservations(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "POST", Path: "/v1/reservations", Tag: "reservations", Status: 201, Summary: "Claim units; the answer is a committed decision",
		Problems: []shapes.Code{shapes.CodeShort, shapes.CodeUnavailable, shapes.CodeBusy}}, r.reserve)
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/reservations", Tag: "reservations", Summary: "Remembered reservations, oldest first"}, r.listReservations)
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/reservations/{id}", Tag: "reservations", Summary: "The present record",
		Problems: []shapes.Code{shapes.CodeNotFound}}, r.getReservation)
	for _, action := range []stock.Action{stock.Confirm, stock.Release, stock.Extend, stock.Fulfil, stock.Move} {
		serve.Handle(s, serve.Route{Method: "POST", Path: "/v1/reservations/{id}/" + action.String(), Tag: "reservations",
			Summary:  "A step of a reservation, or of a part of it: " + action.String(),
			Problems: []shapes.Code{shapes.CodeNotFound, shapes.CodeNotAllowed, shapes.CodeWrongWriter, shapes.CodeShort}},
			func(ctx context.Context, in *stepInput) (*reservationOutput, error) { return r.step(ctx, in, action) })
	}
}

type reserveInput struct{ Body shapes.ReservationRequest }

type reservationOutput struct {
	Status int
	Body   shapes.Reservation
}

func (r routes) reserve(ctx context.Context, in *reserveInput) (*reservationOutput, error) {
	command := reserveCommand(&in.Body)
	result, index, err := r.do(ctx, command)
	if err != nil {
		return nil, err
	}
	if result.Code == stock.ShortOf {
		problem := shapes.NewProblem(shapes.CodeShort, "not every line can be served; nothing was claimed")
		for i, line := range in.Body.Lines {
			problem.Availability = append(problem.Availability, shapes.Shortage{Line: strconv.Itoa(i + 1), Item: line.Item, Requested: line.Quantity,
				Available: shapes.Of(result.Available[i])})
		}
		return nil, problem
	}
	status := 201
	if result.Code == stock.Repeated {
		status = 200
	}
	return &reservationOutput{status, r.record(result.Reservation, index)}, nil
}

func reserveCommand(body *shapes.ReservationRequest) *stock.Reserve {
	command := &stock.Reserve{ID: body.ID, Channel: body.Channel, Order: body.Order, Mode: stock.AllOrNothing, TTL: body.TTLSeconds * 1000,
		CollectWithin: body.CollectSeconds * 1000, Priority: body.Priority, Split: body.Split}
	if body.Mode == "partial" {
		command.Mode = stock.Partial
	}
	if command.TTL == 0 {
		command.TTL = defaultHold
	}
	for _, line := range body.Lines {
		command.Lines = append(command.Lines, stock.ReserveLine{Item: line.Item, Quantity: line.Quantity.Stock(), Candidates: line.Candidates, Group: line.Group})
	}
	return command
}

// record shows a reservation as it stood at index.
func (r routes) record(at *stock.Reservation, index uint64) shapes.Reservation {
	state := r.hub.Board().State()
	return reservationShape(state, at, positionAt(state.Incarnation(), index))
}

func reservationShape(state *stock.State, at *stock.Reservation, position string) shapes.Reservation {
	shape := shapes.Reservation{ID: at.ID, Channel: at.Channel, Order: at.Order, Mode: "all_or_nothing", Priority: at.Priority, Position: position}
	if at.Mode == stock.Partial {
		shape.Mode = "partial"
	}
	for i := range at.Lines {
		c := &at.Lines[i]
		line := shapes.ReservationLine{Line: c.Line, Item: state.Item(c.Item).Code, Quantity: shapes.Of(c.Quantity), State: c.State.String(), Reason: c.Reason}
		if c.Placed {
			line.Location = state.LocationAt(c.Location).Code
		}
		for _, stay := range c.Left {
			line.Moves = append(line.Moves, shapes.Stay{Location: state.LocationAt(stay.Location).Code, Reason: stay.Reason,
				Position: positionAt(state.Incarnation(), stay.Index)})
		}
		switch shape.State {
		case "", line.State:
			shape.State = line.State
		default:
			shape.State = "mixed"
		}
		if c.State == stock.Held {
			shape.ExpiresInMS = max(0, at.Deadline-state.Now())
		}
		shape.Lines = append(shape.Lines, line)
	}
	return shape
}

type reservationInput struct {
	Reading
	ID string `path:"id"`
}

func (r routes) getReservation(ctx context.Context, in *reservationInput) (*reservationOutput, error) {
	state, err := r.state(ctx, in.Reading)
	if err != nil {
		return nil, err
	}
	at, ok := state.Reservation(in.ID)
	if !ok {
		return nil, shapes.NewProblem(shapes.CodeNotFound, "no reservation "+in.ID+" is remembered; ended ones are kept for 7 days")
	}
	return &reservationOutput{200, reservationShape(state, at, position(state))}, nil
}

type listReservationsInput struct {
	Reading
	shapes.Paging
	State string `query:"state" enum:"open,ended" doc:"Only those with, or without, an open line"`
}

// scanReservations bounds what one page looks at: where few have the state that
// is asked for, the page comes back short, with a cursor.
const scanReservations = 100_000

type reservationsOutput struct {
	Body struct {
		shapes.Page[shapes.Reservation]
		Position string `json:"position"`
	}
}

func (r routes) listReservations(ctx context.Context, in *listReservationsInput) (*reservationsOutput, error) {
	state, err := r.state(ctx, in.Reading)
	if err != nil {
		return nil, err
	}
	after, err := pageAfter(in.Cursor)
	if err != nil {
		return nil, err
	}
	out := &reservationsOutput{}
	out.Body.Position = position(state)
	out.Body.Data = []shapes.Reservation{}
	last := uint32(after) + scanReservations
	for next, at := range state.Reservations(uint32(after)) {
		if next > last {
			out.Body.NextCursor = cursorAt(uint64(next - 1))
			break
		}
		if in.State == "open" && at.Ended != 0 || in.State == "ended" && at.Ended == 0 {
			continue
		}
		out.Body.Data = append(out.Body.Data, reservationShape(state, at, position(state)))
		if len(out.Body.Data) == in.Limit {
			out.Body.NextCursor = cursorAt(uint64(next))
			break
		}
	}
	return out, nil
}

type stepInput struct {
	ID   string `path:"id"`
	Body *shapes.Step
}

func (r routes) step(ctx context.Context, in *stepInput, action stock.Action) (*reservationOutput, error) {
	command := &stock.Step{ID: in.ID, Action: action, TTL: defaultHold}
	if in.Body != nil {
		command.Line, command.Quantity = in.Body.Line, in.Body.Quantity.Stock()
		if in.Body.TTLSeconds > 0 {
			command.TTL = in.Body.TTLSeconds * 1000
		}
		command.To = in.Body.Location
	}
	if action == stock.Move && command.To == "" {
		return nil, shapes.Invalid(shapes.FieldError{Path: "body.location", Message: "is required: where the claim should move"})
	}
	result, index, err := r.do(ctx, command)
	if err != nil {
		return nil, err
	}
	var problem *shapes.Problem
	switch result.Code {
	case stock.NotFound:
		problem = shapes.NewProblem(shapes.CodeNotFound, "no such reservation, line or location: "+strings.TrimSpace(in.ID+" "+command.Line+" "+command.To))
	case stock.NotAllowed:
		problem = shapes.NewProblem(shapes.CodeNotAllowed, action.String()+" is not allowed in the present state")
	case stock.WrongWriter:
		problem = shapes.NewProblem(shapes.CodeWrongWriter, "a store's agent writes that location: it picks the goods itself")
	case stock.TooMany:
		problem = shapes.NewProblem(shapes.CodeNotAllowed, "the line cannot be split or moved further: name a whole line, or release and reserve anew")
	case stock.ShortOf:
		problem = shapes.NewProblem(shapes.CodeShort, command.To+" is not open or has not enough; nothing was moved")
	default:
		return &reservationOutput{200, r.record(result.Reservation, index)}, nil
	}
	if result.Reservation != nil {
		record := r.record(result.Reservation, index)
		problem.Reservation = &record
	}
	return nil, problem
}
