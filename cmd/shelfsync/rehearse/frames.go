package rehearse

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// noise carries frames between stores and hub nodes badly: twice, late, out of
// order, or garbled. It knows WebSocket frames as RFC 6455 writes them, and of
// ours only where a frame can be hurt so that its reader must notice: the link
// has no checksum of its own (TCP and TLS have), so a value flipped inside a
// round would pass for another value. Hurt are the frame's type, its length,
// reserved bits, and the operations of an Append, which their chain covers.
type noise struct {
	on          atomic.Bool
	seed        uint64
	connections atomic.Uint64

	duplicated, delayed, reordered atomic.Int64
	garbled                        atomic.Int64 // sent
	bad                            atomic.Int64 // garbled, and the connection ended because of it
}

// What happens to a frame, in thousandths of all frames of a noisy link.
const (
	garbledShare    = 30
	duplicatedShare = 50
	reorderedShare  = 100
	delayedShare    = 100
	longestDelay    = 250 * time.Millisecond
)

// conversation is one connection: a goodbye in one direction answers a garbled
// frame in the other.
type conversation struct {
	noise *noise
	hurt  [2]atomic.Bool // a garbled frame went up, went down
}

// connection gives both directions of a new connection their carriers.
func (n *noise) connection() (up, down carry) {
	c := &conversation{noise: n}
	number := n.connections.Add(1)
	direction := func(side int) carry {
		random := rand.New(rand.NewPCG(n.seed, 2*number+uint64(side)))
		return func(to io.Writer, from io.Reader) { c.carry(to, from, side, random) }
	}
	return direction(0), direction(1)
}

// maxHeader bounds the HTTP header in front of the frames.
const maxHeader = 64 << 10

// carry copies the HTTP header, then frame after frame.
func (c *conversation) carry(to io.Writer, from io.Reader, side int, random *rand.Rand) {
	in := bufio.NewReader(from)
	for read := 0; read < maxHeader; {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		if _, err := to.Write(line); err != nil {
			return
		}
		if read += len(line); len(line) <= 2 {
			break
		}
	}
	frames := make(chan *wireFrame, 16)
	end := make(chan struct{})
	defer close(end)
	go func() { // ends with the connection, which pump closes, or with carry
		defer close(frames)
		for {
			frame, err := readWire(in)
			if err != nil {
				return
			}
			select {
			case frames <- frame:
			case <-end:
				return
			}
		}
	}()
	c.pass(to, frames, side, random)
}

// pass sends frames on. A frame that waits for its successor is sent after it,
// or alone after a while.
func (c *conversation) pass(to io.Writer, frames <-chan *wireFrame, side int, random *rand.Rand) {
	var waiting *wireFrame
	send := func(frame *wireFrame) bool {
		_, err := to.Write(frame.raw)
		return err == nil
	}
	for {
		var patience <-chan time.Time
		if waiting != nil {
			patience = time.After(longestDelay)
		}
		select {
		case frame, open := <-frames:
			if !open {
				return
			}
			c.observe(frame, side)
			switch {
			case waiting == nil && c.treat(frame, side, random):
				waiting = frame
				continue
			case waiting != nil:
				c.noise.reordered.Add(1)
			}
			if !send(frame) || frame.twice && !send(frame) {
				return
			}
		case <-patience:
		}
		if waiting != nil {
			if !send(waiting) {
				return
			}
			waiting = nil
		}
	}
}

// treat does to a frame what chance wants; true: hold it behind the next one.
func (c *conversation) treat(frame *wireFrame, side int, random *rand.Rand) (hold bool) {
	n := c.noise
	if !n.on.Load() || !frame.whole() {
		return false
	}
	switch drawn := random.IntN(1000); {
	case drawn < garbledShare:
		frame.garble(random)
		n.garbled.Add(1)
		c.hurt[side].Store(true)
	case drawn < garbledShare+duplicatedShare:
		frame.twice = true
		n.duplicated.Add(1)
	case drawn < garbledShare+duplicatedShare+reorderedShare:
		return true
	case drawn < garbledShare+duplicatedShare+reorderedShare+delayedShare:
		n.delayed.Add(1)
		time.Sleep(time.Duration(random.Int64N(int64(longestDelay))))
	}
	return false
}

// observe counts a garbled frame once its reader ends the connection over it:
// by our own goodbye that names the protocol, or by that of the WebSocket.
func (c *conversation) observe(frame *wireFrame, side int) {
	other := 1 - side
	if !c.hurt[other].Load() {
		return
	}
	ended := frame.opcode() == opClose
	if frame.whole() {
		if bye, err := protocol.DecodeFrame(frame.payload()); err == nil {
			said, ok := bye.(*protocol.Bye)
			ended = ok && said.Code == protocol.ByeProtocol
		}
	}
	if ended && c.hurt[other].CompareAndSwap(true, false) {
		c.noise.bad.Add(1)
	}
}

// wireFrame is one WebSocket frame as it is on the wire.
type wireFrame struct {
	raw   []byte
	head  int // bytes in front of the payload
	mask  [4]byte
	twice bool
}

// Opcodes of RFC 6455.
const (
	opBinary = 2
	opClose  = 8
)

func (f *wireFrame) opcode() byte { return f.raw[0] & 0x0f }

// whole reports whether the frame is one whole message of ours.
func (f *wireFrame) whole() bool {
	return f.raw[0]&0xf0 == 0x80 && f.opcode() == opBinary && len(f.raw) > f.head+1
}

// payload is the message without its mask.
func (f *wireFrame) payload() []byte {
	clear := make([]byte, len(f.raw)-f.head)
	for i := range clear {
		clear[i] = f.raw[f.head+i] ^ f.mask[i%4]
	}
	return clear
}

// garble hurts the frame in one of four ways.
func (f *wireFrame) garble(random *rand.Rand) {
	const typeAppend, longAppend = 3, 300
	if payload := f.payload(); payload[0] == typeAppend && len(payload) > longAppend {
		f.raw[f.head+len(payload)/2] ^= 1 << random.IntN(8) // within the operations
		return
	}
	short := f.raw[1]&0x7f < 126 // its length is in the second byte
	switch way := random.IntN(3); {
	case way == 0:
		f.raw[0] ^= 0x20 // a reserved bit
	case way == 1 && short:
		f.raw[1]-- // a byte is missing at the end
		f.raw = f.raw[:len(f.raw)-1]
	default:
		f.raw[f.head] ^= 0x40 // no such type
	}
}

// maxWire bounds a frame that the proxy holds; ours are smaller.
const maxWire = 4 * protocol.MaxFrameBytes

// readWire reads one frame.
func readWire(in *bufio.Reader) (*wireFrame, error) {
	raw := make([]byte, 2, 256)
	if _, err := io.ReadFull(in, raw); err != nil {
		return nil, err
	}
	masked, size := raw[1]&0x80 != 0, uint64(raw[1]&0x7f)
	extra := 0
	switch size {
	case 126:
		extra = 2
	case 127:
		extra = 8
	}
	rest := extra
	if masked {
		rest += 4
	}
	raw = append(raw, make([]byte, rest)...)
	if _, err := io.ReadFull(in, raw[2:]); err != nil {
		return nil, err
	}
	switch extra {
	case 2:
		size = uint64(binary.BigEndian.Uint16(raw[2:]))
	case 8:
		size = binary.BigEndian.Uint64(raw[2:])
	}
	if size > maxWire {
		return nil, fmt.Errorf("a frame of %d bytes", size)
	}
	f := &wireFrame{head: len(raw)}
	if masked {
		copy(f.mask[:], raw[len(raw)-4:])
	}
	f.raw = append(raw, make([]byte, size)...)
	_, err := io.ReadFull(in, f.raw[f.head:])
	return f, err
}
