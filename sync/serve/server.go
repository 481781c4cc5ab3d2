package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

const (
	// headerTimeout bounds how long a client may take to send its header.
	headerTimeout = 5 * time.Second
	// idleTimeout closes a kept connection that asks nothing.
	idleTimeout = 2 * time.Minute
	// bodyTimeout bounds how long a body may take: 1 MiB over a slow LAN.
	bodyTimeout = 10 * time.Second
	// bulkTimeout bounds the body of a raw route: a catalogue over a slow line.
	bulkTimeout = 5 * time.Minute
	// drainBytes bounds what is read of a body that is too large anyway.
	drainBytes = 16 << 20
)

// Serve answers on ln until ctx ends; then it takes no new connection, ends
// streams, lets requests in flight finish for Config.Grace, and returns nil.
// A listener that fails is returned as an error. A Server is served once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    protocol.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	var open net.Listener = limit(ln, s.cfg.MaxConnections)
	if s.cfg.TLS != nil {
		open = tls.NewListener(open, s.cfg.TLS)
	}
	failed := make(chan error, 1)
	// Serve below waits for this goroutine: it always receives from failed.
	go func() { failed <- server.Serve(open) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve HTTP on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	close(s.stopping)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Grace)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		s.cfg.Log.Warn("requests were cut off at shutdown", "after", s.cfg.Grace)
		err = server.Close()
	}
	<-failed
	if err != nil {
		return fmt.Errorf("shut HTTP down on %s: %w", ln.Addr(), err)
	}
	return nil
}

// limited accepts a connection only while there is a free slot; further ones
// wait in the kernel's queue, where they cost us nothing.
type limited struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
}

func limit(ln net.Listener, most int) *limited {
	return &limited{Listener: ln, slots: make(chan struct{}, most), closed: make(chan struct{})}
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	released := make(chan struct{}, 1)
	released <- struct{}{}
	return &slotted{Conn: conn, slots: l.slots, held: released}, nil
}

// Close is called once, by http.Server.
func (l *limited) Close() error {
	close(l.closed)
	return l.Listener.Close()
}

// slotted gives its slot back at the first Close.
type slotted struct {
	net.Conn
	slots chan struct{}
	held  chan struct{}
}

func (c *slotted) Close() error {
	select {
	case <-c.held:
		<-c.slots
	default:
	}
	return c.Conn.Close()
}
