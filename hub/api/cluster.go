package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) clusters(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/cluster", Tag: "fleet", Summary: "The hub's nodes: leader, position and state hash of each"}, r.cluster)
	serve.Handle(s, serve.Route{Method: "POST", Path: "/v1/cluster/members", Tag: "fleet", Status: 202, Summary: "Make a running node a member",
		Detail:   "The node at the address must run and must not be in another cluster. It follows without a vote until it has caught up; asked again, it gets its vote. A node started with --join asks by itself.",
		Problems: []shapes.Code{shapes.CodeUnavailable, shapes.CodeNotAllowed}}, r.addMember)
	serve.Handle(s, serve.Route{Method: "DELETE", Path: "/v1/cluster/members/{id}", Tag: "fleet", Status: 200, Summary: "Take a node out for ever",
		Detail:   "The node stops. Its folder never joins again: wipe it, and it joins as a new node.",
		Problems: []shapes.Code{shapes.CodeUnavailable, shapes.CodeNotAllowed}}, r.removeMember)
}

type clusterOutput struct{ Body shapes.Cluster }

// cluster is answered as things stand: it is asked most where nothing else is.
func (r routes) cluster(context.Context, *struct{}) (*clusterOutput, error) {
	return &clusterOutput{r.clusterNow()}, nil
}

func (r routes) clusterNow() shapes.Cluster {
	state, status := r.hub.Board().State(), r.hub.Status()
	body := shapes.Cluster{Incarnation: state.Incarnation(), Leader: status.LeaderID, Term: status.Term, Position: position(state), Node: status.ID}
	here := shapes.Node{ID: status.ID, Address: status.Address, Role: status.Role, Votes: true, Applied: state.Index(), Position: position(state),
		StateHash: fmt.Sprintf("%016x", state.Hash()), TrailEntries: int64(status.LastIndex) - int64(status.SnapshotIndex), HubTimeMS: state.Now()}
	here.Horizon = horizonShape(state.Incarnation(), r.hub.Journal().Horizon())
	members, ok := r.hub.Members()
	if !ok {
		body.Nodes = append(body.Nodes, here)
		return body
	}
	for _, n := range members.Nodes() {
		node := shapes.Node{ID: n.ID, Address: n.Address, Votes: n.Votes, API: n.Mark.API, Version: n.Mark.Program, Role: "unknown"}
		switch {
		case n.ID == status.ID:
			here.Votes, here.API, here.Version = n.Votes, n.Mark.API, n.Mark.Program
			node = here
		case !n.Heard.IsZero():
			node.Role, node.Applied = n.Mark.Role, n.Mark.Applied
			node.HeardMS = time.Since(n.Heard).Milliseconds()
			node.Position = positionAt(state.Incarnation(), n.Mark.Index)
			node.StateHash = fmt.Sprintf("%016x", n.Mark.Hash)
			node.Horizon = horizonShape(state.Incarnation(), n.Mark.Horizon)
		}
		body.Nodes = append(body.Nodes, node)
	}
	return body
}

// horizonShape is where a journal begins; empty where it holds nothing.
func horizonShape(incarnation, index uint64) string {
	if index == 0 {
		return ""
	}
	return positionAt(incarnation, index)
}

type addMemberInput struct{ Body shapes.NewMember }

func (r routes) addMember(_ context.Context, in *addMemberInput) (*clusterOutput, error) {
	return r.changeMembers(func(m cluster.Members) error { return m.AddAt(in.Body.Address) })
}

type removeMemberInput struct {
	ID string `path:"id" doc:"Server id of the node"`
}

func (r routes) removeMember(_ context.Context, in *removeMemberInput) (*clusterOutput, error) {
	return r.changeMembers(func(m cluster.Members) error { return m.Remove(in.ID) })
}

func (r routes) changeMembers(change func(cluster.Members) error) (*clusterOutput, error) {
	members, ok := r.hub.Members()
	if !ok {
		return nil, shapes.NewProblem(shapes.CodeNotAllowed, "this hub can have only one node")
	}
	switch err := change(members); {
	case errors.Is(err, cluster.ErrRefused):
		return nil, shapes.NewProblem(shapes.CodeNotAllowed, err.Error())
	case err != nil:
		problem := shapes.NewProblem(shapes.CodeUnavailable, "the members may or may not have changed: look, and ask again: "+err.Error())
		problem.RetryAfterS = retrySeconds
		return nil, problem
	}
	return &clusterOutput{r.clusterNow()}, nil
}
