package api

import (
	"context"
	"fmt"

	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) policy(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/policy", Tag: "policy", Summary: "The policy in force"}, r.getPolicy)
	serve.Handle(s, serve.Route{Method: "PUT", Path: "/v1/policy", Tag: "policy", Summary: "Replace the whole policy",
		Detail: "It holds for what is asked and settled from then on: no claim that stands is judged anew. Stores hear of it with their next round, feeds begin anew. The same content again changes nothing.",
		Problems: []shapes.Code{shapes.CodePolicyVersion}}, r.putPolicy)
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

type putPolicyInput struct{ Body shapes.PolicyChange }

func (r routes) putPolicy(ctx context.Context, in *putPolicyInput) (*policyOutput, error) {
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
