package api

import (
	"context"
	"strconv"

	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) conflicts(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/conflicts", Tag: "conflicts", Summary: "Claims that gave way, and goods that left for claims that were over",
		Detail: "Oldest first, remembered for 7 days of hub time."}, r.listConflicts)
}

type conflictsInput struct {
	Reading
	shapes.Paging
	Location    string `query:"location" doc:"Where goods were lacking, or where the claim moved to" example:"S014"`
	Item        string `query:"item" example:"85123A"`
	Reservation string `query:"reservation" example:"web-20261124-0017"`
}

type conflictsOutput struct{ Body shapes.Conflicts }

func (r routes) listConflicts(ctx context.Context, in *conflictsInput) (*conflictsOutput, error) {
	state, err := r.state(ctx, in.Reading)
	if err != nil {
		return nil, err
	}
	after, err := pageAfter(in.Cursor)
	if err != nil {
		return nil, err
	}
	out := &conflictsOutput{shapes.Conflicts{Position: position(state), Page: shapes.Page[shapes.Conflict]{Data: []shapes.Conflict{}}}}
	for no, c := range state.ConflictsFrom(uint32(after)) {
		if len(out.Body.Data) == in.Limit {
			out.Body.NextCursor = cursorAt(uint64(no))
			break
		}
		if (in.Reservation == "" || in.Reservation == c.Reservation) && (in.Item == "" || in.Item == state.Item(c.Item).Code) &&
			(in.Location == "" || conflictAt(state, c, in.Location)) {
			out.Body.Data = append(out.Body.Data, conflictShape(state, no, c))
		}
	}
	return out, nil
}

// conflictAt reports whether a conflict is about a location: goods were lacking
// there, or the claim moved there.
func conflictAt(state *stock.State, c *stock.Conflict, location string) bool {
	return state.LocationAt(c.Location).Code == location || c.Remedy == stock.Moved && state.LocationAt(c.To).Code == location
}

func conflictShape(state *stock.State, no uint32, c *stock.Conflict) shapes.Conflict {
	shape := shapes.Conflict{ID: strconv.FormatUint(uint64(no)+1, 10), Position: positionAt(state.Incarnation(), c.Index), HubTimeMS: c.At,
		Location: state.LocationAt(c.Location).Code, Item: state.Item(c.Item).Code, Reservation: c.Reservation, Line: c.Line, Order: c.Order,
		Channel: c.Channel, Quantity: shapes.Of(c.Quantity), Priority: c.Priority, Remedy: c.Remedy.String(), PolicyVersion: c.Policy,
		Cause: shapes.ConflictCause{Kind: c.Cause.Kind.String(), Document: c.Cause.Document}}
	if c.State != 0 {
		shape.State = c.State.String()
	}
	if c.Remedy == stock.Moved {
		shape.To = state.LocationAt(c.To).Code
	}
	if c.Cause.Operation.Sequence > 0 {
		shape.Cause.Operation = c.Cause.Operation.String()
		shape.StoreHadSeen = positionAt(c.Cause.Incarnation, c.Cause.Seen)
	}
	if c.Promised > 0 {
		shape.PromisedAt = positionAt(state.Incarnation(), c.Promised)
	}
	return shape
}
