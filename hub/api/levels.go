package api

import (
	"context"

	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) levels(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/levels", Tag: "levels", Summary: "The levels of one location, a page at a time",
		Problems: []shapes.Code{shapes.CodeNotFound}}, r.listLevels)
}

type levelsInput struct {
	Reading
	shapes.Paging
	Location string   `query:"location" required:"true" example:"S014"`
	Item     []string `query:"item,explode" doc:"Only these items"`
}

type levelsOutput struct{ Body shapes.Levels }

func (r routes) listLevels(ctx context.Context, in *levelsInput) (*levelsOutput, error) {
	state, err := r.state(ctx, in.Reading)
	if err != nil {
		return nil, err
	}
	l, ok := state.Location(in.Location)
	if !ok {
		return nil, shapes.NewProblem(shapes.CodeNotFound, "no location has the code "+in.Location)
	}
	after, err := pageAfter(in.Cursor)
	if err != nil {
		return nil, err
	}
	out := &levelsOutput{shapes.Levels{Position: position(state), Page: shapes.Page[shapes.Level]{Data: []shapes.Level{}}}}
	if len(in.Item) > 0 {
		for _, code := range in.Item {
			if no, ok := state.ItemNo(code); ok {
				out.Body.Data = append(out.Body.Data, levelShape(state, l, no, l.Level(no)))
			}
		}
		return out, nil
	}
	for no, level := range l.LevelsFrom(stock.ItemNo(after)) {
		if len(out.Body.Data) == in.Limit {
			out.Body.NextCursor = cursorAt(uint64(no))
			break
		}
		out.Body.Data = append(out.Body.Data, levelShape(state, l, no, level))
	}
	return out, nil
}

func levelShape(state *stock.State, l *stock.Location, no stock.ItemNo, level stock.Level) shapes.Level {
	return shapes.Level{Location: l.Code, Item: state.Item(no).Code, Sellable: shapes.Of(level.Sellable), Damaged: shapes.Of(level.Damaged),
		ReturnPending: shapes.Of(level.ReturnPending), InTransit: shapes.Of(level.InTransit), OnHand: shapes.Of(level.OnHand()),
		Reserved: shapes.Of(level.Claims), Staged: shapes.Of(level.Staged)}
}
