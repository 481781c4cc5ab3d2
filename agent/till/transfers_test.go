package till_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

func transit(id, from, at string, q stock.Quantity) stock.StoreTransfer {
	return stock.StoreTransfer{ID: id, From: from, Dispatched: true, Since: 5, At: at, Item: "22423", Account: stock.Sellable, Quantity: q * stock.Unit}
}

// told words a page of transfers.
func (s *store) told(query string) (text string, next string) {
	s.Helper()
	var page api.Page[api.Transfer]
	s.get("/v1/transfers"+query, &page)
	for _, one := range page.Data {
		text += one.ID + " from " + one.From + ":"
		for _, l := range one.Lines {
			text += fmt.Sprintf(" %s %s %s at %s", l.Quantity, l.Item, l.Disposition, l.At)
		}
		text += "; "
	}
	return text, page.NextCursor
}

func TestTransfersFromTheStoresEnd(t *testing.T) {
	s := open(t)
	round := stocked()
	round.Levels[1].Level.InTransit = 4 * stock.Unit
	round.Transfers = []stock.StoreTransfer{transit("S014.old.1", "S014", "S015", 2), transit("wms/D1", "W1", "S014", 4)}
	s.hear(round)
	sent := s.record("/v1/transfers", "k1", `{"to":"S015","lines":[{"item":"22423","quantity":3},{"item":"22423","quantity":1,"disposition":"damaged"}]}`)
	if got := line(sent.Lines[0]); got != "22423 sellable 17 reserved 0 available 17 " {
		t.Errorf("after the dispatch %s", got)
	}
	s.record("/v1/arrivals", "k2", `{"transfer":"wms/D1","from":"W1","lines":[{"item":"22423","quantity":3}]}`)
	s.level("22423", stock.Level{Sellable: 20 * stock.Unit, ReturnPending: stock.Unit, InTransit: stock.Unit})
	// What was sent a moment ago is there too, though the hub has not told of it.
	pending := sent.Operation + " from S014: 3 22423 sellable at S015 1 22423 damaged at S015; "
	all, _ := s.told("")
	if !strings.Contains(all, pending) || strings.Replace(all, pending, "", 1) != "S014.old.1 from S014: 2 22423 sellable at S015; wms/D1 from W1: 1 22423 sellable at S014; " {
		t.Errorf("open are %s", all)
	}
	paged, next := s.told("?limit=1")
	for pages := 1; next != "" && pages < 9; pages++ {
		var text string
		text, next = s.told("?limit=1&cursor=" + next)
		paged += text
	}
	if paged != all {
		t.Errorf("pages are %s", paged)
	}
	if closed := s.record("/v1/transfers/wms%2FD1/close", "k3", `{"reason":"lost"}`); len(closed.Lines) != 0 {
		t.Errorf("a closing is about no item, and answers %+v", closed.Lines)
	}
	s.level("22423", stock.Level{Sellable: 20 * stock.Unit, ReturnPending: stock.Unit})
	if text, _ := s.told(""); strings.Replace(text, pending, "", 1) != "S014.old.1 from S014: 2 22423 sellable at S015; " {
		t.Errorf("open are %s", text)
	}
	s.problem(s.post("/v1/transfers/wms%2FD1/close", "k4", `{"reason":"lost"}`), api.CodeNotFound)
	if again := s.record("/v1/transfers/wms%2FD1/close", "k3", `{"reason":"lost"}`); again.Operation == "" {
		t.Error("a repeated key is not answered as before")
	}
	if p := s.problem(s.post("/v1/transfers", "k5", `{"to":"S014","lines":[{"item":"22423","quantity":3}]}`), api.CodeInvalid); p.Errors[0].Path != "body.to" {
		t.Errorf("a transfer to itself: %+v", p)
	}
	p := s.problem(s.post("/v1/arrivals", "k6", `{"transfer":"","from":"","lines":[{"item":"","quantity":0,"disposition":"scrap"}]}`), api.CodeInvalid)
	if len(p.Errors) != 5 {
		t.Errorf("faults %+v", p.Errors)
	}
	s.problem(s.post("/v1/transfers", "", `{"to":"S015","lines":[{"item":"22423","quantity":3}]}`), api.CodeKeyMissing)
}

func (s *store) level(item string, want stock.Level) {
	s.Helper()
	s.look(func(a *agent.Agent) {
		if got := a.View().Level(item); got != want {
			s.Errorf("%s is %+v, want %+v", item, got, want)
		}
	})
}

// count posts a count and words its answer.
func (s *store) count(key, body string) string {
	s.Helper()
	w := s.post("/v1/counts", key, body)
	if w.Code != 201 {
		s.Fatalf("%d %s", w.Code, w.Body)
	}
	return wordCount(s.T, w)
}

func wordCount(t *testing.T, w *httptest.ResponseRecorder) (text string) {
	var c api.Counted
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil {
		t.Fatal(err)
	}
	if c.Operation != "" {
		text = "recorded "
	}
	for _, l := range c.Lines {
		text += fmt.Sprintf("%s %s %s", l.Item, l.Variance, l.Recount)
		if l.Parked {
			text += "parked"
		}
		text += "; "
	}
	return text
}

func (s *store) sold(receipt, item string) string {
	return s.record("/v1/sales", "", `{"receipt":"`+receipt+`","till":"T1","lines":[{"item":"`+item+`","quantity":1}]}`).Operation
}

func TestCountingWhileTrading(t *testing.T) {
	s := open(t)
	round := stocked()
	round.Tasks = []stock.StoreTask{{ID: 1, Task: stock.Task{Kind: stock.Recount, Item: "22423", Quantity: stock.Unit}}}
	s.hear(round)
	if got := s.count("c1", `{"lines":[{"item":"22423","counted":18},{"item":"5012345678900","counted":1}]}`); got != "recorded 22423 -2 ; 85123A 1 ; " {
		t.Errorf("counted %s", got)
	}
	s.level("22423", stock.Level{Sellable: 18 * stock.Unit, Damaged: stock.Unit, ReturnPending: stock.Unit})
	if text := s.get("/v1/tasks", nil); strings.Contains(text, "recount") {
		t.Errorf("the task that a count answers is still shown: %s", text)
	}
	if got := s.count("c1", `{"lines":[{"item":"22423","counted":18},{"item":"5012345678900","counted":1}]}`); got != "recorded 22423 -2 ; 85123A 1 ; " {
		t.Errorf("repeated %s", got)
	}
	s.problem(s.post("/v1/counts", "c1", `{"lines":[{"item":"22423","counted":1}]}`), api.CodeKeyReused)

	// Counted after R1; R2 was sold while the person walked back.
	after := s.sold("R1", "22423")
	s.sold("R2", "22423")
	dated := `"at_operation":"` + after + `","lines":[{"item":"22423","counted":17}]}`
	if got := s.count("c2", `{`+dated); got != "recorded 22423 0 ; " {
		t.Errorf("dated %s", got)
	}
	s.level("22423", stock.Level{Sellable: 16 * stock.Unit, Damaged: stock.Unit, ReturnPending: stock.Unit})

	// A round that brings only what the store did itself changes nothing; one that
	// brings a foreign movement asks for another count, of that item.
	s.settle(protocol.Round{Levels: []stock.StoreLevel{{Item: "22423", Level: stock.Level{Sellable: 16 * stock.Unit}},
		{Item: "85123A", Level: stock.Level{Sellable: 6 * stock.Unit}}}})
	if got := s.count("c3", `{`+dated); got != "recorded 22423 0 ; " {
		t.Errorf("after the store's own round %s", got)
	}
	s.settle(protocol.Round{Levels: []stock.StoreLevel{{Item: "22423", Level: stock.Level{Sellable: 12 * stock.Unit}}}})
	before := s.head()
	if got := s.count("c4", `{`+dated); got != "22423 0 changed; " || s.head() != before {
		t.Errorf("after a foreign movement %s", got)
	}
	if got := s.count("c4", `{"at_operation":"`+after+`","lines":[{"item":"22423","counted":17},{"item":"85123A","counted":6}]}`); got != "recorded 22423 0 changed; 85123A 0 ; " {
		t.Errorf("only one item was moved: %s", got)
	}
	if got := s.count("c5", `{"lines":[{"item":"22423","counted":12}]}`); got != "recorded 22423 0 ; " {
		t.Errorf("counted now %s", got)
	}
}

func TestACountOfFoundGoodsWhileOthersAreUnderWay(t *testing.T) {
	s := open(t)
	round := stocked()
	round.Levels[1].Level.InTransit = 4 * stock.Unit
	round.Transfers = []stock.StoreTransfer{transit("wms/D1", "W1", "S014", 4)}
	s.hear(round)
	if got := s.count("c1", `{"lines":[{"item":"22423","counted":24}]}`); got != "22423 4 in_transit; " {
		t.Errorf("found %s", got)
	}
	if got := s.count("c1", `{"lines":[{"item":"22423","counted":24,"confirmed":true},{"item":"comet","counted":3}]}`); got != "recorded 22423 4 ; comet 3 parked; " {
		t.Errorf("confirmed %s", got)
	}
	for body, path := range map[string]string{
		`{"lines":[{"item":"22423","counted":1},{"item":"22423","counted":1}]}`: "body.lines[1].item",
		`{"lines":[{"item":"22423","counted":-1}]}`:                             "body.lines[0].counted",
		`{"lines":[{"item":"5012345678900","counted":999999999}]}`:              "body.lines[0].quantity",
		`{"at_operation":"S014.other","lines":[{"item":"22423","counted":1}]}`:  "body.at_operation",
		`{"at_operation":"S015.e.1","lines":[{"item":"22423","counted":1}]}`:    "body.at_operation",
		`{"lines":[]}`: "body.lines",
	} {
		if p := s.problem(s.post("/v1/counts", "bad", body), api.CodeInvalid); p.Errors[0].Path != path {
			t.Errorf("%s gives %+v", body, p.Errors)
		}
	}
}

// What an arrival or a later count refers to is not undone.
func TestWhatIsNotUndoneAnyMore(t *testing.T) {
	s := open(t)
	s.hear(stocked())
	undo := func(id string) *httptest.ResponseRecorder {
		return s.post("/v1/operations/"+id+"/reverse", "undo "+id, ``)
	}
	refused := func(id, why string) {
		t.Helper()
		if p := s.problem(undo(id), api.CodeNotAllowed); !strings.Contains(p.Detail, why) {
			t.Errorf("%s: %s", id, p.Detail)
		}
	}
	other := s.sold("R1", "85123A")
	sale := s.sold("R2", "22423")
	s.count("c1", `{"lines":[{"item":"22423","counted":19}]}`)
	refused(sale, "counted later")
	refused(fmt.Sprintf("S014.%s.3", s.epoch()), "is not undone")
	if w := undo(other); w.Code != 201 {
		t.Errorf("another item was counted: %s", w.Body)
	}
	later := s.sold("R3", "22423")
	if w := undo(later); w.Code != 201 {
		t.Errorf("sold after the count: %s", w.Body)
	}

	send := func(key string) string {
		return s.record("/v1/transfers", key, `{"to":"S015","lines":[{"item":"22423","quantity":3}]}`).Operation
	}
	home, gone, open, part := send("t1"), send("t2"), send("t3"), send("t4")
	arrival := s.record("/v1/arrivals", "t5", `{"transfer":"`+home+`","from":"S014","lines":[{"item":"22423","quantity":1}]}`).Operation
	refused(home, "refers to")
	refused(arrival, "is not undone")
	pending := send("t6")
	s.look(func(a *agent.Agent) {
		s.T.Log(a.Ledger().Head().Position.Sequence)
	})
	if w := undo(pending); w.Code != 201 {
		t.Errorf("nothing is known to have arrived: %s", w.Body)
	}
	if text, _ := s.told(""); strings.Contains(text, pending) || !strings.Contains(text, open) {
		t.Errorf("under way are %s", text)
	}
	s.settle(protocol.Round{Transfers: []stock.StoreTransfer{transit(home, "S014", "S015", 2), transit(open, "S014", "S015", 3), transit(part, "S014", "S015", 1)}})
	refused(gone, "have arrived")
	refused(part, "have arrived")
	if w := undo(open); w.Code != 201 {
		t.Errorf("all of it is still under way: %s", w.Body)
	}
}

func (s *store) epoch() (name string) {
	s.look(func(a *agent.Agent) { name = a.Ledger().Head().Epoch })
	return name
}
