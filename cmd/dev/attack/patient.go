package attack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// drip is the pause of those who send slowly: often enough to look alive.
const drip = 250 * time.Millisecond

// dripping sends a beginning, then the rest again and again in drips until the
// program ends the connection; the answer to it is an HTTP one, if any.
func dripping(on, start, drops string) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		address := w.hub.address
		if on == onStore {
			address = w.victim.address
		}
		conn, err := dial(ctx, address)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		sender := conn.every([]byte(drops))
		if _, err := io.WriteString(conn, strings.ReplaceAll(start, "{host}", address)); err != nil {
			return "", fmt.Errorf("begin to drip: %w", err)
		}
		said, err := conn.answer()
		conn.Close()
		<-sender
		return said, err
	}
}

// every sends drops until the connection ends; the channel closes then.
func (r *raw) every(drops []byte) <-chan struct{} {
	ended := make(chan struct{})
	go func() { // the caller waits for ended, after closing the connection
		defer close(ended)
		tick := time.NewTicker(drip)
		defer tick.Stop()
		for range tick.C {
			if _, err := r.Write(drops); err != nil {
				return
			}
		}
	}()
	return ended
}

// lingering upgrades, says Hello if it is to, sends a beginning and then drops
// until the hub ends the connection.
func lingering(hello bool, start, drops []byte) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		s, refused, err := w.open(ctx, nil)
		if err != nil || refused != "" {
			return refused, err
		}
		if hello {
			// Each has a location of its own, or the newest would replace the others.
			code := fmt.Sprintf("SLOW-%d-%d", len(start), len(drops))
			s.send(message(protocol.EncodeFrame(but(func(h *protocol.Hello) { h.Agent = code }))))
			if frame, err := s.next(); err != nil {
				return "", fmt.Errorf("wait for Welcome: %w", err)
			} else if _, ok := frame.(*protocol.Welcome); !ok {
				return fmt.Sprintf("%T instead of Welcome", frame), s.Close()
			}
		}
		s.send(start)
		sender := s.every(drops)
		said := s.end()
		<-sender
		return said, nil
	}
}

var aPing = wire(fin|ping, true, 0, nil)

// patient is what takes its time, and ends by a deadline of the program.
var patient = []attack{
	{name: "half an upgrade, then silence", target: onSync, expects: "cut", run: rawly(onHub, to("GET /sync"), "Upgrade: websocket\r\n")},
	{name: "an upgrade, then silence", target: onSync, expects: "bye silent", run: thrown()},
	{name: "an upgrade, then pings only", target: onSync, expects: "bye silent", run: lingering(false, nil, aPing)},
	{name: "half a message, then silence", target: onSync, expects: "bye silent", run: thrown(wire(whole, true, 3, []byte{isHello, 0x81, 0xa1}))},
	{name: "half a message, then pings", target: onSync, expects: "bye silent", run: lingering(false, wire(whole, true, 1, []byte{isHello}), aPing)},
	{name: "a message byte by byte", target: onSync, expects: "bye silent", run: lingering(false, wire(fin|whole, true, protocol.MaxFrameBytes, []byte{isHello}), []byte{0x81})},
	{name: "a message in fragments of one byte", target: onSync, expects: "bye silent", run: lingering(false, wire(whole, true, 1, []byte{isHello}), wire(more, true, 1, []byte{0x81}))},
	{name: "a Hello, then silence", target: onSync, expects: "bye silent", leaves: 1, run: lingering(true, nil, nil)},
	{name: "a Hello, then pings only", target: onSync, expects: "bye silent", leaves: 1, run: lingering(true, nil, aPing)},
	{name: "a connection without a word", target: onHub, expects: "cut", run: dripping(onHub, "", "")},
	{name: "headers in drips", target: onHub, expects: "cut", run: dripping(onHub, to("GET /v1/items"), "X-Slow: drip\r\n")},
	{name: "a body in drips", target: onHub, expects: "408 timeout", run: dripping(onHub, to("POST /v1/movements")+"Content-Type: application/json\r\nContent-Length: 400000\r\n\r\n{", " ")},
	{name: "a chunked body in drips", target: onHub, expects: "408 timeout", run: dripping(onHub, to("POST /v1/movements")+"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n")},
	{name: "a second request in drips", target: onHub, expects: "cut", run: secondly},
	{name: "a connection without a word", target: onStore, expects: "cut", run: dripping(onStore, "", "")},
	{name: "headers in drips", target: onStore, expects: "cut", run: dripping(onStore, to("GET /v1/status"), "X-Slow: drip\r\n")},
	{name: "a body in drips", target: onStore, expects: "408 timeout", run: dripping(onStore, to("POST /v1/sales")+"Content-Type: application/json\r\nContent-Length: 400000\r\n\r\n{", " ")},
	{name: "a connection without a word", target: onPort, expects: "cut", run: stray()},
	{name: "half a message, then silence", target: onPort, expects: "cut", run: stray([]byte{forwards, 0, 0, 0x10, 0, 1})},
	{name: "30 messages of 1 MiB, and then silence", target: onPort, expects: "30 cut", run: strayMany(30)},
	{name: "1,000 connections without a word", target: onHub, expects: "1000 cut", run: silent(1000)},
}

// secondly asks well once, and then in drips on the same connection.
func secondly(ctx context.Context, w *world) (string, error) {
	conn, err := dial(ctx, w.hub.address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	request := strings.ReplaceAll(to("GET /livez"), "{host}", w.hub.address)
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return "", fmt.Errorf("ask first: %w", err)
	}
	if said, err := conn.answer(); err != nil || said != "200" {
		return said, err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return "", fmt.Errorf("ask again: %w", err)
	}
	sender := conn.every([]byte("X-Slow: drip\r\n"))
	said, err := conn.answer()
	conn.Close()
	<-sender
	return said, err
}

// silent opens connections that send nothing and counts those that are ended.
func silent(n int) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		conns, err := w.crowd(ctx, n)
		defer conns.leave()
		if err != nil {
			return "", err
		}
		cut := 0
		for _, conn := range conns {
			if _, err := conn.in.ReadByte(); err != nil && !isTimeout(err) {
				cut++
			}
		}
		return fmt.Sprintf("%d cut", cut), nil
	}
}

func isTimeout(err error) bool {
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}

// crowd is many connections.
type crowd []*raw

// smallBuffer is how much a reader that never reads lets the kernel keep for it.
const smallBuffer = 4096

func (w *world) crowd(ctx context.Context, n int) (conns crowd, err error) {
	for range n {
		conn, err := dial(ctx, w.hub.address)
		if err != nil {
			return conns, err
		}
		conns = append(conns, conn)
		if tcp, ok := conn.Conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(smallBuffer) // a larger one only makes the attack weaker
		}
	}
	return conns, nil
}

func (c crowd) leave() {
	for _, conn := range c {
		_ = conn.Close() // most have been cut
	}
}

// full is one byte short of a message as large as may be.
var full = wire(fin|whole, true, protocol.MaxFrameBytes, append([]byte{isHello}, bytes.Repeat([]byte{0x91}, protocol.MaxFrameBytes-2)...))
