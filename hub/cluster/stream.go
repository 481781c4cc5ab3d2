package cluster

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

const (
	streamDial  = 2 * time.Second
	streamWrite = 5 * time.Second
	// streamIdle ends a connection that says nothing: nodes tell each other where
	// they stand every second.
	streamIdle = 10 * time.Second
)

var (
	errUnsent  = errors.New("the other node was not reached")
	errCut     = errors.New("the connection to the other node was cut")
	errMessage = errors.New("a message of another node is longer than one may be")
)

// question is one message on its way to another node.
type question struct {
	message protocol.PeerMessage
	answer  chan *protocol.PeerMessage // holds one
	sent    bool                       // some of it may have left; free after the stream has gone
}

// stream is one connection to another node, which many questions share. They
// arrive in the order in which they were asked.
type stream struct {
	asked  chan *question
	gone   chan struct{} // closed when it has ended: what has no answer gets none
	failed error         // why; free after gone
}

// wait returns the answer, or why there will be none.
func (s *stream) wait(q *question, stop <-chan struct{}, within time.Duration) (*protocol.PeerMessage, error) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case answer := <-q.answer:
		return answer, nil
	case <-timer.C:
		return nil, fmt.Errorf("no answer within %v: %w", within, errCut)
	case <-stop:
		return nil, errCut
	case <-s.gone:
	}
	select {
	case answer := <-q.answer: // it came before the end
		return answer, nil
	default:
	}
	if !q.sent {
		return nil, fmt.Errorf("%w: %w", errUnsent, s.failed)
	}
	return nil, s.failed
}

// run carries questions over conn until it is cut.
func (s *stream) run(conn net.Conn, stop <-chan struct{}) error {
	defer conn.Close()
	answers, failed := make(chan *protocol.PeerMessage), make(chan error, 1)
	ended := make(chan struct{})
	defer close(ended)
	s.listen(conn, answers, failed, ended)
	waiting := map[uint64]*question{} // looked up only
	var last uint64
	if err := writeAll(conn, []byte{ownStream}); err != nil {
		return err
	}
	for {
		select {
		case q := <-s.asked:
			last++
			q.message.ID = last
			waiting[last], q.sent = q, true
			if err := writeMessage(conn, &q.message); err != nil {
				return err
			}
		case answer := <-answers:
			if q := waiting[answer.ID]; q != nil {
				delete(waiting, answer.ID)
				q.answer <- answer
			}
		case err := <-failed:
			return err
		case <-stop:
			return errCut
		}
	}
}

// hear reads answers until the connection ends.
func hear(conn net.Conn, answers chan<- *protocol.PeerMessage, ended <-chan struct{}) error {
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		message, err := readMessage(conn, in)
		if err != nil {
			return err
		}
		select {
		case answers <- message:
		case <-ended:
			return errCut
		}
	}
}

func writeAll(conn net.Conn, b []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
		return err
	}
	_, err := conn.Write(b)
	return err
}

// writeMessage writes a length of four bytes, big endian, and the message.
func writeMessage(conn net.Conn, m *protocol.PeerMessage) error {
	encoded := protocol.EncodePeer(m)
	return writeAll(conn, append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(encoded)), uint32(len(encoded))), encoded...))
}

func readMessage(conn net.Conn, in io.Reader) (*protocol.PeerMessage, error) {
	if err := conn.SetReadDeadline(time.Now().Add(streamIdle)); err != nil {
		return nil, err
	}
	var length [4]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > protocol.MaxPeerBytes {
		return nil, errMessage
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(in, b); err != nil {
		return nil, err
	}
	return protocol.DecodePeer(b)
}

// streams are the connections to the other nodes, one for each address.
type streams struct {
	dial    func(address string, timeout time.Duration) (net.Conn, error)
	stopped <-chan struct{}

	mutex sync.Mutex // guards open: proposers, readers and the watch of the members meet there
	open  map[string]*stream
}

func newStreams(dial func(string, time.Duration) (net.Conn, error), stopped <-chan struct{}) *streams {
	return &streams{dial: dial, stopped: stopped, open: map[string]*stream{}}
}

// ask puts a question to the node at an address, behind those asked before. It
// does not wait: ErrBusy where too many do.
func (s *streams) ask(address string, message protocol.PeerMessage) (*stream, *question, error) {
	q := &question{message: message, answer: make(chan *protocol.PeerMessage, 1)}
	at := s.to(address)
	select {
	case at.asked <- q:
		return at, q, nil
	default:
		return nil, nil, ErrBusy
	}
}

// call asks and waits for the answer.
func (s *streams) call(address string, message protocol.PeerMessage, within time.Duration) (*protocol.PeerMessage, error) {
	at, q, err := s.ask(address, message)
	if err != nil {
		return nil, err
	}
	return at.wait(q, s.stopped, within)
}

// to is the connection to an address, begun if there is none.
func (s *streams) to(address string) *stream {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if at := s.open[address]; at != nil {
		return at
	}
	at := &stream{asked: make(chan *question, protocol.MaxPeerCalls), gone: make(chan struct{})}
	s.open[address] = at
	s.begin(at, address)
	return at
}

// carry dials and runs one stream, and forgets it when it has ended.
func (s *streams) carry(at *stream, address string) {
	conn, err := s.dial(address, streamDial)
	if err == nil {
		err = at.run(conn, s.stopped)
	}
	s.mutex.Lock()
	delete(s.open, address)
	s.mutex.Unlock()
	at.failed = fmt.Errorf("%w: %w", errCut, err)
	close(at.gone)
}
