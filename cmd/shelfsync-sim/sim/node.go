package sim

import (
	"bytes"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// node is one node of the hub: the product's own hub and state machine, driven
// the way its server drives them.
type node struct {
	no       int
	hub      *hub.Hub // nil: it is down
	board    *hub.Board
	machine  *hub.Machine
	past     *past
	applied  uint64
	flights  []*flight
	wires    map[hub.PeerID]*wire
	lastPeer hub.PeerID
	clock    clock
	beatAt   int64
	cutOff   int64 // from the log, until then
	paused   int64 // it does nothing until then
	posted   bool  // a state that was not offered yet
	snapshot []byte
	at       uint64 // index of the snapshot
}

func foundOf(incarnation uint64) *stock.Found {
	return &stock.Found{Incarnation: incarnation, Restored: true}
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// start begins the node's program on what its folder holds.
func (n *node) start(w *World) {
	now := func() time.Time { return n.clock.now(w.now) }
	n.board, n.flights, n.posted = hub.NewBoard(), nil, false
	n.machine = hub.NewMachine(n.board, hub.Keep{Take: n.past.take, Flushed: func() error { return nil }}, now)
	n.wires = map[hub.PeerID]*wire{}
	n.applied = 0
	if n.snapshot != nil {
		n.restore(w, n.snapshot, n.at)
	}
	n.hub = hub.New(hub.Config{Now: now, Node: string(rune('a' + n.no)), Program: "sim", Log: quiet}, n.machine)
	n.hub.LookInto(n.past)
	n.beatAt = w.now + int64(n.no)*300
}

// restore takes a snapshot in.
func (n *node) restore(w *World, snapshot []byte, at uint64) {
	if err := n.machine.Restore(bytes.NewReader(snapshot)); err != nil {
		w.fail("O6", "node %d does not take its own snapshot at %d: %v", n.no, at, err)
	}
	n.applied, n.snapshot, n.at = at, snapshot, at
	if got := n.machine.Applied(); got != at {
		w.fail("O6", "node %d: a snapshot of index %d holds index %d", n.no, at, got)
	}
	w.agree(n, at)
}

// write makes a snapshot of what the node has applied.
func (n *node) write(w *World) {
	if n.applied == 0 {
		return
	}
	image := n.machine.Freeze()
	defer image.Release()
	var b bytes.Buffer
	if err := image.Write(&b); err != nil {
		w.fail("O6", "node %d cannot write its snapshot: %v", n.no, err)
	}
	n.snapshot, n.at = b.Bytes(), n.applied
}

// crash ends the node's program; its folder stays. Links break, and what it had
// proposed may or may not have arrived.
func (n *node) crash(w *World, r *rand.Rand) {
	for _, f := range n.flights {
		if f.index == 0 && !f.settled && r.IntN(2) == 0 {
			w.order.late = append(w.order.late, f.merged.Entry)
		}
	}
	for _, c := range w.wires { // in the order in which they were made
		if c.node == n && n.wires[c.id] == c {
			c.down.cut(r.IntN(len(c.down.frames) + 1))
			delete(n.wires, c.id)
			c.up.closed = true
		}
	}
	n.hub, n.flights = nil, nil
	if w.order.leader == n.no {
		w.loseLeader(r)
	}
}

// wipe is a crash that takes the folder with it.
func (n *node) wipe(w *World, r *rand.Rand) {
	if n.hub != nil {
		n.crash(w, r)
	}
	n.snapshot, n.at, n.past = nil, 0, &past{}
}

// leads is who leads, as far as this node knows.
func (n *node) leads(w *World) (known, self bool) {
	if w.order.leader < 0 || n.cutOff > w.now {
		return false, false
	}
	return true, w.order.leader == n.no
}

// work does what the server's loop does between two inputs: it answers what has
// landed, in the order of the log, and sends on what waits.
func (n *node) work(w *World) (did bool) {
	if n.hub == nil || n.paused > w.now {
		return false
	}
	for len(n.flights) > 0 && n.landed(n.flights[0]) {
		f := n.flights[0]
		n.flights = n.flights[1:]
		n.hub.Answered(f.merged, f.answer)
		did = true
	}
	for len(n.flights) < protocol.MaxProposals && !n.hub.Idle() {
		if known, _ := n.leads(w); !known {
			break
		}
		merged, _ := n.hub.Merge()
		n.flights = append(n.flights, &flight{merged: merged})
		did = true
	}
	return did
}

// landed reports whether an entry's answer is known here.
func (n *node) landed(f *flight) bool {
	if !f.settled && f.index > 0 && f.index <= n.applied { // a snapshot took the node past it
		f.settled, f.answer = true, cluster.Proposed{Err: cluster.ErrUnknown}
	}
	return f.settled
}

// apply takes the next entries of the log, at most so many.
func (n *node) apply(w *World, most int) bool {
	if n.hub == nil || n.cutOff > w.now || n.paused > w.now || n.applied >= w.order.last() {
		return false
	}
	to := min(n.applied+uint64(most), w.order.last())
	if n.applied < w.witness.index { // up to where somebody has looked, and then from there on
		to = min(to, w.witness.index)
	}
	entries := make([]cluster.Entry, 0, to-n.applied)
	for i := n.applied + 1; i <= to; i++ {
		entries = append(entries, cluster.Entry{Index: i, Term: w.order.term, Data: w.order.entries[i-1]})
	}
	w.witness.before(w, n, n.applied)
	results := n.machine.Apply(entries)
	for i, e := range entries {
		n.applied = e.Index
		for _, f := range n.flights {
			if f.index == e.Index && !f.settled {
				f.settled, f.answer = true, cluster.Proposed{Result: results[i], Index: e.Index}
			}
		}
	}
	n.posted = true
	w.agree(n, n.applied)
	w.witness.after(w, n, entries, results)
	return true
}

// agree holds the node's hash against that of whoever was there first (O6).
func (w *World) agree(n *node, index uint64) {
	hash := n.board.State().Hash()
	if first, known := w.order.hashes[index]; known && first != hash {
		w.fail("O6", "node %d has hash %x behind entry %d, another node had %x", n.no, hash, index, first)
	}
	w.order.hashes[index] = hash
}

// offer sends what changed to the stores.
func (n *node) offer(w *World) bool {
	if n.hub == nil || !n.posted || n.paused > w.now {
		return false
	}
	n.posted = false
	n.hub.Offer()
	return true
}

// beat is the node's second.
func (n *node) beat(w *World) {
	if n.hub == nil || n.paused > w.now {
		return
	}
	known, self := n.leads(w)
	if self {
		n.hub.Tick(w.order.term, w.order.incarnation)
	} else if known {
		n.hub.Echo(w.order.term)
	}
	n.hub.Led(known)
	n.hub.Beat()
}

// past is a node's journal. It outlives the program.
type past struct {
	from    uint64 // nothing of up to here is in it
	records []hub.Applied
}

func (p *past) take(a hub.Applied) {
	if a.Entry == nil {
		if a.Index > p.last() {
			*p = past{from: a.Index}
		}
		return
	}
	if a.Index > p.last() { // after a restart the log brings again what is here
		p.records = append(p.records, a)
	}
}

func (p *past) last() uint64 {
	if len(p.records) == 0 {
		return p.from
	}
	return p.records[len(p.records)-1].Index
}

// Horizon implements [hub.Past].
func (p *past) Horizon() uint64 {
	if len(p.records) == 0 {
		return 0
	}
	return p.records[0].Index
}

// Read implements [hub.Past].
func (p *past) Read(after uint64, most, maxBytes int) (records []journal.Record, err error) {
	for _, a := range p.records {
		if a.Index <= after {
			continue
		}
		if len(records) == most {
			break
		}
		records = append(records, journal.Record{Index: a.Index, At: a.Wall, Body: protocol.EncodeApplied(a.Entry, a.Results)})
	}
	return records, nil
}

// learn takes from another node's journal what is older than the own.
func (p *past) learn(other *past) {
	horizon := p.Horizon()
	if horizon == 0 {
		horizon = p.from + 1
	}
	var older []hub.Applied
	for _, a := range other.records {
		if a.Index < horizon {
			older = append(older, a)
		}
	}
	if n := len(older); n > 0 && older[n-1].Index == horizon-1 {
		p.records = append(older, p.records...)
		p.from = older[0].Index - 1
	}
}
