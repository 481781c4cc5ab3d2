package session

import "github.com/shelfsync/shelfsync/protocol"

// search finds, by bisection, the last operation that the ledger and the hub
// share of an epoch. It lives within one connection: cut, it begins anew.
type search struct {
	asked   uint64            // sequence of the open question; 0: none
	own     [32]byte          // the ledger's chain there
	common  protocol.Position // the hub holds ours up to here
	unknown uint64            // nobody can tell of operations after common and up to here
	differs uint64            // the hub holds another one here; 0: none is known
	at      protocol.HubPosition
	hub     protocol.Position // its watermark
}

// weigh takes what a Welcome says, and asks on or ends the search.
func (a *Agent) weigh(w *protocol.Welcome) {
	s := &a.search
	if w.Asked != s.asked {
		a.fail(protocol.ByeProtocol, "a Welcome answers about operation %d, asked was %d", w.Asked, s.asked)
		return
	}
	a.stage, s.at, s.hub = searching, w.Hub, w.Through
	answer, chain := w.Answer, w.Chain
	if s.asked == w.Through.Sequence { // that one it holds in its state
		answer, chain = protocol.AnswerChain, w.Through.Chain
	}
	switch {
	case s.asked == 0 || s.asked > w.Through.Sequence: // the bounds below say all
	case answer == protocol.AnswerChain && chain == s.own:
		s.common = protocol.Position{Sequence: s.asked, Chain: s.own}
	case answer == protocol.AnswerChain:
		s.differs = s.asked
	case answer == protocol.AnswerUnknown:
		s.unknown = s.asked
	default:
		a.fail(protocol.ByeVersion, "the hub gives no answer about operation %d: it needs a later version", s.asked)
		return
	}
	a.narrow()
}

// narrow asks for the ledger's chain in the middle of what is still open.
func (a *Agent) narrow() {
	s := &a.search
	high := min(a.end.Sequence, s.hub.Sequence)
	if s.differs > 0 {
		high = min(high, s.differs-1)
	}
	if low := max(s.common.Sequence, s.unknown); low < high {
		s.asked = (low + high + 1) / 2
		a.ask(Recall{s.asked})
		return
	}
	a.suspects = false
	if s.differs == 0 && s.hub.Sequence <= a.end.Sequence && s.common.Sequence == s.hub.Sequence {
		a.again(a.hello) // all that the hub holds is ours: no fork after all
		return
	}
	a.ask(Forked{Hub: s.at, Through: s.hub, Common: s.common, Unknown: max(s.unknown, s.common.Sequence)})
}

// Recalled answers a Recall with the ledger's chain there.
func (a *Agent) Recalled(chain [32]byte) {
	if a.stage != searching || a.search.asked == 0 {
		return
	}
	a.search.own = chain
	hello := a.hello
	hello.Ask = protocol.Question{Epoch: hello.Epoch, Sequence: a.search.asked}
	a.greet(hello)
}

// Begin answers Forked: the ledger has begun a new epoch, of which hello tells.
func (a *Agent) Begin(hello protocol.Hello) {
	if a.stage == searching {
		a.end = hello.Position
		a.again(hello)
	}
}

// again says Hello once more on a connection that nothing has opened yet.
func (a *Agent) again(hello protocol.Hello) {
	hello.Ask, a.search = protocol.Question{}, search{}
	a.hello = hello
	a.greet(hello)
}

func (a *Agent) greet(hello protocol.Hello) {
	hello.Position = a.end
	a.stage = greeting
	a.send(&hello)
}

// Suspect says, with or without a connection, that the hub may hold another
// history than the ledger: the next Hello begins a search.
func (a *Agent) Suspect() { a.suspects = true }
