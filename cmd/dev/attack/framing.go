package attack

import (
	"bytes"
	"context"
	"strings"

	"github.com/shelfsync/shelfsync/protocol"
)

// knock is an upgrade request with other headers; a hub that upgrades it says
// more than it should.
func knock(changes map[string]string) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		s, refused, err := w.open(ctx, changes)
		if err != nil || refused != "" {
			return refused, err
		}
		return "upgraded", s.Close()
	}
}

// thrown opens a connection, sends bytes as they are and waits for its end.
func thrown(frames ...[]byte) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		s, refused, err := w.open(ctx, nil)
		if err != nil || refused != "" {
			return refused, err
		}
		s.send(frames...)
		return s.end(), nil
	}
}

// goodHello is a Hello that the hub welcomes.
var goodHello = protocol.EncodeFrame(evilHello())

// framing is what breaks WebSocket itself, before there is a frame of ours.
var framing = []attack{
	{name: "a good Hello, as a control", target: onSync, expects: "welcome", run: greeted(evilHello())},
	{name: "no sub-protocol", target: onSync, expects: "426", run: knock(map[string]string{"Sec-WebSocket-Protocol": ""})},
	{name: "an unknown sub-protocol", target: onSync, expects: "426", run: knock(map[string]string{"Sec-WebSocket-Protocol": "shelfsync.v9, chat"})},
	{name: "no upgrade", target: onSync, expects: "426", run: knock(map[string]string{"Upgrade": ""})},
	{name: "another WebSocket version", target: onSync, expects: "400", run: knock(map[string]string{"Sec-WebSocket-Version": "7"})},
	{name: "no WebSocket key", target: onSync, expects: "400", run: knock(map[string]string{"Sec-WebSocket-Key": ""})},
	{name: "a browser page of another origin", target: onSync, expects: "403", run: knock(map[string]string{"Origin": "http://evil.example"})},
	{name: "a rebound host name", target: onSync, expects: "421 host_refused", run: knock(map[string]string{"Host": "evil.example"})},
	{name: "an extension that inflates", target: onSync, expects: "closed 1002", run: func(ctx context.Context, w *world) (string, error) {
		s, refused, err := w.open(ctx, map[string]string{"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"})
		if err != nil || refused != "" {
			return refused, err
		}
		s.send(wire(fin|packed|whole, true, 5, []byte{0x62, 0x62, 0x60, 0x64, 0}))
		return s.end(), nil
	}},
	{name: "a text message", target: onSync, expects: "cut", run: thrown(wire(fin|text, true, 2, []byte("hi")))},
	{name: "a frame without a mask", target: onSync, expects: "cut", run: thrown(wire(fin|whole, false, 3, []byte{1, 2, 3}))},
	{name: "the bit of compression", target: onSync, expects: "closed 1002", run: thrown(wire(fin|packed|whole, true, 3, []byte{1, 2, 3}))},
	{name: "a reserved bit", target: onSync, expects: "closed 1002", run: thrown(wire(fin|oddBit|whole, true, 3, []byte{1, 2, 3}))},
	{name: "a reserved kind of frame", target: onSync, expects: "closed 1002", run: thrown(wire(fin|0x03, true, 3, []byte{1, 2, 3}))},
	{name: "a continuation of nothing", target: onSync, expects: "closed 1002", run: thrown(wire(fin|more, true, 3, []byte{1, 2, 3}))},
	{name: "a message within a message", target: onSync, expects: "closed 1002", run: thrown(wire(whole, true, 1, []byte{1}), wire(fin|whole, true, 1, []byte{1}))},
	{name: "a message of 256 KiB and two bytes", target: onSync, expects: "closed 1009", run: thrown(message(make([]byte, protocol.MaxFrameBytes+2)))},
	{name: "a frame that declares 2^62 bytes", target: onSync, expects: "closed 1009", run: thrown(wire(fin|whole, true, 1<<62, make([]byte, 300<<10)))},
	{name: "a frame that declares a negative length", target: onSync, expects: "cut", run: thrown(wire(fin|whole, true, 1<<63|5, make([]byte, 300<<10)))},
	{name: "a message of endless fragments", target: onSync, expects: "closed 1009", run: thrown(append([][]byte{wire(whole, true, 1<<15, make([]byte, 1<<15))},
		repeated(2000, wire(more, true, 1<<15, make([]byte, 1<<15)))...)...)},
	{name: "a million empty fragments", target: onSync, expects: "bye protocol", run: func(ctx context.Context, w *world) (string, error) {
		s, refused, err := w.open(ctx, nil)
		if err != nil || refused != "" {
			return refused, err
		}
		s.send(wire(whole, true, 0, nil), bytes.Repeat(wire(more, true, 0, nil), 1_000_000))
		s.send(wire(fin|more, true, 0, nil)) // the message is whole, and empty
		return s.end(), nil
	}},
	{name: "a control frame that is too long", target: onSync, expects: "closed 1002", run: thrown(wire(fin|ping, true, 126, make([]byte, 126)))},
	{name: "a control frame in fragments", target: onSync, expects: "closed 1002", run: thrown(wire(ping, true, 1, []byte{1}))},
	{name: "a goodbye in the middle of a message", target: onSync, expects: "closed 1000", run: thrown(wire(whole, true, 1, []byte{1}), wire(fin|goodbye, true, 2, []byte{0x03, 0xe8}))},
	{name: "a goodbye with half a code", target: onSync, expects: "closed 1002", run: thrown(wire(fin|goodbye, true, 1, []byte{3}))},
	{name: "a goodbye with a forbidden code", target: onSync, expects: "closed 1002", run: thrown(wire(fin|goodbye, true, 2, []byte{0x03, 0xed}))},
	{name: "garbage instead of frames", target: onSync, expects: "closed 1002", run: thrown([]byte(strings.Repeat("\xff\x00garbage", 1000)))},
	{name: "100,000 pings", target: onSync, expects: "welcome", run: func(ctx context.Context, w *world) (string, error) {
		s, refused, err := w.open(ctx, nil)
		if err != nil || refused != "" {
			return refused, err
		}
		go s.send(bytes.Repeat(wire(fin|ping, true, 4, []byte("ping")), 100_000), message(goodHello)) // ends with the connection
		return s.welcomed()
	}},
}

func repeated(n int, frame []byte) [][]byte {
	frames := make([][]byte, n)
	for i := range frames {
		frames[i] = frame
	}
	return frames
}
