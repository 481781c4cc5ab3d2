package link

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
)

func TestAnUpgradeWithoutOurSubprotocolIsRefused(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if conn, err := Accept(w, r); !errors.Is(err, ErrSubprotocol) {
			t.Errorf("accepted %v: %v", conn, err)
		}
	})
	for name, extra := range map[string]string{"none": "", "another": "Sec-WebSocket-Protocol: chat, shelfsync.v9\r\n"} {
		t.Run(name, func(t *testing.T) {
			_, answer := askByHand(t, address, extra)
			said, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != http.StatusUpgradeRequired || !strings.Contains(string(said), protocol.Subprotocol) {
				t.Errorf("the answer is %s %q: %v", answer.Status, said, err)
			}
		})
	}
}

// askByHand asks for a WebSocket by hand, as a peer may that is not ours.
func askByHand(t *testing.T, address, extra string) (net.Conn, *http.Response) {
	host := strings.TrimPrefix(address, "ws://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"+extra+"\r\n")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return conn, answer
}

// started is a link on the hub's side of a peer that is not ours.
func started(t *testing.T, events chan<- Event) (*Link, net.Conn) {
	links := make(chan *Link, 1)
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, err := Accept(w, r)
		if err != nil {
			t.Errorf("accept: %v", err)
		}
		links <- Start(t.Context(), conn, events)
	})
	peer, answer := askByHand(t, address, "Sec-WebSocket-Protocol: "+protocol.Subprotocol+"\r\n")
	if answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the answer is %s", answer.Status)
	}
	return <-links, peer
}

const (
	noMask     = "\x00\x00\x00\x00" // a mask that changes nothing
	hugeLength = "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + noMask
)

// TestForeignMessages are such that our own side never writes.
func TestForeignMessages(t *testing.T) {
	frame := string(protocol.EncodeFrame(ack(9)))
	messages := map[string]string{
		"text":           "\x81" + string([]byte{0x80 | byte(len(frame))}) + noMask + frame,
		"compressed":     "\xc2\x82" + noMask + "hi",
		"without a mask": "\x82\x02hi",
		"a huge length":  hugeLength + strings.Repeat("x", protocol.MaxFrameBytes+2),
		"no WebSocket":   "GET / HTTP/1.1\r\n\r\n",
	}
	for name, message := range messages {
		t.Run(name, func(t *testing.T) {
			events := make(chan Event, 1)
			l, peer := started(t, events)
			_, _ = io.WriteString(peer, message) // may be cut off on the way
			if err := next(t, events).Err; err == nil {
				t.Error("the link lives on")
			}
			gone(t, l)
		})
	}
}

// TestTheFirstMessageIsAGreeting: a stranger cannot make a hub node hold a whole
// frame; who has said anything may send one.
func TestTheFirstMessageIsAGreeting(t *testing.T) {
	for name, row := range map[string]struct {
		sizes []int
		last  bool // the last of them is read
	}{
		"as large as a greeting may be":   {[]int{protocol.MaxGreetingBytes}, true},
		"larger than a greeting":          {[]int{protocol.MaxGreetingBytes + 2}, false},
		"a full frame after the greeting": {[]int{1, protocol.MaxFrameBytes}, true},
		"more than a frame after it":      {[]int{1, protocol.MaxFrameBytes + 2}, false},
	} {
		t.Run(name, func(t *testing.T) {
			agent, hub := overWebSocket(t, httptest.NewServer)
			defer both(agent, hub)
			wrote := make(chan struct{})
			go func() { // received below
				defer close(wrote)
				for _, size := range row.sizes {
					_ = agent.Write(t.Context(), make([]byte, size)) // may be cut off on the way
				}
			}()
			var err error
			for range row.sizes {
				_, err = hub.Read(within(t))
			}
			if (err == nil) != row.last {
				t.Errorf("the last is read with %v", err)
			}
			<-wrote
		})
	}
}

// TestAPeerCannotStretchAGoodbye: it answers with a message that does not end.
func TestAPeerCannotStretchAGoodbye(t *testing.T) {
	for name, answer := range map[string]string{"nothing": "", "a message without an end": hugeLength} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := make(chan Event, 1)
			l, peer := started(t, events)
			if _, err := io.WriteString(peer, answer); err != nil {
				t.Fatal(err)
			}
			l.Close(protocol.Bye{Code: protocol.ByeShutdown})
			gone(t, l)
		})
	}
}

func TestARefusedDialSaysWhatTheHubSaid(t *testing.T) {
	answers := map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"busy": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "too many stores", http.StatusServiceUnavailable)
		}, "503 Service Unavailable: too many stores"},
		"elsewhere":  {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }, "302 Found"},
		"not a hub":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }, "200 OK: hello"},
		"other kind": {plainUpgrade, ErrSubprotocol.Error()},
	}
	for name, row := range answers {
		t.Run(name, func(t *testing.T) {
			_, err := Dial(within(t), Dialer{URL: serve(t, row.answer)})
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("dial says %v, want %q", err, row.want)
			}
		})
	}
}

// plainUpgrade is a WebSocket server that knows no sub-protocol; the key is
// answered by the library once ours is taken out of the request.
func plainUpgrade(w http.ResponseWriter, r *http.Request) {
	r.Header.Set("Sec-WebSocket-Protocol", protocol.Subprotocol)
	conn, err := Accept(&withoutSubprotocol{w, w.(http.Hijacker)}, r)
	if err == nil {
		_ = conn.Close("done")
	}
}

type withoutSubprotocol struct {
	http.ResponseWriter
	http.Hijacker
}

func (w *withoutSubprotocol) WriteHeader(status int) {
	w.Header().Del("Sec-WebSocket-Protocol")
	w.ResponseWriter.WriteHeader(status)
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Dial(ctx, Dialer{URL: "ws://hub.invalid", NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("dial says %v", err)
	}
}

func TestDialSendsItsHeader(t *testing.T) {
	heard := make(chan string, 1)
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) { heard <- r.Header.Get("Authorization") })
	if _, err := Dial(within(t), Dialer{URL: address, Header: http.Header{"Authorization": {"Bearer x"}}}); err == nil {
		t.Error("a plain answer is taken for an upgrade")
	}
	if got := <-heard; got != "Bearer x" {
		t.Errorf("the hub hears %q", got)
	}
}
