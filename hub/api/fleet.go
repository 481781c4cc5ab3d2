package api

import (
	"context"
	"math"
	"strconv"

	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) fleet(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/agents", Tag: "fleet", Summary: "Every location's agent: link, backlog, age"}, r.listAgents)
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/exceptions", Tag: "fleet", Summary: "What waits for a person: parked lines, quarantined operations, set-aside goods that are missing, orders nobody collects"}, r.exceptions)
}

type agentsInput struct{ shapes.Paging }

type agentsOutput struct{ Body shapes.Agents }

func (r routes) listAgents(ctx context.Context, in *agentsInput) (*agentsOutput, error) {
	after, err := pageAfter(in.Cursor)
	if err != nil {
		return nil, err
	}
	state := r.hub.Board().State()
	out := &agentsOutput{shapes.Agents{Position: position(state), Page: shapes.Page[shapes.Agent]{Data: []shapes.Agent{}}}}
	for n := after; n < uint64(state.Sizes().Locations); n++ {
		l := state.LocationAt(stock.LocationNo(n))
		if l.Installation == "" {
			continue
		}
		if len(out.Body.Data) == in.Limit {
			out.Body.NextCursor = cursorAt(n)
			break
		}
		agent := shapes.Agent{Location: l.Code, State: "offline", Installation: l.Installation, AgeMS: state.Age(l) + r.hub.TickAge().Milliseconds()}
		if len(l.Epochs) > 0 {
			newest := l.Epochs[len(l.Epochs)-1]
			agent.Epoch, agent.Through = newest.Name, newest.Through.Sequence
		}
		out.Body.Data = append(out.Body.Data, agent)
	}
	return out, r.linked(ctx, out.Body.Data)
}

// linked adds what the nodes know of the agents that are connected to them.
func (r routes) linked(ctx context.Context, agents []shapes.Agent) error {
	codes := make([]string, len(agents))
	for i := range agents {
		codes[i] = agents[i].Location
	}
	peers, err := r.hub.Peers(ctx, codes)
	if err != nil {
		return shapes.NewProblem(shapes.CodeUnavailable, err.Error())
	}
	for i := range agents {
		if p, ok := peers[agents[i].Location]; ok {
			agents[i].State, agents[i].Version, agents[i].LastSeen = "online", p.Program, p.Heard.UTC()
			agents[i].Backlog, agents[i].OldestUnsentMS = claimed(p.Backlog), claimed(p.OldestMS)
		}
	}
	return nil
}

// claimed is a number that an agent says of itself, which may be any.
func claimed(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

type exceptionsInput struct {
	Reading
	shapes.Paging
}

type exceptionsOutput struct {
	Body struct {
		shapes.Page[shapes.Exception]
		Position string `json:"position"`
	}
}

func (r routes) exceptions(ctx context.Context, in *exceptionsInput) (*exceptionsOutput, error) {
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
		shape := shapes.Exception{ID: strconv.FormatUint(uint64(no), 10), Kind: e.Code.String(), Location: state.LocationAt(e.Location).Code,
			Document: e.Document, Detail: e.Text, Position: positionAt(state.Incarnation(), e.Index)}
		if e.Operation.Sequence > 0 {
			shape.Operation = e.Operation.String()
		}
		if e.Code == stock.Parked {
			shape.Line, shape.Item, shape.Movement, shape.Quantity = int64(e.Number), e.Line.Code(), e.Line.Kind.String(), shapes.Of(e.Line.Quantity)
		}
		if e.Code == stock.DuplicateArrival || e.Code == stock.AgedTransfer {
			shape.Item, shape.Quantity, shape.Transfer = e.Line.Code(), shapes.Of(e.Line.Quantity), e.Line.Of
		}
		if e.Code == stock.SetAsideMissing || e.Code == stock.AgedClaim {
			shape.Item, shape.Quantity = e.Line.Item, shapes.Of(e.Line.Quantity)
			shape.Reservation, shape.ReservationLine = e.Line.Reservation, e.Line.ReservationLine
		}
		out.Body.Data = append(out.Body.Data, shape)
	}
	return out, nil
}
