package attack

import (
	"bytes"
	"context"
	"slices"

	"github.com/shelfsync/shelfsync/protocol"
)

// The first bytes of frames, as protocol numbers them.
const (
	isHello  = 1
	isAppend = 3
)

// frame is one frame of ours by hand, after a good Hello: its type, and msgpack
// that no encoder of ours would write.
func frame(kind byte, body ...[]byte) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		s, _, err := w.admitted(ctx)
		if err != nil {
			return "", err
		}
		s.send(message(append([]byte{kind}, slices.Concat(body...)...)))
		return s.end(), nil
	}
}

// Pieces of msgpack.
var (
	oneField   = []byte{0x81}
	operations = []byte{0xa1, 'o'}
	version    = []byte{0xa1, 'v'}
	agentCode  = []byte{0xa1, 'a'}
	ofLater    = []byte{0xa1, '?'} // a key of a later version, which is skipped
	array4Gi   = []byte{0xdd, 0xff, 0xff, 0xff, 0xff}
	map4Gi     = []byte{0xdf, 0xff, 0xff, 0xff, 0xff}
)

// bombs are bytes that must be refused whole, without being given room
// first: what they declare is far more than they are.
var bombs = []attack{
	{name: "an empty message", target: onSync, expects: "bye protocol", run: thrown(message(nil))},
	{name: "an unknown frame", target: onSync, expects: "bye protocol", run: frame(200, []byte{0x80})},
	{name: "a frame without a body", target: onSync, expects: "bye protocol", run: frame(isHello)},
	{name: "a frame cut short", target: onSync, expects: "bye protocol", run: thrown(message(goodHello[:len(goodHello)-3]))},
	{name: "bytes after a frame", target: onSync, expects: "bye protocol", run: thrown(message(append(slices.Clone(goodHello), 0x80)))},
	{name: "random bytes", target: onSync, expects: "bye protocol", run: frame(isAppend, bytes.Repeat([]byte{0x3b, 0xc1, 0x9f, 0xdf, 0x07}, 5000))},
	{name: "an array of 4 Gi in five bytes", target: onSync, expects: "bye protocol", run: frame(isAppend, array4Gi)},
	{name: "operations of 4 Gi", target: onSync, expects: "bye protocol", run: frame(isAppend, oneField, operations, array4Gi)},
	{name: "more operations than a batch has", target: onSync, expects: "bye protocol",
		run: frame(isAppend, oneField, operations, []byte{0xdc, 0x04, 0x01}, bytes.Repeat([]byte{0xc4, 0}, 1025))},
	{name: "an operation over 64 KiB", target: onSync, expects: "bye protocol",
		run: frame(isAppend, oneField, operations, []byte{0x91, 0xc6, 0, 1, 0, 1}, make([]byte, 1<<16+1))},
	{name: "a map of 4 Gi", target: onSync, expects: "bye protocol", run: frame(isHello, map4Gi)},
	{name: "a map of 65,535 keys with one of them", target: onSync, expects: "bye protocol", run: frame(isHello, []byte{0xde, 0xff, 0xff}, version, []byte{1})},
	{name: "an unknown key with an array of 4 Gi", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, ofLater, array4Gi)},
	{name: "an unknown key with a map of 4 Gi", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, ofLater, map4Gi)},
	{name: "200,000 arrays in one another", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, ofLater, bytes.Repeat([]byte{0x91}, 200_000))},
	{name: "200,000 maps in one another", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, ofLater, bytes.Repeat([]byte{0x81, 1}, 100_000))},
	{name: "a Hello as large as a frame", target: onSync, expects: "closed 1009", run: thrown(message(append([]byte{isHello}, make([]byte, protocol.MaxFrameBytes-1)...)))},
	{name: "a bomb instead of a Hello", target: onSync, expects: "bye protocol", run: thrown(message(append([]byte{isHello, 0x81, 0xa1, '?'}, bytes.Repeat([]byte{0x91}, 4000)...)))},
	{name: "8 Mi arrays in one another", target: onSync, expects: "closed 1009", run: frame(isHello, bytes.Repeat([]byte{0x91}, 8<<20))},
	{name: "a key twice", target: onSync, expects: "bye protocol", run: frame(isHello, []byte{0x82}, version, []byte{1}, version, []byte{1})},
	{name: "a string of 4 GiB", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, agentCode, []byte{0xdb, 0xff, 0xff, 0xff, 0xff})},
	{name: "a string over its limit", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, agentCode, []byte{0xda, 0x01, 0x01}, make([]byte, 257))},
	{name: "a key of 200 KiB", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, []byte{0xdb, 0, 3, 0, 0}, make([]byte, 3<<16))},
	{name: "bytes of 4 GiB", target: onSync, expects: "bye protocol", run: frame(isAppend, oneField, operations, []byte{0x91, 0xc6, 0xff, 0xff, 0xff, 0xff})},
	{name: "an extension type", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, ofLater, []byte{0xc7, 0xff, 0x01})},
	{name: "a fixed extension type", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, ofLater, []byte{0xd8, 0x01}, make([]byte, 16))},
	{name: "a float for a number", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, version, []byte{0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0})},
	{name: "a number that is none (NaN)", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, version, []byte{0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 1})},
	{name: "a float under an unknown key", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, ofLater, []byte{0xca, 0x7f, 0xc0, 0, 0})},
	{name: "nil for a number", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, version, []byte{0xc0})},
	{name: "a negative number", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, version, []byte{0xff})},
	{name: "the byte that msgpack never uses", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, version, []byte{0xc1})},
	{name: "a number for a key", target: onSync, expects: "bye protocol", run: frame(isHello, oneField, []byte{7, 1})},
	{name: "a chain of 31 bytes", target: onSync, expects: "bye protocol", run: frame(isAppend, oneField, []byte{0xa1, 'a', 0x81, 0xa1, 'c', 0xc4, 31}, make([]byte, 31))},
	{name: "100,000 tiny messages", target: onSync, expects: "bye protocol", run: thrown(bytes.Repeat(message([]byte{isAppend, 0x80}), 100_000))},
	{name: "a full frame of one-byte values", target: onSync, expects: "bye protocol",
		run: frame(isHello, oneField, ofLater, []byte{0xdd, 0, 3, 0, 0}, make([]byte, 3<<16))},
}

// maxOperation is an operation as large as one may be.
var maxOperation = make([]byte, protocol.MaxOperationBytes)
