package till_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// listen reads events until it has seen so many of the given names.
func (s *store) listen(url, last string, n int, names ...string) (events [][2]string, newest string) {
	s.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", url+"/v1/events", nil)
	if err != nil {
		s.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if n == 0 {
		return nil, ""
	}
	var name string
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			newest = id
		}
		if event, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			name = event
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			for _, want := range names {
				if name == want {
					events = append(events, [2]string{name, data})
				}
			}
			if len(events) == n {
				return events, newest
			}
		}
	}
	s.Fatalf("the stream ended after %v", events)
	return nil, ""
}

func TestEventsGoOnWhereAReaderLeft(t *testing.T) {
	s := open(t)
	server := httptest.NewServer(s.web)
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()

	// A reader of another run of the program starts over.
	events, place := s.listen(server.URL, "elsewhen.7", 1, "reset", "stock", "status", "outcome")
	if events[0] != [2]string{"reset", "{}"} {
		t.Error(events)
	}
	s.hear(stocked())
	var epoch string
	s.look(func(a *agent.Agent) { epoch = a.Ledger().Head().Epoch })
	s.record("/v1/sales", "", basket(`{"item":"85123A","quantity":1}`))
	s.settle(protocol.Round{Levels: []stock.StoreLevel{{Item: "22423"}}, Outcomes: []stock.Outcome{{Epoch: epoch, Sequence: 1, Line: 1, Code: stock.Service}}})

	events, after := s.listen(server.URL, place, 2, "status", "outcome")
	if !strings.Contains(events[0][1], `"state":"online"`) || !strings.Contains(events[1][1], `"operation":"S014.`+epoch+`.1","line":1,"effect":"service"`) {
		t.Error(events)
	}
	events, _ = s.listen(server.URL, place, 2, "stock")
	if !strings.Contains(events[0][1], `"items":["85123A","22423"]`) {
		t.Error(events)
	}

	if events, _ = s.listen(server.URL, "elsewhen.1", 1, "reset", "stock", "status", "outcome"); events[0][0] != "reset" {
		t.Error("an event of another run was taken for one of this run:", events)
	}

	// One that has seen them all gets only what comes.
	s.hear(protocol.Round{Levels: []stock.StoreLevel{{Item: "new"}}})
	events, _ = s.listen(server.URL, after, 1, "stock", "status", "outcome", "reset")
	if !strings.Contains(events[0][1], `"items":["new"]`) {
		t.Error(events)
	}
}

func TestAReaderTooFarBehindIsToldToReadAgain(t *testing.T) {
	s := open(t)
	server := httptest.NewServer(s.web)
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	_, place := s.listen(server.URL, "elsewhen.7", 1, "reset")
	for i := range 1100 {
		s.hear(protocol.Round{Levels: []stock.StoreLevel{{Item: fmt.Sprint("I", i)}}})
	}
	events, at := s.listen(server.URL, place, 1, "reset", "stock", "status")
	if events[0][0] != "reset" {
		t.Fatal(events)
	}
	s.hear(protocol.Round{Levels: []stock.StoreLevel{{Item: "new"}}})
	if events, _ = s.listen(server.URL, at, 1, "reset", "stock", "status"); !strings.Contains(events[0][1], `"items":["new"]`) {
		t.Error(events)
	}
}
