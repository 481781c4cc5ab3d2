package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func TestHosts(t *testing.T) {
	s := newShop(t)
	for host, want := range map[string]int{
		"localhost": 200, "localhost:7410": 200, "127.0.0.1:7410": 200, "[::1]:7410": 200, "192.168.1.5": 200,
		"till.example": 200, "TILL.example:7410": 200,
		"evil.example": 421, "till.example.evil.org": 421, "127.0.0.1.evil.org:7410": 421, "": 421, "localhost.": 421,
	} {
		r := httptest.NewRequest("GET", "/livez", nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
}

func TestBrowsersOfOtherOriginsMayNotWrite(t *testing.T) {
	s := newShop(t)
	ask := func(headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/v1/sales", strings.NewReader(goodSale))
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return s.ask(r)
	}
	problem(t, ask("Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"), api.CodeCrossOrigin)
	problem(t, ask("Origin", "https://evil.example"), api.CodeCrossOrigin)
	if s.sales != 0 {
		t.Fatal("a refused sale was recorded")
	}
	if w := ask("Sec-Fetch-Site", "same-origin", "Origin", "http://localhost"); w.Code != 201 {
		t.Errorf("our own page: %d %s", w.Code, w.Body)
	}
	if w := ask(); w.Code != 201 {
		t.Errorf("a till that is no browser: %d %s", w.Code, w.Body)
	}
}

func TestEachAnswerHasItsOwnRequestID(t *testing.T) {
	s := newShop(t)
	seen := map[string]bool{}
	for range 3 {
		r := httptest.NewRequest("GET", "/livez", nil)
		r.Header.Set(api.HeaderRequestID, "replayed")
		id := s.ask(r).Header().Get(api.HeaderRequestID)
		if id == "" || id == "replayed" || seen[id] {
			t.Errorf("request id %q", id)
		}
		seen[id] = true
		if !strings.Contains(s.log.String(), id) {
			t.Errorf("%s is not in the log", id)
		}
	}
}

func TestTraces(t *testing.T) {
	s := newShop(t)
	var trace string
	serve.Handle(s.Server, serve.Route{Method: "GET", Path: "/v1/trace"}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		trace = serve.TraceID(ctx)
		return nil, nil
	})
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for header, same := range map[string]bool{
		"00-" + id + "-00f067aa0ba902b7-01": true,
		"":                                  false,
		"00-" + strings.ToUpper(id) + "-00f067aa0ba902b7-01":      false,
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01": false,
		"ff-" + id + "-00f067aa0ba902b7-01":                       false,
		"00-xyz92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": false,
		"nonsense": false,
	} {
		r := httptest.NewRequest("GET", "/v1/trace", nil)
		r.Header.Set("traceparent", header)
		s.ask(r)
		if len(trace) != 32 || (trace == id) != same {
			t.Errorf("%q gave trace %q", header, trace)
		}
	}
}

func TestHealth(t *testing.T) {
	broken := false
	s := newShop(t, func(c *serve.Config) {
		c.Checks = []serve.Check{
			{Name: "ledger", Run: func(context.Context) error { return nil }},
			{Name: "disk", Run: func(context.Context) error {
				if broken {
					return errors.New("12 MB free, 100 MB needed")
				}
				return nil
			}},
		}
	})
	get := func(path string, want int) string {
		t.Helper()
		w := s.ask(httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		return strings.TrimSpace(w.Body.String())
	}
	get("/livez", 200)
	if got := get("/readyz", 200); got != `{"ready":true}` {
		t.Error(got)
	}
	if got := get("/readyz?verbose", 200); !strings.Contains(got, `{"name":"ledger","ok":true}`) {
		t.Error(got)
	}
	broken = true
	if got := get("/readyz", 503); !strings.Contains(got, `{"name":"disk","ok":false,"detail":"12 MB free, 100 MB needed"}`) {
		t.Error(got)
	}
	get("/livez", 200)
	if got := get("/version", 200); !strings.Contains(got, `"version":"1.2.3"`) {
		t.Error(got)
	}
	if got := get("/problems/short", 200); !strings.Contains(got, `"status":409`) {
		t.Error(got)
	}
	get("/problems/nonsense", 404)
}

func TestPagesUseOnlyWhatTheServerServes(t *testing.T) {
	s := newShop(t)
	s.Page("GET /{$}", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<p>shop")) }))
	w := s.ask(httptest.NewRequest("GET", "/", nil))
	csp := w.Header().Get("Content-Security-Policy")
	if w.Code != 200 || !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("%d, policy %q", w.Code, csp)
	}
	if w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", w.Header())
	}
}

func TestOpenAPI(t *testing.T) {
	s := newShop(t)
	s.Describe(serve.Route{Method: "PUT", Path: "/v1/items", Summary: "Load the catalogue"}, serve.NDJSON, "application/json", api.Item{})
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]json.RawMessage }
	}
	w := s.ask(httptest.NewRequest("GET", "/openapi.json", nil))
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || doc.Paths["/v1/sales"]["post"] == nil || doc.Paths["/v1/items"]["put"] == nil {
		t.Errorf("%s", w.Body)
	}
	if line := string(doc.Components.Schemas["SaleLine"]); !strings.Contains(line, `"multipleOf":0.001`) || !strings.Contains(line, `"type":"number"`) || strings.Contains(line, "$schema") {
		t.Errorf("sale line: %s", line)
	}
	if p := string(doc.Components.Schemas["Problem"]); !strings.Contains(p, "request_id") {
		t.Errorf("problem: %s", p)
	}
	yaml, err := s.OpenAPI()
	if err != nil || !strings.Contains(string(yaml), "/v1/sales:") {
		t.Errorf("%v: %s", err, yaml)
	}
}

// A wrong example or enum tag would stop a program at its start.
func TestEveryShapeHasASchema(t *testing.T) {
	s := newShop(t)
	for i, shape := range []any{
		api.Sale{}, api.Return{}, api.Delivery{}, api.Damage{}, api.Adjustment{}, api.Movements{}, api.Recorded{}, api.OperationRecord{},
		api.AgentAvailability{}, api.StoreReservation{}, api.Status{}, api.Event{}, api.Step{}, api.Item{}, api.Location{},
		api.WriterAssignment{}, api.Loaded{}, api.AvailabilityQuery{}, api.Availability{}, api.ReservationRequest{}, api.Reservation{},
		api.Levels{}, api.FeedLine{}, api.Journal{}, api.Agents{}, api.Cluster{}, api.Ready{}, api.Version{}, api.Problem{}, api.Page[api.OperationRecord]{},
	} {
		s.Describe(serve.Route{Method: "GET", Path: "/shapes/" + strings.Repeat("x", i+1)}, "", "application/json", shape)
	}
	if w := s.ask(httptest.NewRequest("GET", "/openapi.json", nil)); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
