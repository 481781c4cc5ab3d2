package compressed

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

// weather is what happens to bytes on their way from one host to another.
type weather struct {
	lost    bool          // they wait until it clears, as a sender repeats them
	cut     bool          // connections between the two are reset, and none are made
	delay   time.Duration // if longer than the latency
	perByte time.Duration // a slow line
}

// network is what all hosts of a world stand in.
type network struct {
	mu        sync.Mutex // guards what follows
	weather   map[[2]string]weather
	listeners map[string]*listener
	conns     map[*conn]bool // one end of each: the dialler's
	changed   chan struct{}  // closed when the weather changes
}

func newNetwork() *network {
	return &network{weather: map[[2]string]weather{}, listeners: map[string]*listener{}, conns: map[*conn]bool{}, changed: make(chan struct{})}
}

// latency is how long bytes are on their way in good weather: without any, hardly
// ever would something be on its way when a connection ends.
const latency = time.Millisecond

// between is the weather on the way from one host to another.
func (n *network) between(from, to string) weather {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.weather[[2]string{from, to}]
	w.delay = max(w.delay, latency)
	return w
}

// set changes the weather one way.
func (n *network) set(from, to string, w weather) {
	n.mu.Lock()
	n.weather[[2]string{from, to}] = w
	n.change(func(c *conn) bool { return w.cut && (c.from == from && c.to == to || c.from == to && c.to == from) })
}

// both changes the weather both ways.
func (n *network) both(a, b string, w weather) {
	n.set(a, b, w)
	n.set(b, a, w)
}

// clear lets the sun shine everywhere.
func (n *network) clear() {
	n.mu.Lock()
	n.weather = map[[2]string]weather{}
	n.change(func(*conn) bool { return false })
}

// change unlocks, ends the connections that are meant, and wakes everybody who
// waits for better weather.
func (n *network) change(ends func(*conn) bool) {
	var ended, others []*conn
	for c := range n.conns {
		if ends(c) {
			ended = append(ended, c)
		} else {
			others = append(others, c)
		}
	}
	close(n.changed)
	n.changed = make(chan struct{})
	n.mu.Unlock()
	for _, c := range ended {
		c.reset()
	}
	for _, c := range others {
		c.in.wake()
		c.out.wake()
	}
}

// place is where one life of a host meets the network. After it died nothing of
// that life reaches anybody.
type place struct {
	net  *network
	host string
	mu   sync.Mutex // guards dead
	dead bool
}

func (n *network) place(host string) *place { return &place{net: n, host: host} }

func (p *place) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// keepAlive is how long a connection to nobody stands before the system ends it.
const keepAlive = 2 * time.Minute

// die ends a life: its connections are reset, or, silent, just never carry
// anything again, as when the power fails.
func (p *place) die(silent bool) {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	n := p.net
	n.mu.Lock()
	var mine []*conn
	for c := range n.conns {
		if c.at == p || c.peer.at == p {
			mine = append(mine, c)
		}
	}
	for address, l := range n.listeners {
		if l.at == p {
			delete(n.listeners, address)
		}
	}
	n.mu.Unlock()
	for _, c := range mine {
		if silent {
			c.in.swallow()
			c.out.swallow()
			time.AfterFunc(keepAlive, c.reset)
		} else {
			c.reset()
		}
	}
}

// listener takes connections at one address.
type listener struct {
	at      *place
	address string
	arrived chan *conn
	once    sync.Once
	closed  chan struct{}
}

// Listen takes connections at host:port of this place.
func (p *place) Listen(addr string) (net.Listener, error) {
	l := &listener{at: p, address: addr, arrived: make(chan *conn, 128), closed: make(chan struct{})}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.gone() {
		return nil, syscall.ENETDOWN
	}
	if p.net.listeners[addr] != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, syscall.EADDRINUSE)
	}
	p.net.listeners[addr] = l
	return l, nil
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.arrived:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		n := l.at.net
		n.mu.Lock()
		if n.listeners[l.address] == l {
			delete(n.listeners, l.address)
		}
		n.mu.Unlock()
		for {
			select {
			case c := <-l.arrived:
				c.reset()
			default:
				return
			}
		}
	})
	return nil
}

func (l *listener) Addr() net.Addr { return address(l.address) }

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

func hostOf(addr string) string {
	host, _, _ := strings.Cut(addr, ":")
	return host
}

// Dial connects to an address. Where bytes are lost it waits until they are not.
func (p *place) Dial(ctx context.Context, to string) (net.Conn, error) {
	n, host := p.net, hostOf(to)
	for {
		n.mu.Lock()
		there, back, changed := n.weather[[2]string{p.host, host}], n.weather[[2]string{host, p.host}], n.changed
		n.mu.Unlock()
		switch {
		case p.gone():
			return nil, fmt.Errorf("dial %s: %w", to, syscall.ENETDOWN)
		case there.cut || back.cut:
			return nil, fmt.Errorf("dial %s: %w", to, syscall.EHOSTUNREACH)
		case there.lost || back.lost:
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return nil, fmt.Errorf("dial %s: %w", to, ctx.Err())
			}
		}
		select {
		case <-time.After(there.delay + back.delay):
		case <-ctx.Done():
			return nil, fmt.Errorf("dial %s: %w", to, ctx.Err())
		}
		return p.connect(to)
	}
}

// connect hands the far end to whoever listens.
func (p *place) connect(to string) (net.Conn, error) {
	n := p.net
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.listeners[to]
	if l == nil || p.gone() {
		return nil, fmt.Errorf("dial %s: %w", to, syscall.ECONNREFUSED)
	}
	near, far := pipe(p, l.at, to)
	select {
	case l.arrived <- far:
		n.conns[near] = true
		return near, nil
	default:
		return nil, fmt.Errorf("dial %s: %w", to, syscall.ECONNREFUSED)
	}
}

// dialer is Dial in the shape that HTTP clients want.
func (p *place) dialer(ctx context.Context, _, to string) (net.Conn, error) { return p.Dial(ctx, to) }

// within is Dial in the shape that the log wants.
func (p *place) within(to string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return p.Dial(ctx, to)
}
