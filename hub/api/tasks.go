package api

import (
	"context"
	"strconv"

	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) tasks(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/tasks", Tag: "conflicts", Summary: "What stores are asked to do and have not said is done",
		Problems: []shapes.Code{shapes.CodeNotFound}}, r.listTasks)
}

type tasksInput struct {
	Reading
	shapes.Paging
	Location string `query:"location" doc:"Only of this location" example:"S014"`
}

type tasksOutput struct {
	Body struct {
		shapes.Page[shapes.Task]
		Position string `json:"position"`
	}
}

// listTasks pages by location and task: the cursor is both numbers.
func (r routes) listTasks(ctx context.Context, in *tasksInput) (*tasksOutput, error) {
	state, err := r.state(ctx, in.Reading)
	if err != nil {
		return nil, err
	}
	from, err := readCursor(in.Cursor, 64)
	if err != nil {
		return nil, err
	}
	only := uint64(state.Sizes().Locations)
	if in.Location != "" {
		l, ok := state.Location(in.Location)
		if !ok {
			return nil, shapes.NewProblem(shapes.CodeNotFound, "no location has the code "+in.Location)
		}
		only = uint64(l.No)
	}
	out := &tasksOutput{}
	out.Body.Position = position(state)
	out.Body.Data = []shapes.Task{}
	for n := from >> 32; n < uint64(state.Sizes().Locations); n++ {
		if in.Location != "" && n != only {
			continue
		}
		l := state.LocationAt(stock.LocationNo(n))
		for task := range l.TasksSince(0) {
			place := n<<32 | uint64(task.ID)
			if place < from {
				continue
			}
			if len(out.Body.Data) == in.Limit {
				out.Body.NextCursor = cursorAt(place)
				return out, nil
			}
			out.Body.Data = append(out.Body.Data, shapes.Task{ID: strconv.FormatUint(uint64(task.ID), 10), Location: l.Code, Kind: task.Kind.String(),
				Item: task.Item, Quantity: shapes.Of(task.Quantity), Reservation: task.Reservation, Line: task.Line, Order: task.Order,
				HubTimeMS: task.At, Position: positionAt(state.Incarnation(), task.Index)})
		}
	}
	return out, nil
}
