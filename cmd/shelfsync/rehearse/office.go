package rehearse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// Central IT changes the rules while tills sell and stores are cut off. It does
// one thing after the other, so that the journal's records of each kind follow
// each other as its answers do.

// decision is one call of central IT that replaces or loads something.
type decision struct {
	kind, path, content string // the journal's word for it, and how it is sent
	rows                []any  // one a line
	answer              Answer
}

// decides makes one call until it is answered, keeps what was said, and returns
// where it had taken effect at the latest.
func (r *Run) decides(ctx context.Context, d decision) (position uint64, err error) {
	r.office.Lock()
	defer r.office.Unlock()
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	for _, row := range d.rows {
		if err := lines.Encode(row); err != nil {
			return 0, err
		}
	}
	reply, err := r.client.repeat(ctx, func(n int) (reply, error) {
		return r.client.once(ctx, outgoing{http.MethodPut, r.hub(int(r.tries.Add(1)), d.path).attempt(n), "", d.content, body.Bytes()})
	})
	if err != nil {
		return 0, err
	}
	var said struct {
		Position string `json:"position"`
		Version  uint64 `json:"version"`
	}
	if err := json.Unmarshal(reply.body, &said); err != nil || reply.status != http.StatusOK {
		return 0, fmt.Errorf("%w: %s answered %d: %s", errOdd, d.path, reply.status, reply.body)
	}
	d.answer.Kind, d.answer.Status, d.answer.Position, d.answer.Version = d.kind, reply.status, said.Position, said.Version
	d.answer.At = time.Now()
	r.record.Note(d.answer)
	return indexOf(said.Position), nil
}

// decided are the answers to central IT's decisions of a kind, each with the record
// of the journal by which it took effect: the first one after the decision before.
// A record that says that nothing changed is none.
func (a *auditor) decided(kind string) (answers []*Answer, where []int) {
	var records []int
	at := func(record int) uint64 { return indexOf(a.journal[record].Position) }
	for i := range a.journal {
		if record := &a.journal[i]; record.Kind == kind && !strings.HasPrefix(record.Detail, "repeated") {
			records = append(records, i)
		}
	}
	before := uint64(0)
	if kind != "policy" {
		before = a.opened // the morning's load is no decision
	}
	for i := range a.answers {
		answer := &a.answers[i]
		if answer.Kind != kind {
			continue
		}
		for len(records) > 0 && at(records[0]) <= before {
			records = records[1:]
		}
		if before = indexOf(answer.Position); len(records) == 0 || at(records[0]) > before {
			a.report.fail(fmt.Sprintf("%s: what was decided by %s is not in the journal", kind, answer.Position))
			continue
		}
		answers, where = append(answers, answer), append(where, records[0])
	}
	return answers, where
}

// everywhere asks every node for one thing that is decided, and compares it
// with what was decided last.
func (a *auditor) everywhere(ctx context.Context, path string, check func(text []byte) string) error {
	for _, n := range a.run.nodes {
		var text json.RawMessage
		if _, err := a.run.client.get(ctx, n.one(path), &text); err != nil {
			return err
		}
		if wrong := check(bytes.TrimSpace(text)); wrong != "" {
			a.report.fail(fmt.Sprintf("%s at %s: %s", path, n.Name, wrong))
		}
	}
	return nil
}

// rulesWords are a policy in one line.
func rulesWords(rules *api.PolicyRules) string {
	text, _ := json.Marshal(rules) // plain values
	return string(text)
}
