package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// running is a shop on a real socket. stop waits for Serve's end.
type running struct {
	url  string
	addr string
	stop func() error
}

func (s *shop) run(t *testing.T) running {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln) }() // stop waits for it
	stopped := false
	stop := func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		_ = stop()
	})
	return running{url: "http://" + ln.Addr().String(), addr: ln.Addr().String(), stop: stop}
}

func TestTenMegabytesAreRefused(t *testing.T) {
	s := newShop(t)
	on := s.run(t)
	for _, known := range []bool{true, false} {
		var body io.Reader = strings.NewReader(`{"receipt":"` + strings.Repeat("x", 10<<20) + `"}`)
		if !known {
			body = struct{ io.Reader }{body} // chunked
		}
		r, err := http.Post(on.url+"/v1/sales", "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		var p api.Problem
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil || r.StatusCode != 413 || p.Code != api.CodeTooLarge {
			t.Errorf("%d %+v %v", r.StatusCode, p, err)
		}
		_ = r.Body.Close()
	}
	if s.sales != 0 {
		t.Error("the handler ran")
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	on := newShop(t).run(t)
	r, err := http.NewRequest("GET", on.url+"/livez", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", strings.Repeat("x", 2*protocol.MaxHeaderBytes))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Error(answer.Status)
	}
}

func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	s := newShop(t)
	arrived, finish := make(chan bool), make(chan bool)
	serve.Handle(s.Server, serve.Route{Method: "POST", Path: "/v1/slow"}, func(ctx context.Context, _ *struct{}) (*struct{ Body string }, error) {
		close(arrived)
		<-finish
		return &struct{ Body string }{"whole"}, ctx.Err()
	})
	s.Raw("GET /v1/events", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = serve.Stream(w, r, time.Second, make(chan serve.ServerEvent))
	}))
	on := s.run(t)

	stream, err := http.Get(on.url + "/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan string, 1)
	go func() { // answered is received below
		r, err := http.Post(on.url+"/v1/slow", "", nil)
		if err != nil {
			answered <- err.Error()
			return
		}
		text, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		answered <- fmt.Sprint(r.StatusCode, " ", strings.TrimSpace(string(text)))
	}()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- on.stop() }() // stopped is received below
	// The stream ends by itself as soon as the shutdown has begun…
	if text, err := io.ReadAll(stream.Body); err != nil || string(text) != "retry: 1000\n\n" {
		t.Errorf("stream: %q %v", text, err)
	}
	_ = stream.Body.Close()
	select {
	case err := <-stopped:
		t.Fatalf("the server stopped with a request in flight: %v", err)
	default:
	}
	close(finish) // …and the slow request gets its whole answer.
	if got := <-answered; got != `200 "whole"` {
		t.Error(got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestShutdownDoesNotWaitForEver(t *testing.T) {
	s := newShop(t, func(c *serve.Config) { c.Grace = time.Millisecond })
	arrived := make(chan bool)
	serve.Handle(s.Server, serve.Route{Method: "GET", Path: "/v1/stuck"}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		close(arrived)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	on := s.run(t)
	gone := make(chan bool)
	go func() { // gone is received below
		defer close(gone)
		if r, err := http.Get(on.url + "/v1/stuck"); err == nil {
			_ = r.Body.Close()
		}
	}()
	<-arrived
	if err := on.stop(); err != nil {
		t.Error(err)
	}
	<-gone
	if !strings.Contains(s.log.String(), "cut off at shutdown") {
		t.Errorf("log: %s", s.log)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	on := newShop(t, func(c *serve.Config) { c.MaxConnections = 1 }).run(t)
	ask := func(c net.Conn) *bufio.Reader {
		if _, err := io.WriteString(c, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		return bufio.NewReader(c)
	}
	first, err := net.Dial("tcp", on.addr)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := ask(first).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q %v", line, err)
	}
	second, err := net.Dial("tcp", on.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	answer := ask(second)
	_ = second.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if line, err := answer.ReadString('\n'); err == nil {
		t.Fatalf("a second connection was answered: %q", line)
	}
	_ = first.Close()
	_ = second.SetReadDeadline(time.Now().Add(5 * time.Second))
	if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Errorf("the slot was not given back: %q %v", line, err)
	}
}

func TestASlowBodyDoesNotHoldItsConnection(t *testing.T) {
	s := newShop(t, func(c *serve.Config) {
		// The clock stands a minute back, so that each deadline has passed.
		c.Now = func() time.Time { return time.Now().Add(-time.Minute) }
	})
	on := s.run(t)
	for head, want := range map[string]string{
		"POST /v1/sales HTTP/1.1\r\nContent-Type: application/json": "408",
		"POST /v1/sales HTTP/1.1\r\nContent-Type: text/plain":       "415",
		"POST /nowhere HTTP/1.1":                                    "404",
	} {
		conn, err := net.Dial("tcp", on.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.WriteString(conn, head+"\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		// Nothing after the answer: the connection is closed, not waiting.
		if all, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 "+want) {
			t.Errorf("%s: %q %v", head, all, err)
		}
		_ = conn.Close()
	}
}

func TestABodyThatCameWholeHasNoDeadline(t *testing.T) {
	s := newShop(t, func(c *serve.Config) {
		// A body's time ends 200 ms after its header.
		c.Now = func() time.Time { return time.Now().Add(200*time.Millisecond - 10*time.Second) }
	})
	serve.Handle(s.Server, serve.Route{Method: "POST", Path: "/v1/slow"}, func(ctx context.Context, _ *saleInput) (*struct{}, error) {
		select {
		case <-ctx.Done():
			t.Error("a slow answer was cut off as if its body were slow")
		case <-time.After(400 * time.Millisecond):
		}
		return nil, nil
	})
	r, err := http.Post(s.run(t).url+"/v1/slow", "application/json", strings.NewReader(goodSale))
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
}

func TestARawHandlerCanHijack(t *testing.T) {
	s := newShop(t)
	s.Raw("GET /sync", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		_ = conn.Close()
	}))
	on := s.run(t)
	conn, err := net.Dial("tcp", on.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /sync HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 101") {
		t.Errorf("%q %v", all, err)
	}
}
