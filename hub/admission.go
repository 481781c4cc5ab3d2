package hub

import (
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/session"
)

// greet judges a Hello.
func (h *Hub) greet(p *peer, hello protocol.Hello) {
	p.hello = hello
	switch {
	case !stock.ValidCode(hello.Agent) || !stock.ValidCode(hello.Installation) || !stock.ValidCode(hello.Epoch):
		h.refuse(p, protocol.ByeProtocol, "Hello names its agent, installation and epoch, each of 1 to 64 printable characters")
	case !h.Ready():
		h.refuse(p, protocol.ByeNotReady, "this node has no leader or lags behind")
	case hello.Feature > protocol.FeatureLevel:
		h.refuse(p, protocol.ByeUpgradeHub, "the agent writes operations that this hub does not know yet")
	default:
		p.base = hello.Base
		h.hear(p, session.Heard{Backlog: hello.Backlog, OldestMS: hello.OldestMS})
		h.admit(p)
	}
}

func (h *Hub) refuse(p *peer, code protocol.ByeCode, text string) {
	p.session.Refuse(protocol.Bye{Code: code, Text: text, RetryMS: retryMS})
	h.follow(p)
}

// retryMS is when a refused agent comes back, before its own jitter.
const retryMS = 1000

// admit welcomes a peer if its installation may write the location, and asks
// the log to make it the writer where there is none. An installation that was
// replaced may go on, also with an epoch that never came here: what it still holds
// was sold.
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
	case ok && l.Installation == p.hello.Installation, known && epoch.Installation == p.hello.Installation && !p.hello.Replace,
		ok && l.Writes(p.hello.Installation) && !p.hello.Replace:
		h.succeed(p, state, epoch)
	case !ok || l.Installation == "" || p.hello.Replace:
		h.assign(p)
	default:
		h.refuse(p, protocol.ByeWriter, writtenByAnother(p))
	}
}

func writtenByAnother(p *peer) string {
	return "location " + p.hello.Agent + " is written by another installation; run the agent with --replace to take it over"
}

func (h *Hub) assign(p *peer) {
	command := &stock.AssignWriter{Location: p.hello.Agent, Installation: p.hello.Installation, Replace: p.hello.Replace}
	h.Propose(command, func(result stock.Result, _ uint64, err error) {
		switch {
		case err != nil:
			h.refuse(p, protocol.ByeNotReady, err.Error())
		case result.Code == stock.WrongWriter:
			h.refuse(p, protocol.ByeWriter, writtenByAnother(p))
		default:
			p.hello.Replace = false
			h.admit(p)
		}
	})
}

// succeed welcomes a peer. A newer connection of a writer replaces the older one
// and waits until none of its batches can still reach the log: the watermark it
// is told must be the last one.
func (h *Hub) succeed(p *peer, state *stock.State, epoch stock.Epoch) {
	old := h.agents[p.writer()]
	h.agents[p.writer()] = p
	if old == nil || old == p {
		h.welcome(p, state, epoch)
		return
	}
	old.successor, p.waits = p, true
	h.close(old, protocol.Bye{Code: protocol.ByeReplaced, Text: "a newer connection of this agent took over"})
	h.Gone(old.id)
}

func (h *Hub) welcome(p *peer, state *stock.State, epoch stock.Epoch) {
	through := epoch.Through
	at := p.hello.Position
	forked := through.Sequence > at.Sequence || through.Sequence == at.Sequence && through.Chain != at.Chain
	p.admitted = !forked && p.hello.Ask == protocol.Question{}
	welcome := protocol.Welcome{Version: protocol.FrameVersion, Hub: protocol.HubPosition{Incarnation: state.Incarnation(), Index: state.Index()},
		Through: through, Forked: forked, Feature: protocol.FeatureLevel, Now: state.Now(), Window: protocol.WindowOperations,
		Program: h.config.Program, BeatMS: protocol.BeatMS, NodeName: h.config.Node}
	if p.hello.Ask != (protocol.Question{}) {
		h.answer(p, through, welcome)
		return
	}
	p.session.Admit(welcome)
	h.follow(p)
	h.offer(p, state)
}
