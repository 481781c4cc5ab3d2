package till_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/till"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is a real agent on a real ledger, behind its tills' surface.
type store struct {
	*testing.T
	web    *serve.Server
	agent  *agent.Server
	config till.Config
	log    *bytes.Buffer
	index  uint64 // of the hub's last round
	folder string // of the ledger
}

func open(t *testing.T) *store { t.Helper(); return openWith(t, func(*agent.Config) {}) }

// openWith lets a story change what the agent is made of.
func openWith(t *testing.T, change func(*agent.Config)) *store {
	t.Helper()
	s := &store{T: t, log: &bytes.Buffer{}, folder: t.TempDir()}
	book, err := ledger.Open(s.folder, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	config := agent.Config{Location: "S014", Ledger: book, Now: time.Now, Program: "0.1.0"}
	change(&config)
	a, err := agent.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	ctx, cancel := context.WithCancel(context.Background())
	s.agent = agent.Start(ctx, a, agent.ServerConfig{Log: logger, Random: func() uint64 { return 0 }})
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(s.agent.Wait(), book.Close()); err != nil {
			t.Error(err)
		}
	})
	s.serve(s.agent)
	return s
}

// serve puts the surface before an agent, or before something that stands for one.
func (s *store) serve(as till.Store) {
	s.config = till.Config{
		Store: as, Location: "S014",
		Version: api.Version{Program: "shelfsync-agent", Version: "0.1.0"},
		Log:     slog.New(slog.NewTextHandler(s.log, nil)), Metrics: serve.NewMetrics("shelfsync_agent"), Now: time.Now,
		Disk: func() (api.Disk, error) { return api.Disk{FreeBytes: 1 << 30, LedgerBytes: 4096}, nil },
	}
	s.web = till.New(s.config)
}

// hear lets the agent read a round of the hub.
func (s *store) hear(round protocol.Round) {
	s.Helper()
	s.look(func(a *agent.Agent) {
		var err error
		if !a.Link().Online {
			err = a.Connected(quiet{}, "hub:7420")
			err = errors.Join(err, a.Receive(&protocol.Welcome{Version: 1, Hub: protocol.HubPosition{Incarnation: 7}, Window: 64, Through: a.Applied()}))
		}
		s.index++
		round.Hub, round.Last = protocol.HubPosition{Incarnation: 7, Index: s.index}, true
		if round.Through == (protocol.Position{}) {
			round.Through = a.Applied()
		}
		if err = errors.Join(err, a.Receive(&round)); err != nil {
			s.Error(err)
		}
		if a.Base().Index != s.index {
			s.Errorf("the round was not kept: %+v %+v", a.Base(), a.Link())
		}
	})
}

// settle lets the hub say that it has applied everything.
func (s *store) settle(round protocol.Round) {
	s.look(func(a *agent.Agent) { round.Through = a.Ledger().Head().Position })
	s.hear(round)
}

func (s *store) look(read func(*agent.Agent)) {
	s.Helper()
	if err := s.agent.Ask(context.Background(), read); err != nil {
		s.Fatal(err)
	}
}

func (s *store) head() (at protocol.Position) {
	s.Helper()
	s.look(func(a *agent.Agent) { at = a.Ledger().Head().Position })
	return at
}

// quiet is a connection into which nobody looks.
type quiet struct{}

func (quiet) Send(protocol.Frame) bool { return true }
func (quiet) Close(protocol.Bye)       {}

// stocked is what the hub says of a store with goods and claims.
func stocked() protocol.Round {
	return protocol.Round{
		Items: []stock.Item{
			{Code: "85123A", Unit: "ea", Class: "default", Stocked: true, Aliases: []stock.Alias{{Code: "5012345678900", Factor: 6}}},
			{Code: "22423", Unit: "ea", Class: "default", Stocked: true},
		},
		Levels: []stock.StoreLevel{
			{Item: "85123A", Level: stock.Level{Sellable: 5 * stock.Unit, Claims: 3 * stock.Unit, Staged: stock.Unit}},
			{Item: "22423", Level: stock.Level{Sellable: 20 * stock.Unit, Damaged: stock.Unit, ReturnPending: stock.Unit}},
		},
		Claims: []stock.StoreClaim{
			{Reservation: "web-1", Line: "1", Channel: "web", Order: "O-1", Item: "85123A", Quantity: 2 * stock.Unit, State: stock.Confirmed},
			{Reservation: "web-2", Line: "1", Channel: "web", Item: "85123A", Quantity: stock.Unit, State: stock.Staged},
		},
	}
}

func (s *store) post(path, key, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://localhost"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set(api.HeaderIdempotencyKey, key)
	}
	w := httptest.NewRecorder()
	s.web.ServeHTTP(w, r)
	return w
}

// record posts what must be recorded.
func (s *store) record(path, key, body string) api.Recorded {
	s.Helper()
	w := s.post(path, key, body)
	if w.Code != 201 {
		s.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	var r api.Recorded
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		s.Fatal(err)
	}
	return r
}

// get reads an answer of 200 into into, where it is not nil.
func (s *store) get(path string, into any) string {
	s.Helper()
	w := httptest.NewRecorder()
	s.web.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+path, nil))
	if w.Code != 200 {
		s.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			s.Fatal(err)
		}
	}
	return w.Body.String()
}

func (s *store) problem(w *httptest.ResponseRecorder, code api.Code) api.Problem {
	s.Helper()
	var p api.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		s.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if p.Code != code || w.Code != api.RowOf(code).Status || w.Header().Get("Content-Type") != "application/problem+json" {
		s.Errorf("want %s, got %d %s", code, w.Code, w.Body)
	}
	return p
}

// line is one answered line in short.
func line(l api.RecordedLine) string {
	text := l.Item + " sellable " + l.Sellable.String() + " reserved " + l.Reserved.String() + " available " + l.AvailableToSell.String()
	if l.Parked {
		text += " parked"
	}
	return text + " " + strings.Join(l.Warnings, ",")
}
