package rehearse

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Proxy stands between one store and the hub, so that its network can be cut.
type Proxy struct {
	listener net.Listener
	target   string
	cut      atomic.Bool
	refused  atomic.Int64 // dials that met the cut
	dropped  atomic.Int64 // connections that the cut ended
	mutex    sync.Mutex   // guards conns: accept, cut and the pumps' ends meet there
	conns    map[net.Conn]bool
}

// NewProxy listens on a free loopback port for a target address.
func NewProxy(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
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

// Felt reports whether the cut was observed: a connection ended by it or a dial
// that met it.
func (p *Proxy) Felt() bool { return p.refused.Load()+p.dropped.Load() > 0 }

// IsCut reports whether the store is cut off now.
func (p *Proxy) IsCut() bool { return p.cut.Load() }

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
		go p.pump(near, far) // ends with either connection
		go p.pump(far, near)
	}
}

func (p *Proxy) keep(conns ...net.Conn) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, conn := range conns {
		p.conns[conn] = true
	}
}

func (p *Proxy) pump(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	to.Close()
	from.Close()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.conns, to)
	delete(p.conns, from)
}
