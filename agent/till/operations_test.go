package till_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// A day at the till: each row is called in turn on one store.
func TestADayAtTheTill(t *testing.T) {
	s := open(t)
	s.hear(stocked())
	for _, row := range []struct{ path, body, want string }{
		{"/v1/sales", `{"receipt":"R1","till":"T1","lines":[{"item":"85123A","quantity":2}]}`,
			"85123A sellable 3 reserved 3 available 0 "},
		{"/v1/sales", `{"receipt":"R2","till":"T1","lines":[{"item":"85123A","quantity":1}]}`,
			"85123A sellable 2 reserved 3 available 0 takes_reserved"},
		{"/v1/sales", `{"receipt":"R3","till":"T1","lines":[{"item":"5012345678900","quantity":1}]}`, // a pack of six
			"85123A sellable -4 reserved 3 available 0 takes_reserved,takes_set_aside,below_zero"},
		{"/v1/sales", `{"receipt":"R4","till":"T1","lines":[{"item":"nobody knows","quantity":1}]}`,
			"nobody knows sellable 0 reserved 0 available 0 parked "},
		{"/v1/sales", `{"receipt":"R5","till":"T1","lines":[{"item":"22423","quantity":0.125}],"returns":[{"item":"85123A","quantity":1,"reason":"too_small","disposition":"sellable"}]}`,
			"22423 sellable 19.875 reserved 0 available 19.875 ;85123A sellable -3 reserved 3 available 0 "},
		{"/v1/sales", `{"receipt":"R6","till":"T1","returns":[{"item":"22423","quantity":1,"reason":"broken"}]}`,
			"22423 sellable 19.875 reserved 0 available 19.875 "},
		{"/v1/returns", `{"lines":[{"item":"22423","quantity":1,"reason":"broken"}]}`, "22423 sellable 19.875 reserved 0 available 19.875 "},
		{"/v1/inspections", `{"lines":[{"item":"22423","quantity":1,"disposition":"sellable"}]}`, "22423 sellable 20.875 reserved 0 available 20.875 "},
		{"/v1/deliveries", `{"document":"DN1","purchase_order":"PO1","lines":[{"item":"85123A","quantity":24}]}`, "85123A sellable 21 reserved 3 available 18 "},
		{"/v1/damages", `{"lines":[{"item":"22423","quantity":1,"movement":"damage","reason":"dropped"}]}`, "22423 sellable 19.875 reserved 0 available 19.875 "},
		{"/v1/damages", `{"lines":[{"item":"22423","quantity":1,"movement":"repair","reason":"glued"}]}`, "22423 sellable 20.875 reserved 0 available 20.875 "},
		{"/v1/damages", `{"lines":[{"item":"22423","quantity":1,"movement":"write_off","reason":"rotten"}]}`, "22423 sellable 20.875 reserved 0 available 20.875 "},
		{"/v1/adjustments", `{"lines":[{"item":"22423","quantity":-0.875,"reason":"shrinkage","approved_by":"Ann"}]}`, "22423 sellable 20 reserved 0 available 20 "},
		{"/v1/reservations/web-1/stage", `{}`, "85123A sellable 21 reserved 3 available 18 "},
		{"/v1/reservations/web-1/unstage", `{"line":"1"}`, "85123A sellable 21 reserved 3 available 18 "},
		{"/v1/reservations/web-1/pick", `{"line":"1","quantity":1}`, "85123A sellable 20 reserved 2 available 18 "},
		{"/v1/reservations/web-1/cannot_pick", ``, "85123A sellable 20 reserved 1 available 19 "},
		{"/v1/sales", `{"receipt":"R7","till":"T1","lines":[{"item":"85123A","quantity":1,"reservation":"web-2","reservation_line":"1"}]}`,
			"85123A sellable 19 reserved 0 available 19 "},
	} {
		key := row.path + fmt.Sprint(s.head().Sequence)
		if row.path == "/v1/sales" {
			key = ""
		}
		r := s.record(row.path, key, row.body)
		var got []string
		for _, l := range r.Lines {
			got = append(got, line(l))
		}
		if strings.Join(got, ";") != row.want {
			t.Errorf("%s %s\n got %s\nwant %s", row.path, row.body, strings.Join(got, ";"), row.want)
		}
	}
	got := s.get("/v1/availability?item=22423", nil)
	if want := `"on_hand":22,"sellable":20,"reserved":0,"staged":0,"ceded":0,"damaged":0,"return_pending":2,"in_transit":0,"available_to_sell":20`; !strings.Contains(got, want) {
		t.Error(got)
	}
}

func TestARepeatedRequestGetsTheFirstAnswer(t *testing.T) {
	s := open(t)
	s.hear(stocked())
	const body = `{"receipt":"R1","till":"T1","lines":[{"item":"85123A","quantity":1}]}`
	for _, key := range []string{"", "chosen by the till"} {
		first := s.post("/v1/sales", key, body)
		s.record("/v1/sales", "between"+key, `{"receipt":"X","till":"T9","lines":[{"item":"85123A","quantity":1}]}`)
		at := s.head()
		again := s.post("/v1/sales", key, body)
		if first.Code != 201 || again.Code != 201 || first.Body.String() != again.Body.String() {
			t.Errorf("key %q: %s, then %s", key, first.Body, again.Body)
		}
		if first.Header().Get(api.HeaderReplayed) != "" || again.Header().Get(api.HeaderReplayed) != "true" {
			t.Errorf("key %q: replayed %q, then %q", key, first.Header().Get(api.HeaderReplayed), again.Header().Get(api.HeaderReplayed))
		}
		s.problem(s.post("/v1/sales", key, strings.Replace(body, `:1}`, `:2}`, 1)), api.CodeKeyReused)
		if s.head() != at {
			t.Errorf("key %q: a repeated request was recorded", key)
		}
	}
	if s.head().Sequence != 4 {
		t.Errorf("%d operations", s.head().Sequence)
	}
	// The same key and body at another address is another request.
	s.record("/v1/reservations/web-1/stage", "step", `{}`)
	s.problem(s.post("/v1/reservations/web-1/pick", "step", `{}`), api.CodeKeyReused)
	if got := s.get("/metrics", nil); !strings.Contains(got, "shelfsync_agent_idempotency_key_reused_total 3") || !strings.Contains(got, `shelfsync_agent_operations_total{kind="sale"} 4`) {
		t.Error(got)
	}
}

func TestManyTillsSendTheSameSlipAtOnce(t *testing.T) {
	s := open(t)
	const body = `{"receipt":"R1","till":"T1","lines":[{"item":"A","quantity":1}]}`
	answers := make(chan *httptest.ResponseRecorder)
	for range 64 {
		go func() { answers <- s.post("/v1/sales", "", body) }() // received below
	}
	firsts, texts := 0, map[string]bool{}
	for range 64 {
		w := <-answers
		texts[w.Body.String()] = true
		if w.Header().Get(api.HeaderReplayed) == "" {
			firsts++
		}
	}
	if firsts != 1 || len(texts) != 1 || s.head().Sequence != 1 {
		t.Errorf("%d first answers, %d different ones, %d operations", firsts, len(texts), s.head().Sequence)
	}
}

func TestKeysOfSalesNeverMeet(t *testing.T) {
	s := open(t)
	sale := func(till, receipt string) string {
		return `{"receipt":"` + receipt + `","till":"` + till + `","lines":[{"item":"A","quantity":1}]}`
	}
	s.record("/v1/sales", "", sale("T1", "7"))
	s.record("/v1/sales", "sale/T1/7", sale("T1", "7"))     // a header that looks like the default
	s.record("/v1/sales", "key/sale/T1/7", sale("T1", "7")) // and like ours
	s.record("/v1/sales", "", sale("T1/7", "8"))
	s.record("/v1/sales", "", sale("T1", "7/8"))
	s.record("/v1/sales", "", sale("T1%2F7", "8"))
	if at := s.head().Sequence; at != 6 {
		t.Errorf("%d operations of 6", at)
	}
}

func TestAnOperationIsUndoneOnceAndOnlyWhileNothingRefersToIt(t *testing.T) {
	s := open(t)
	s.hear(stocked())
	sold := s.record("/v1/sales", "", `{"receipt":"R1","till":"T1","lines":[{"item":"22423","quantity":5}]}`)
	undone := s.record("/v1/operations/"+sold.Operation+"/reverse", "u1", "")
	if got := line(undone.Lines[0]); got != "22423 sellable 20 reserved 0 available 20 " {
		t.Error(got)
	}
	kept := s.record("/v1/sales", "", `{"receipt":"R2","till":"T1","lines":[{"item":"22423","quantity":5}]}`)
	s.record("/v1/returns", "r1", `{"lines":[{"item":"22423","quantity":1,"reason":"x","of":"`+kept.Operation+`"}]}`)
	picked := s.record("/v1/reservations/web-1/pick", "p1", `{}`)
	at := s.head()
	for id, code := range map[string]api.Code{
		sold.Operation: api.CodeNotAllowed, undone.Operation: api.CodeNotAllowed, kept.Operation: api.CodeNotAllowed, picked.Operation: api.CodeNotAllowed,
		"S014.k3f9.99": api.CodeNotFound, "S015.k3f9.1": api.CodeNotFound, "nonsense": api.CodeNotFound,
	} {
		if p := s.problem(s.post("/v1/operations/"+id+"/reverse", "try "+id, ""), code); p.Detail == "" {
			t.Errorf("%s: no word of what to do instead", id)
		}
	}
	if s.head() != at {
		t.Error("a refused reversal was recorded")
	}
}

func TestTheTraceAndTheReservationOfASaleAreKept(t *testing.T) {
	s := open(t)
	r := httptest.NewRequest("POST", "http://localhost/v1/sales", strings.NewReader(`{"receipt":"R1","till":"T1","lines":[{"item":"A","quantity":1,"reservation":"web-1","reservation_line":"2"}]}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	w := httptest.NewRecorder()
	s.web.ServeHTTP(w, r)
	if w.Code != 201 {
		t.Fatal(w.Body)
	}
	s.look(func(a *agent.Agent) {
		operations, _, err := a.Ledger().Read(protocol.Position{}, 1, 1<<20)
		if err != nil || len(operations) != 1 {
			t.Fatal(operations, err)
		}
		op, err := protocol.DecodeOperation(operations[0])
		if err != nil {
			t.Fatal(err)
		}
		if op.Correlation != "4bf92f3577b34da6a3ce929d0e0e4736" || op.Receipt != "R1" || op.Till != "T1" {
			t.Errorf("%+v", op)
		}
		if l := op.Lines[0]; l.Kind != stock.Sale || l.Reservation != "web-1" || l.ReservationLine != "2" {
			t.Errorf("%+v", l)
		}
	})
}

// failing stands for an agent whose ledger does not take the record.
type failing struct {
	till *agent.Server
	err  error
}

func (f failing) Record(context.Context, *agent.Request) (agent.Answer, error) {
	return agent.Answer{}, f.err
}
func (f failing) Ask(ctx context.Context, read func(*agent.Agent)) error {
	return f.till.Ask(ctx, read)
}
func (f failing) Backup(ctx context.Context) error { return f.err }
func (f failing) Stopping() <-chan struct{}        { return f.till.Stopping() }

func TestADiskThatFailsIsSaid(t *testing.T) {
	s := open(t)
	for err, code := range map[error]api.Code{errors.New("disk is full"): api.CodeStorage, agent.ErrStopped: api.CodeUnavailable, context.Canceled: api.CodeUnavailable} {
		s.serve(failing{s.agent, err})
		p := s.problem(s.post("/v1/sales", "", `{"receipt":"R1","till":"T1","lines":[{"item":"A","quantity":1}]}`), code)
		if strings.Contains(p.Detail, "disk is full") || !strings.Contains(p.Detail, "same key") {
			t.Error(p.Detail)
		}
	}
	if !strings.Contains(s.log.String(), "disk is full") {
		t.Error("the log does not say what failed")
	}
}
