package api

import (
	"context"
	"net/http"

	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) locations(s *serve.Server) {
	s.Raw("PUT /v1/locations", http.HandlerFunc(r.putLocations))
	s.Describe(serve.Route{Method: "PUT", Path: "/v1/locations", Tag: "locations", Summary: "Set locations in bulk"},
		serve.NDJSON, "application/json", shapes.Location{})
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/locations", Tag: "locations", Summary: "Every location, a page at a time"}, r.listLocations)
	serve.Handle(s, serve.Route{Method: "PUT", Path: "/v1/locations/{code}/writer", Tag: "locations", Summary: "Assign or replace who records a location's facts",
		Problems: []shapes.Code{shapes.CodeWriterAssigned}}, r.putWriter)
}

func (r routes) putLocations(w http.ResponseWriter, req *http.Request) {
	bulk(r, w, req, func(rows []shapes.Location) stock.Command {
		facts := make([]stock.LocationFacts, len(rows))
		for i, row := range rows {
			state, ok := stock.ParseLocationState(row.State)
			if !ok {
				state = stock.Open
			}
			facts[i] = stock.LocationFacts{Code: row.Code, Name: row.Name, Region: row.Region, GLN: row.GLN, State: state}
		}
		return &stock.PutLocations{Locations: facts}
	}, func(shapes.Location) int { return 1024 })
}

type listLocationsInput struct {
	Reading
	shapes.Paging
}

type locationsOutput struct {
	Body struct {
		shapes.Page[shapes.Location]
		Position string `json:"position"`
	}
}

func (r routes) listLocations(ctx context.Context, in *listLocationsInput) (*locationsOutput, error) {
	state, err := r.state(ctx, in.Reading)
	if err != nil {
		return nil, err
	}
	after, err := pageAfter(in.Cursor)
	if err != nil {
		return nil, err
	}
	out := &locationsOutput{}
	out.Body.Position = position(state)
	out.Body.Data = []shapes.Location{}
	for n := after; n < uint64(state.Sizes().Locations); n++ {
		if len(out.Body.Data) == in.Limit {
			out.Body.NextCursor = cursorAt(n)
			break
		}
		l := state.LocationAt(stock.LocationNo(n))
		out.Body.Data = append(out.Body.Data, shapes.Location{Code: l.Code, Name: l.Name, Region: l.Region, State: l.State.String(), GLN: l.GLN,
			Writer: l.Installation, Position: position(state)})
	}
	return out, nil
}

type writerInput struct {
	Code string `path:"code" doc:"The location's code" example:"S014"`
	Body shapes.WriterAssignment
}

type locationOutput struct{ Body shapes.Location }

func (r routes) putWriter(ctx context.Context, in *writerInput) (*locationOutput, error) {
	if _, ok := r.hub.Board().State().Location(in.Code); !ok {
		return nil, shapes.NewProblem(shapes.CodeNotFound, "no location has the code "+in.Code+": load it with PUT /v1/locations")
	}
	result, index, err := r.do(ctx, &stock.AssignWriter{Location: in.Code, Installation: in.Body.Writer, Replace: in.Body.Replace})
	if err != nil {
		return nil, err
	}
	if result.Code == stock.WrongWriter {
		return nil, shapes.NewProblem(shapes.CodeWriterAssigned, "location "+in.Code+" has another writer: repeat with replace true to take it over")
	}
	state, err := r.hub.Board().Wait(ctx, index)
	if err != nil {
		return nil, err
	}
	l, _ := state.Location(in.Code)
	return &locationOutput{shapes.Location{Code: l.Code, Name: l.Name, Region: l.Region, State: l.State.String(), GLN: l.GLN,
		Writer: l.Installation, Position: position(state)}}, nil
}
