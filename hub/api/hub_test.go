package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/hub/api"
	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/journal"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client calls a hub with a log in memory, inside a bubble of its own time.
type client struct {
	t   *testing.T
	hub *hub.Server
	web *serve.Server
}

const (
	asJSON   = "application/json"
	asNDJSON = "application/x-ndjson"
)

// inHub runs a test against a hub that has applied ticks.
func inHub(t *testing.T, test func(c *client)) {
	t.Helper()
	inHubKeeping(t, journal.Config{}, test)
}

// inHubKeeping is inHub with a journal of another shape.
func inHubKeeping(t *testing.T, shape journal.Config, test func(c *client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		kept, err := journal.Open(t.TempDir(), shape)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		log := slog.New(slog.NewTextHandler(io.Discard, nil))
		node, err := hub.Start(ctx, hub.Config{Now: time.Now, Node: "n1", Program: "test", Log: log}, kept,
			func(m cluster.Machine) (cluster.Order, error) { return cluster.NewMemory(m), nil })
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			stop()
			if err := node.Wait(); err != nil {
				t.Error(err)
			}
			_ = kept.Close()
		}()
		c := &client{t, node, serve.New(serve.Config{Title: "Shelfsync hub", Version: shapes.Version{Program: "shelfsync-hub", Version: "test"},
			Log: log, Metrics: serve.NewMetrics("test")})}
		api.Register(c.web, node)
		test(c)
	})
}

// inShop is inHub with two stores, a warehouse and a small catalogue.
func inShop(t *testing.T, test func(c *client)) {
	t.Helper()
	inShopKeeping(t, journal.Config{}, test)
}

func inShopKeeping(t *testing.T, shape journal.Config, test func(c *client)) {
	t.Helper()
	inHubKeeping(t, shape, func(c *client) {
		c.wait(2500 * time.Millisecond)
		c.ok("PUT", "/v1/items", asNDJSON, `{"code":"A"}
			{"code":"B","aliases":[{"code":"B-box","factor":12}]}
			{"code":"fee","stocked":false}`)
		c.ok("PUT", "/v1/locations", asNDJSON, `{"code":"S1","name":"Harbour Street","region":"north"}`+"\n"+`{"code":"S2"}`+"\n"+`{"code":"DC"}`)
		for _, code := range []string{"S1", "S2", "DC"} {
			c.ok("POST", "/v1/movements", asJSON, `{"source":"erp","document":"open-`+code+`","location":"`+code+`","lines":[
				{"movement":"adjust","item":"A","quantity":10,"reason":"opening"},{"movement":"adjust","item":"B","quantity":5,"reason":"opening"}]}`)
		}
		test(c)
	})
}

// wait lets the bubble's time pass and everything in it settle.
func (c *client) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// call is one request and its whole answer.
func (c *client) call(method, path, contentType, body string) *httptest.ResponseRecorder {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, "http://localhost"+path, content)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	c.web.ServeHTTP(w, r)
	return w
}

// answer is a JSON answer by its members.
type answer map[string]any

// ok is a call that has to succeed.
func (c *client) ok(method, path, contentType, body string) answer {
	c.t.Helper()
	w := c.call(method, path, contentType, body)
	if w.Code/100 != 2 {
		c.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return c.decoded(w)
}

func (c *client) get(path string) answer {
	c.t.Helper()
	return c.ok("GET", path, "", "")
}

func (c *client) decoded(w *httptest.ResponseRecorder) (a answer) {
	c.t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		c.t.Fatalf("%v: %s", err, w.Body)
	}
	return a
}

// into decodes an answer of GET into a shape.
func (c *client) into(path string, shape any) {
	c.t.Helper()
	w := c.call("GET", path, "", "")
	if w.Code != http.StatusOK {
		c.t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), shape); err != nil {
		c.t.Fatal(err)
	}
}

// post is a JSON call with the status it has to have.
func (c *client) post(status int, path, body string) answer {
	c.t.Helper()
	w := c.call("POST", path, asJSON, body)
	if w.Code != status {
		c.t.Fatalf("POST %s: %d %s", path, w.Code, w.Body)
	}
	return c.decoded(w)
}

// list is the rows of an answer.
func (a answer) list(name string) (rows []answer) {
	list, _ := a[name].([]any)
	for _, row := range list {
		rows = append(rows, row.(map[string]any))
	}
	return rows
}

func (c *client) do(command stock.Command) {
	c.t.Helper()
	if _, _, err := c.hub.Do(c.t.Context(), command); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) state() *stock.State { return c.hub.Board().State() }

func (c *client) position() string {
	return fmt.Sprintf("%d.%d", c.state().Incarnation(), c.state().Index())
}

// pages walks a list to its end and returns how long each page was.
func (c *client) pages(path string, row func(answer)) (sizes []int) {
	c.t.Helper()
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	for cursor := ""; ; {
		page := c.get(path + join + "cursor=" + cursor)
		rows := page.list("data")
		for _, r := range rows {
			row(r)
		}
		sizes = append(sizes, len(rows))
		next, more := page["next_cursor"].(string)
		if !more || len(sizes) > 1000 {
			return sizes
		}
		cursor = next
	}
}

// stream reads a feed until it is told to stop.
type stream struct {
	bytes.Buffer
	header http.Header
	status int
}

func (s *stream) Header() http.Header    { return s.header }
func (s *stream) WriteHeader(status int) { s.status = status }
func (s *stream) Flush()                 {}

// follow opens a feed; the lines so far are given by the first function, the
// second ends it.
func (c *client) follow(query string) (lines func() []shapes.FeedLine, end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{header: http.Header{}}
	r := httptest.NewRequestWithContext(ctx, "GET", "http://localhost/v1/feed"+query, nil)
	done := make(chan struct{})
	go func() { // end waits
		defer close(done)
		c.web.ServeHTTP(s, r)
	}()
	lines = func() (got []shapes.FeedLine) {
		synctest.Wait()
		for text := range bytes.Lines(s.Bytes()) {
			var line shapes.FeedLine
			if err := json.Unmarshal(text, &line); err != nil {
				c.t.Fatalf("%v: %s", err, text)
			}
			got = append(got, line)
		}
		s.Reset()
		return got
	}
	return lines, func() { cancel(); <-done }
}
