package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type saleInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body api.Sale
}

type saleOutput struct {
	Replayed string `header:"Idempotency-Replayed"`
	Body     api.Recorded
}

type listInput struct {
	api.Paging
	Item []string `query:"item,explode"`
}

type listOutput struct{ Body api.Page[api.Level] }

type stepInput struct {
	ID   string `path:"id"`
	Body *api.Step
}

// journal is a log that a test may read while handlers still write.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// shop is a small program on this package, with its log.
type shop struct {
	*serve.Server
	log   *journal
	sales int
}

func newShop(t testing.TB, change ...func(*serve.Config)) *shop {
	t.Helper()
	s := &shop{log: &journal{}}
	cfg := serve.Config{
		Title:   "Shop",
		Version: api.Version{Program: "shop", Version: "1.2.3"},
		Log:     slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: serve.NewMetrics("shop"),
		Hosts:   []string{"Till.Example"},
	}
	for _, c := range change {
		c(&cfg)
	}
	s.Server = serve.New(cfg)
	serve.Handle(s.Server, serve.Route{Method: "POST", Path: "/v1/sales", Status: 201, Summary: "Record a sale", Tag: "operations", Problems: []api.Code{api.CodeKeyReused}},
		func(_ context.Context, in *saleInput) (*saleOutput, error) {
			s.sales++
			l := in.Body.Lines[0]
			return &saleOutput{Body: api.Recorded{Operation: "S1.e.1", Lines: []api.RecordedLine{{Item: l.Item, Sellable: l.Quantity}}}}, nil
		})
	serve.Handle(s.Server, serve.Route{Method: "GET", Path: "/v1/levels"}, func(_ context.Context, in *listInput) (*listOutput, error) {
		return &listOutput{Body: api.Page[api.Level]{Data: []api.Level{}, NextCursor: fmt.Sprint(in.Limit, in.Cursor, in.Item)}}, nil
	})
	serve.Handle(s.Server, serve.Route{Method: "POST", Path: "/v1/reservations/{id}/stage"}, func(_ context.Context, in *stepInput) (*struct{}, error) {
		switch {
		case in.ID == "panics":
			panic("the shelf fell over")
		case in.ID == "fails":
			return nil, errors.New("disk /dev/sda is on fire")
		case in.Body != nil:
			p := api.NewProblem(api.CodeBusy, "later")
			p.RetryAfterS = 3
			return nil, fmt.Errorf("stage: %w", p)
		}
		return nil, nil
	})
	return s
}

func (s *shop) ask(r *http.Request) *httptest.ResponseRecorder {
	if r.Host == "example.com" {
		r.Host = "localhost"
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func (s *shop) post(path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return s.ask(r)
}

// problem checks that an answer is a whole problem of the given code.
func problem(t *testing.T, w *httptest.ResponseRecorder, code api.Code) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	row := api.RowOf(code)
	if p.Code != code || w.Code != row.Status || p.Status != row.Status || p.Title != row.Title || p.Type != "/problems/"+string(code) {
		t.Fatalf("want %s, got %d %s", code, w.Code, w.Body)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("content type %s", ct)
	}
	if p.RequestID == "" || p.RequestID != w.Header().Get(api.HeaderRequestID) {
		t.Errorf("request id %q, header %q", p.RequestID, w.Header().Get(api.HeaderRequestID))
	}
	return p
}

func faults(p api.Problem) string {
	var paths []string
	for _, e := range p.Errors {
		paths = append(paths, e.Path)
	}
	return strings.Join(paths, " ")
}

const goodSale = `{"receipt":"T1-1","till":"T1","lines":[{"item":"85123A","quantity":0.3}]}`

func TestASaleIsAnswered(t *testing.T) {
	s := newShop(t)
	w := s.post("/v1/sales", goodSale)
	want := `{"operation":"S1.e.1","lines":[{"item":"85123A","sellable":0.3,"reserved":0,"available_to_sell":0}]}` + "\n"
	if w.Code != 201 || w.Body.String() != want {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w.Header().Get("Link") != "" || w.Header().Get(api.HeaderRequestID) == "" {
		t.Errorf("headers %v", w.Header())
	}
}

func TestNewerTillsMaySayMore(t *testing.T) {
	s := newShop(t)
	w := s.post("/v1/sales", `{"receipt":"T1-1","till":"T1","loyalty":{"card":7},"lines":[{"item":"85123A","quantity":1,"colour":"red"}]}`)
	if w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestBadBodies(t *testing.T) {
	deep := strings.Repeat("[", 20000)
	for _, c := range []struct {
		name, body string
		code       api.Code
		paths      string
		detail     string
	}{
		{"no body", "", api.CodeMalformed, "", "required"},
		{"broken JSON", "{\"receipt\":\"1\",\n \"till\" \"T1\"}", api.CodeMalformed, "", "line 2, column 9"},
		{"cut JSON", `{"receipt":"1"`, api.CodeMalformed, "", "unexpected end"},
		{"two values", `{} {}`, api.CodeMalformed, "", "after top-level value"},
		{"nested", deep, api.CodeMalformed, "", "depth"},
		{"values beyond count", `{"lines":[` + strings.Repeat("[],", protocol.MaxBodyValues) + `0]}`, api.CodeTooLarge, "", "32768 values"},
		{"not UTF-8", "{\"receipt\":\"\xff\"}", api.CodeMalformed, "", "UTF-8"},
		{"not an object", `[]`, api.CodeInvalid, "body", ""},
		{"null", `null`, api.CodeInvalid, "body", ""},
		{"over-precise", `{"receipt":"1","till":"1","lines":[{"item":"A","quantity":1},{"item":"A","quantity":0.0001}]}`, api.CodeInvalid, "body.lines[1].quantity", "more than three decimals"},
		{"overflow", `{"receipt":"1","till":"1","lines":[{"item":"A","quantity":1e999}]}`, api.CodeInvalid, "body.lines[0].quantity", "exponent"},
		{"quoted", `{"receipt":"1","till":"1","lines":[{"item":"A","quantity":"NaN"}]}`, api.CodeInvalid, "body.lines[0].quantity", "quotes"},
		{"null quantity", `{"receipt":"1","till":"1","lines":[{"item":"A","quantity":null}]}`, api.CodeInvalid, "body.lines[0].quantity", "greater than zero"},
		{"type and meaning at once", `{"receipt":7,"till":"","lines":[{"quantity":-1}]}`, api.CodeInvalid, "body.lines[0].item body.lines[0].quantity body.receipt body.till", ""},
		{"bad time", `{"receipt":"1","till":"1","at":"yesterday","lines":[{"item":"A","quantity":1}]}`, api.CodeInvalid, "body.at", "date-time"},
		{"no lines", `{"receipt":"1","till":"1","lines":[]}`, api.CodeInvalid, "body.lines", "must not be empty"},
		{"unknown word", `{"receipt":"1","till":"1","returns":[{"item":"A","quantity":1,"reason":"r","disposition":"bin"}]}`, api.CodeInvalid, "body.returns[0].disposition", "sellable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t)
			p := problem(t, s.post("/v1/sales", c.body), c.code)
			if faults(p) != c.paths {
				t.Errorf("faults at %q, want %q", faults(p), c.paths)
			}
			if !strings.Contains(p.Detail, c.detail) {
				t.Errorf("detail %q, want %q in it", p.Detail, c.detail)
			}
			if s.sales != 0 {
				t.Error("the handler ran")
			}
		})
	}
}

func TestManyFaultsAreBounded(t *testing.T) {
	s := newShop(t)
	body := `{"receipt":"1","till":"1","lines":[` + strings.TrimSuffix(strings.Repeat(`{"item":"A","quantity":0},`, 500), ",") + `]}`
	p := problem(t, s.post("/v1/sales", body), api.CodeInvalid)
	if len(p.Errors) != protocol.MaxFieldErrors || !strings.HasPrefix(p.Detail, "500 fields") {
		t.Errorf("%d listed, %q", len(p.Errors), p.Detail)
	}
}

func TestContentTypes(t *testing.T) {
	for given, want := range map[string]int{
		"application/json":                  201,
		"application/json; charset=UTF-8":   201,
		"application/json; charset=latin-1": 415,
		"application/x-www-form-urlencoded": 415,
		"text/plain":                        415,
		"":                                  415,
		"application/cbor":                  415,
	} {
		s := newShop(t)
		r := httptest.NewRequest("POST", "/v1/sales", strings.NewReader(goodSale))
		r.Header.Set("Content-Type", given)
		w := s.ask(r)
		if w.Code != want {
			t.Errorf("%q: %d %s", given, w.Code, w.Body)
		}
		if want == 415 {
			problem(t, w, api.CodeWrongContentType)
		}
	}
	s := newShop(t)
	r := httptest.NewRequest("POST", "/v1/sales", strings.NewReader(goodSale))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", "gzip")
	problem(t, s.ask(r), api.CodeWrongContentType)
}

func TestBodyJustWithinTheLimit(t *testing.T) {
	s := newShop(t)
	pad := strings.Repeat(" ", protocol.MaxBodyBytes-len(goodSale))
	if w := s.post("/v1/sales", goodSale+pad); w.Code != 201 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	problem(t, s.post("/v1/sales", goodSale+pad+" "), api.CodeTooLarge)
}

// Commas and brackets within a string are text, also behind an escaped quote.
func TestTextIsNoValues(t *testing.T) {
	s := newShop(t)
	text := `"` + strings.Repeat(`\",[{`, protocol.MaxBodyValues) + `\\"`
	if w := s.post("/v1/sales", strings.Replace(goodSale, "{", `{"note":`+text+",", 1)); w.Code != 201 {
		t.Errorf("%d %.300s", w.Code, w.Body)
	}
}

func TestParametersAndPages(t *testing.T) {
	s := newShop(t)
	w := s.ask(httptest.NewRequest("GET", "/v1/levels?item=A&item=B&cursor=x", nil))
	if want := `{"data":[],"next_cursor":"100x[A B]"}` + "\n"; w.Code != 200 || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	p := problem(t, s.ask(httptest.NewRequest("GET", "/v1/levels?limit=1001", nil)), api.CodeInvalid)
	if faults(p) != "query.limit" {
		t.Errorf("%+v", p)
	}
}

func TestErrorsOfHandlers(t *testing.T) {
	s := newShop(t)
	if w := s.ask(httptest.NewRequest("POST", "/v1/reservations/r1/stage", nil)); w.Code != 204 {
		t.Errorf("an optional body may be absent: %d %s", w.Code, w.Body)
	}
	w := s.post("/v1/reservations/r1/stage", `{"line":"1"}`)
	problem(t, w, api.CodeBusy)
	if w.Header().Get("Retry-After") != "3" {
		t.Errorf("headers %v", w.Header())
	}
	p := problem(t, s.post("/v1/reservations/r1/stage", `{"quantity":1}`), api.CodeInvalid)
	if faults(p) != "body.line" {
		t.Errorf("%+v", p)
	}
	w = s.post("/v1/reservations/fails/stage", `{}`)
	problem(t, w, api.CodeInternal)
	if strings.Contains(w.Body.String(), "sda") || !strings.Contains(s.log.String(), "sda is on fire") {
		t.Errorf("said %s, logged %s", w.Body, s.log)
	}
}

func TestPanics(t *testing.T) {
	s := newShop(t)
	s.Raw("GET /stream", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if fmt.Sprintf("%T", w) != "*httptest.ResponseRecorder" {
			t.Errorf("a raw handler got a %T", w)
		}
		_, _ = io.WriteString(w, "half")
		panic("mid-stream")
	}))
	w := s.post("/v1/reservations/panics/stage", `{}`)
	problem(t, w, api.CodeInternal)
	if log := s.log.String(); !strings.Contains(log, "the shelf fell over") || !strings.Contains(log, "serve_test.go") {
		t.Errorf("no stack in the log: %s", log)
	}
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("half a stream must be cut off")
			}
		}()
		s.ask(httptest.NewRequest("GET", "/stream", nil))
	}()
	metrics := s.ask(httptest.NewRequest("GET", "/metrics", nil)).Body.String()
	for _, want := range []string{"shop_http_panics_total 2", `shop_http_requests_total{method="POST",route="POST /v1/reservations/{id}/stage",status="500"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestNothingHere(t *testing.T) {
	s := newShop(t)
	problem(t, s.ask(httptest.NewRequest("GET", "/v2/sales", nil)), api.CodeNotFound)
	w := s.ask(httptest.NewRequest("DELETE", "/v1/sales", nil))
	problem(t, w, api.CodeMethodNotAllowed)
	if w.Header().Get("Allow") != "POST" {
		t.Errorf("Allow: %s", w.Header().Get("Allow"))
	}
}
