package till_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

func TestAvailability(t *testing.T) {
	s := open(t)
	var got api.AgentAvailability
	s.get("/v1/availability?item=85123A", &got)
	if got.Online || got.Position != "" || !got.ReservedAsOf.IsZero() || got.AsOf.IsZero() || got.Data[0].Known {
		t.Errorf("before any hub: %+v", got)
	}
	s.hear(stocked())
	s.record("/v1/sales", "", `{"receipt":"R1","till":"T1","lines":[{"item":"85123A","quantity":3}]}`)
	s.get("/v1/availability?item=5012345678900&item=85123A&item=nobody%20knows", &got)
	if !got.Online || got.Position != "7.1" || got.ReservedAsOf.IsZero() || len(got.Data) != 3 {
		t.Errorf("%+v", got)
	}
	for i, want := range []string{"85123A true 2 3 1 0", "85123A true 2 3 1 0", "nobody knows false 0 0 0 0"} {
		d := got.Data[i]
		if is := fmt.Sprint(d.Item, " ", d.Known, " ", d.Sellable, " ", d.Reserved, " ", d.Staged, " ", d.AvailableToSell); is != want {
			t.Errorf("%s, want %s", is, want)
		}
	}
	ask := func(query string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.web.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/v1/availability"+query, nil))
		return w
	}
	for query, field := range map[string]string{"": "query.item", "?item=A&item=%07": "query.item[1]", "?item=A" + strings.Repeat("&item=A", 1000): "query.item"} {
		if p := s.problem(ask(query), api.CodeInvalid); len(p.Errors) != 1 || p.Errors[0].Path != field {
			t.Errorf("%.20s: %v", query, p.Errors)
		}
	}
}

func TestTheLedgerIsReadNewestFirstWithWhatBecameOfIt(t *testing.T) {
	s := open(t)
	s.hear(stocked())
	for i := range 5 {
		s.record("/v1/sales", "", fmt.Sprintf(`{"receipt":"R%d","till":"T1","lines":[{"item":"5012345678900","quantity":1},{"item":"who?","quantity":2}]}`, i))
	}
	var epoch string
	s.look(func(a *agent.Agent) { epoch = a.Ledger().Head().Epoch })
	s.settle(protocol.Round{Outcomes: []stock.Outcome{{Epoch: epoch, Sequence: 5, Line: 2, Code: stock.Parked, Text: "who?", Index: 2}}})
	last := s.record("/v1/returns", "r", `{"lines":[{"item":"22423","quantity":1,"reason":"broken","of":"S014.`+epoch+`.5"}]}`)

	var page api.Page[api.OperationRecord]
	var seen []string
	for cursor := "first"; cursor != ""; cursor = page.NextCursor {
		page = api.Page[api.OperationRecord]{}
		s.get("/v1/operations?limit=2&cursor="+strings.TrimPrefix(cursor, "first"), &page)
		for _, o := range page.Data {
			seen = append(seen, fmt.Sprint(o.Sequence, o.Kind, o.State))
		}
		s.record("/v1/sales", "", basket(`{"item":"while reading","quantity":1}`)) // shifts nothing
	}
	if got := strings.Join(seen, " "); got != "6returnpending 5salesettled 4salesettled 3salesettled 2salesettled 1salesettled" {
		t.Error(got)
	}

	var one api.OperationRecord
	s.get("/v1/operations/S014."+epoch+".5", &one)
	if l := one.Lines[0]; l.Item != "85123A" || l.Scanned != "5012345678900" || l.Quantity.String() != "6" || l.From != "sellable" || l.To != "customer" || l.Effect != "applied" {
		t.Errorf("%+v", l)
	}
	if l := one.Lines[1]; l.Item != "who?" || l.Effect != "parked" || len(one.Outcomes) != 1 || one.Outcomes[0].Operation != one.ID || one.Outcomes[0].Effect != "parked" || one.Outcomes[0].Line != 2 {
		t.Errorf("%+v %+v", l, one.Outcomes)
	}
	one = api.OperationRecord{}
	s.get("/v1/operations/"+last.Operation, &one)
	if l := one.Lines[0]; one.State != "pending" || l.Effect != "" || l.To != "return_pending" || l.Of != "S014."+epoch+".5" {
		t.Errorf("%+v", one)
	}
	for path, code := range map[string]api.Code{"/S014." + epoch + ".999": api.CodeNotFound, "/S015." + epoch + ".1": api.CodeNotFound, "/x": api.CodeNotFound,
		"?cursor=x": api.CodeInvalid, "?limit=0": api.CodeInvalid, "?limit=1001": api.CodeInvalid} {
		w := httptest.NewRecorder()
		s.web.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/v1/operations"+path, nil))
		s.problem(w, code)
	}
}

func TestReservationsAndTasks(t *testing.T) {
	s := open(t)
	round := stocked()
	for i := range 5 {
		round.Claims = append(round.Claims, stock.StoreClaim{Reservation: fmt.Sprint("x", i), Line: "1", Channel: "web", Item: "22423", Quantity: stock.Unit, State: stock.Held})
	}
	s.hear(round)
	var ids []string
	var page api.Page[api.StoreReservation]
	for cursor := "first"; cursor != ""; cursor = page.NextCursor {
		page = api.Page[api.StoreReservation]{}
		s.get("/v1/reservations?limit=3&cursor="+strings.TrimPrefix(cursor, "first"), &page)
		for _, r := range page.Data {
			ids = append(ids, r.ID+" "+r.State)
		}
	}
	if got := strings.Join(ids, ","); got != "web-1 confirmed,web-2 staged,x0 held,x1 held,x2 held,x3 held,x4 held" {
		t.Error(got)
	}
	var tasks api.Page[api.Task]
	if s.get("/v1/tasks", &tasks); len(tasks.Data) != 1 || tasks.Data[0].Reservation != "web-1" || tasks.Data[0].Order != "O-1" || tasks.Data[0].Kind != "stage" {
		t.Errorf("%+v", tasks)
	}
	s.record("/v1/reservations/web-1/stage", "k", "")
	if s.get("/v1/tasks", &tasks); len(tasks.Data) != 0 {
		t.Errorf("%+v", tasks)
	}
	if s.get("/v1/reservations/web-1", &page); len(page.Data) != 1 || page.Data[0].State != "staged" || page.Data[0].Quantity.String() != "2" {
		t.Errorf("%+v", page)
	}
	for path, code := range map[string]api.Code{"/nobody": api.CodeNotFound, "?cursor=%21": api.CodeInvalid} {
		w := httptest.NewRecorder()
		s.web.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/v1/reservations"+path, nil))
		s.problem(w, code)
	}
}

// What the hub asks of the store is shown until a till says that it is done.
func TestTasksOfTheHub(t *testing.T) {
	s := open(t)
	round := stocked()
	round.Tasks = []stock.StoreTask{{ID: 3, Task: stock.Task{Kind: stock.Recount, Item: "22423", Quantity: stock.Unit, Reservation: "web-0", Line: "1"}},
		{ID: 12, Task: stock.Task{Kind: stock.PutBack, Item: "22423", Quantity: 2 * stock.Unit, Reservation: "web-9", Line: "1.1", Order: "O-9"}}}
	s.hear(round)
	told := func() (all []string) {
		for cursor := "first"; cursor != ""; {
			var page api.Page[api.Task]
			s.get("/v1/tasks?limit=1&cursor="+strings.TrimPrefix(cursor, "first"), &page)
			for _, task := range page.Data {
				all = append(all, task.ID+" "+task.Kind+" "+task.Reservation)
			}
			cursor = page.NextCursor
		}
		return all
	}
	if got := strings.Join(told(), ", "); got != "3 recount web-0, 12 put_back web-9,  stage web-1" {
		t.Error(got)
	}
	s.reads(s.get("/", nil), "Count 22423: 1 could not be found.", "Put 2 of 22423 back on the shelf", `name="id" value="12"><input type="hidden" name="key" value="page/7/12"`)
	first := s.record("/v1/tasks/12/done", "k", "")
	if got := strings.Join(told(), ", "); got != "3 recount web-0,  stage web-1" {
		t.Error(got)
	}
	if again := s.record("/v1/tasks/12/done", "k", ""); again.Operation != first.Operation {
		t.Errorf("repeated, %s is %s", first.Operation, again.Operation)
	}
	for _, path := range []string{"/v1/tasks/12/done", "/v1/tasks/99/done", "/v1/tasks/x/done"} {
		s.problem(s.post(path, "other", ""), api.CodeNotFound)
	}
	s.settle(protocol.Round{Renew: true, Tasks: round.Tasks[:1]})
	if got := strings.Join(told(), ", "); got != "3 recount web-0,  stage web-1" {
		t.Error(got)
	}
}

func TestStatusAndMetrics(t *testing.T) {
	s := open(t)
	var got api.Status
	s.get("/v1/status", &got)
	if got.Location != "S014" || got.Installation == "" || got.Epoch == "" || got.Link.State != "offline" || got.Position != "" || got.Disk.FreeBytes != 1<<30 || got.Versions.Agent != "0.1.0" {
		t.Errorf("%+v", got)
	}
	s.hear(stocked())
	s.record("/v1/sales", "", basket(`{"item":"A","quantity":1}`))
	s.get("/v1/status", &got)
	if got.Link.State != "online" || got.Link.Hub != "hub:7420" || got.Position != "7.1" || got.Sequence != 1 || got.Backlog.Operations != 1 || got.Today.Sales != 1 {
		t.Errorf("%+v", got)
	}
	metrics := s.get("/metrics", nil)
	for _, want := range []string{`operations_total{kind="sale"} 1`, "backlog_operations 1", "link_online 1", "oldest_unsent_seconds "} {
		if !strings.Contains(metrics, "\nshelfsync_agent_"+want) {
			t.Errorf("no %s", want)
		}
	}
	s.get("/livez", nil)
	if got := s.get("/readyz?verbose", nil); !strings.Contains(got, `{"name":"ledger","ok":true}`) {
		t.Error(got)
	}
	if got := s.get("/version", nil); !strings.Contains(got, "shelfsync-agent") {
		t.Error(got)
	}
}
