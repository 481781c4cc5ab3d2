package till

import (
	"context"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

type (
	countBody struct {
		api.Count
		received []byte
	}
	countInput struct {
		Keyed
		Body countBody
	}
	countedOutput struct {
		Replayed string `header:"Idempotency-Replayed" doc:"true where the key was answered before"`
		Body     counted
	}
)

func (b *countBody) UnmarshalJSON(raw []byte) error { return receive(raw, &b.Count, &b.received) }

// counted is api.Counted as the ledger keeps it.
type counted struct {
	api.Counted
	text []byte
}

// MarshalJSON is the text as it was first answered.
func (c counted) MarshalJSON() ([]byte, error) { return c.text, nil }

func (t *till) routeCounts(s *serve.Server) {
	route := posting("/v1/counts", "Record what was counted", "While trading goes on: each line's variance is against the store's own record at that moment. "+
		"A line that others may have moved since is not recorded but to be counted again; where no line stands, nothing is recorded, and the same key is judged anew.")
	route.Tag = "counts"
	serve.Handle(s, route, t.count)
}

func (t *till) count(ctx context.Context, in *countInput) (*countedOutput, error) {
	b := &in.Body
	ask := &agent.Count{After: b.AtOperation, Lines: make([]agent.CountLine, len(b.Lines))}
	for i, l := range b.Lines {
		ask.Lines[i] = agent.CountLine{Scanned: l.Item, Counted: l.Counted.Stock(), Confirmed: l.Confirmed, Reason: l.Reason}
	}
	recorded, err := t.record(ctx, act{kind: "count", path: "/v1/counts", key: in.Key, received: b.received, field: lineField, count: ask, answer: answerCount,
		operation: stock.Operation{At: claimed(b.At)}})
	if err != nil {
		return nil, err
	}
	return &countedOutput{recorded.Replayed, counted{text: recorded.Body.text}}, nil
}

// answerCount writes api.Counted by hand, as answerOf does.
func answerCount(r agent.Recorded) []byte {
	b := []byte{'{'}
	if len(r.Lines) > 0 {
		b = append(b, `"operation":`...)
		b = append(appendString(b, r.Operation.String()), ',')
	}
	b = append(b, `"lines":[`...)
	for i, line := range r.Counted {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"item":`...)
		b = appendString(b, line.Item)
		if line.Recount != agent.RecountChanged { // else it would be against another truth
			b = append(b, `,"variance":`...)
			b = append(b, line.Variance.String()...)
		}
		if line.Recount != "" {
			b = append(b, `,"recount":`...)
			b = appendString(b, line.Recount)
		}
		if line.Parked {
			b = append(b, `,"parked":true`...)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}
