package session

import "github.com/shelfsync/shelfsync/protocol"

// Hub is a hub node's side of the conversation over one connection. It is owned
// by the hub's loop.
type Hub struct {
	talk
	version uint64 // the newest frame version the agent speaks
	window  window
	parts   []*protocol.Round // of rounds offered, not yet sent
	ahead   int               // parts sent since the link drained
	told    uint64            // hub index of the last round that was sent whole
	hellos  int
	asked   protocol.Question // in the last Hello
}

// NewHub waits for the Hello of a new connection.
func NewHub() *Hub { return &Hub{talk: talk{stage: greeting}} }

// hubRules says what a hub node may be sent, and when.
var hubRules = map[stage]func(*Hub, protocol.Frame) bool{
	greeting: func(h *Hub, frame protocol.Frame) bool {
		if f, ok := frame.(*protocol.Hello); ok {
			h.hello(f)
			return true
		}
		return false
	},
	judging: func(*Hub, protocol.Frame) bool { return false },
	open: func(h *Hub, frame protocol.Frame) bool {
		if f, ok := frame.(*protocol.Append); ok {
			h.append(f)
			return true
		}
		return false
	},
}

// Receive takes a frame from the agent.
func (h *Hub) Receive(frame protocol.Frame) {
	if h.stage == closed {
		return
	}
	h.quiet = 0
	if bye, ok := frame.(*protocol.Bye); ok {
		h.end(Close{Bye: *bye, Received: true})
		return
	}
	if !hubRules[h.stage](h, frame) {
		h.fail(protocol.ByeProtocol, "a hub takes no %s %s", name(frame), when[h.stage])
	}
}

func (h *Hub) hello(f *protocol.Hello) {
	switch {
	case f.Version == 0:
		h.fail(protocol.ByeVersion, "Hello names no frame version, this hub speaks 1 to %d", protocol.FrameVersion)
	case f.Role != protocol.RoleAgent:
		h.fail(protocol.ByeProtocol, "Hello has the unknown role %d", f.Role)
	case h.hellos >= protocol.MaxQuestions:
		h.fail(protocol.ByeProtocol, "%d Hellos have opened nothing", h.hellos)
	default:
		h.stage, h.version = judging, f.Version
		h.hellos++
		h.asked = f.Ask
		h.ask(Greeted{*f})
	}
}

// Admit answers Greeted with a Welcome; the newest frame version that both
// speak is filled in. Operations are taken from welcome.Through on. One that says
// Forked or answers a question opens nothing: the next Hello may follow.
func (h *Hub) Admit(welcome protocol.Welcome) {
	if h.stage != judging {
		return
	}
	welcome.Version, welcome.Asked = min(h.version, protocol.FrameVersion), h.asked.Sequence
	if h.stage = open; welcome.Forked || h.asked != (protocol.Question{}) {
		h.stage = greeting
	}
	h.window = newWindow(welcome.Window, welcome.Through)
	h.send(&welcome)
}

// Refuse answers Greeted with a Bye.
func (h *Hub) Refuse(bye protocol.Bye) {
	if h.stage == judging {
		h.end(Close{Bye: bye})
	}
}

func (h *Hub) append(f *protocol.Append) {
	if !h.follows(f) {
		return
	}
	h.ask(Heard{Echo: f.Echo, Base: f.Base, Backlog: f.Backlog, OldestMS: f.OldestMS})
	if len(f.Operations) > 0 {
		h.window.add(f.End, size(f.Operations))
		h.ask(Take{f})
	}
}

// follows holds an Append to every rule; cheap ones come first.
func (h *Hub) follows(f *protocol.Append) bool {
	count, bytes := len(f.Operations), size(f.Operations)
	switch {
	case f.After != h.window.end:
		h.fail(protocol.ByeProtocol, "an Append after %s, where this connection stands at %s", place(f.After), place(h.window.end))
	case count > protocol.MaxBatchOperations || bytes > protocol.MaxAppendBytes:
		h.fail(protocol.ByeProtocol, "an Append of %d operations in %d bytes after %d; at most %d in %d bytes are taken",
			count, bytes, f.After.Sequence, protocol.MaxBatchOperations, protocol.MaxAppendBytes)
	case count > 0 && uint64(count) > h.window.room():
		h.fail(protocol.ByeProtocol, "an Append of %d operations after %d leaves the window: %d is acknowledged, at most %d operations in %d bytes and %d frames may follow",
			count, f.After.Sequence, h.window.acked.Sequence, h.window.limit, protocol.WindowBytes, protocol.WindowAppends)
	case chained(f.After, f.Operations) != f.End:
		h.fail(protocol.ByeProtocol, "the operations of an Append after %s do not lead to %s", place(f.After), place(f.End))
	default:
		return true
	}
	return false
}

// Acked says that the log has applied every batch up to through, the end of one.
func (h *Hub) Acked(through protocol.Position) {
	if h.stage != open {
		return
	}
	if !h.window.ack(through) {
		panic("session: the log applied up to " + place(through) + ", where no batch of this connection ends")
	}
	h.send(&protocol.Ack{Through: through})
}

// Ignored says that the log did not accept a batch because the agent's watermark
// is through. What is in flight behind it would be ignored too, so the
// connection ends, and the next Hello resumes at the watermark.
func (h *Hub) Ignored(through protocol.Position) {
	if h.stage == open {
		h.fail(protocol.ByeNotReady, "the log holds operations up to %d by another way; connect again to resume there", through.Sequence)
	}
}

// Offer sends a round in as many parts as its size needs, a few at a time. The
// owner offers the next when Offering is false and the link has drained.
func (h *Hub) Offer(round *protocol.Round) {
	if h.stage != open {
		return
	}
	h.parts = append(h.parts, round.Parts()...)
	h.push()
}

// Offering says that parts of a round wait for Drained.
func (h *Hub) Offering() bool { return len(h.parts) > 0 }

// Drained says that the link has written everything it was given.
func (h *Hub) Drained() {
	h.ahead = 0
	h.push()
}

func (h *Hub) push() {
	for h.stage == open && len(h.parts) > 0 && h.ahead < protocol.RoundPartsAhead {
		h.send(h.parts[0])
		if h.parts[0].Last {
			h.told = h.parts[0].Hub.Index
		}
		h.parts[0] = nil // written parts are not kept alive
		h.parts = h.parts[1:]
		h.ahead++
	}
}

// Beat is called every protocol.BeatMS with the hub time of the node's state. An
// agent whose Hello is being judged has nothing to say and is not timed.
func (h *Hub) Beat(hubNow int64) {
	switch h.stage {
	case greeting:
		h.silent(protocol.SilentBeats)
	case open:
		if !h.silent(protocol.SilentBeats) && !h.spoke {
			h.send(&protocol.Round{Last: true, Now: hubNow, Since: h.told})
		}
		h.spoke = false
	}
}
