package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/sync/session"
)

// clock is what an actor takes for the time: years away, or frozen.
type clock struct {
	offset time.Duration
	frozen int64 // it stands since then, ms; 0: it runs
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func (c *clock) now(ms int64) time.Time {
	if c.frozen > 0 {
		ms = c.frozen
	}
	return noon.Add(c.offset + time.Duration(ms)*time.Millisecond)
}

// store is a location and the PCs that have written it.
type store struct {
	code string
	pcs  []*pc
}

// pc is one machine in a store: the product's own agent on a simulated disk.
type pc struct {
	store   *store
	name    string
	disk    *disk
	ledger  *durable
	agent   *agent.Agent // nil: it is off, or its program has stopped
	wire    *wire
	clock   clock
	replace bool
	gone    bool // nobody will start it again; its disk may still be read
	foreign bool // nobody made it the writer: the hub must not let it in
	base    protocol.HubPosition
	epochs  int
	beatAt  int64
	dialAt  int64
	attempt int
	next    int
	asked   []*fact // tills that wait for an answer
}

func (w *World) newPC(s *store, d *disk) *pc {
	w.machines++
	p := &pc{store: s, name: fmt.Sprintf("%s/pc%d", s.code, w.machines), disk: d}
	if d == nil {
		p.disk = &disk{installation: fmt.Sprint("pc", w.machines), epoch: fmt.Sprint("e", w.machines)}
	}
	s.pcs = append(s.pcs, p)
	w.pcs = append(w.pcs, p)
	return p
}

// run lets a PC do something. An error of storage ends its program, as the
// product's does; a power cut ends it in the middle.
func (p *pc) run(w *World, do func() error) {
	defer func() {
		switch cut := recover().(type) {
		case nil:
		case powerCut:
			p.stop(w)
		default:
			panic(cut)
		}
	}()
	if err := do(); err != nil {
		w.tell("%s fails: %v", p.name, err)
		if !errors.Is(err, errDiskFull) && !errors.Is(err, errSync) {
			w.fail("O10", "%s stops although its disk is sound: %v", p.name, err)
		}
		p.stop(w)
	}
}

// start begins the PC's program on what its disk holds.
func (p *pc) start(w *World) bool {
	p.disk.lose(w.rand)
	l, err := p.disk.open()
	if err != nil {
		return false
	}
	if err := chained(l); err != nil {
		w.fail("O7", "%s: %v", p.name, err)
	}
	p.run(w, func() error {
		a, err := agent.Open(agent.Config{Location: p.store.code, Ledger: l, Now: func() time.Time { return p.clock.now(w.now) }, Program: "sim",
			Replace: p.replace, Nodes: len(w.nodes), Epoch: func() (string, error) {
				p.epochs++
				return fmt.Sprintf("%s-%d-%d", p.disk.installation, w.step, p.epochs), nil
			}})
		p.agent, p.ledger = a, l
		return err
	})
	if p.agent == nil {
		return false
	}
	p.base = p.agent.Base()
	h := l.Head()
	w.tell("%s starts: epoch %s at %d, through %d, base %d of %d, %d transactions", p.name, h.Epoch, h.Position.Sequence, h.Through.Sequence, h.Base.Index, h.Base.Incarnation, len(p.disk.kept))
	p.beatAt, p.dialAt = w.now+500, w.now+100
	return true
}

// stop ends the program, however it ends.
func (p *pc) stop(w *World) {
	if p.wire != nil {
		p.wire.up.cut(w.rand.IntN(len(p.wire.up.frames) + 1))
		p.wire = nil
	}
	p.agent, p.ledger = nil, nil
	w.tell("%s stops", p.name)
}

// call tries the next node.
func (p *pc) call(w *World) {
	n := w.nodes[p.next%len(w.nodes)]
	p.next++
	address := fmt.Sprint("node", n.no)
	if n.hub == nil || n.paused > w.now {
		p.agent.Unreachable(address, errors.New("nobody answers"))
		p.redial(w)
		return
	}
	p.wire = w.dial(p, n)
	p.run(w, func() error { return p.agent.Connected(lowerEnd{p.wire}, address) })
}

func (p *pc) redial(w *World) {
	wait := session.Backoff(min(p.attempt/len(w.nodes), 3), w.rand.Uint64(), p.agent.LastBye().RetryMS)
	p.attempt++
	p.dialAt = w.now + int64(wait)
}

// heard takes a frame of the hub. What a store knows of the hub never goes
// backwards within an incarnation (O5).
func (p *pc) heard(w *World, frame protocol.Frame) {
	p.run(w, func() error { return p.agent.Receive(frame) })
	if p.agent == nil {
		return
	}
	if p.agent.Link().Online {
		p.attempt = 0
	}
	base := p.agent.Base()
	if base.Incarnation == p.base.Incarnation && base.Index < p.base.Index {
		w.fail("O5", "%s stood at hub position %d and went back to %d", p.name, p.base.Index, base.Index)
	}
	p.base = base
	p.applied(w)
}

// applied holds what a store takes for applied against the log: nothing is that
// was not (F12).
func (p *pc) applied(w *World) {
	c := p.wire
	if c == nil || !p.agent.Link().Online || c.node.wires[c.id] != c || p.base.Incarnation != w.order.incarnation {
		return
	}
	through := w.witness.through[p.store.code+"."+p.ledger.Head().Epoch]
	if applied := p.agent.Applied().Sequence; applied > through {
		w.fail("O9", "%s takes operation %d for applied, the log has %d", p.name, applied, through)
	}
}

func (p *pc) disconnected(w *World) {
	p.wire = nil
	w.tell("%s is disconnected: %s", p.name, p.agent.Link().LastError)
	p.agent.Disconnected(errors.New("the connection has ended"))
	p.redial(w)
}

// beat is the PC's second.
func (p *pc) beat(w *World) {
	p.run(w, p.agent.Beat)
}

// drained reports that the hub has all that the PC wrote, and the PC knows it.
func (p *pc) drained() bool {
	if p.agent == nil {
		return false
	}
	behind, _ := p.agent.Backlog()
	head := p.ledger.Head()
	return behind == 0 && p.agent.Link().Online && head.Through == head.Position
}

// powerOff is a person at the switch.
func (p *pc) powerOff(w *World) {
	if p.agent != nil {
		p.disk.lose(w.rand)
		p.stop(w)
	}
}

// courier brings what an old disk still holds, as `shelfsync-agent import` does.
type courier struct {
	pc        *pc
	histories []agent.History
	carries   *agent.Courier
	wire      *wire
	dialAt    int64
	next      int
	over      bool
	refused   bool // the hub has never heard of that PC
}

// imported begins to bring the readable part of a disk that its PC no longer
// writes to.
func (w *World) imported(p *pc) *courier {
	m := p.disk.readable()
	c := &courier{pc: p}
	head, epochs := m.Head(), m.Epochs()
	for i, e := range epochs {
		if e.Position.Sequence == 0 {
			continue
		}
		h := agent.History{Location: p.store.code, Installation: head.Installation, Epoch: e.Name, Program: "sim", From: protocol.Position{Sequence: e.Pruned}, End: e.Position,
			Read: func(after protocol.Position, maxOperations, maxBytes int) ([][]byte, protocol.Position, error) {
				return m.ReadEpoch(e.Name, after, int(min(uint64(maxOperations), e.Position.Sequence-after.Sequence)), maxBytes)
			},
			Chain: func(sequence uint64) ([32]byte, error) {
				chain, _, err := m.Chain(e.Name, sequence)
				return chain, err
			}}
		if i == len(epochs)-1 {
			h.Base = head.Base
		}
		c.histories = append(c.histories, h)
	}
	w.couriers = append(w.couriers, c)
	return c
}

func (c *courier) step(w *World) bool {
	if c.over || c.wire != nil || c.dialAt > w.now {
		return false
	}
	if len(c.histories) == 0 {
		c.over = true
		return true
	}
	n := w.nodes[c.next%len(w.nodes)]
	c.next++
	c.dialAt = w.now + 700
	if n.hub == nil || n.paused > w.now {
		return false
	}
	if c.carries == nil {
		c.carries = agent.NewCourier(c.histories[0])
	}
	c.wire = w.dial(c.pc, n)
	c.wire.courier = c
	c.took(w, c.carries.Connected(lowerEnd{c.wire}))
	return true
}

func (c *courier) heard(w *World, frame protocol.Frame) {
	if c.carries != nil {
		c.took(w, c.carries.Receive(frame))
	}
}

// took looks at what came of a history.
func (c *courier) took(w *World, err error) {
	switch {
	case err != nil && errors.Is(err, agent.ErrRefused) && c.carries.LastBye().Code == 0: // its bytes are gone: the hub had them
		c.nextHistory(w, "an import of what was pruned")
	case err != nil && c.carries.LastBye().Code == protocol.ByeWriter:
		c.refused = true
		c.nextHistory(w, "an import of a stranger refused")
	case c.carries.Outcome() != nil:
		c.nextHistory(w, "an old disk imported")
	case c.carries.Ended():
		again, err := c.carries.Again()
		if err != nil {
			w.waiveMissing(c.pc, "nobody can tell whether the hub has it: the import says so")
			c.nextHistory(w, "an import that nobody can tell about")
			break
		}
		w.reach("an import of a fork")
		w.tell("%s: the hub has another history of epoch %s; it goes on as %s", c.pc.name, c.histories[0].Epoch, again.Epoch)
		c.histories[0], c.carries = again, nil
		c.hangUp()
	}
}

func (c *courier) nextHistory(w *World, reached string) {
	w.reach(reached)
	w.tell("%s: %s, epoch %s up to %d", c.pc.name, reached, c.histories[0].Epoch, c.histories[0].End.Sequence)
	c.histories, c.carries = c.histories[1:], nil
	c.hangUp()
}

func (c *courier) hangUp() {
	if c.wire != nil {
		c.wire.up.closed = true
		c.wire.down.cut(0)
	}
}

func (c *courier) disconnected() {
	c.wire = nil
	if c.carries != nil {
		c.carries.Disconnected()
	}
}

// shuffled is a slice in an order of the step's own.
func shuffled[T any](r *rand.Rand, all []T) []T {
	out := append([]T(nil), all...)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}
