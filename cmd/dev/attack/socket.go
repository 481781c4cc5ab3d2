package attack

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// patience bounds every wait for an answer; a test that meets it has failed.
const patience = 30 * time.Second

// raw is a TCP connection to a program, with nothing between the attack and it.
type raw struct {
	net.Conn
	in     *bufio.Reader
	serves bool // the program dialled us
}

func dial(ctx context.Context, address string) (*raw, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	return &raw{Conn: conn, in: bufio.NewReader(conn)}, nil
}

// The first byte of a WebSocket frame: what it is, whether it ends its message,
// and the bits that only extensions may set.
const (
	more    = 0x00
	text    = 0x01
	whole   = 0x02
	goodbye = 0x08
	ping    = 0x09
	pong    = 0x0a
	fin     = 0x80
	packed  = 0x40 // the bit of permessage-deflate
	oddBit  = 0x20
)

// wire is one WebSocket frame with the length it declares; declared and sent
// bytes may differ.
func wire(first byte, masked bool, declared uint64, payload []byte) []byte {
	frame := []byte{first}
	bit := byte(0)
	if masked {
		bit = 0x80
	}
	switch {
	case declared < 126:
		frame = append(frame, bit|byte(declared))
	case declared < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, bit|126), uint16(declared))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, bit|127), declared)
	}
	if masked {
		frame = append(frame, 0, 0, 0, 0) // a mask of zeros leaves the payload as it is
	}
	return append(frame, payload...)
}

// message is a whole binary message, as an agent sends its frames.
func message(payload []byte) []byte {
	return wire(fin|whole, true, uint64(len(payload)), payload)
}

// socket is a WebSocket to the hub, or from an agent, spoken by hand.
type socket struct{ *raw }

// handshake is the upgrade request of an agent, with changes: a header set to
// nothing is left out.
func handshake(address string, changes map[string]string) string {
	headers := [][2]string{{"Host", address}, {"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Version", "13"},
		{"Sec-WebSocket-Key", "c2hlbGZzeW5jIGF0dGFjaw=="}, {"Sec-WebSocket-Protocol", protocol.Subprotocol}}
	var request strings.Builder
	request.WriteString("GET /sync HTTP/1.1\r\n")
	for _, header := range headers {
		value := header[1]
		if changed, ok := changes[header[0]]; ok {
			value = changed
		}
		if value != "" {
			request.WriteString(header[0] + ": " + value + "\r\n")
		}
	}
	for name, value := range changes {
		known := false
		for _, header := range headers {
			known = known || header[0] == name
		}
		if !known {
			request.WriteString(name + ": " + value + "\r\n")
		}
	}
	return request.String() + "\r\n"
}

// open upgrades a connection; refused is the answer of a hub that does not.
func (w *world) open(ctx context.Context, changes map[string]string) (s *socket, refused string, err error) {
	conn, err := dial(ctx, w.hub.address)
	if err != nil {
		return nil, "", err
	}
	if _, err := io.WriteString(conn, handshake(w.hub.address, changes)); err != nil {
		return nil, "", errors.Join(fmt.Errorf("ask for a WebSocket: %w", err), conn.Close())
	}
	answer, err := http.ReadResponse(conn.in, nil)
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("read the answer to an upgrade: %w", err), conn.Close())
	}
	if answer.StatusCode == http.StatusSwitchingProtocols {
		return &socket{conn}, "", nil
	}
	said := answerOf(answer)
	return nil, said, conn.Close()
}

// received is one WebSocket frame from the hub.
type received struct {
	kind    byte
	payload []byte
}

func (s *socket) read() (received, error) {
	var head [2]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return received{}, err
	}
	length := uint64(head[1] & 0x7f)
	for _, long := range []struct {
		mark  uint64
		bytes int
	}{{126, 2}, {127, 8}} {
		if length == long.mark {
			var wide [8]byte
			if _, err := io.ReadFull(s.in, wide[8-long.bytes:]); err != nil {
				return received{}, err
			}
			length = binary.BigEndian.Uint64(wide[:])
			break
		}
	}
	if length > protocol.MaxFrameBytes {
		return received{}, fmt.Errorf("the hub sends a frame of %d bytes", length)
	}
	var mask [4]byte
	if head[1]&0x80 != 0 { // from an agent, which hides what it sends
		if _, err := io.ReadFull(s.in, mask[:]); err != nil {
			return received{}, err
		}
	}
	payload := make([]byte, length)
	_, err := io.ReadFull(s.in, payload)
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return received{head[0] & 0x0f, payload}, err
}

// next is the next frame of our protocol.
func (s *socket) next() (protocol.Frame, error) {
	for {
		got, err := s.read()
		switch {
		case err != nil:
			return nil, err
		case got.kind == whole:
			return protocol.DecodeFrame(got.payload)
		case got.kind == goodbye:
			return nil, errors.New(closing(got.payload))
		}
	}
}

func closing(payload []byte) string {
	if len(payload) < 2 {
		return "closed"
	}
	return "closed " + strconv.Itoa(int(binary.BigEndian.Uint16(payload)))
}

// send writes bytes; a hub that has cut the connection is no fault of an attack.
func (s *socket) send(bytes ...[]byte) {
	for _, b := range bytes {
		if _, err := s.Write(b); err != nil {
			return
		}
	}
}

// end reads until the hub has ended the connection and says how: by the first
// Bye, else by the code of its closing, else it was cut.
func (s *socket) end() string {
	defer s.Close()
	how := ""
	for {
		got, err := s.read()
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			return how + "still open"
		}
		if err != nil {
			if how == "" {
				return "cut"
			}
			return how
		}
		switch got.kind {
		case goodbye:
			if how == "" {
				how = closing(got.payload)
			}
			s.send(wire(fin|goodbye, !s.serves, uint64(len(got.payload)), got.payload))
		case whole:
			frame, err := protocol.DecodeFrame(got.payload)
			if err != nil {
				return "the hub sends what it would not take: " + err.Error()
			}
			if bye, ok := frame.(*protocol.Bye); ok && how == "" {
				how = "bye " + bye.Code.String()
			}
		}
	}
}
