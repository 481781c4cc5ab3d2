package attack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" // the WebSocket handshake has no other
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// onLink is an agent that dials a hub which is none of ours.
const onLink = "agent link"

// lured starts an agent of its own on a hostile hub, lets the hub answer its
// first connection, and says how the agent ended it. The agent must sell on.
func lured(answer func(conn *raw, request *http.Request) string) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (said string, err error) {
		hostile, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", fmt.Errorf("listen as a hostile hub: %w", err)
		}
		defer hostile.Close()
		w.lured++
		name := fmt.Sprintf("LURED%d", w.lured)
		agent, err := w.launch("shelfsync-agent", name, "run", "--location", name, "--hub", hostile.Addr().String())
		if err != nil {
			return "", err
		}
		defer func() {
			w.running = w.running[:len(w.running)-1]
			agent.stop()
		}()
		if err := agent.ready(ctx); err != nil {
			return "", err
		}
		if err := hostile.(*net.TCPListener).SetDeadline(time.Now().Add(patience)); err != nil {
			return "", fmt.Errorf("wait for the agent: %w", err)
		}
		conn, err := hostile.Accept()
		if err != nil {
			return "", fmt.Errorf("wait for the agent: %w", err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return "", fmt.Errorf("answer the agent: %w", err)
		}
		from := &raw{Conn: conn, in: bufio.NewReader(conn), serves: true}
		request, err := http.ReadRequest(from.in)
		if err != nil {
			return "", fmt.Errorf("read the agent's request: %w", err)
		}
		resting, _, err := agent.memory()
		if err != nil {
			return "", err
		}
		said = answer(from, request)
		if err := agent.sellsOn(ctx); err != nil {
			return said, err
		}
		_, peak, err := agent.memory()
		w.luredGrowth = peak - min(peak, resting)
		return said, err
	}
}

// sellsOn fails unless the agent records a sale.
func (p *program) sellsOn(ctx context.Context) error {
	said, err := post("/v1/sales", saleOf("on", "1")).to(ctx, p.address)
	if err == nil && said != "201" {
		err = errors.New("a sale is answered " + said)
	}
	if err != nil {
		return fmt.Errorf("%s sells no more: %w", p.name, err)
	}
	return nil
}

// upgraded accepts the agent's WebSocket, waits for its Hello and goes on.
func upgraded(speak func(s *socket, hello *protocol.Hello)) func(context.Context, *world) (string, error) {
	return lured(func(conn *raw, request *http.Request) string {
		s := accept(conn, request, protocol.Subprotocol)
		frame, err := s.next()
		hello, ok := frame.(*protocol.Hello)
		if err != nil || !ok {
			return fmt.Sprintf("%T %v instead of Hello", frame, err)
		}
		speak(s, hello)
		return s.end()
	})
}

func accept(conn *raw, request *http.Request, subprotocol string) *socket {
	sum := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n"
	if subprotocol != "" {
		answer += "Sec-WebSocket-Protocol: " + subprotocol + "\r\n"
	}
	s := &socket{conn}
	s.send([]byte(answer + "\r\n"))
	return s
}

// told is a message of a hub.
func told(payload []byte) []byte { return wire(fin|whole, false, uint64(len(payload)), payload) }

// hubSays sends frames after the agent's Hello; the first is a Welcome that
// fits it, unless there is to be none.
func hubSays(welcome bool, frames ...protocol.Frame) func(context.Context, *world) (string, error) {
	return upgraded(func(s *socket, _ *protocol.Hello) {
		if welcome {
			s.send(told(protocol.EncodeFrame(fitting())))
		}
		for _, f := range frames {
			s.send(told(protocol.EncodeFrame(f)))
		}
	})
}

func fitting() *protocol.Welcome {
	return &protocol.Welcome{Version: protocol.FrameVersion, Hub: protocol.HubPosition{Incarnation: 7, Index: 9}, Feature: protocol.FeatureLevel, Window: protocol.WindowOperations}
}

// plainly answers the agent's upgrade with HTTP, and says how the agent left.
func plainly(answer ...string) func(context.Context, *world) (string, error) {
	return lured(func(conn *raw, _ *http.Request) string {
		for _, part := range answer {
			if _, err := io.WriteString(conn, part); err != nil {
				return "cut"
			}
		}
		if _, err := conn.in.ReadByte(); err == nil || isTimeout(err) {
			return "still open"
		}
		return "cut"
	})
}

// lures is what a hub that is none may say to an agent.
var lures = []attack{
	{name: "another protocol", target: onLink, expects: "cut", run: lured(func(conn *raw, request *http.Request) string { return accept(conn, request, "chat").end() })},
	{name: "no sub-protocol", target: onLink, expects: "cut", run: lured(func(conn *raw, request *http.Request) string { return accept(conn, request, "").end() })},
	{name: "a redirect", target: onLink, expects: "cut", run: plainly("HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n")},
	{name: "a page without an end", target: onLink, expects: "cut", run: plainly("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", strings.Repeat("<p>", 8<<20))},
	{name: "headers without an end", target: onLink, expects: "cut", run: plainly("HTTP/1.1 101 Switching Protocols\r\n", strings.Repeat("X-More: and more\r\n", 2<<20))},
	{name: "no HTTP", target: onLink, expects: "cut", run: plainly("220 mail.example ESMTP\r\n")},
	{name: "a text message", target: onLink, expects: "cut", run: upgraded(func(s *socket, _ *protocol.Hello) { s.send(wire(fin|text, false, 2, []byte("hi"))) })},
	{name: "an array of 4 Gi in a Round", target: onLink, expects: "bye protocol", run: upgraded(func(s *socket, _ *protocol.Hello) {
		s.send(told(append([]byte{5, 0x81, 0xa1, 'l'}, array4Gi...)))
	})},
	{name: "a message over 256 KiB", target: onLink, expects: "closed 1009", run: upgraded(func(s *socket, _ *protocol.Hello) {
		s.send(told(make([]byte, protocol.MaxFrameBytes+2)))
	})},
	{name: "a message of endless fragments", target: onLink, expects: "closed 1009", run: upgraded(func(s *socket, _ *protocol.Hello) {
		s.send(wire(whole, false, 1<<15, make([]byte, 1<<15)))
		s.send(repeated(2000, wire(more, false, 1<<15, make([]byte, 1<<15)))...)
	})},
	{name: "100,000 pings", target: onLink, expects: "bye protocol", run: upgraded(func(s *socket, _ *protocol.Hello) {
		go s.send(bytes.Repeat(wire(fin|ping, false, 0, nil), 100_000), told(nil)) // ends with the connection
	})},
	{name: "an Ack before Welcome", target: onLink, expects: "bye protocol", run: hubSays(false, &protocol.Ack{})},
	{name: "an Append from a hub", target: onLink, expects: "bye protocol", run: hubSays(true, &protocol.Append{})},
	{name: "Welcome twice", target: onLink, expects: "bye protocol", run: hubSays(true, fitting())},
	{name: "a Welcome of version 0", target: onLink, expects: "bye version", run: hubSays(false, &protocol.Welcome{})},
	{name: "a Welcome beyond the ledger", target: onLink, expects: "bye forked", run: hubSays(false,
		&protocol.Welcome{Version: 1, Feature: 1, Hub: fitting().Hub, Through: protocol.Position{Sequence: 1 << 60, Chain: [32]byte{1}}})},
	{name: "an Ack of what was never sent", target: onLink, expects: "bye protocol", run: hubSays(true, &protocol.Ack{Through: protocol.Position{Sequence: 1 << 60}})},
	{name: "a Round of a past that never was", target: onLink, expects: "bye forked", run: hubSays(true,
		&protocol.Round{Hub: protocol.HubPosition{Incarnation: 7, Index: 10}, Last: true, Through: protocol.Position{Sequence: 5}})},
	{name: "parts of a Round out of order", target: onLink, expects: "bye protocol", run: hubSays(true,
		&protocol.Round{Hub: protocol.HubPosition{Incarnation: 7, Index: 10}, Part: 3})},
	// An agent gathers up to MaxRoundTotal values, a hundred bytes each, in slices
	// that grow by copying: what the largest round needs, a hostile one may take.
	{name: "a Round without an end", target: onLink, expects: "bye protocol", room: 3 * 100 * protocol.MaxRoundTotal, run: upgraded(func(s *socket, _ *protocol.Hello) {
		s.send(told(protocol.EncodeFrame(fitting())))
		for part := range uint64(protocol.MaxRoundTotal/protocol.MaxRoundValues + 2) {
			s.send(told(protocol.EncodeFrame(&protocol.Round{Hub: protocol.HubPosition{Incarnation: 7, Index: 10}, Part: part, Levels: make([]stock.StoreLevel, protocol.MaxRoundValues)})))
		}
	})},
}
