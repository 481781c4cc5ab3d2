package compressed

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// conn is one end of a connection, like TCP: what was written arrives in order,
// late if the weather says so, also after the writer has closed.
type conn struct {
	at       *place
	peer     *conn
	from, to string // hosts
	remote   address
	in, out  *lane
	once     sync.Once
	closed   chan struct{}
	reading  deadline
	writing  deadline
}

// pipe makes both ends of a connection that p dialled.
func pipe(p, there *place, to string) (near, far *conn) {
	up := newLane(p.net, p.host, there.host)
	down := newLane(p.net, there.host, p.host)
	near = &conn{at: p, from: p.host, to: there.host, remote: address(to), in: down, out: up, closed: make(chan struct{})}
	far = &conn{at: there, from: there.host, to: p.host, remote: address(p.host + ":1"), in: up, out: down, closed: make(chan struct{})}
	near.peer, far.peer = far, near
	near.reading.init()
	near.writing.init()
	far.reading.init()
	far.writing.init()
	return near, far
}

func (c *conn) Read(b []byte) (int, error) {
	for {
		if c.isClosed() {
			return 0, net.ErrClosed
		}
		if c.reading.passed() {
			return 0, os.ErrDeadlineExceeded
		}
		n, wait, err := c.in.take(b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		var due <-chan time.Time
		if wait > 0 {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			due = timer.C
		}
		select {
		case <-c.in.readable:
		case <-due:
		case <-c.reading.wait():
		case <-c.closed:
		}
	}
}

func (c *conn) Write(b []byte) (written int, err error) {
	for {
		if c.isClosed() {
			return written, net.ErrClosed
		}
		if c.writing.passed() {
			return written, os.ErrDeadlineExceeded
		}
		n, err := c.out.put(b[written:])
		written += n
		if err != nil || written == len(b) {
			return written, err
		}
		select {
		case <-c.out.writable:
		case <-c.writing.wait():
		case <-c.closed:
		}
	}
}

func (c *conn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// Close ends this end: what was written still arrives.
func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.out.finish()
		c.in.leave()
		n := c.at.net
		n.mu.Lock()
		delete(n.conns, c)
		delete(n.conns, c.peer)
		if !c.peer.isClosed() {
			n.conns[c.peer] = true // one open end stands for the connection
		}
		n.mu.Unlock()
	})
	return nil
}

// reset ends both ends at once, and what was on its way is gone.
func (c *conn) reset() {
	c.in.fail(syscall.ECONNRESET)
	c.out.fail(syscall.ECONNRESET)
}

func (c *conn) LocalAddr() net.Addr  { return address(c.from + ":1") }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	c.reading.set(t)
	c.writing.set(t)
	return nil
}
func (c *conn) SetReadDeadline(t time.Time) error  { c.reading.set(t); return nil }
func (c *conn) SetWriteDeadline(t time.Time) error { c.writing.set(t); return nil }

// room is what one direction holds before a writer has to wait.
const room = 256 << 10

// lane is one direction of a connection.
type lane struct {
	net      *network
	from, to string
	readable chan struct{}
	writable chan struct{}

	mu      sync.Mutex // guards what follows
	parcels []parcel
	size    int
	last    time.Time // when the newest parcel arrives
	ended   bool      // the writer has closed
	left    bool      // the reader has closed
	dark    bool      // swallows everything
	broken  error
}

type parcel struct {
	at   time.Time
	data []byte
}

func newLane(n *network, from, to string) *lane {
	return &lane{net: n, from: from, to: to, readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
}

func poke(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

func (l *lane) wake() {
	poke(l.readable)
	poke(l.writable)
}

// put takes as much of b as there is room for.
func (l *lane) put(b []byte) (int, error) {
	w := l.net.between(l.from, l.to)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.broken != nil:
		return 0, l.broken
	case l.dark:
		n := min(len(b), room-l.size)
		l.size += n
		return n, nil
	case l.left && !w.lost:
		return 0, syscall.EPIPE
	}
	n := min(len(b), room-l.size)
	if n == 0 {
		return 0, nil
	}
	at := time.Now().Add(w.delay)
	if at.Before(l.last) {
		at = l.last
	}
	at = at.Add(time.Duration(n) * w.perByte)
	l.last = at
	l.parcels = append(l.parcels, parcel{at, append([]byte(nil), b[:n]...)})
	l.size += n
	poke(l.readable)
	return n, nil
}

// take gives what has arrived; or how long until the next arrives, 0 if only a
// signal can tell.
func (l *lane) take(b []byte) (n int, wait time.Duration, err error) {
	w := l.net.between(l.from, l.to)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return 0, 0, l.broken
	}
	if w.lost || l.dark {
		return 0, 0, nil
	}
	now := time.Now()
	for n < len(b) && len(l.parcels) > 0 {
		p := &l.parcels[0]
		if p.at.After(now) {
			break
		}
		k := copy(b[n:], p.data)
		n += k
		if p.data = p.data[k:]; len(p.data) == 0 {
			l.parcels = l.parcels[1:]
		}
	}
	switch {
	case n > 0:
		l.size -= n
		poke(l.writable)
	case len(l.parcels) > 0:
		wait = l.parcels[0].at.Sub(now)
	case l.ended:
		err = io.EOF
	}
	return n, wait, err
}

func (l *lane) finish() { l.edit(func() { l.ended = true }) }
func (l *lane) leave()  { l.edit(func() { l.left = true }) }

func (l *lane) swallow() {
	l.edit(func() { l.dark, l.parcels = true, nil })
}

func (l *lane) fail(err error) {
	l.edit(func() {
		if l.broken == nil {
			l.broken, l.parcels = err, nil
		}
	})
}

func (l *lane) edit(change func()) {
	l.mu.Lock()
	change()
	l.mu.Unlock()
	l.wake()
}

// deadline closes a channel when its time has come, or when the time is changed:
// whoever waits looks again.
type deadline struct {
	mu    sync.Mutex // guards what follows
	at    time.Time
	timer *time.Timer
	over  chan struct{}
	shut  bool
}

func (d *deadline) init() { d.over = make(chan struct{}) }

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if !d.shut {
		close(d.over)
	}
	over := make(chan struct{})
	d.at, d.over, d.shut = t, over, false
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.over == over && !d.shut {
				close(over)
				d.shut = true
			}
		})
	}
}

func (d *deadline) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

func (d *deadline) passed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.at.IsZero() && !time.Now().Before(d.at)
}
