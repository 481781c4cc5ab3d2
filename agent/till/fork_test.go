package till_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
)

// forked lets the hub have another history from an operation on, of which its
// journal no longer tells what lies before.
func (s *store) forked(at uint64) {
	s.Helper()
	s.look(func(a *agent.Agent) {
		asks := &asking{}
		err := a.Connected(asks, "hub:7420")
		for len(a.Ledger().Epochs()) == 1 && err == nil {
			err = a.Receive(&protocol.Welcome{Version: 1, Hub: protocol.HubPosition{Incarnation: 7}, Forked: true, Window: 64,
				Through: protocol.Position{Sequence: at, Chain: [32]byte{9}}, Answer: protocol.AnswerUnknown, Asked: asks.about})
		}
		if err = errors.Join(err, a.Receive(&protocol.Welcome{Version: 1, Hub: protocol.HubPosition{Incarnation: 7}, Window: 64})); err != nil {
			s.Error(err)
		}
	})
}

// asking is a connection that remembers what was asked last.
type asking struct {
	quiet
	about uint64
}

func (p *asking) Send(frame protocol.Frame) bool {
	if hello, ok := frame.(*protocol.Hello); ok {
		p.about = hello.Ask.Sequence
	}
	return true
}

// After a fork a slip's id still finds its operation, and a person decides about
// what nobody can tell.
func TestOperationsAfterAFork(t *testing.T) {
	s := open(t)
	first, second, third := s.sold("R1", "22423"), s.sold("R2", "22423"), s.sold("R3", "22423")
	old := s.epoch()
	s.forked(3)
	var one api.OperationRecord
	s.get("/v1/operations/"+third, &one)
	if one.ID != "S014."+s.epoch()+".1" || one.Was != third || one.Receipt != "R3" || one.State != "pending" || s.epoch() == old {
		t.Errorf("%s is now %+v", third, one)
	}
	listed := func() (text string) {
		var page api.Page[api.OperationRecord]
		s.get("/v1/operations", &page)
		for _, o := range page.Data {
			text += o.Receipt + " " + o.State + ", "
		}
		return text
	}
	if got := listed(); got != "R3 pending, R2 quarantined, R1 quarantined, " {
		t.Errorf("listed are %s", got)
	}
	var status api.Status
	s.get("/v1/status", &status)
	if status.Quarantined != 2 || status.Backlog.Operations != 1 {
		t.Errorf("%+v", status)
	}
	decide := func(id, decision string) *httptest.ResponseRecorder {
		return s.post("/v1/operations/"+id+"/admit", "", fmt.Sprintf(`{"decision":%q}`, decision))
	}
	s.problem(decide(first, "perhaps"), api.CodeInvalid)
	s.problem(decide("S014."+old+".9", "send"), api.CodeNotFound)
	s.problem(decide("S015.e.1", "send"), api.CodeNotFound)
	s.problem(decide(third, "send"), api.CodeNotAllowed)
	if p := s.problem(s.post("/v1/operations/"+second+"/reverse", "undo", ""), api.CodeNotAllowed); !strings.Contains(p.Detail, "decide that first") {
		t.Error(p.Detail)
	}
	if w := decide(first, "drop"); w.Code != 200 || !strings.Contains(w.Body.String(), `"state":"settled"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := decide(second, "send"); w.Code != 200 || !strings.Contains(w.Body.String(), `"was":"`+second+`"`) || !strings.Contains(w.Body.String(), `"state":"pending"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s.problem(decide(second, "drop"), api.CodeNotAllowed)
	if got := listed(); got != "R2 pending, R3 pending, R1 settled, " {
		t.Errorf("listed are %s", got)
	}
	undone := s.record("/v1/operations/"+second+"/reverse", "undo", "")
	s.get("/v1/operations/"+undone.Operation, &one)
	if one.Reverses != second {
		t.Errorf("the reversal is %+v", one)
	}
}

// The store's page asks, and takes the answer without a script.
func TestThePageAsksWhatNobodyCanTell(t *testing.T) {
	s := open(t)
	first, second := s.sold("R1", "22423"), s.sold("R2", "22423")
	s.sold("R3", "22423")
	if page := s.words("/"); strings.Contains(page, "Does the hub have these?") {
		t.Error("it asks before the fork")
	}
	s.forked(3)
	s.reads(s.words("/"), "▲ Does the hub have these?", "sale R1 1 22423 "+first+" Send it: the hub lacks it The hub has it", "sale R2 1 22423 "+second, "nobody knows")
	page := s.visit("/")
	for _, press := range []struct {
		form, decision string
		code           int
	}{{first, "decision=perhaps", 422}, {first, "decision=send", 303}, {first, "decision=drop", 303}, {second, "decision=drop", 303}} { // the third was decided already
		if got := page.submit(`value="`+press.form+`"`, "", press.decision).code; got != press.code {
			t.Errorf("%s of %s: %d", press.decision, press.form, got)
		}
	}
	if got := page.submit(first, "", "decision=send", "id=S014.none.1").code; got != 404 {
		t.Errorf("an operation that is not there: %d", got)
	}
	if page := s.words("/"); strings.Contains(page, "Does the hub have these?") || strings.Contains(page, "nobody knows") {
		t.Errorf("it still asks:\n%s", page)
	}
	var one api.OperationRecord
	s.get("/v1/operations/"+first, &one)
	if one.State != "pending" || one.Was != first {
		t.Errorf("what was sent is %+v", one)
	}
	s.look(func(a *agent.Agent) {
		if waiting, err := a.Quarantined(9); err != nil || len(waiting) > 0 {
			t.Errorf("%d wait, %v", len(waiting), err)
		}
	})
}
