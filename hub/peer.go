package hub

import (
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
	queued    int // its batches that wait or are in the log
	base      protocol.HubPosition
	backlog   uint64
	oldest    uint64 // ms
	connected time.Time
	heard     time.Time
	successor *peer // a newer connection of the agent, waiting for our batches
}

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
	h.intake.Drop(func(w waiting) bool { return w.peer == p }, func() { p.queued-- })
	h.release(p)
}

// release lets go of an agent once none of a closed connection's batches can
// reach the log any more.
func (h *Hub) release(p *peer) {
	if !p.closed || p.queued > 0 {
		return
	}
	if h.agents[p.hello.Agent] == p {
		delete(h.agents, p.hello.Agent)
	}
	if next := p.successor; next != nil {
		p.successor = nil
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

// greet judges a Hello. A newer connection of an agent replaces the older one,
// and waits until none of its batches can still reach the log.
func (h *Hub) greet(p *peer, hello protocol.Hello) {
	p.hello = hello
	switch {
	case !stock.ValidCode(hello.Agent) || !stock.ValidCode(hello.Installation) || !stock.ValidCode(hello.Epoch):
		h.refuse(p, protocol.ByeProtocol, "Hello names its agent, installation and epoch, each of 1 to 64 printable characters")
		return
	case !h.Ready():
		h.refuse(p, protocol.ByeNotReady, "this node has no leader or lags behind")
		return
	case hello.Feature > protocol.FeatureLevel:
		h.refuse(p, protocol.ByeUpgradeHub, "the agent writes operations that this hub does not know yet")
		return
	}
	p.base, p.backlog, p.oldest = hello.Base, hello.Backlog, hello.OldestMS
	if old := h.agents[hello.Agent]; old != nil && old.hello.Installation == hello.Installation {
		h.agents[hello.Agent] = p
		old.successor = p
		h.close(old, protocol.Bye{Code: protocol.ByeReplaced, Text: "a newer connection of this agent took over"})
		h.Gone(old.id)
		return
	}
	h.admit(p)
}

func (h *Hub) refuse(p *peer, code protocol.ByeCode, text string) {
	p.session.Refuse(protocol.Bye{Code: code, Text: text, RetryMS: retryMS})
	h.follow(p)
}

// retryMS is when a refused agent comes back, before its own jitter.
const retryMS = 1000

// admit welcomes a peer if its installation may write the location, and asks
// the log to make it the writer where there is none.
func (h *Hub) admit(p *peer) {
	if p.closed {
		return
	}
	state := h.board.State()
	l, ok := state.Location(p.hello.Agent)
	epoch, known := stock.Epoch{}, false
	if ok {
		epoch, known = l.Epoch(p.hello.Epoch)
	}
	switch {
	case ok && l.Installation == p.hello.Installation, known && epoch.Installation == p.hello.Installation && !p.hello.Replace:
		h.welcome(p, state, epoch)
	case !ok || l.Installation == "" || p.hello.Replace:
		h.assign(p)
	default:
		h.refuse(p, protocol.ByeWriter, "location "+p.hello.Agent+" is written by another installation; run the agent with --replace to take it over")
	}
}

func (h *Hub) assign(p *peer) {
	command := &stock.AssignWriter{Location: p.hello.Agent, Installation: p.hello.Installation, Replace: p.hello.Replace}
	h.Propose(command, func(result stock.Result, _ uint64, err error) {
		switch {
		case err != nil:
			h.refuse(p, protocol.ByeNotReady, err.Error())
		case result.Code == stock.WrongWriter:
			h.refuse(p, protocol.ByeWriter, "location "+p.hello.Agent+" is written by another installation; run the agent with --replace to take it over")
		default:
			p.hello.Replace = false
			h.admit(p)
		}
	})
}

func (h *Hub) welcome(p *peer, state *stock.State, epoch stock.Epoch) {
	through := epoch.Through
	at := p.hello.Position
	forked := through.Sequence > at.Sequence || through.Sequence == at.Sequence && through.Chain != at.Chain
	p.admitted = true
	h.agents[p.hello.Agent] = p
	p.session.Admit(protocol.Welcome{Version: protocol.FrameVersion, Hub: protocol.HubPosition{Incarnation: state.Incarnation(), Index: state.Index()},
		Through: through, Forked: forked, Feature: protocol.FeatureLevel, Now: state.Now(), Window: protocol.WindowOperations,
		Program: h.config.Program, BeatMS: protocol.BeatMS, NodeName: h.config.Node})
	h.follow(p)
	h.offer(p, state)
}

// take queues a batch that the session has verified.
func (h *Hub) take(p *peer, a *protocol.Append) {
	command := protocol.BatchCommand(&protocol.BatchBytes{Agent: p.hello.Agent, Installation: p.hello.Installation, Epoch: p.hello.Epoch,
		After: a.After, End: a.End, Operations: a.Operations})
	p.queued++
	h.enqueue(waiting{command: command, peer: p, answer: func(result stock.Result, _ uint64, err error) { h.settle(p, result, err) }}, p.oldest <= liveWithin)
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
		h.close(p, protocol.Bye{Code: protocol.ByeForked, Text: "too many epochs of " + p.hello.Agent + " began today; sales stay in the store's ledger"})
	default:
		p.session.Ignored(result.Through)
		h.follow(p)
	}
}

// echo notes what an agent last read; only one without a backlog is caught up.
func (h *Hub) echo(p *peer, heard session.Heard) {
	if p.queued == 0 || heard.OldestMS > liveWithin {
		p.oldest = heard.OldestMS // a store changes queues only between batches
	}
	p.backlog = heard.Backlog
	if heard.OldestMS <= liveWithin {
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
}

func (h *Hub) offer(p *peer, state *stock.State) {
	for p.admitted && !p.closed && p.port.Idle() {
		if p.session.Offering() {
			p.session.Drained()
		} else if !h.nextRound(p, state) {
			return
		}
		h.follow(p)
	}
}

// nextRound offers a peer what changed since its base; false: nothing did.
func (h *Hub) nextRound(p *peer, state *stock.State) bool {
	l, ok := state.Location(p.hello.Agent)
	base := protocol.HubPosition{Incarnation: state.Incarnation(), Index: state.Index()}
	if !ok || p.base.Incarnation == base.Incarnation && state.Changed(l) <= p.base.Index {
		return false
	}
	p.session.Offer(roundSince(state, l, p.hello.Epoch, p.base))
	p.base = base
	return true
}

// Drained sends on to a connection whose queue has emptied: the next parts of
// its round, or the next round.
func (h *Hub) Drained(id PeerID) {
	if p := h.peers[id]; p != nil {
		h.offer(p, h.board.State())
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

// Peers are the admitted agents by location code.
func (h *Hub) Peers() map[string]Peer {
	peers := make(map[string]Peer, len(h.agents))
	for code, p := range h.agents {
		if p.admitted && !p.closed {
			peers[code] = Peer{code, p.hello.Installation, p.hello.Epoch, p.hello.Program, p.port.Remote(), p.backlog, p.oldest, p.connected, p.heard, p.hello.Position}
		}
	}
	return peers
}
