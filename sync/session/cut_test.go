package session

import (
	"bytes"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
	"pgregory.net/rapid"
)

// world is one store and one hub with everything between them: frames on their
// way, and batches on their way into the log, which survive a cut.
type world struct {
	t        rapid.TB
	agent    *Agent
	ledger   [][]byte
	end      protocol.Position
	base     protocol.HubPosition
	hub      *Hub // nil while cut
	up, down []protocol.Frame
	window   uint64

	log       [][]byte // operations applied, in order
	watermark protocol.Position
	queue     []queued
	index     uint64
	acked     uint64 // last acknowledgement sent on this connection
	stored    int    // rounds the agent stored
}

type queued struct {
	batch *protocol.Append
	by    *Hub
}

// roundLevels is enough for a round in several parts.
const roundLevels = 2000

func newWorld(t rapid.TB, window uint64) *world {
	return &world{t: t, agent: NewAgent(), window: window, base: protocol.HubPosition{Incarnation: 1}}
}

func (w *world) write(n int) {
	operations := operationsAfter(w.end.Sequence, w.end.Sequence+uint64(n))
	w.ledger = append(w.ledger, operations...)
	w.end = chained(w.end, operations)
	w.agent.Grew(w.end)
	w.follow()
}

func (w *world) connect() {
	w.hub = NewHub()
	w.agent.Start(protocol.Hello{Version: 1, Role: protocol.RoleAgent, Position: w.end, Base: w.base})
	w.follow()
}

func (w *world) cut() {
	w.agent.Stop()
	w.hub, w.up, w.down = nil, nil, nil
}

// step does one of the things that may happen next; false if it cannot happen.
func (w *world) step(which int) bool {
	switch {
	case w.hub == nil:
		w.connect()
	case which == 0 && len(w.up) > 0:
		frame := w.up[0]
		w.up = w.up[1:]
		w.hub.Receive(w.carried(frame))
	case which == 1 && len(w.down) > 0:
		frame := w.down[0]
		w.down = w.down[1:]
		w.agent.Receive(w.carried(frame))
	case which == 2 && len(w.queue) > 0:
		w.apply()
	case which == 3 && w.hub.stage == open && !w.hub.Offering() && w.index < w.watermark.Sequence:
		w.index = w.watermark.Sequence
		w.hub.Offer(withLevels(roundLevels, &protocol.Round{Hub: protocol.HubPosition{Incarnation: 1, Index: w.index}, Through: w.watermark}))
	case which == 4 && w.hub.Offering() && len(w.down) == 0:
		w.hub.Drained()
	default:
		return false
	}
	w.follow()
	return true
}

const kindsOfStep = 5

// carried is a frame as the other side reads it.
func (w *world) carried(frame protocol.Frame) protocol.Frame {
	read, err := protocol.DecodeFrame(protocol.EncodeFrame(frame))
	if err != nil {
		w.t.Fatalf("a %T cannot be read: %v", frame, err)
	}
	return read
}

// apply lets the log take its next batch: exactly behind the watermark or not.
func (w *world) apply() {
	next := w.queue[0]
	w.queue = w.queue[1:]
	accepted := next.batch.After == w.watermark
	if accepted {
		w.log = append(w.log, next.batch.Operations...)
		w.watermark = next.batch.End
	}
	switch {
	case next.by != w.hub:
	case accepted:
		w.hub.Acked(w.watermark)
	default:
		w.hub.Ignored(w.watermark)
	}
}

func (w *world) follow() {
	for a, ok := w.agent.Next(); ok; a, ok = w.agent.Next() {
		switch a := a.(type) {
		case Send:
			w.up = append(w.up, a.Frame)
		case Read:
			to := min(a.After.Sequence+uint64(a.MaxOperations), w.end.Sequence)
			operations := w.ledger[a.After.Sequence:to]
			w.agent.Supply(operations, chained(a.After, operations))
		case Store:
			w.store(a.Round)
		case Close:
			w.close(a)
		}
	}
	for w.hub != nil {
		a, ok := w.hub.Next()
		if !ok {
			return
		}
		w.act(a)
	}
}

func (w *world) store(round *protocol.Round) {
	if round.Hub.Index <= w.base.Index || len(round.Levels) != roundLevels {
		w.t.Fatalf("a round at %d with %d levels was to be stored on a base at %d", round.Hub.Index, len(round.Levels), w.base.Index)
	}
	w.base = round.Hub
	w.stored++
	w.agent.Stored(round.Hub, round.Through)
}

func (w *world) act(a Action) {
	switch a := a.(type) {
	case Greeted:
		w.acked = w.watermark.Sequence
		w.index = min(w.index, a.Hello.Base.Index)
		w.hub.Admit(protocol.Welcome{Hub: protocol.HubPosition{Incarnation: 1, Index: w.index}, Through: w.watermark, Window: w.window})
	case Take:
		if ahead := a.Append.End.Sequence - w.acked; ahead > w.window {
			w.t.Fatalf("%d operations are ahead of the acknowledgement, the window is %d", ahead, w.window)
		}
		w.queue = append(w.queue, queued{a.Append, w.hub})
	case Send:
		if ack, ok := a.Frame.(*protocol.Ack); ok {
			w.acked = ack.Through.Sequence
		}
		w.down = append(w.down, a.Frame)
	case Close:
		w.close(a)
	}
}

// close ends a connection; between honest peers there is one reason: batches
// of an earlier connection arrived in the log behind our back.
func (w *world) close(c Close) {
	if c.Bye.Code != protocol.ByeNotReady {
		w.t.Fatalf("honest peers fell out: %s", tellBye(c.Bye))
	}
	w.cut()
}

// check holds the log against the ledger: a prefix, in order, nothing twice.
func (w *world) check() {
	if len(w.log) > len(w.ledger) {
		w.t.Fatalf("the hub applied %d operations of %d", len(w.log), len(w.ledger))
	}
	for i := range w.log {
		if !bytes.Equal(w.log[i], w.ledger[i]) {
			w.t.Fatalf("operation %d of the hub is %q", i+1, w.log[i])
		}
	}
}

// settle lets everything happen until nothing more can, and counts the steps.
// before is called in front of each.
func (w *world) settle(before func(step int)) (steps int) {
	for busy := true; busy; {
		busy = false
		for which := range kindsOfStep {
			before(steps)
			if w.step(which) {
				busy = true
				steps++
				w.check()
			}
		}
		if steps > 100_000 {
			w.t.Fatalf("the conversation does not come to rest")
		}
	}
	if len(w.log) != len(w.ledger) || w.base.Index != w.watermark.Sequence {
		w.t.Fatalf("at rest the hub holds %d of %d operations, the base stands at %d", len(w.log), len(w.ledger), w.base.Index)
	}
	return steps
}

// TestEveryCut cuts a conversation after each of its steps, and after each pair
// of them: frames on their way are lost, batches on their way into the log are not.
func TestEveryCut(t *testing.T) {
	play := func(cuts ...int) int {
		w := newWorld(t, 7)
		w.write(20)
		return w.settle(func(step int) {
			if len(cuts) > 0 && step == cuts[0] {
				cuts = cuts[1:]
				w.cut()
				w.write(1)
			}
		})
	}
	steps := play()
	if steps < 20 {
		t.Fatalf("the conversation has only %d steps", steps)
	}
	for first := range steps {
		for second := first; second < 2*steps; second++ {
			play(first, second)
		}
	}
	t.Logf("%d steps, %d pairs of cuts", steps, steps*(3*steps+1)/2)
}

// TestAnyConversation lets things happen in any order, with cuts, windows and
// sales of any kind, and then lets it come to rest.
func TestAnyConversation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, rapid.Uint64Range(1, 12).Draw(t, "window"))
		for range rapid.IntRange(0, 150).Draw(t, "steps") {
			switch which := rapid.IntRange(0, kindsOfStep+2).Draw(t, "step"); which {
			case kindsOfStep:
				w.write(rapid.IntRange(1, 5).Draw(t, "operations"))
			case kindsOfStep + 1:
				w.agent.Beat(1, 2)
				w.follow()
			case kindsOfStep + 2:
				if rapid.IntRange(0, 3).Draw(t, "cut") == 0 {
					w.cut()
				} else if w.hub != nil && len(w.down)+len(w.up) < 10 {
					w.hub.Beat(5)
					w.hub.quiet, w.agent.quiet = 0, 0 // the peer is slow, not silent
					w.follow()
				}
			default:
				w.step(which)
			}
			w.agent.quiet = 0
			w.check()
		}
		w.settle(func(int) {})
	})
}
