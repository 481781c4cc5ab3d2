package api

import (
	"context"

	"github.com/shelfsync/shelfsync/protocol"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) availability(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/availability", Tag: "availability", Summary: "What a channel may sell, with its parts and its age",
		Problems: pastProblems}, r.getAvailability)
	serve.Handle(s, serve.Route{Method: "POST", Path: "/v1/availability/query", Tag: "availability", Summary: "The same for up to 1,000 lines",
		Problems: pastProblems}, r.queryAvailability)
}

var pastProblems = []shapes.Code{shapes.CodeBehind, shapes.CodeBeyondHorizon, shapes.CodeOtherIncarnation}

// Past is embedded in the input of reads that can be asked of a past position. It
// is exported for the same reason as Reading.
type Past struct {
	AsOf string `query:"as_of" doc:"A past position: the answer is what it was then. Ages are as of then, too" example:"7.900000"`
}

// moment is a state to answer from, the position that it is asked for, and how
// old this node's last tick is.
type moment struct {
	*stock.State
	position string
	tickAge  int64 // ms
}

// at is the state of now, or of the past position that was named.
func (r routes) at(ctx context.Context, in Reading, past Past) (moment, error) {
	state, err := r.state(ctx, in)
	if err != nil {
		return moment{}, err
	}
	if past.AsOf == "" {
		return moment{state, position(state), r.hub.TickAge().Milliseconds()}, nil
	}
	index, err := indexIn(state, "query.as_of", past.AsOf)
	if err != nil {
		return moment{}, err
	}
	if state, err = r.reach(ctx, index); err != nil {
		return moment{}, err
	}
	if state.Index() > index {
		if state, err = r.hub.StateAt(ctx, index); err != nil {
			return moment{}, r.pastProblem(err)
		}
	}
	return moment{state, past.AsOf, 0}, nil
}

type availabilityInput struct {
	Reading
	Past
	Item     []string `query:"item,explode" doc:"One or more items" example:"85123A"`
	Location []string `query:"location,explode" doc:"One or more locations; absent: every open one" example:"S014"`
	Channel  string   `query:"channel" example:"web"`
}

type availabilityOutput struct{ Body shapes.Availability }

func (r routes) getAvailability(ctx context.Context, in *availabilityInput) (*availabilityOutput, error) {
	state, err := r.at(ctx, in.Reading, in.Past)
	if err != nil {
		return nil, err
	}
	if len(in.Item) == 0 {
		return nil, shapes.Invalid(shapes.FieldError{Path: "query.item", Message: "names at least one item"})
	}
	at := in.Location
	if len(at) == 0 {
		if len(in.Item)*state.Sizes().Locations > protocol.MaxQueryLines {
			return nil, shapes.Invalid(shapes.FieldError{Path: "query.location", Message: "is required: every location would be more than 1000 lines"})
		}
		for l := range state.Locations() {
			if l.State == stock.Open {
				at = append(at, l.Code)
			}
		}
	}
	if len(in.Item)*len(at) > protocol.MaxQueryLines {
		return nil, shapes.Invalid(shapes.FieldError{Path: "query", Message: "asks for more than 1000 lines"})
	}
	out := &availabilityOutput{shapes.Availability{Position: state.position, Data: []shapes.AvailabilityLine{}}}
	for _, item := range in.Item {
		for _, location := range at {
			out.Body.Data = append(out.Body.Data, state.line(item, location, in.Channel))
		}
	}
	return out, nil
}

type queryInput struct {
	Reading
	Past
	Body shapes.AvailabilityQuery
}

func (r routes) queryAvailability(ctx context.Context, in *queryInput) (*availabilityOutput, error) {
	state, err := r.at(ctx, in.Reading, in.Past)
	if err != nil {
		return nil, err
	}
	out := &availabilityOutput{shapes.Availability{Position: state.position, Data: []shapes.AvailabilityLine{}}}
	for _, asked := range in.Body.Lines {
		channel := asked.Channel
		if channel == "" {
			channel = in.Body.Channel
		}
		out.Body.Data = append(out.Body.Data, state.line(asked.Item, asked.Location, channel))
	}
	return out, nil
}

// line answers one item at one location. What nobody has heard of is zero.
func (m moment) line(item, location, channel string) shapes.AvailabilityLine {
	line := shapes.AvailabilityLine{Item: item, Location: location, Channel: channel}
	l, ok := m.Location(location)
	if !ok {
		return line
	}
	line.AgeMS = m.Age(l) + m.tickAge
	no, ok := m.ItemNo(item)
	if !ok {
		return line
	}
	a := m.Availability(l, no, channel)
	line.Quantity, line.Excluded, line.Paused = shapes.Of(a.Quantity()), a.Excluded, !a.Promises
	line.Parts = shapes.AvailabilityParts{Sellable: shapes.Of(a.Sellable), Claims: shapes.Of(a.Claims), SafetyStock: shapes.Of(a.Safety),
		ChannelThreshold: shapes.Of(a.Threshold), Protected: shapes.Of(a.Protected), AheadOfPapers: shapes.Of(a.Ahead), Unclamped: shapes.Of(a.Unclamped())}
	return line
}
