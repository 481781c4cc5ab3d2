package api_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/hub/api"
	"github.com/shelfsync/shelfsync/protocol"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// shown is a hub that shows one state.
type shown struct {
	api.Hub
	board *hub.Board
}

func (s shown) Board() *hub.Board      { return s.board }
func (s shown) TickAge() time.Duration { return 0 }

// show serves a state after entries that no channel could write by itself.
func show(t *testing.T, entries ...[]stock.Command) *client {
	t.Helper()
	state := stock.NewState()
	for i, commands := range entries {
		for k, r := range state.Apply(uint64(i+1), &stock.Entry{Commands: commands}) {
			if r.Code != stock.Accepted {
				t.Fatalf("entry %d command %d is %v %s", i+1, k, r.Code, r.Text)
			}
		}
	}
	board := hub.NewBoard()
	board.Post(state.Freeze())
	c := &client{t: t, web: serve.New(serve.Config{Title: "Shelfsync hub", Metrics: serve.NewMetrics("test"), Log: slog.New(slog.DiscardHandler)})}
	api.Register(c.web, shown{board: board})
	return c
}

func opening(location string) *stock.Document {
	return &stock.Document{Source: "erp", Location: location, Operation: stock.Operation{Document: "open-" + location,
		Lines: []stock.Line{{Kind: stock.Adjust, Scanned: "A", Quantity: 3 * stock.Unit, Account: stock.Sellable}}}}
}

func claim(id string, units stock.Quantity, candidates ...string) []stock.Command {
	return []stock.Command{&stock.Reserve{ID: id, Channel: "web", Order: "O-" + id, Mode: stock.AllOrNothing, TTL: 1 << 30, CollectWithin: 5000,
		Lines: []stock.ReserveLine{{Item: "A", Quantity: units * stock.Unit, Candidates: candidates}}}, &stock.Step{ID: id, Action: stock.Confirm}}
}

// batch is operations of the store S1, which had seen 7.2.
func batch(after uint64, lines ...stock.Line) *stock.Batch {
	b := &stock.Batch{Agent: "S1", Installation: "pc", Epoch: "e", After: protocol.Position{Sequence: after}, End: protocol.Position{Sequence: after + uint64(len(lines))}}
	for _, line := range lines {
		b.Operations = append(b.Operations, stock.Operation{Incarnation: 7, Seen: 2, Lines: []stock.Line{line}})
	}
	return b
}

// troubled is a hub where much went wrong.
func troubled(t *testing.T) *client {
	return show(t,
		[]stock.Command{&stock.Found{Incarnation: 7}, &stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S1", State: stock.Open}, {Code: "S2", State: stock.Open}}},
			&stock.AssignWriter{Location: "S1", Installation: "pc"}},
		[]stock.Command{opening("S1"), opening("S2")},
		claim("r1", 2, "S1", "S2"),
		claim("r2", 1, "S1"),
		[]stock.Command{batch(0,
			stock.Line{Kind: stock.Stage, Item: "A", Quantity: stock.Unit, Reservation: "r2", ReservationLine: "1"},
			stock.Line{Kind: stock.Sale, Item: "A", Quantity: stock.Unit},
			stock.Line{Kind: stock.CannotPick, Item: "A", Quantity: stock.Unit, Reservation: "r1", ReservationLine: "1"},
			stock.Line{Kind: stock.Stage, Item: "A", Quantity: 2 * stock.Unit, Reservation: "gone", ReservationLine: "1"},
			stock.Line{Kind: stock.Sale, Item: "A", Quantity: 2 * stock.Unit})},
		[]stock.Command{&stock.Tick{Elapsed: 6000, Term: 1}})
}

func TestConflictsAreExplained(t *testing.T) {
	c := troubled(t)
	var all shapes.Conflicts
	c.into("/v1/conflicts", &all)
	got, err := json.Marshal(all.Data)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"id":"1","position":"7.5","hub_time_ms":0,"location":"S1","item":"A","reservation":"r1","line":"1.1","order":"O-r1","channel":"web",` +
		`"quantity":1,"state":"confirmed","priority":0,"remedy":"move","to":"S2","cause":{"kind":"operation","operation":"S1.e.2"},` +
		`"policy_version":1,"store_had_seen":"7.2","promised_at":"7.3"},` +
		`{"id":"2","position":"7.5","hub_time_ms":0,"location":"S1","item":"A","reservation":"r1","line":"1","order":"O-r1","channel":"web",` +
		`"quantity":1,"state":"confirmed","priority":0,"remedy":"move","to":"S2","cause":{"kind":"cannot_pick","operation":"S1.e.3"},` +
		`"policy_version":1,"store_had_seen":"7.2","promised_at":"7.3"}]`
	if string(got) != want {
		t.Errorf("have %s\nwant %s", got, want)
	}
	for query, ids := range map[string]string{"location=S1": "12", "location=S2": "12", "location=S3": "", "item=A": "12", "item=B": "", "reservation=r1": "12",
		"reservation=r2": ""} {
		told := ""
		if sizes := c.pages("/v1/conflicts?limit=1&"+query, func(row answer) { told += row["id"].(string) }); told != ids {
			t.Errorf("%s tells %q in pages of %v, want %q", query, told, sizes, ids)
		}
	}
	record := c.get("/v1/reservations/r1")
	moves := record.list("lines")[1]
	if stay := moves["moves"].([]any)[0].(map[string]any); moves["location"] != "S2" || stay["location"] != "S1" || stay["reason"] != "conflict" || stay["position"] != "7.5" {
		t.Errorf("the line that moved is told as %v", moves)
	}
}

func TestTasksOfStores(t *testing.T) {
	c := troubled(t)
	var told []string
	sizes := c.pages("/v1/tasks?limit=1", func(row answer) {
		told = append(told, row["id"].(string)+" "+row["location"].(string)+" "+row["kind"].(string)+" "+row["reservation"].(string))
	})
	if !slices.Equal(told, []string{"1 S1 recount r1", "2 S1 put_back gone"}) || len(sizes) != 2 {
		t.Errorf("tasks %v in pages of %v", told, sizes)
	}
	if rows := c.get("/v1/tasks?location=S2").list("data"); len(rows) != 0 {
		t.Errorf("S2 is asked to %v", rows)
	}
	if w := c.call("GET", "/v1/tasks?location=nowhere", "", ""); w.Code != http.StatusNotFound {
		t.Errorf("tasks of nowhere: %d", w.Code)
	}
}

func TestExceptionsOfClaims(t *testing.T) {
	var told []string
	for _, row := range troubled(t).get("/v1/exceptions").list("data") {
		id, _ := row["reservation"].(string)
		told = append(told, row["kind"].(string)+" "+row["location"].(string)+" "+id)
	}
	if !slices.Equal(told, []string{"set_aside_missing S1 ", "aged_claim S2 r1", "aged_claim S2 r1", "aged_claim S1 r2"}) {
		t.Errorf("exceptions %v", told)
	}
}

// A channel moves a claim; a place that is full or unknown is refused with the
// record.
func TestAChannelMovesAClaim(t *testing.T) {
	inShop(t, func(c *client) {
		c.post(201, "/v1/reservations", `{"id":"r","channel":"web","lines":[{"item":"A","quantity":8,"candidates":["S1"]}]}`)
		c.post(201, "/v1/reservations", `{"id":"other","channel":"web","lines":[{"item":"A","quantity":5,"candidates":["DC"]}]}`)
		for body, status := range map[string]int{`{}`: 422, `{"location":"nowhere"}`: 404, `{"location":"DC"}`: 409} {
			if problem := c.post(status, "/v1/reservations/r/move", body); status == 409 && (problem["code"] != "short" || problem["reservation"] == nil) {
				t.Errorf("%s answers %v", body, problem)
			}
		}
		c.post(200, "/v1/reservations/r/move", `{"location":"DC","line":"1","quantity":5}`)
		moved := c.post(200, "/v1/reservations/r/move", `{"location":"S2"}`) // both parts
		lines := moved.list("lines")
		if lines[0]["location"] != "S2" || lines[1]["location"] != "S2" || len(lines[1]["moves"].([]any)) != 2 {
			t.Errorf("moved as %v", lines)
		}
	})
}

// Who follows a location, or a channel, hears of the claims that left it.
func TestTheFeedTellsConflicts(t *testing.T) {
	inShop(t, func(c *client) {
		c.post(201, "/v1/reservations", `{"id":"r","channel":"web","lines":[{"item":"A","quantity":9,"candidates":["S1","S2"]}]}`)
		before := c.position()
		c.post(201, "/v1/movements", `{"document":"corr","location":"S1","lines":[{"movement":"adjust","item":"A","quantity":-2,"reason":"count"}]}`)
		for query, want := range map[string][]string{
			"":              {"level", "level", "reservation", "conflict", "through"},
			"&location=S1":  {"level", "reservation", "conflict", "through"},
			"&location=S2":  {"level", "reservation", "conflict", "through"},
			"&location=DC":  {"through"},
			"&channel=web":  {"level", "availability", "level", "availability", "reservation", "conflict", "through"},
			"&channel=shop": {"level", "availability", "level", "availability", "through"},
		} {
			lines, end := c.follow("?after=" + before + query)
			var kinds []string
			for _, line := range lines() {
				kinds = append(kinds, line.Kind)
				if line.Kind == "conflict" && (line.Conflict.Remedy != "move" || line.Conflict.To != "S2" || line.Conflict.Cause.Document != "corr") {
					t.Errorf("the conflict is told as %+v", line.Conflict)
				}
			}
			end()
			if !slices.Equal(kinds, want) {
				t.Errorf("%s: %v, want %v", query, kinds, want)
			}
		}
	})
}

// poll is one long poll; it returns what was told and how long it took.
func (c *client) poll(query string) (kinds []string, through string, took time.Duration) {
	began := time.Now()
	w := c.call("GET", "/v1/feed"+query, "", "")
	if w.Code != http.StatusOK {
		c.t.Fatalf("%s: %d %s", query, w.Code, w.Body)
	}
	for text := range strings.Lines(w.Body.String()) {
		var line shapes.FeedLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			c.t.Fatal(err)
		}
		kinds, through = append(kinds, line.Kind), line.Position
	}
	return kinds, through, time.Since(began)
}

func TestTheFeedAsALongPoll(t *testing.T) {
	inShop(t, func(c *client) {
		kinds, at, took := c.poll("?wait_s=20")
		if len(kinds) != 7 || took > time.Second {
			t.Fatalf("the first poll tells %v after %v", kinds, took)
		}
		if kinds, at, took = c.poll("?wait_s=5&after=" + at); !slices.Equal(kinds, []string{"through"}) || took != 5*time.Second {
			t.Errorf("a poll of nothing tells %v after %v", kinds, took)
		}
		go func() { // the poll below waits for it
			time.Sleep(3 * time.Second)
			c.post(201, "/v1/reservations", `{"id":"r","channel":"web","lines":[{"item":"A","quantity":1,"candidates":["S1"]}]}`)
		}()
		kinds, at, took = c.poll("?wait_s=20&after=" + at)
		if !slices.Equal(kinds, []string{"level", "reservation", "through"}) || took > 4*time.Second {
			t.Errorf("a poll tells %v after %v", kinds, took)
		}
		if kinds, _, _ = c.poll("?wait_s=0&after=" + at); !slices.Equal(kinds, []string{"through"}) {
			t.Errorf("the next tells %v", kinds)
		}
		if kinds, _, _ = c.poll("?wait_s=0&after=1.5"); kinds[0] != "reset" || len(kinds) != 9 {
			t.Errorf("a poll from another incarnation tells %v", kinds)
		}
		for _, wrong := range []string{"31", "-1", "x"} {
			if w := c.call("GET", "/v1/feed?wait_s="+wrong, "", ""); w.Code != 422 {
				t.Errorf("wait_s=%s: %d", wrong, w.Code)
			}
		}
	})
}

// Events name their place only where a page ends; Last-Event-ID goes on there.
func TestTheFeedAsEvents(t *testing.T) {
	inShop(t, func(c *client) {
		listen := func(last string) string {
			ctx, cancel := context.WithCancel(context.Background())
			s := &stream{header: http.Header{}}
			r := httptest.NewRequestWithContext(ctx, "GET", "http://localhost/v1/feed?location=S1&after=1.1", nil)
			r.Header.Set("Accept", "text/event-stream")
			r.Header.Set("Last-Event-ID", last)
			done := make(chan struct{})
			go func() { // waited for below
				defer close(done)
				c.web.ServeHTTP(s, r)
			}()
			synctest.Wait()
			cancel()
			<-done
			if s.header.Get("Content-Type") != "text/event-stream" {
				t.Errorf("served as %v", s.header)
			}
			return s.String()
		}
		first := listen("")
		at := c.position()
		if strings.Count(first, "event: level\n") != 2 || strings.Count(first, "event: reset\n") != 1 || strings.Count(first, "id: ") != 1 ||
			!strings.Contains(first, "id: "+at+"\nevent: through\n") {
			t.Errorf("from another incarnation comes\n%s", first)
		}
		if again := listen(at); strings.Contains(again, "level") || strings.Contains(again, "reset") || !strings.Contains(again, "event: through") {
			t.Errorf("from where it ended comes\n%s", again)
		}
	})
}
