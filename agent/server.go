package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/sync/link"
	"github.com/shelfsync/shelfsync/sync/session"
)

// ServerConfig is what a Server needs besides its Agent.
type ServerConfig struct {
	Hubs     []string // host:port of hub nodes, tried in turn; empty: none yet
	TLS      *tls.Config
	Dial     func(ctx context.Context, dialer link.Dialer) (link.Conn, error) // nil: link.Dial
	Random   func() uint64
	Log      *slog.Logger
	Observed func(group int, took time.Duration) // each commit; may be nil
}

// Server runs an Agent: one loop that owns it. Tills, the link and the clock
// reach it through the loop's channels.
type Server struct {
	agent    *Agent
	config   ServerConfig
	requests chan *call
	reads    chan func(*Agent)
	events   chan link.Event
	dialled  chan dialled
	done     chan struct{}
	stopping chan struct{}
	err      error // why it stopped; read after done
	marker   marker
	backups  chan *backup
}

// call is one till waiting for its operation.
type call struct {
	request *Request
	answer  chan Answer
}

// dialled is the end of one attempt to reach a hub node.
type dialled struct {
	conn    link.Conn
	address string
	err     error
}

// ErrStopped says that the agent stopped before it could answer: nothing is
// known of the request; repeat it with the same key.
var ErrStopped = errors.New("the agent is stopping")

// Start runs an agent until ctx ends or its storage fails; Wait tells which.
func Start(ctx context.Context, agent *Agent, config ServerConfig) *Server {
	if config.Dial == nil {
		config.Dial = link.Dial
	}
	s := &Server{agent: agent, config: config, requests: make(chan *call, protocol.MaxGroup), reads: make(chan func(*Agent), 64),
		events: make(chan link.Event, 64), dialled: make(chan dialled, 1), done: make(chan struct{}), stopping: make(chan struct{}), marker: newMarker(), backups: make(chan *backup)}
	go s.marker.run() // the loop ends it, and waits
	go s.loop(ctx)    // Wait waits
	return s
}

// Wait returns when the loop has ended: nil after ctx ended, else the storage
// error.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// Stopping closes when the loop begins to end.
func (s *Server) Stopping() <-chan struct{} { return s.stopping }

// Record returns once the operation is durable, or with what a till got wrong.
// An error means that nothing was recorded, or that the agent stopped.
func (s *Server) Record(ctx context.Context, request *Request) (Answer, error) {
	c := &call{request, make(chan Answer, 1)}
	select {
	case s.requests <- c:
	case <-s.done:
		return Answer{}, ErrStopped
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
	select {
	case answer := <-c.answer:
		return answer, nil
	case <-s.done:
	}
	select {
	case answer := <-c.answer: // it came with the end: the till should have it
		return answer, nil
	default:
		return Answer{}, ErrStopped
	}
}

// Ask runs read on the loop. It must be short: tills wait behind it.
func (s *Server) Ask(ctx context.Context, read func(*Agent)) error {
	ran := make(chan struct{})
	select {
	case s.reads <- func(a *Agent) { read(a); close(ran) }:
	case <-s.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-ran:
		return nil
	case <-s.done:
		return ErrStopped
	}
}

// uplink is the loop's connection: none, being dialled, or up.
type uplink struct {
	link    *link.Link
	dialing bool
	attempt int
	next    int // which address to try
	retry   <-chan time.Time
	cut     context.CancelFunc // ends the link without a word
	giveUp  context.CancelFunc // ends the dialling
}

// loop owns the Agent. A link outlives ctx by its goodbye, dialling does not.
func (s *Server) loop(ctx context.Context) {
	defer close(s.done)
	defer func() { s.note(s.marker.end()) }()
	up := &uplink{}
	life, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	up.cut, up.giveUp = cut, giveUp
	beat := time.NewTicker(protocol.BeatMS * time.Millisecond)
	defer beat.Stop()
	s.dial(ctx, up)
	var copies copying
	defer func() { copies.end(ErrStopped) }()
	for s.err == nil {
		select {
		case <-ctx.Done():
			close(s.stopping)
			s.goodbye(up)
			return
		case first := <-s.requests:
			s.record(first)
		case read := <-s.reads:
			read(s.agent)
		case event := <-s.events:
			s.heard(up, event)
		case d := <-s.dialled:
			s.connected(life, up, d)
		case <-up.retry:
			s.dial(ctx, up)
		case wanted := <-s.backups:
			copies.begin(s.agent, wanted)
		case <-copies.turn:
			copies.step()
		case err := <-s.marker.wrote:
			s.note(s.marker.ended(err))
		case <-beat.C:
			s.note(s.agent.Beat())
			s.marker.mark(s.agent.ledger)
		}
	}
	close(s.stopping)
	s.goodbye(up)
}

func (s *Server) note(err error) {
	if err != nil && s.err == nil {
		s.err = err
	}
}

// record commits everything that waits at once: one sync for all of them.
func (s *Server) record(first *call) {
	group := []*call{first}
	for len(group) < protocol.MaxGroup {
		select {
		case next := <-s.requests:
			group = append(group, next)
			continue
		default:
		}
		break
	}
	requests := make([]*Request, len(group))
	for i, c := range group {
		requests[i] = c.request
	}
	began := time.Now()
	answers := s.agent.Record(requests)
	if s.config.Observed != nil {
		s.config.Observed(len(group), time.Since(began))
	}
	for i, c := range group {
		c.answer <- answers[i]
	}
	s.marker.recorded(len(group), s.agent.ledger)
	s.note(s.agent.Failed())
	s.note(s.agent.Follow())
}

// dial tries the next hub address in the background.
func (s *Server) dial(ctx context.Context, up *uplink) {
	up.retry = nil
	if len(s.config.Hubs) == 0 || up.dialing || up.link != nil {
		return
	}
	address := s.config.Hubs[up.next%len(s.config.Hubs)]
	up.next++
	up.dialing = true
	scheme := "ws://"
	if s.config.TLS != nil {
		scheme = "wss://"
	}
	go func() { // its one answer has a place in dialled, so it ends with the attempt
		conn, err := s.config.Dial(ctx, link.Dialer{URL: scheme + address + "/sync", TLS: s.config.TLS})
		s.dialled <- dialled{conn, address, err}
	}()
}

func (s *Server) connected(life context.Context, up *uplink, d dialled) {
	up.dialing = false
	if d.err != nil {
		s.agent.Unreachable(d.address, d.err)
		s.backOff(up)
		return
	}
	up.link = link.Start(life, d.conn, s.events)
	s.note(s.agent.Connected(up.link, d.address))
}

func (s *Server) heard(up *uplink, event link.Event) {
	switch {
	case event.Link != up.link:
	case event.Err != nil:
		up.link = nil
		s.config.Log.Info("link ended", "why", event.Err.Error())
		s.agent.Disconnected(event.Err)
		s.backOff(up)
	case event.Frame != nil:
		if s.agent.Link().Online {
			up.attempt = 0
		}
		epoch := s.agent.ledger.Head().Epoch
		s.note(s.agent.Receive(event.Frame))
		if now := s.agent.ledger.Head().Epoch; now != epoch {
			s.config.Log.Warn("the hub has another history of this store, whose disk was restored or copied: what it lacks goes up under a new epoch", "epoch", now, "was", epoch)
		}
	}
}

// backOff waits before the next attempt, with full jitter: ten thousand stores
// that lost the same node must not come back at once. The wait grows when every
// node has been tried: that one of three does not answer says little of the others.
func (s *Server) backOff(up *uplink) {
	wait := session.Backoff(up.attempt/max(1, len(s.config.Hubs)), s.config.Random(), s.agent.LastBye().RetryMS)
	up.attempt++
	up.retry = time.After(time.Duration(wait) * time.Millisecond)
}

// goodbye ends the dialling or the link and waits for it.
func (s *Server) goodbye(up *uplink) {
	up.giveUp()
	if up.dialing {
		if d := <-s.dialled; d.conn != nil {
			_ = d.conn.Close("the agent stops") // nobody has spoken on it yet
		}
	}
	if up.link == nil {
		return
	}
	up.link.Close(protocol.Bye{Code: protocol.ByeShutdown, Text: "the agent stops"})
	deadline := time.After(2 * time.Second)
	for {
		select {
		case <-s.events:
		case <-up.link.Done():
			return
		case <-deadline:
			up.cut()
		}
	}
}
