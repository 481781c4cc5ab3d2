package sim

import (
	"fmt"
	"math/rand/v2"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// faultActions are what breaks.
var faultActions = []action{
	{name: "a connection cut", weight: 8, fault: true, do: onWire(func(w *World, c *wire, r *rand.Rand) {
		c.up.cut(r.IntN(len(c.up.frames) + 1))
		c.down.cut(r.IntN(len(c.down.frames) + 1))
	})},
	{name: "a connection stalled", weight: 5, fault: true, do: onWire(func(w *World, c *wire, r *rand.Rand) { c.stalled = w.now + 500 + r.Int64N(20_000) })},
	{name: "a frame dropped", weight: 6, fault: true, do: onFrames(1, func(q *queue, i int) { q.frames = append(q.frames[:i:i], q.frames[i+1:]...) })},
	{name: "a frame repeated", weight: 6, fault: true, do: onFrames(1, func(q *queue, i int) {
		q.frames = append(q.frames[:i+1:i+1], q.frames[i:]...)
	})},
	{name: "two frames swapped", weight: 6, fault: true, do: onFrames(2, func(q *queue, i int) {
		q.frames[i], q.frames[i+1] = q.frames[i+1], q.frames[i]
	})},
	{name: "the leader lost", weight: 6, fault: true, do: func(w *World, r *rand.Rand) bool {
		if w.order.leader < 0 {
			return false
		}
		w.loseLeader(r)
		if r.IntN(2) == 0 {
			w.elect(r)
		}
		return true
	}},
	{name: "a node cut off from the log", weight: 4, fault: true, do: onNode(func(w *World, n *node, r *rand.Rand) {
		n.cutOff = w.now + 500 + r.Int64N(15_000)
		if w.order.leader == n.no {
			w.loseLeader(r)
			w.elect(r)
		}
	})},
	{name: "a node paused", weight: 4, fault: true, do: onNode(func(w *World, n *node, r *rand.Rand) { n.paused = w.now + 500 + r.Int64N(15_000) })},
	{name: "a node killed", weight: 5, fault: true, do: onNode(func(w *World, n *node, r *rand.Rand) {
		n.crash(w, r)
		if r.IntN(2) == 0 {
			n.start(w)
		}
	})},
	{name: "a node lost its folder", weight: 2, fault: true, do: func(w *World, r *rand.Rand) bool {
		n := w.nodes[r.IntN(len(w.nodes))]
		if len(w.nodes) == 1 {
			return false
		}
		n.wipe(w, r)
		n.start(w)
		return true
	}},
	{name: "a node fed by a snapshot", weight: 5, fault: true, do: feed},
	{name: "a node's clock wrong", weight: 2, fault: true, do: onNode(func(w *World, n *node, r *rand.Rand) { n.clock.wrong(w, r) })},
	{name: "a PC's clock wrong", weight: 3, fault: true, do: onPC(func(w *World, p *pc, r *rand.Rand) bool { p.clock.wrong(w, r); return true })},
	{name: "a PC loses power", weight: 5, fault: true, do: onPC(func(w *World, p *pc, r *rand.Rand) bool { p.powerOff(w); return true })},
	{name: "a disk fails once", weight: 7, fault: true, do: onPC(func(w *World, p *pc, r *rand.Rand) bool {
		p.disk.next = 1 + diskFault(r.IntN(int(diskFaults)-1))
		w.reach(diskFaultNames[p.disk.next])
		return true
	})},
	{name: "bits flipped on a disk", weight: 1, fault: true, do: onPC(flip)},
	{name: "a PC cloned", weight: 1, fault: true, do: onPC(clone)},
	{name: "a PC restored from a backup", weight: 2, fault: true, do: onPC(restoreOld)},
	{name: "a PC replaced", weight: 2, fault: true, do: onPC(replaced)},
	{name: "a stranger's PC", weight: 1, fault: true, do: onPC(stranger)},
	{name: "an old disk turns up", weight: 2, fault: true, do: turnsUp},
	{name: "the hub restored from a backup", weight: 1, fault: true, do: func(w *World, r *rand.Rand) bool {
		n := len(w.order.entries)
		if w.order.incarnation > 3 || n < 40 || w.pruned { // ledgers keep operations for longer than backups are kept
			return false
		}
		w.rebuild(n-r.IntN(min(n/3, 60)), r)
		w.elect(r)
		return true
	}},
	{name: "operations that nobody understands", weight: 1, fault: true, do: onPC(strange)},
	{name: "the last round before a quiet time lost", weight: 2, fault: true, do: loseLast},
}

func onWire(do func(*World, *wire, *rand.Rand)) func(*World, *rand.Rand) bool {
	return func(w *World, r *rand.Rand) bool {
		w.forget()
		if len(w.wires) == 0 {
			return false
		}
		do(w, w.wires[r.IntN(len(w.wires))], r)
		return true
	}
}

// onFrames does something to a frame of a direction that holds so many.
func onFrames(least int, do func(*queue, int)) func(*World, *rand.Rand) bool {
	return func(w *World, r *rand.Rand) bool {
		var full []*queue
		for _, c := range w.wires {
			for _, q := range []*queue{&c.up, &c.down} {
				if !c.over && len(q.frames) >= least {
					full = append(full, q)
				}
			}
		}
		if len(full) == 0 {
			return false
		}
		q := full[r.IntN(len(full))]
		do(q, r.IntN(len(q.frames)-least+1))
		return true
	}
}

func onNode(do func(*World, *node, *rand.Rand)) func(*World, *rand.Rand) bool {
	return func(w *World, r *rand.Rand) bool {
		n := w.nodes[r.IntN(len(w.nodes))]
		if n.hub == nil {
			return false
		}
		do(w, n, r)
		return true
	}
}

func onPC(do func(*World, *pc, *rand.Rand) bool) func(*World, *rand.Rand) bool {
	return func(w *World, r *rand.Rand) bool {
		p := w.running(r)
		return p != nil && do(w, p, r)
	}
}

// wrong sets a clock years ahead or behind, stops it, or mends it.
func (c *clock) wrong(w *World, r *rand.Rand) {
	switch r.IntN(3) {
	case 0:
		c.frozen = 0
	case 1:
		c.frozen = w.now
	default:
		c.offset, c.frozen = years(r), 0
	}
}

// loseLast drops a round behind which nothing follows for a while.
func loseLast(w *World, r *rand.Rand) bool {
	for _, c := range shuffled(r, w.wires) {
		n := len(c.down.frames)
		if c.over || n == 0 {
			continue
		}
		if round, ok := w.decoded(c.down.frames[n-1]).(*protocol.Round); ok && round.Hub.Index > 0 {
			c.down.frames = c.down.frames[:n-1]
			lookAround(w, r)
			return true
		}
	}
	return false
}

// feed gives a node that lags another's snapshot instead of the log.
func feed(w *World, r *rand.Rand) bool {
	n, from := w.nodes[r.IntN(len(w.nodes))], w.nodes[r.IntN(len(w.nodes))]
	if n == from || from.hub == nil || n.hub == nil || from.applied <= n.applied {
		return false
	}
	from.write(w)
	n.restore(w, from.snapshot, from.at)
	n.posted = true
	return true
}

func startNode(w *World, r *rand.Rand) bool {
	for _, n := range shuffled(r, w.nodes) {
		if n.hub == nil {
			n.start(w)
			return true
		}
	}
	return false
}

func startPC(w *World, r *rand.Rand) bool {
	for _, p := range shuffled(r, w.pcs) {
		if p.agent == nil && !p.gone {
			return w.boot(p)
		}
	}
	return false
}

// boot starts a PC; where its disk cannot be read a person puts a new one there.
func (w *World) boot(p *pc) bool {
	if p.start(w) {
		return true
	}
	if p.disk.bad > 0 {
		p.gone = true
		w.waive(p, "its disk could not be read")
		q := w.install(p.store, nil)
		q.replace = true
		q.stop(w)
		q.start(w)
		w.reach("a PC replaced because its disk was damaged")
	}
	return false
}

// waive gives up on facts that only a lost disk held.
func (w *World) waive(p *pc, why string) {
	for _, f := range w.told {
		if f.pc == p && f.waived == "" {
			f.waived = why
		}
	}
	p.asked = nil
}

// waiveMissing gives up on what only this disk holds.
func (w *World) waiveMissing(p *pc, why string) {
	for _, f := range w.told {
		if seen := w.witness.seen[f.key]; f.pc == p && f.waived == "" && (seen == nil || seen.taken == 0) {
			f.waived = why
		}
	}
}

func flip(w *World, p *pc, r *rand.Rand) bool {
	if len(p.disk.kept) == 0 || len(p.store.pcs) > 5 {
		return false
	}
	p.powerOff(w)
	p.disk.bad = 1 + r.IntN(len(p.disk.kept))
	return true
}

// clone starts a second PC on a copy of a disk; both sell.
func clone(w *World, p *pc, r *rand.Rand) bool {
	if len(p.store.pcs) > 4 {
		return false
	}
	q := w.install(p.store, p.disk.image())
	q.foreign = p.foreign
	return true
}

// restoreOld brings back what a PC's disk was some time ago. The disk as it was is
// kept aside, or lost.
func restoreOld(w *World, p *pc, r *rand.Rand) bool {
	if len(p.store.pcs) > 4 || len(p.disk.kept) < 2 {
		return false
	}
	p.powerOff(w)
	p.gone = true
	old := p.disk.image()
	ends := len(old.kept) - 1 - r.IntN(min(len(old.kept)-1, 30))
	old.kept = old.kept[:ends:ends]
	if r.IntN(3) == 0 {
		w.waive(p, "its disk was lost, and replaced by an older backup")
		p.disk.kept, p.disk.loose = nil, nil
		w.reach("a disk lost")
	}
	q := w.install(p.store, old)
	q.foreign = p.foreign
	for _, f := range p.asked { // the till asks the PC that stands there now
		f.pc, f.again = q, true
		q.asked = append(q.asked, f)
	}
	p.asked = nil
	return true
}

// replaced puts a new PC there. The old one goes on, or is switched off.
func replaced(w *World, p *pc, r *rand.Rand) bool {
	if len(p.store.pcs) > 4 || p.foreign {
		return false
	}
	q := w.newPC(p.store, nil)
	w.installed[q.disk.installation] = q
	q.clock.offset = w.plan.offset(r)
	q.replace = true
	q.start(w)
	if r.IntN(2) == 0 {
		p.powerOff(w)
		p.gone = true
	}
	return true
}

// stranger is a PC that nobody made the writer of the store.
func stranger(w *World, p *pc, r *rand.Rand) bool {
	if len(p.store.pcs) > 4 || p.foreign {
		return false
	}
	state := w.nodes[0].board.State()
	if l, ok := state.Location(p.store.code); !ok || l.Installation == "" || w.order.incarnation > 1 {
		return false
	}
	q := w.newPC(p.store, nil)
	w.installed[q.disk.installation] = q
	q.foreign = true
	q.start(w)
	return true
}

// turnsUp brings what a disk holds whose PC is gone.
func turnsUp(w *World, r *rand.Rand) bool {
	for _, p := range shuffled(r, w.pcs) {
		if p.gone && !p.foreign && len(p.disk.kept) > 0 {
			w.imported(p)
			return true
		}
	}
	return false
}

// strange lets a program of some other version write for a store: of its operations
// some cannot be read, and some say what they may not.
func strange(w *World, p *pc, r *rand.Rand) bool {
	if state := w.nodes[0].board.State(); p.foreign || !writes(state, p) {
		return false
	}
	w.machines++
	var all [][]byte
	at := []protocol.Position{{}}
	for range 1 + r.IntN(4) {
		w.keys++
		op := stock.Operation{Correlation: fmt.Sprintf("k%d", w.keys), Receipt: fmt.Sprintf("k%d", w.keys), Lines: []stock.Line{{Kind: stock.Sale, Scanned: w.code(r), Quantity: units(r, 2)}}}
		switch r.IntN(4) {
		case 0:
			op.Lines[0].Kind = 99
		case 1:
			op.Was = "S9.e1.1"
		}
		b, err := protocol.EncodeOperation(&op)
		if err != nil || r.IntN(4) == 0 {
			b = []byte{0xc1, byte(w.keys)}
		}
		all = append(all, b)
		at = append(at, protocol.Position{Sequence: at[len(at)-1].Sequence + 1, Chain: protocol.NextChain(at[len(at)-1].Chain, b)})
	}
	h := agent.History{Location: p.store.code, Installation: p.disk.installation, Epoch: fmt.Sprint("strange", w.machines), Program: "later", End: at[len(at)-1],
		Read: func(after protocol.Position, most, _ int) ([][]byte, protocol.Position, error) {
			to := min(after.Sequence+uint64(most), uint64(len(all)))
			return all[after.Sequence:to], at[to], nil
		},
		Chain: func(sequence uint64) ([32]byte, error) { return at[min(sequence, uint64(len(all)))].Chain, nil }}
	w.couriers = append(w.couriers, &courier{pc: p, histories: []agent.History{h}})
	return true
}

// writes reports whether the hub has heard of a PC.
func writes(state *stock.State, p *pc) bool {
	l, ok := state.Location(p.store.code)
	return ok && l.Writes(p.disk.installation)
}
