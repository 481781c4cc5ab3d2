package sim

import (
	"fmt"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/protocol"
)

// wire is one connection between a PC and a node: two queues of frames, as bytes.
// An end that was closed says so behind what it had sent before.
type wire struct {
	pc      *pc
	courier *courier // at the lower end instead of the PC's agent
	node    *node
	id      hub.PeerID
	up      queue
	down    queue
	stalled int64 // nothing moves until then
	over    bool  // nobody is at either end any more
}

// queue is one direction.
type queue struct {
	frames [][]byte
	closed bool // nothing more comes behind these
}

func (q *queue) put(frame protocol.Frame) bool {
	b := protocol.EncodeFrame(frame)
	waiting := len(b)
	for _, f := range q.frames {
		waiting += len(f)
	}
	if len(q.frames) >= protocol.MaxQueueFrames || waiting > protocol.MaxQueueBytes || q.closed {
		return false
	}
	q.frames = append(q.frames, b)
	return true
}

func (q *queue) take() []byte {
	b := q.frames[0]
	q.frames = q.frames[1:]
	return b
}

func (q *queue) close(bye protocol.Bye) {
	if bye.Code != 0 {
		q.put(&bye)
	}
	q.closed = true
}

// cut lets n frames arrive that were on their way, and nothing more.
func (q *queue) cut(n int) {
	q.frames, q.closed = q.frames[:min(n, len(q.frames))], true
}

// lowerEnd is what an agent sends through.
type lowerEnd struct{ *wire }

// Send implements agent.Port.
func (e lowerEnd) Send(frame protocol.Frame) bool { return e.up.put(frame) }

// Close implements agent.Port.
func (e lowerEnd) Close(bye protocol.Bye) {
	e.up.close(bye)
	e.down.cut(0)
}

// upperEnd is what a hub node sends through.
type upperEnd struct{ *wire }

// Send implements hub.Port.
func (e upperEnd) Send(frame protocol.Frame) bool { return e.down.put(frame) }

// Idle implements hub.Port.
func (e upperEnd) Idle() bool { return len(e.down.frames) == 0 }

// Close implements hub.Port.
func (e upperEnd) Close(bye protocol.Bye) {
	e.down.close(bye)
	e.up.cut(0)
}

// Remote implements hub.Port.
func (e upperEnd) Remote() string { return "simulated" }

// dial connects a PC to a node that takes connections.
func (w *World) dial(p *pc, n *node) *wire {
	n.lastPeer++
	c := &wire{pc: p, node: n, id: n.lastPeer}
	n.wires[c.id] = c
	w.wires = append(w.wires, c)
	n.hub.Connected(c.id, upperEnd{c})
	return c
}

// ready reports whether a direction of a wire has something to deliver.
func (w *World) ready(c *wire, q *queue) bool {
	return !c.over && c.stalled <= w.now && (len(q.frames) > 0 || q.closed)
}

// carryUp lets a node take the next frame, or the end of the connection.
func (w *World) carryUp(c *wire) bool {
	if !w.ready(c, &c.up) || c.node.wires[c.id] != c || c.node.paused > w.now {
		return false
	}
	if len(c.up.frames) == 0 {
		c.hangUp()
		return true
	}
	frame := w.decoded(c.up.take())
	c.node.hub.Received(c.id, frame)
	return true
}

// hangUp tells the node that the connection has ended.
func (c *wire) hangUp() {
	if c.node.wires[c.id] == c {
		delete(c.node.wires, c.id)
		c.node.hub.Gone(c.id)
	}
	c.down.closed = true
}

// carryDown lets the store take the next frame, or the end of the connection.
func (w *World) carryDown(c *wire) bool {
	if !w.ready(c, &c.down) || c.lowerGone() {
		return false
	}
	if len(c.down.frames) == 0 {
		w.endBelow(c)
		return true
	}
	frame := w.decoded(c.down.take())
	if c.courier != nil {
		c.courier.heard(w, frame)
	} else {
		c.pc.heard(w, frame)
	}
	if len(c.down.frames) == 0 && c.node.wires[c.id] == c {
		c.node.hub.Drained(c.id)
	}
	return true
}

func (c *wire) lowerGone() bool {
	if c.courier != nil {
		return c.courier.wire != c
	}
	return c.pc.wire != c || c.pc.agent == nil
}

// endBelow tells the store that the connection has ended.
func (w *World) endBelow(c *wire) {
	c.up.closed = true
	if c.courier != nil {
		c.courier.disconnected()
		return
	}
	c.pc.disconnected(w)
}

func (w *World) decoded(b []byte) protocol.Frame {
	frame, err := protocol.DecodeFrame(b)
	if err != nil {
		w.fail("O9", "a frame of our own is not understood: %v", err)
	}
	return frame
}

// forget drops wires that have ended at both ends.
func (w *World) forget() {
	left := w.wires[:0]
	for _, c := range w.wires {
		c.over = c.over || c.lowerGone() && c.node.wires[c.id] != c
		if !c.over {
			left = append(left, c)
		}
	}
	clear(w.wires[len(left):])
	w.wires = left
}

func (c *wire) String() string { return fmt.Sprintf("%s to node %d", c.pc.name, c.node.no) }
