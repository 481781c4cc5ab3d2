package link

//lint:file-ignore SA1019 this is the one file that names the frozen import path

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"nhooyr.io/websocket"

	"github.com/shelfsync/shelfsync/protocol"
)

// Errors of Dial, Accept and Read.
var (
	ErrSubprotocol = errors.New("the peer does not speak the WebSocket sub-protocol " + protocol.Subprotocol)
	ErrText        = errors.New("a text message; frames are binary")
)

// Dialer is where and how to dial a hub node. Only URL is required.
type Dialer struct {
	URL     string // ws:// or wss://
	TLS     *tls.Config
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)
	Header  http.Header
}

// Dial connects to a hub node; it gives up after protocol.DialTimeoutMS or when
// ctx ends. ctx does not bound the connection itself.
func Dial(ctx context.Context, d Dialer) (Conn, error) {
	at, err := url.Parse(d.URL)
	if err != nil {
		return nil, fmt.Errorf("dial hub: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, protocol.DialTimeoutMS*time.Millisecond)
	defer cancel()
	if d.NetDial == nil {
		d.NetDial = new(net.Dialer).DialContext
	}
	var socket net.Conn // one request on a fresh transport dials once
	transport := &http.Transport{TLSClientConfig: d.TLS, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled, err := d.NetDial(ctx, network, address)
		socket = dialled
		return dialled, err
	}}
	defer transport.CloseIdleConnections() // one that was refused must not linger
	conn, answer, err := websocket.Dial(ctx, d.URL, &websocket.DialOptions{
		HTTPClient:      &http.Client{Transport: transport, CheckRedirect: stay},
		HTTPHeader:      d.Header,
		Subprotocols:    []string{protocol.Subprotocol},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", at.Host, refused(answer, err))
	}
	s, err := adopt(conn, socket, at.Host)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// stay refuses redirects: a hub's addresses are configured, not learnt.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// refused words an HTTP answer that was not an upgrade, with what it said.
func refused(answer *http.Response, err error) error {
	if answer == nil || answer.StatusCode == http.StatusSwitchingProtocols {
		return err
	}
	said, _ := io.ReadAll(io.LimitReader(answer.Body, protocol.MaxText)) // without it the status has to do
	return fmt.Errorf("answered %s: %s", answer.Status, strings.TrimSpace(string(said)))
}

// Accept takes an agent's upgrade request. On an error the request has been
// answered already.
func Accept(w http.ResponseWriter, r *http.Request) (Conn, error) {
	if !slices.Contains(offered(r), protocol.Subprotocol) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "connect here with WebSocket and its sub-protocol "+protocol.Subprotocol, http.StatusUpgradeRequired)
		return nil, fmt.Errorf("accept %s: %w", r.RemoteAddr, ErrSubprotocol)
	}
	upgrade := &upgrade{ResponseWriter: w}
	conn, err := websocket.Accept(upgrade, r, &websocket.AcceptOptions{
		Subprotocols:    []string{protocol.Subprotocol},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, fmt.Errorf("accept %s: %w", r.RemoteAddr, err)
	}
	s, err := adopt(conn, upgrade.socket, r.RemoteAddr)
	if err != nil {
		return nil, err
	}
	s.greeted = false
	conn.SetReadLimit(protocol.MaxGreetingBytes) // who it is has yet to be said
	return s, nil
}

func offered(r *http.Request) (names []string) {
	for _, header := range r.Header.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(header, ",") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

// upgrade keeps hold of the socket that the library takes over.
type upgrade struct {
	http.ResponseWriter
	socket net.Conn
}

func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	socket, buffers, err := http.NewResponseController(u.ResponseWriter).Hijack()
	u.socket = socket
	return socket, buffers, err
}

func adopt(conn *websocket.Conn, socket net.Conn, remote string) (*webSocket, error) {
	if conn.Subprotocol() != protocol.Subprotocol {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", remote, ErrSubprotocol), conn.CloseNow())
	}
	conn.SetReadLimit(protocol.MaxFrameBytes)
	return &webSocket{conn, socket, remote, true}, nil
}

// webSocket is a Conn over one WebSocket. The library waits without a limit for
// the rest of a message while it closes, so its socket is closed for it.
type webSocket struct {
	conn    *websocket.Conn
	socket  net.Conn
	remote  string
	greeted bool // the reader's: the first message was read, and larger ones may follow
}

func (s *webSocket) Read(ctx context.Context) ([]byte, error) {
	kind, message, err := s.conn.Read(ctx)
	if err == nil && kind != websocket.MessageBinary {
		err = ErrText
	}
	if err != nil {
		return nil, errors.Join(err, s.cut())
	}
	if !s.greeted {
		s.greeted = true
		s.conn.SetReadLimit(protocol.MaxFrameBytes)
	}
	return message, nil
}

func (s *webSocket) Write(ctx context.Context, message []byte) error {
	return s.conn.Write(ctx, websocket.MessageBinary, message)
}

// maxReason is what a WebSocket close message has room for.
const maxReason = 123

func (s *webSocket) Close(reason string) error {
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	late := time.AfterFunc(protocol.GoodbyeTimeoutMS*time.Millisecond, func() { _ = s.cut() }) // Close returns with its error
	defer late.Stop()
	return s.conn.Close(websocket.StatusNormalClosure, reason)
}

// cut closes the socket, which may be closed already.
func (s *webSocket) cut() error {
	if err := s.socket.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (s *webSocket) Remote() string { return s.remote }
