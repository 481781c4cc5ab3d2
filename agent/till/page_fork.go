package till

import (
	"errors"
	"net/http"
	"strings"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// undecided is an operation of which, after a fork, nobody can tell whether the
// hub has it, as somebody recognises it: by its receipt and its goods.
type undecided struct {
	pageOperation
	Goods string
}

// goodsShown bounds the lines that an undecided operation is recognised by.
const goodsShown = 4

// readUndecided lists what waits for a decision, oldest first.
func (p *page) readUndecided(t *till, a *agent.Agent) error {
	records, err := a.Quarantined(protocol.PageOperations + 1)
	if err != nil {
		return err
	}
	p.MoreUndecided = len(records) > protocol.PageOperations
	for _, r := range records[:min(len(records), protocol.PageOperations)] {
		record, err := t.operationRecord(a, r)
		if err != nil {
			return err
		}
		var goods []string
		for _, line := range record.Lines[:min(len(record.Lines), goodsShown)] {
			goods = append(goods, line.Quantity.String()+" "+line.Item)
		}
		if len(record.Lines) > goodsShown {
			goods = append(goods, "…")
		}
		p.Undecided = append(p.Undecided, undecided{t.pageOperation(&record), strings.Join(goods, ", ")})
	}
	if len(p.Undecided) > 0 && p.Sentence == everythingSent {
		p.Sentence = "The hub has everything else that this store recorded."
	}
	return nil
}

// postDecide takes what somebody decided, and shows the store's page again. What
// was decided already stays so: the page shows what is left.
func (t *till) postDecide(w http.ResponseWriter, r *http.Request) {
	values, err := formValues(w, r)
	in := &admitInput{ID: values.Get("id")}
	in.Body.Decision = values.Get("decision")
	if err == nil && in.Body.Decision != "send" && in.Body.Decision != "drop" {
		err = api.Invalid(api.FieldError{Path: "decision", Message: "is send or drop"})
	}
	if err == nil {
		_, err = t.admit(r.Context(), in)
	}
	var problem *api.Problem
	if err == nil || errors.As(err, &problem) && problem.Code == api.CodeNotAllowed {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	serve.Fail(w, r, err)
}
