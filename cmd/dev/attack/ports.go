package attack

import (
	"bytes"
	"context"
	"fmt"
	"slices"
)

// onPort is the port at which the hub's nodes reach each other. It is for a
// network that is trusted; what strays there must still cost little.
const onPort = "hub nodes' port"

// stray sends bytes to the nodes' port and waits until they are answered by a
// cut connection.
func stray(sent ...[]byte) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		conn, err := dial(ctx, w.raft)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		for _, b := range sent {
			if _, err := conn.Write(b); err != nil {
				break // it may have hung up already
			}
		}
		return conn.silence(), nil
	}
}

// silence reads until the connection ends and counts what came.
func (r *raw) silence() string {
	came := 0
	for {
		if _, err := r.in.ReadByte(); isTimeout(err) {
			return "still open"
		} else if err != nil {
			break
		}
		came++
	}
	if came > 0 {
		return fmt.Sprintf("%d bytes, then cut", came)
	}
	return "cut"
}

// The first byte of a connection between nodes.
const (
	forwards = 'S'
	votes    = 1
	installs = 2
)

// member is a msgpack map with one member.
func member(name string, value ...byte) []byte {
	return slices.Concat([]byte{0x81, 0xa0 | byte(len(name))}, []byte(name), value)
}

// nodes is what strays to the nodes' port.
var nodes = []attack{
	{name: "an unknown kind of connection", target: onPort, expects: "cut", run: stray([]byte{0x77})},
	{name: "HTTP", target: onPort, expects: "cut", run: stray([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))},
	{name: "the greeting of TLS", target: onPort, expects: "cut", run: stray([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"))},
	{name: "a message of 4 GiB", target: onPort, expects: "cut", run: stray([]byte{forwards, 0xff, 0xff, 0xff, 0xff})},
	{name: "a message of nothing", target: onPort, expects: "cut", run: stray([]byte{forwards, 0, 0, 0, 0})},
	{name: "a message of random bytes", target: onPort, expects: "cut", run: stray([]byte{forwards, 0, 0, 0x10, 0}, bytes.Repeat([]byte{0x93, 0xc1}, 0x800))},
	{name: "a message that is a bomb", target: onPort, expects: "cut", run: stray([]byte{forwards, 0, 0, 0, 5}, array4Gi)},
	{name: "arrays in one another", target: onPort, expects: "cut", run: stray([]byte{votes}, member("Odd"), bytes.Repeat([]byte{0x91}, 1<<20))},
	{name: "random bytes instead of a vote", target: onPort, expects: "cut", run: stray([]byte{votes}, bytes.Repeat([]byte{0xc1}, 4096))},
	{name: "a snapshot of 4 GiB of nothing", target: onPort, expects: "cut", run: stray([]byte{installs}, member("Size", 0xc1))},
}

// strayMany announces a message as large as may be on each of many connections.
func strayMany(n int) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		var conns crowd
		defer func() { conns.leave() }()
		for range n {
			conn, err := dial(ctx, w.raft)
			if err != nil {
				return "", err
			}
			conns = append(conns, conn)
			if _, err := conn.Write([]byte{forwards, 0, 0x10, 0, 0, 1}); err != nil {
				return "", fmt.Errorf("announce a message: %w", err)
			}
		}
		cut := 0
		for _, conn := range conns {
			if conn.silence() == "cut" {
				cut++
			}
		}
		return fmt.Sprintf("%d cut", cut), nil
	}
}
