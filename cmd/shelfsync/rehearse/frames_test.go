package rehearse

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
)

// onWire is a message as a WebSocket frame, masked as a client's or not.
func onWire(message []byte, masked bool) []byte {
	raw := []byte{0x80 | opBinary}
	bit := byte(0)
	if masked {
		bit = 0x80
	}
	switch n := len(message); {
	case n < 126:
		raw = append(raw, bit|byte(n))
	case n < 1<<16:
		raw = binary.BigEndian.AppendUint16(append(raw, bit|126), uint16(n))
	default:
		raw = binary.BigEndian.AppendUint64(append(raw, bit|127), uint64(n))
	}
	if !masked {
		return append(raw, message...)
	}
	mask := [4]byte{1, 2, 3, 4}
	raw = append(raw, mask[:]...)
	for i, b := range message {
		raw = append(raw, b^mask[i%4])
	}
	return raw
}

func chain(n byte) [32]byte { return sha256.Sum256([]byte{n}) }

// sampleFrames are frames of every type, an Append with long operations among them.
func sampleFrames() (messages [][]byte) {
	after := protocol.Position{Sequence: 7, Chain: chain(1)}
	long := &protocol.Append{After: after, Operations: [][]byte{bytes.Repeat([]byte{0x5a}, 400), bytes.Repeat([]byte{0x17}, 70_000)}, Echo: 12}
	long.Operations[1] = long.Operations[1][:protocol.MaxOperationBytes]
	long.End = after
	for _, op := range long.Operations {
		long.End = protocol.Position{Sequence: long.End.Sequence + 1, Chain: protocol.NextChain(long.End.Chain, op)}
	}
	for _, frame := range []protocol.Frame{
		&protocol.Hello{Version: 1, Role: protocol.RoleAgent, Agent: "S001", Installation: "a", Epoch: "b"},
		&protocol.Welcome{Version: 1, Window: 100}, &protocol.Append{Echo: 3}, long, &protocol.Ack{Through: after},
		&protocol.Round{Hub: protocol.HubPosition{Incarnation: 1, Index: 9}, Last: true}, &protocol.Bye{Code: protocol.ByeShutdown, Text: "x"},
	} {
		messages = append(messages, protocol.EncodeFrame(frame))
	}
	return messages
}

// noticed reports whether a reader must notice what was done to a frame.
func noticed(f *wireFrame, before []byte) bool {
	if f.raw[0]&0x70 != 0 {
		return true // a reserved bit: the WebSocket ends
	}
	read, err := readWire(bufio.NewReader(bytes.NewReader(f.raw)))
	if err != nil {
		return true
	}
	frame, err := protocol.DecodeFrame(read.payload())
	if err != nil {
		return true
	}
	appended, ok := frame.(*protocol.Append)
	if !ok || bytes.Equal(read.payload(), before) {
		return false
	}
	at := appended.After
	for _, op := range appended.Operations {
		at = protocol.Position{Sequence: at.Sequence + 1, Chain: protocol.NextChain(at.Chain, op)}
	}
	return at != appended.End // the hub walks the same chain
}

// TestAGarbledFrameIsNoticed hurts every type of frame in every way: its reader
// must be able to tell.
func TestAGarbledFrameIsNoticed(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, message := range sampleFrames() {
		for _, masked := range []bool{true, false} {
			for range 50 {
				f, err := readWire(bufio.NewReader(bytes.NewReader(onWire(message, masked))))
				if err != nil || !bytes.Equal(f.payload(), message) || !f.whole() {
					t.Fatalf("a frame of %d bytes was read as %d: %v", len(message), len(f.payload()), err)
				}
				if f.garble(random); !noticed(f, message) {
					t.Fatalf("nobody could notice what happened to a frame of type %d, masked %t: %x", message[0], masked, f.raw[:min(80, len(f.raw))])
				}
			}
		}
	}
}

// TestNoiseOffIsSilence passes frames through a quiet wire: not a byte differs.
func TestNoiseOffIsSilence(t *testing.T) {
	stream := []byte("GET /sync HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")
	for _, message := range sampleFrames() {
		stream = append(stream, onWire(message, true)...)
	}
	var out bytes.Buffer
	up, _ := (&noise{seed: 1}).connection()
	up(&out, bytes.NewReader(stream))
	if !bytes.Equal(out.Bytes(), stream) {
		t.Fatalf("%d bytes went in, %d other ones came out", len(stream), out.Len())
	}
}

// TestNoiseHappens passes many frames through a noisy wire: each kind of noise
// is done, and counted as often as it shows.
func TestNoiseHappens(t *testing.T) {
	n := &noise{seed: 1}
	n.on.Store(true)
	const frames = 60
	stream := []byte("GET /sync HTTP/1.1\r\n\r\n")
	ack := protocol.EncodeFrame(&protocol.Ack{Through: protocol.Position{Sequence: 1, Chain: chain(1)}})
	for range frames {
		stream = append(stream, onWire(ack, true)...)
	}
	for n.garbled.Load() == 0 || n.duplicated.Load() == 0 || n.reordered.Load() == 0 || n.delayed.Load() == 0 {
		var out bytes.Buffer
		before := n.duplicated.Load()
		up, _ := n.connection()
		up(&out, bytes.NewReader(stream))
		size := len(onWire(ack, true))
		if most := len(stream) + int(n.duplicated.Load()-before)*size; out.Len() > most || out.Len() < most-frames {
			t.Fatalf("%d bytes came out of %d, with %d frames twice", out.Len(), len(stream), n.duplicated.Load()-before)
		}
	}
	if n.bad.Load() != 0 {
		t.Error("a garbled frame counts only once its reader has ended the connection")
	}
	up, down := n.connection()
	n.on.Store(false)
	bye := onWire(protocol.EncodeFrame(&protocol.Bye{Code: protocol.ByeProtocol}), false)
	up(&bytes.Buffer{}, bytes.NewReader(stream))
	down(&bytes.Buffer{}, bytes.NewReader(append([]byte("\r\n"), bye...)))
	if n.bad.Load() != 0 {
		t.Error("a goodbye without a garbled frame before it was counted")
	}
}
