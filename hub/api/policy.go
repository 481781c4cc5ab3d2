package api

import (
	"context"
	"fmt"
	"time"

	"github.com/shelfsync/shelfsync/hub"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) policy(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/policy", Tag: "policy", Summary: "The policy in force"}, r.getPolicy)
	serve.Handle(s, serve.Route{Method: "PUT", Path: "/v1/policy", Tag: "policy", Summary: "Replace the whole policy",
		Detail: "It holds for what is asked and settled from then on: no claim that stands is judged anew. Stores hear of it with their next round, feeds begin anew. The same content again changes nothing. " +
			"A dry run sets nothing: it plays what happened since an image of the past once more with this policy, and counts.",
		Problems: []shapes.Code{shapes.CodePolicyVersion, shapes.CodeBeyondHorizon}}, r.putPolicy)
}

type policyInput struct{ Reading }

type policyOutput struct{ Body shapes.Policy }

func (r routes) getPolicy(ctx context.Context, in *policyInput) (*policyOutput, error) {
	state, err := r.state(ctx, in.Reading)
	if err != nil {
		return nil, err
	}
	return policyNow(state), nil
}

func policyNow(state *stock.State) *policyOutput {
	return &policyOutput{shapes.Policy{Version: state.PolicyVersion(), Position: position(state), PolicyRules: shapes.PolicyOf(state.Policy())}}
}

type putPolicyInput struct {
	DryRun bool   `query:"dry_run" doc:"Try it against what happened"`
	From   string `query:"from" doc:"Of a dry run: a position or a time; it begins at the image before. Absent: at the newest" example:"2026-11-23T00:00:00Z"`
	Body   shapes.PolicyChange
}

func (r routes) putPolicy(ctx context.Context, in *putPolicyInput) (*policyOutput, error) {
	if in.DryRun {
		return r.tryPolicy(ctx, in)
	}
	result, index, err := r.do(ctx, &stock.SetPolicy{Replaces: in.Body.Replaces, Policy: in.Body.Stock()})
	if err != nil {
		return nil, err
	}
	if result.Code == stock.OtherVersion {
		return nil, shapes.NewProblem(shapes.CodePolicyVersion, fmt.Sprintf("the policy in force is version %d, not %d: read it, and make the change again", result.Version, in.Body.Replaces))
	}
	state, err := r.reach(ctx, index)
	if err != nil {
		return nil, err
	}
	return policyNow(state), nil
}

func (r routes) tryPolicy(ctx context.Context, in *putPolicyInput) (*policyOutput, error) {
	state, err := r.state(ctx, Reading{})
	if err != nil {
		return nil, err
	}
	question := hub.Tried{Policy: in.Body.Stock(), To: state.Index()}
	if question.From, question.FromTime, err = fromIn(state, in.From); err != nil {
		return nil, err
	}
	trial, err := r.hub.DryRun(ctx, question)
	if err != nil {
		return nil, r.pastProblem(err)
	}
	out := policyNow(state)
	out.Body.Trial = &shapes.PolicyTrial{From: positionAt(state.Incarnation(), trial.From.Index), Wall: time.UnixMilli(trial.From.At).UTC(), Entries: int64(trial.Entries),
		Really: tallyShape(&trial.Really), With: tallyShape(&trial.With)}
	return out, nil
}

func tallyShape(t *hub.Tally) shapes.PolicyTally {
	return shapes.PolicyTally{Accepted: int64(t.Accepted), Short: int64(t.Short), Promised: shapes.Of(t.Promised), Missing: shapes.Of(t.Missing),
		Conflicts: int64(t.Conflicts), Moved: int64(t.Moved), MadeShort: int64(t.MadeShort), LatePicks: int64(t.LatePicks), PickedTwice: int64(t.PickedTwice),
		Oversold: shapes.Of(t.Oversold), LostCarts: shapes.Of(t.LostCarts)}
}
