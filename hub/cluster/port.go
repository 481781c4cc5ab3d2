package cluster

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// ownStream is the first byte of a connection that carries our messages; those
// of the library begin with the kind of a request, a small number.
const ownStream = 'S'

// greetWithin is how long a new connection may take to say which one it is.
const greetWithin = 10 * time.Second

// port is the one address of a node for other nodes: connections of the library
// and of ours arrive at it and are told apart by their first byte.
type port struct {
	listener   net.Listener
	advertised string
	dial       func(address string, timeout time.Duration) (net.Conn, error)
	library    chan net.Conn
	ours       chan net.Conn
	closed     chan struct{}

	mutex sync.Mutex // guards open: connections come from many goroutines, Close from another
	open  map[net.Conn]bool
}

func openPort(config Config) (*port, error) {
	listener, err := config.ListenOn(config.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", config.Listen, err)
	}
	p := &port{listener: listener, advertised: config.Advertise, dial: config.Dial, library: make(chan net.Conn), ours: make(chan net.Conn),
		closed: make(chan struct{}), open: map[net.Conn]bool{}}
	if p.advertised == "" {
		p.advertised = listener.Addr().String()
	}
	p.serve()
	return p, nil
}

// take tells one new connection apart and hands it over.
func (p *port) take(conn net.Conn) {
	var first [1]byte
	_ = conn.SetReadDeadline(time.Now().Add(greetWithin))
	_, err := conn.Read(first[:])
	if err != nil || conn.SetReadDeadline(time.Time{}) != nil {
		_ = conn.Close()
		return
	}
	to := p.library
	if first[0] == ownStream {
		to = p.ours
		if !p.keep(conn, protocol.MaxPeerStreams) {
			_ = conn.Close()
			return
		}
	} else {
		conn = &prefixed{conn, first[:]}
	}
	select {
	case to <- conn:
	case <-p.closed:
		_ = conn.Close()
	}
}

// keep notes a connection of ours so that Close ends it; false: there are too
// many, or the port is closed.
func (p *port) keep(conn net.Conn, most int) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	select {
	case <-p.closed:
		return false
	default:
	}
	if len(p.open) >= most {
		return false
	}
	p.open[conn] = true
	return true
}

func (p *port) drop(conn net.Conn) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.open, conn)
	_ = conn.Close()
}

// Accept gives the library its connections.
func (p *port) Accept() (net.Conn, error) {
	select {
	case conn := <-p.library:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the listener and every connection of ours.
func (p *port) Close() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	select {
	case <-p.closed:
		return nil
	default:
		close(p.closed)
	}
	err := p.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	for conn := range p.open {
		_ = conn.Close()
	}
	return err
}

// Addr is the address that other nodes know.
func (p *port) Addr() net.Addr { return advertised(p.advertised) }

type advertised string

func (advertised) Network() string  { return "tcp" }
func (a advertised) String() string { return string(a) }

// prefixed gives back what was read to tell the connection apart.
type prefixed struct {
	net.Conn
	first []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.first) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.first)
	p.first = slices.Clone(p.first[n:])
	return n, nil
}
