package console_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/console"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// central is a hub as the page sees it: a state that commands made, and who is
// connected.
type central struct {
	board   *hub.Board
	state   *stock.State
	peers   map[string]hub.Peer
	lag     time.Duration
	gone    error
	members cluster.Members
}

func newCentral(commands ...stock.Command) *central {
	c := &central{board: hub.NewBoard(), state: stock.NewState(), peers: map[string]hub.Peer{}}
	c.apply(append([]stock.Command{&stock.Found{Incarnation: 7}, &stock.Tick{Term: 1, Elapsed: 10_000}}, commands...)...)
	return c
}

func (c *central) apply(commands ...stock.Command) {
	_, _, _ = c.Do(context.Background(), commands...)
}

// Do applies commands as one entry.
func (c *central) Do(_ context.Context, commands ...stock.Command) ([]stock.Result, uint64, error) {
	index := c.state.Index() + 1
	results := c.state.Apply(index, &stock.Entry{Commands: commands})
	c.board.Post(c.state.Freeze())
	return results, index, nil
}

func (c *central) Board() *hub.Board { return c.board }
func (c *central) Peers(context.Context, []string) (map[string]hub.Peer, error) {
	return c.peers, c.gone
}
func (c *central) Members() (cluster.Members, bool) { return c.members, c.members != nil }
func (c *central) Status() cluster.Status {
	return cluster.Status{ID: "n1", Role: "leader", LeaderID: "n1", Leads: true}
}
func (c *central) TickAge() time.Duration { return c.lag }
func (c *central) Ready() bool            { return c.lag < 5*time.Second }
func (c *central) Now() time.Time         { return time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC) }

func (c *central) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	return c.ask(httptest.NewRequest("GET", "http://localhost"+path, nil))
}

func (c *central) ask(r *http.Request) *httptest.ResponseRecorder {
	s := serve.New(serve.Config{Title: "hub", Version: api.Version{Program: "hub"}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: serve.NewMetrics("test")})
	console.Register(s, c)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func (c *central) page(t *testing.T) string {
	t.Helper()
	w := c.get(t, "/")
	page := w.Body.String()
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") || !strings.HasSuffix(strings.TrimSpace(page), "</html>") {
		t.Fatalf("%d %s:\n%s", w.Code, w.Header().Get("Content-Type"), page)
	}
	return page
}

func has(t *testing.T, page string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

func TestAHubWithoutStores(t *testing.T) {
	page := newCentral().page(t)
	has(t, page, "The hub is up", "0 of 0 stores are fresh", "No store has connected yet", "Nothing. Sales of codes", "7.1", "Tue, 24 Nov 2026 09:30:00")
	if strings.Contains(page, "<table>") {
		t.Error("a table of nothing")
	}
	if state := (&central{board: hub.NewBoard()}).page(t); !strings.Contains(state, "0.0") {
		t.Error("a hub before its first entry has no page")
	}
}

func TestStoresByTheirAge(t *testing.T) {
	var commands []stock.Command
	for _, code := range []string{"fresh", "ageing", "late", "new"} {
		commands = append(commands, &stock.AssignWriter{Location: code, Installation: "pc"})
	}
	commands = append(commands, &stock.PutLocations{Locations: []stock.LocationFacts{{Code: "no-agent", Name: "Depot", State: stock.Open}}})
	c := newCentral(commands...)
	echo := func(codes ...string) {
		tick := &stock.Tick{Term: 1, Elapsed: 10_000}
		for _, code := range codes {
			tick.Echoes = append(tick.Echoes, stock.Echo{Location: code, Now: 1 << 40})
		}
		c.apply(tick)
	}
	echo("late", "ageing", "fresh")
	for range 100 {
		echo("ageing", "fresh")
	}
	for range 3 {
		echo("fresh")
	}
	c.peers["fresh"] = hub.Peer{Agent: "fresh", Program: "0.9.1", Backlog: 31}
	page := c.page(t)
	has(t, page, "1 of 4 stores are fresh", "● fresh", "◐ ageing", "▲ late", "▨ not heard yet", "online", "offline", "0.9.1", ">31<")
	if strings.Contains(page, "Depot") {
		t.Error("a location without an agent is called a store")
	}
	c.lag = 6 * time.Second
	has(t, c.page(t), "The hub does not lead: no tick was applied for 6 s", "Reservations are refused")
	c.gone = errors.New("stopped")
	if w := c.get(t, "/"); w.Code != 500 || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("without an answer of the loop: %d", w.Code)
	}
}

func TestWhatWaitsForAPerson(t *testing.T) {
	sale := stock.Operation{Lines: []stock.Line{{Kind: stock.Sale, Scanned: "4711", Quantity: 2 * stock.Unit}}}
	broken := stock.Operation{Fault: "no such kind", Raw: []byte{1}}
	c := newCentral(&stock.PutItems{}, &stock.AssignWriter{Location: "S1", Installation: "pc"},
		&stock.Batch{Agent: "S1", Installation: "pc", Epoch: "e", End: stock.Watermark{Sequence: 2}, Operations: []stock.Operation{sale, broken}})
	has(t, c.page(t), "Parked at S1: sale of 2 4711.", "Quarantined at S1: S1.e.2. no such kind", "built in")
	c.apply(&stock.Own{Exception: 0, Owner: "anna", By: "ben"}, &stock.SetPolicy{})
	has(t, c.page(t), `Nobody knows this code yet. <span class="quiet">anna looks after it.</span>`, "built in")
	c.apply(&stock.SetPolicy{Policy: stock.Policy{Safety: []stock.SafetyStock{{Quantity: stock.Unit}}}})
	has(t, c.page(t), `<a href="/v1/policy">version 2</a>`)
}

func TestALargeFleetIsShownInPart(t *testing.T) {
	c := newCentral()
	for i := range 600 {
		c.apply(&stock.AssignWriter{Location: fmt.Sprintf("S%04d", i), Installation: "pc"})
	}
	page := c.page(t)
	has(t, page, "0 of 600 stores", "100 more stores")
	if n := strings.Count(page, "<tr><td>"); n != 500 {
		t.Errorf("%d rows", n)
	}
}

func TestHostileNamesAreText(t *testing.T) {
	const name = `<script>alert(1)</script>"><img src=x onerror=alert(2)>`
	c := newCentral(&stock.PutLocations{Locations: []stock.LocationFacts{{Code: `S"1<b>`, Name: name, State: stock.Open}}},
		&stock.AssignWriter{Location: `S"1<b>`, Installation: "pc"})
	c.peers[`S"1<b>`] = hub.Peer{Program: "</td><script>"}
	page := c.page(t)
	for _, bad := range []string{"<script", "<img", "<b>"} {
		if strings.Contains(page, bad) {
			t.Errorf("%s is markup", bad)
		}
	}
	has(t, page, "&lt;script&gt;alert(1)")
}

// A page of a shop floor without the internet: everything comes from here, and
// the browser is told to take nothing else.
func TestThePageNeedsNothingFromElsewhere(t *testing.T) {
	c := newCentral(&stock.AssignWriter{Location: "S1", Installation: "pc"})
	w := c.get(t, "/")
	for _, reference := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(w.Body.String(), -1) {
		if !strings.HasPrefix(reference[1], "/") || strings.HasPrefix(reference[1], "//") {
			t.Errorf("the page asks for %s", reference[1])
		}
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if strings.Contains(w.Body.String(), "style=") || strings.Contains(w.Body.String(), "<style") {
		t.Error("an inline style, which the policy forbids")
	}
	css := c.get(t, "/status.css")
	if css.Code != 200 || !strings.HasPrefix(css.Header().Get("Content-Type"), "text/css") || regexp.MustCompile(`url\(|@import|https?:`).MatchString(css.Body.String()) {
		t.Errorf("style: %d\n%s", css.Code, css.Body)
	}
	if w := c.get(t, "/nothing"); w.Code != 404 {
		t.Errorf("another page: %d", w.Code)
	}
}

// three are the nodes of a hub of which one has said nothing for a while.
type three struct{ cluster.Members }

func (three) Nodes() []cluster.Node {
	now := new(central).Now()
	node := func(id string, heard time.Time, votes bool) cluster.Node {
		return cluster.Node{Member: cluster.Member{ID: id, Address: id + ":7421", Votes: votes}, Heard: heard,
			Mark: protocol.PeerMark{ID: id, Role: "follower", Index: 9, Hash: 0xabc, Program: "0.1.0"}}
	}
	return []cluster.Node{node("n1", now, true), node("n2", now.Add(-time.Minute), true), node("n3", now, false), {Member: cluster.Member{ID: "n4", Address: "n4:7421"}}}
}

func TestThePageShowsTheNodes(t *testing.T) {
	c := newCentral()
	c.members = three{}
	page := strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(c.get(t, "/").Body.String(), " ")), " ")
	for _, want := range []string{"The hub is up : 2 of 4 nodes", "n1:7421 ● up follower 7.9 0000000000000abc this node 0.1.0", "n2:7421 ■ silent was follower 7.9 0000000000000abc 60 s 0.1.0",
		"n3:7421 ● up follower, no vote yet", "n4:7421 ▨ not heard yet unknown never"} {
		if !strings.Contains(strings.ReplaceAll(page, "up: ", "up : "), want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}
