package api

import (
	"context"
	"math"

	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) fleet(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/agents", Tag: "fleet", Summary: "Every location's agent: link, backlog, age"}, r.listAgents)
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
