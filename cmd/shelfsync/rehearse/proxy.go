package rehearse

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Proxy stands between one store and one hub node, so that its network can be
// cut, and can carry frames badly.
type Proxy struct {
	listener net.Listener
	target   string
	noise    *noise // nil: bytes go through as they are
	cut      atomic.Bool
	refused  atomic.Int64 // dials that met the cut
	dropped  atomic.Int64 // connections that the cut ended
	mutex    sync.Mutex   // guards conns: accept, cut and the pumps' ends meet there
	conns    map[net.Conn]bool
}

// NewProxy listens on a free loopback port for a target address.
func NewProxy(target string) (*Proxy, error) { return newProxy(target, nil) }

func newProxy(target string, noise *noise) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, target: target, noise: noise, conns: map[net.Conn]bool{}}
	go p.accept() // ends when Close closes the listener
	return p, nil
}

// Address is where the store dials.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Cut ends every connection and refuses new ones until Heal.
func (p *Proxy) Cut() {
	p.cut.Store(true)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for conn := range p.conns {
		p.dropped.Add(1)
		conn.Close()
	}
}

// Heal lets connections through again.
func (p *Proxy) Heal() { p.cut.Store(false) }

// Met counts connections that a cut ended and dials that met one.
func (p *Proxy) Met() int64 { return p.refused.Load() + p.dropped.Load() }

// IsCut reports whether nothing gets through now.
func (p *Proxy) IsCut() bool { return p.cut.Load() }

// Carries reports whether a connection goes through it now.
func (p *Proxy) Carries() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return len(p.conns) > 0
}

// Close ends the proxy.
func (p *Proxy) Close() {
	p.listener.Close()
	p.Cut()
}

func (p *Proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.cut.Load() {
			p.refused.Add(1)
			near.Close()
			continue
		}
		far, err := net.Dial("tcp", p.target)
		if err != nil {
			near.Close()
			continue
		}
		p.keep(near, far)
		up, down := plain, plain
		if p.noise != nil {
			up, down = p.noise.connection()
		}
		go p.pump(far, near, up) // ends with either connection
		go p.pump(near, far, down)
	}
}

func (p *Proxy) keep(conns ...net.Conn) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, conn := range conns {
		p.conns[conn] = true
	}
}

// carry takes the bytes of one direction from one end to the other.
type carry func(to io.Writer, from io.Reader)

func plain(to io.Writer, from io.Reader) { _, _ = io.Copy(to, from) }

func (p *Proxy) pump(to, from net.Conn, carry carry) {
	carry(to, from)
	to.Close()
	from.Close()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.conns, to)
	delete(p.conns, from)
}
