package link

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of these tests; none of them waits for it to pass.
const patience = 10 * time.Second

// pairs are the ways to connect two ends; every test below runs over each.
var pairs = map[string]func(t *testing.T) (Conn, Conn){
	"pipe":      func(*testing.T) (Conn, Conn) { return Pipe() },
	"websocket": func(t *testing.T) (Conn, Conn) { return overWebSocket(t, httptest.NewServer) },
	"tls":       func(t *testing.T) (Conn, Conn) { return overWebSocket(t, httptest.NewTLSServer) },
}

func overWebSocket(t *testing.T, start func(http.Handler) *httptest.Server) (agent, hub Conn) {
	accepted := make(chan Conn, 1)
	server := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := Accept(w, r)
		if err != nil {
			t.Errorf("accept: %v", err)
		}
		accepted <- conn
	}))
	t.Cleanup(server.Close)
	trust := x509.NewCertPool()
	if server.Certificate() != nil {
		trust.AddCert(server.Certificate())
	}
	agent, err := Dial(within(t), Dialer{URL: strings.Replace(server.URL, "http", "ws", 1), TLS: &tls.Config{RootCAs: trust}})
	if err != nil {
		t.Fatal(err)
	}
	return agent, <-accepted
}

func serve(t *testing.T, answer http.HandlerFunc) (address string) {
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http", "ws", 1)
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// overEach runs a test over every kind of connection, and closes it at the end.
func overEach(t *testing.T, test func(t *testing.T, a, b Conn)) {
	for name, connect := range pairs {
		t.Run(name, func(t *testing.T) {
			a, b := connect(t)
			defer both(a, b)
			test(t, a, b)
		})
	}
}

// both closes two ends at once, so that neither waits for the other's answer.
func both(a, b Conn) {
	closed := make(chan error, 1)
	go func() { closed <- a.Close("test over") }() // received below
	_ = b.Close("test over")
	<-closed
}

func TestMessagesArriveWholeAndInOrder(t *testing.T) {
	overEach(t, func(t *testing.T, a, b Conn) {
		sizes := []int{1, 0, 40, 32 << 10, protocol.MaxFrameBytes, 7}
		for _, ends := range [][2]Conn{{a, b}, {b, a}} {
			wrote := make(chan error, 1)
			go func() { // received below
				for i, size := range sizes {
					if err := ends[0].Write(t.Context(), bytes.Repeat([]byte{byte(i)}, size)); err != nil {
						wrote <- err
						return
					}
				}
				wrote <- nil
			}()
			for i, size := range sizes {
				message, err := ends[1].Read(within(t))
				if err != nil || !bytes.Equal(message, bytes.Repeat([]byte{byte(i)}, size)) {
					t.Fatalf("message %d came as %d bytes, want %d: %v", i, len(message), size, err)
				}
			}
			if err := <-wrote; err != nil {
				t.Fatal(err)
			}
		}
		if a.Remote() == "" || b.Remote() == "" {
			t.Error("an end does not know its peer")
		}
	})
}

func TestTooLargeAMessageEndsTheConnection(t *testing.T) {
	overEach(t, func(t *testing.T, a, b Conn) {
		wrote := make(chan error, 1)
		go func() { wrote <- a.Write(t.Context(), make([]byte, protocol.MaxFrameBytes+2)) }() // received below
		if message, err := b.Read(within(t)); err == nil {
			t.Errorf("%d bytes were read", len(message))
		}
		if _, err := a.Read(within(t)); err == nil {
			t.Error("the sender's connection lives on")
		}
		<-wrote
	})
}

func TestCloseTellsThePeerWhy(t *testing.T) {
	overEach(t, func(t *testing.T, a, b Conn) {
		closed := make(chan error, 1)
		go func() { closed <- a.Close("the shop is shut. " + strings.Repeat("é", 200)) }() // received below
		_, err := b.Read(within(t))
		if err == nil || !strings.Contains(err.Error(), "the shop is shut") {
			t.Errorf("the peer reads %v", err)
		}
		if err := <-closed; err != nil {
			t.Errorf("close: %v", err)
		}
		for _, end := range []Conn{a, b} {
			if _, err := end.Read(within(t)); err == nil {
				t.Error("a closed connection is read")
			}
			if err := end.Write(within(t), []byte("x")); err == nil {
				t.Error("a closed connection is written")
			}
		}
	})
}

func TestAnEndedContextEndsTheConnection(t *testing.T) {
	overEach(t, func(t *testing.T, a, b Conn) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if _, err := a.Read(ctx); err == nil {
			t.Error("something was read")
		}
		if _, err := b.Read(within(t)); err == nil {
			t.Error("the peer's connection lives on")
		}
	})
}

func TestAWriteThatNobodyReadsEndsWithItsContext(t *testing.T) {
	overEach(t, func(t *testing.T, a, b Conn) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		for range 1000 { // the kernel holds some megabytes
			if err := a.Write(ctx, make([]byte, protocol.MaxFrameBytes)); err != nil {
				return
			}
		}
		t.Error("250 MiB were written to a peer that reads nothing")
	})
}
