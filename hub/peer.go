package hub

import (
	"slices"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/session"
)

// PeerID names a connection on this node.
type PeerID uint64

// Port is the outgoing side of a connection.
type Port interface {
	Send(protocol.Frame) bool // false: the queue is full

	Idle() bool // nothing waits to be sent: a round may follow
	Close(protocol.Bye)
	Remote() string
}

// peer is one connection of an agent.
type peer struct {
	id        PeerID
	port      Port
	session   *session.Hub
	hello     protocol.Hello
	admitted  bool
	closed    bool
	queued    int  // its batches that wait or are in the log
	draining  bool // its batches queue behind those of everybody who is up to date
	base      protocol.HubPosition
	backlog   uint64
	oldest    uint64 // ms
	connected time.Time
	heard     time.Time
	successor *peer // a newer connection of the writer, which waits for our batches
	waits     bool  // for those of an older connection
	whole     bool  // a round of everything is on its way to it
	inLine    bool  // it waits for one
}

// writer is who has one connection at a time. A location may have two: its
// writer, and an installation that was replaced and still drains.
type writer struct{ location, installation string }

func (p *peer) writer() writer { return writer{p.hello.Agent, p.hello.Installation} }

// liveWithin is the age, ms, up to which an agent's oldest unsent operation
// counts as no backlog.
const liveWithin = 5000

// Connected takes a new connection; it is nobody's until its Hello.
func (h *Hub) Connected(id PeerID, port Port) {
	now := h.config.Now()
	h.peers[id] = &peer{id: id, port: port, session: session.NewHub(), connected: now, heard: now}
}

// Received takes a frame of a connection.
func (h *Hub) Received(id PeerID, frame protocol.Frame) {
	if p := h.peers[id]; p != nil && !p.closed {
		p.heard = h.config.Now()
		p.session.Receive(frame)
		h.follow(p)
	}
}

// Gone forgets a connection that ended. What of it waits for the log is dropped:
// the agent's next connection sends it again from the watermark.
func (h *Hub) Gone(id PeerID) {
	p := h.peers[id]
	if p == nil {
		return
	}
	p.closed = true
	delete(h.peers, id)
	h.rounded(p)
	if p.inLine {
		h.line = slices.DeleteFunc(h.line, func(other *peer) bool { return other == p })
	}
	h.intake.Drop(func(w waiting) bool { return w.peer == p }, func() { p.queued-- })
	h.release(p)
	h.nextInLine()
}

// release lets go of an agent once none of a closed connection's batches can
// reach the log any more.
func (h *Hub) release(p *peer) {
	if !p.closed || p.queued > 0 || p.waits {
		return
	}
	if h.agents[p.writer()] == p {
		delete(h.agents, p.writer())
	}
	next := p.successor
	if next == nil {
		return
	}
	p.successor, next.waits = nil, false
	if next.closed { // it was replaced as well, or gave up, while it waited
		h.release(next)
	} else {
		h.admit(next)
	}
}

// follow carries out what a session asks for.
func (h *Hub) follow(p *peer) {
	for {
		action, ok := p.session.Next()
		if !ok {
			return
		}
		switch a := action.(type) {
		case session.Greeted:
			h.greet(p, a.Hello)
		case session.Take:
			h.take(p, a.Append)
		case session.Heard:
			h.hear(p, a)
			h.echo(p, a)
		case session.Send:
			if !p.port.Send(a.Frame) {
				h.close(p, protocol.Bye{Code: protocol.ByeBusy, Text: "the connection takes frames more slowly than it asks for them", RetryMS: retryMS})
				return
			}
		case session.Close:
			if a.Received {
				p.port.Close(protocol.Bye{})
				p.closed = true
				return
			}
			h.close(p, a.Bye)
			return
		}
	}
}

func (h *Hub) close(p *peer, bye protocol.Bye) {
	p.closed = true
	p.port.Close(bye)
}

// take queues a batch that the session has verified.
func (h *Hub) take(p *peer, a *protocol.Append) {
	command := protocol.BatchCommand(&protocol.BatchBytes{Agent: p.hello.Agent, Installation: p.hello.Installation, Epoch: p.hello.Epoch,
		After: a.After, End: a.End, Operations: a.Operations})
	p.queued++
	h.enqueue(waiting{command: command, peer: p, answer: func(result stock.Result, _ uint64, err error) { h.settle(p, result, err) }}, !p.draining)
}

// settle tells a session what became of its batch.
func (h *Hub) settle(p *peer, result stock.Result, err error) {
	p.queued--
	if p.closed {
		h.release(p)
		return
	}
	switch {
	case err != nil:
		h.close(p, protocol.Bye{Code: protocol.ByeNotReady, Text: err.Error(), RetryMS: retryMS})
	case result.Code == stock.Accepted:
		p.session.Acked(result.Through)
		h.follow(p)
	case result.Code == stock.Forked:
		h.close(p, protocol.Bye{Code: protocol.ByeForked, Text: "the hub knows another history of epoch " + p.hello.Epoch})
	case result.Code == stock.WrongWriter:
		h.close(p, protocol.Bye{Code: protocol.ByeWriter, Text: "location " + p.hello.Agent + " is written by another installation"})
	case result.Code == stock.TooMany:
		h.close(p, protocol.Bye{Code: protocol.ByeEpochs, RetryMS: protocol.BackoffMostMS, Text: "too many epochs of " + p.hello.Agent + " began today; sales stay in the store's ledger until one more may begin"})
	default:
		p.session.Ignored(result.Through)
		h.follow(p)
	}
}

// hear notes how far behind an agent is. It may fall back among the draining at
// any time, for they queue behind the others; it leaves them only when none of
// its batches waits, or a later one would overtake it.
func (h *Hub) hear(p *peer, heard session.Heard) {
	late := heard.OldestMS > liveWithin
	if late || p.queued == 0 {
		p.draining = late
	}
	p.backlog, p.oldest = heard.Backlog, heard.OldestMS
}

// echo notes what an agent last read. Only the writer of a location can say that
// everything is here, and only while nothing of it is late.
func (h *Hub) echo(p *peer, heard session.Heard) {
	l, ok := h.board.State().Location(p.hello.Agent)
	if ok && l.Installation == p.hello.Installation && heard.OldestMS <= liveWithin {
		h.echoes[p.hello.Agent] = stock.Echo{Location: p.hello.Agent, Now: heard.Echo, Base: heard.Base}
	}
}

// Offer sends every admitted agent what changed for it, if its link is idle:
// a slow reader gets the newest values later, never a longer queue.
func (h *Hub) Offer() {
	state := h.board.State()
	for _, p := range h.agents {
		h.offer(p, state)
	}
	h.nextInLine()
}

func (h *Hub) offer(p *peer, state *stock.State) {
	for p.admitted && !p.closed && p.port.Idle() {
		if p.session.Offering() {
			p.session.Drained()
		} else {
			h.rounded(p)
			if !h.nextRound(p, state) {
				return
			}
		}
		h.follow(p)
	}
}

// rounded says that a peer has been sent the round that was on its way.
func (h *Hub) rounded(p *peer) {
	if p.whole {
		p.whole = false
		h.whole--
	}
}

// nextInLine lets those go on who wait for a round of everything.
func (h *Hub) nextInLine() {
	state := h.board.State()
	for h.whole < protocol.MaxWholeRounds && len(h.line) > 0 {
		p := h.line[0]
		h.line = h.line[1:]
		p.inLine = false
		h.offer(p, state)
	}
}

// nextRound offers a peer what changed since its base; false: nothing did.
func (h *Hub) nextRound(p *peer, state *stock.State) bool {
	l, ok := state.Location(p.hello.Agent)
	base := protocol.HubPosition{Incarnation: state.Incarnation(), Index: state.Index()}
	if !ok || p.base.Incarnation == base.Incarnation && state.Changed(l) <= p.base.Index {
		return false
	}
	if p.base.Index == 0 || p.base.Incarnation != base.Incarnation {
		if h.whole >= protocol.MaxWholeRounds {
			h.lineUp(p)
			return false
		}
		p.whole = true
		h.whole++
	}
	p.session.Offer(roundSince(state, l, p.hello.Epoch, p.base))
	p.base = base
	return true
}

func (h *Hub) lineUp(p *peer) {
	if !p.inLine {
		p.inLine = true
		h.line = append(h.line, p)
	}
}

// Drained sends on to a connection whose queue has emptied: the next parts of
// its round, or the next round.
func (h *Hub) Drained(id PeerID) {
	if p := h.peers[id]; p != nil {
		h.offer(p, h.board.State())
		h.nextInLine()
	}
}

// Beat lets every session send its heartbeat and notice silence; a node that is
// cut off from hub time sends its agents elsewhere.
func (h *Hub) Beat() {
	ready, now := h.Ready(), h.board.State().Now()
	for _, p := range h.peers {
		if p.admitted && !ready {
			h.close(p, protocol.Bye{Code: protocol.ByeNotReady, Text: "this node has applied no tick for 5 s", RetryMS: retryMS})
			continue
		}
		p.session.Beat(now)
		h.follow(p)
	}
}

// Stop says goodbye to everybody.
func (h *Hub) Stop() {
	for _, p := range h.peers {
		h.close(p, protocol.Bye{Code: protocol.ByeShutdown, Text: "the hub node stops"})
	}
}

// Peer is what is known of a connected agent, for people.
type Peer struct {
	Agent        string
	Installation string
	Epoch        string
	Program      string
	Remote       string
	Backlog      uint64
	OldestMS     uint64
	Connected    time.Time
	Heard        time.Time
	Position     protocol.Position
}

// Peers are the connected writers of these locations, by code.
func (h *Hub) Peers(codes []string) map[string]Peer {
	state := h.board.State()
	peers := map[string]Peer{}
	for _, code := range codes {
		l, ok := state.Location(code)
		if !ok {
			continue
		}
		if p := h.agents[writer{code, l.Installation}]; p != nil && p.admitted && !p.closed {
			peers[code] = Peer{code, p.hello.Installation, p.hello.Epoch, p.hello.Program, p.port.Remote(), p.backlog, p.oldest, p.connected, p.heard, p.hello.Position}
		}
	}
	return peers
}
