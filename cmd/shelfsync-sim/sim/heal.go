package sim

import (
	"fmt"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// healSeconds bounds how long everything may take to arrive after the last fault.
const healSeconds = 400

// heal ends all faults, lets people do what only they can, and then demands that
// everything drains (O10) and that everybody knows the same.
func (w *World) heal() {
	for _, n := range w.nodes {
		n.cutOff, n.paused = 0, 0
		if n.hub == nil {
			n.start(w)
		}
	}
	if w.order.leader < 0 {
		w.elect(w.rand)
	}
	w.order.twice = 0
	for _, c := range w.wires {
		c.stalled = 0
	}
	for _, s := range w.stores {
		w.drainStore(s)
	}
	w.bringDisks()
	w.mapAll()
	w.converge()
	w.verify()
}

// drainStore lets every PC of a store bring what it wrote, one after the other.
// The last that was made its writer stays on.
func (w *World) drainStore(s *store) {
	for i := 0; i < len(s.pcs); i++ { // a damaged disk adds one
		p := s.pcs[i]
		p.clock.frozen, p.disk.next = 0, diskSound
		for _, other := range s.pcs {
			if other != p {
				other.powerOff(w)
			}
		}
		if p.gone || p.foreign || p.agent == nil && !w.boot(p) {
			p.powerOff(w)
			continue
		}
		w.drained(p)
	}
	for i := len(s.pcs) - 1; i >= 0; i-- {
		if p := s.pcs[i]; !p.gone && !p.foreign && (p.agent != nil || w.boot(p)) {
			for _, other := range s.pcs {
				if other != p {
					other.powerOff(w)
				}
			}
			return
		}
	}
}

// drained waits until a PC has brought all it wrote.
func (w *World) drained(p *pc) {
	w.until("everything that "+p.name+" wrote is at the hub", func() bool {
		if p.agent != nil && p.agent.Link().Refused { // the hub was set back to before this PC took over: a person says so again
			p.powerOff(w)
			p.replace = true
			w.reach("a PC that takes over again")
		}
		if p.agent == nil {
			w.boot(p)
		}
		w.decideHeld(p)
		return p.drained()
	})
}

// decideHeld decides, as a person would, about what a fork left in doubt.
func (w *World) decideHeld(p *pc) {
	if p.agent == nil {
		return
	}
	held, err := p.agent.Quarantined(100)
	if err != nil {
		return
	}
	for _, record := range held {
		op, err := protocol.DecodeOperation(record.Bytes)
		if err != nil {
			continue
		}
		seen := w.witness.seen[op.Correlation]
		write := seen == nil || seen.taken+seen.quarantined == 0
		w.reach("a person decided what a fork left in doubt")
		p.run(w, func() error {
			_, err := p.agent.Admit(stock.OperationID{Agent: p.store.code, Epoch: record.Epoch, Sequence: record.Sequence}, write)
			if err != nil {
				return err
			}
			return p.agent.Follow()
		})
		if p.agent == nil {
			return
		}
	}
}

// until waits for a condition, as long as healing may take.
func (w *World) until(what string, done func() bool) {
	for range healSeconds {
		w.drain()
		if done() {
			return
		}
		w.pass(1000)
		if w.order.leader < 0 {
			w.elect(w.rand)
		}
	}
	w.fail("O10", "%d s after the last fault it is not true that %s%s", healSeconds, what, w.why())
}

// why says how the links stand, for whoever reads a report.
func (w *World) why() (text string) {
	for _, p := range w.pcs {
		if p.agent != nil {
			behind, _ := p.agent.Backlog()
			link := p.agent.Link()
			text += "\n  " + p.name + ": " + link.Hub + ", " + link.LastError
			if link.Online {
				text += "online"
			}
			if behind > 0 {
				text += ", has unsent operations"
			}
			if link.Online {
				text += " " + w.differs(p)
			}
		}
	}
	for _, c := range w.couriers {
		if !c.over && c.carries != nil {
			bye := c.carries.LastBye()
			text += "\n  the import of " + c.pc.name + ": " + bye.Code.String() + ", " + bye.Text
		}
	}
	return text
}

// bringDisks imports what old disks hold that no PC wrote from.
func (w *World) bringDisks() {
	for _, p := range w.pcs {
		if p.gone && !p.foreign && len(p.disk.kept) > 0 {
			c := w.imported(p)
			w.until("the disk of "+p.name+" is imported", func() bool { return c.over })
			w.decideDisk(p)
			if c.refused {
				w.vouch(p)
			}
		}
	}
}

// vouch lets a PC of which the hub has never heard bring what it sold: a person runs
// its old disk with --replace, and then the store's present PC again.
func (w *World) vouch(p *pc) {
	present := w.present(p.store)
	if p.disk.bad > 0 {
		w.waiveMissing(p, "its disk is damaged, and the hub has never heard of it")
		return
	}
	if present != nil {
		present.powerOff(w)
	}
	p.gone, p.replace, p.clock.frozen = false, true, 0
	w.drained(p)
	p.powerOff(w)
	if present != nil {
		present.replace = true
		w.drained(present)
	}
	w.reach("an old disk run with --replace")
}

// present is the PC of a store that is on.
func (w *World) present(s *store) *pc {
	for _, p := range s.pcs {
		if p.agent != nil {
			return p
		}
	}
	return nil
}

// decideDisk notes what an import leaves to a person: what waits since a fork.
func (w *World) decideDisk(p *pc) {
	var m ledger.Ledger = p.disk.readable()
	held, err := m.Quarantined(1000)
	if err != nil {
		w.fail("O7", "%s: %v", p.name, err)
	}
	for _, record := range held {
		if op, err := protocol.DecodeOperation(record.Bytes); err == nil && w.facts[op.Correlation] != nil {
			w.facts[op.Correlation].waived = "it waits on an old disk for a person"
		}
	}
}

// mapAll says of every code what it means.
func (w *World) mapAll() {
	for _, code := range []string{"mystery", "late-box"} {
		done := false
		m := w.codes[code]
		w.propose(w.rand, &stock.Map{Code: code, Item: m.item, Factor: m.factor, By: "clerk"}, func(_ stock.Result, _ uint64, err error) { done = err == nil })
		w.until("code "+code+" is mapped", func() bool { return done })
	}
	w.until("nothing that may be admitted is quarantined", func() bool {
		state := w.nodes[0].board.State()
		open := 0
		for number, e := range state.ExceptionsFrom(0) {
			if e.Open() && e.Code == stock.Quarantined {
				open++
				w.judge(w.rand, number, e)
			}
		}
		return open == 0
	})
}

// converge waits until every node and every store that is on stands at the end.
func (w *World) converge() {
	w.until("every node has applied everything", func() bool {
		for _, n := range w.nodes {
			if n.applied != w.order.last() || len(n.flights) > 0 || !n.hub.Idle() {
				return false
			}
		}
		return len(w.order.late) == 0
	})
	w.until("every store knows what the hub knows", func() bool {
		for _, p := range w.pcs {
			if p.agent != nil && !p.foreign && w.differs(p) != "" {
				return false
			}
		}
		return true
	})
}

// differs says what a store does not show as the hub has it; empty: it shows all.
func (w *World) differs(p *pc) string {
	if !p.drained() {
		return "it is not up to date"
	}
	state, view := w.nodes[0].board.State(), p.agent.View()
	l, ok := state.Location(p.store.code)
	if !ok {
		return "the hub does not know it"
	}
	for no, level := range l.LevelsSince(0) {
		if shown := view.Level(state.Item(no).Code); shown != level {
			return fmt.Sprintf("%s is %+v, the hub has %+v", state.Item(no).Code, shown, level)
		}
	}
	open := 0
	for _, at := range state.ClaimsSince(l, 0) {
		if !at.Gone && at.State.Open() {
			open++
		}
	}
	if shown := len(view.Claims("")); shown != open {
		return fmt.Sprintf("%d claims, the hub has %d", shown, open)
	}
	return ""
}

// verify asks of everything that was ever answered whether it is there, once.
func (w *World) verify() {
	state := w.nodes[0].board.State()
	for _, f := range w.told {
		seen := w.witness.seen[f.key]
		switch {
		case f.pc.foreign && seen != nil && seen.taken > 0:
			w.fail("O8", "%s of a stranger's PC took effect", f.key)
		case f.pc.foreign || f.state != factAnswered:
		case f.waived != "" && (seen == nil || seen.taken == 0):
			w.reach("given up: " + f.waived)
		case seen == nil || seen.taken == 0:
			w.fail("O1", "%s was answered by %s (%s) and is not in the hub", f.key, f.pc.name, f.body)
		}
	}
	for _, p := range w.desk.promises {
		if _, ok := state.Reservation(p.command.ID); p.index > 0 && !ok {
			w.fail("O4", "%s was accepted at %d and is gone", p.command.ID, p.index)
		} else if ok && p.never() {
			w.fail("O4", "whoever asked for %s was told that nothing was done, and it is there", p.command.ID)
		}
	}
	for _, d := range w.desk.documents {
		if at, ok := w.witness.documents["erp/"+d.command.Operation.Document]; d.at > 0 && (!ok || at != d.at) {
			w.fail("O2", "document %s was answered with position %d and took effect at %d", d.command.Operation.Document, d.at, at)
		} else if ok && d.never() {
			w.fail("O2", "whoever sent document %s was told that nothing was done, and it took effect at %d", d.command.Operation.Document, at)
		}
	}
	w.witness.book.whole(w, state)
	w.replay(state)
}

// replay applies the whole log anew, with a snapshot written and read half way: the
// same state (O6, O12).
func (w *World) replay(state *stock.State) {
	n := &node{no: 0, past: &past{}}
	n.start(w)
	half := w.order.last() / 2
	for n.applied < half {
		n.apply(w, int(half-n.applied))
	}
	n.write(w)
	n.restore(w, n.snapshot, n.at)
	for n.applied < w.order.last() {
		n.apply(w, 64)
	}
	if got := n.board.State().Hash(); got != state.Hash() {
		w.fail("O12", "the log applied anew gives hash %x, the nodes have %x", got, state.Hash())
	}
}

// mayRepeat reports whether a fact may take effect twice: its till asked a PC that
// had been set back and had forgotten it. A person is told of the second.
func (w *World) mayRepeat(key string) bool {
	f := w.facts[key]
	return f != nil && f.again
}
