package session

import (
	"fmt"

	"github.com/shelfsync/shelfsync/protocol"
)

// Agent is the store's side of the conversation. It is owned by the agent's
// loop and lives across connections.
type Agent struct {
	talk
	hello   protocol.Hello    // of this connection
	hub     uint64            // incarnation of the hub's log
	end     protocol.Position // of the ledger
	window  window
	reading *Read             // asked for, not yet supplied
	applied protocol.Position // the most that was heard to be applied
	base    protocol.HubPosition
	rounds  rounds
	echo    int64 // hub time last read
	backlog uint64
	oldest  uint64 // ms

	suspects bool // the hub may hold another history: it outlives the connection
	search   search
}

// NewAgent has no connection yet.
func NewAgent() *Agent { return &Agent{} }

// Start begins a connection that has just been made. What an earlier one left
// over is forgotten but its suspicion of a fork; hello says where the ledger and
// the base stand now.
func (a *Agent) Start(hello protocol.Hello) {
	*a = Agent{hello: hello, end: hello.Position, base: hello.Base, backlog: hello.Backlog, oldest: hello.OldestMS, suspects: a.suspects}
	if a.suspects = a.suspects && hello.Position.Sequence > 0; a.suspects {
		a.stage, a.search.asked = searching, hello.Position.Sequence
		a.ask(Recall{a.search.asked})
		return
	}
	a.greet(hello)
}

// Stop says that the connection has ended; inputs are ignored until Start.
func (a *Agent) Stop() { *a = Agent{suspects: a.suspects} }

// agentRules says what an agent may be sent, and when.
var agentRules = map[stage]func(*Agent, protocol.Frame) bool{
	searching: func(*Agent, protocol.Frame) bool { return false },
	greeting: func(a *Agent, frame protocol.Frame) bool {
		if f, ok := frame.(*protocol.Welcome); ok {
			a.welcome(f)
			return true
		}
		return false
	},
	open: func(a *Agent, frame protocol.Frame) bool {
		switch f := frame.(type) {
		case *protocol.Ack:
			a.ack(f.Through)
		case *protocol.Round:
			a.round(f)
		default:
			return false
		}
		return true
	},
}

// Receive takes a frame from the hub.
func (a *Agent) Receive(frame protocol.Frame) {
	if a.stage == closed {
		return
	}
	a.quiet = 0
	if bye, ok := frame.(*protocol.Bye); ok {
		a.suspects = a.suspects || bye.Code == protocol.ByeForked
		a.talk.end(Close{Bye: *bye, Received: true})
		return
	}
	if !agentRules[a.stage](a, frame) {
		a.fail(protocol.ByeProtocol, "an agent takes no %s %s", name(frame), when[a.stage])
	}
}

func (a *Agent) welcome(w *protocol.Welcome) {
	if w.Version == 0 || w.Version > a.hello.Version {
		a.fail(protocol.ByeVersion, "the hub chose frame version %d, this agent speaks up to %d", w.Version, a.hello.Version)
		return
	}
	if w.Hub.Incarnation != a.base.Incarnation {
		a.base = protocol.HubPosition{Incarnation: w.Hub.Incarnation}
		a.ask(Rebase{w.Hub, w.Through})
	}
	if w.Forked || a.search.asked > 0 {
		a.weigh(w)
		return
	}
	if !a.holds(w.Through) {
		return
	}
	a.stage, a.hub, a.echo = open, w.Hub.Incarnation, w.Now
	a.window = newWindow(w.Window, w.Through)
	a.applied = w.Through
	a.rounds.taken = a.base.Index
	a.ask(Applied{w.Through})
	a.read()
}

// holds ends the connection if the hub stands where this ledger has never been.
func (a *Agent) holds(through protocol.Position) bool {
	if through.Sequence > a.end.Sequence || through.Sequence == a.end.Sequence && through.Chain != a.end.Chain {
		a.forked("the hub holds operations up to %s, the ledger ends at %s", place(through), place(a.end))
		return false
	}
	return true
}

// forked ends a connection that is open; the next one begins with a search.
func (a *Agent) forked(format string, args ...any) {
	a.suspects = true
	a.fail(protocol.ByeForked, format, args...)
}

// Grew says where the ledger ends now.
func (a *Agent) Grew(end protocol.Position) {
	a.end = end
	a.read()
}

// read asks for the next operations if there are any and the window has room.
func (a *Agent) read() {
	if a.stage != open || a.reading != nil {
		return
	}
	want := min(a.window.room(), protocol.MaxBatchOperations, a.end.Sequence-a.window.end.Sequence)
	if want == 0 {
		return
	}
	a.reading = &Read{After: a.window.end, MaxOperations: int(want), MaxBytes: protocol.MaxAppendBytes}
	a.ask(*a.reading)
}

// Supply answers a Read with one operation or more; end is where the last
// stands. No operations, or such that do not lead from Read.After to end, show
// that the hub's watermark is not of this ledger's history.
func (a *Agent) Supply(operations [][]byte, end protocol.Position) {
	asked := a.reading
	if a.stage != open || asked == nil {
		return
	}
	a.reading = nil
	bytes := size(operations)
	if len(operations) > asked.MaxOperations || bytes > asked.MaxBytes {
		panic(fmt.Sprintf("session: %d operations of %d bytes were supplied, at most %d of %d bytes were asked for",
			len(operations), bytes, asked.MaxOperations, asked.MaxBytes))
	}
	if len(operations) == 0 || chained(asked.After, operations) != end {
		a.forked("the hub holds operations up to %s, which the ledger, ending at %s, does not continue", place(asked.After), place(a.end))
		return
	}
	a.append(operations, end)
	a.window.add(end, bytes)
	a.read()
}

func (a *Agent) append(operations [][]byte, end protocol.Position) {
	a.send(&protocol.Append{After: a.window.end, Operations: operations, End: end,
		Echo: a.echo, Base: a.base.Index, Backlog: a.backlog, OldestMS: a.oldest})
}

func (a *Agent) ack(through protocol.Position) {
	if !a.window.ack(through) {
		a.fail(protocol.ByeProtocol, "an Ack of %s, with %s acknowledged and %s sent", place(through), place(a.window.acked), place(a.window.end))
		return
	}
	a.advance(through)
	a.read()
}

func (a *Agent) advance(through protocol.Position) {
	if through.Sequence > a.applied.Sequence {
		a.applied = through
		a.ask(Applied{through})
	}
}

func (a *Agent) round(part *protocol.Round) {
	a.echo = max(a.echo, part.Now)
	if part.Hub == (protocol.HubPosition{}) {
		switch { // the hub's heartbeat
		case count(part) > 0:
			a.fail(protocol.ByeProtocol, "a Round with values names no hub position")
		case part.Since > a.rounds.taken:
			a.fail(protocol.ByeProtocol, "the hub's last round was at %d, and the last that came was at %d", part.Since, a.rounds.taken)
		}
		return
	}
	if part.Hub.Incarnation != a.hub {
		a.fail(protocol.ByeProtocol, "a Round of hub incarnation %d on a connection to %d", part.Hub.Incarnation, a.hub)
		return
	}
	if !a.holds(part.Through) {
		return
	}
	whole, err := a.rounds.gather(part)
	if err != nil {
		a.rounds = rounds{} // memory is not held until the next connection
		a.fail(protocol.ByeProtocol, "%s", err)
		return
	}
	if whole != nil {
		a.ask(Store{whole})
	}
}

// Stored says that a round is durable: the base stands at base, and what it
// holds of this ledger ends at through.
func (a *Agent) Stored(base protocol.HubPosition, through protocol.Position) {
	if a.stage != open {
		return
	}
	a.base = base
	a.advance(through)
}

// Beat is called every protocol.BeatMS with what is not known to be applied: how
// many operations, and the age of the oldest.
func (a *Agent) Beat(backlog, oldestMS uint64) {
	a.backlog, a.oldest = backlog, oldestMS
	switch a.stage {
	case greeting:
		a.silent(protocol.WelcomeBeats)
	case open:
		if !a.silent(protocol.SilentBeats) && !a.spoke {
			a.append(nil, a.window.end)
		}
		a.spoke = false
	}
}
