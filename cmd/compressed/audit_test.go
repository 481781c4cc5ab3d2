package compressed

import (
	"fmt"
	"slices"
	"testing/synctest"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// convergeWithin bounds how long everything may take after the last fault: the
// longest wait of a store that was refused, and an election.
const convergeWithin = 150 * time.Second

// converge waits until every node stands at one entry, every store has sent all
// and knows the newest.
func (w *world) converge() bool {
	reason := ""
	if w.until("everything converges", convergeWithin, func() bool { reason = w.unequal(); return reason == "" }) {
		return true
	}
	w.seen.fault("the last reason: " + reason)
	return false
}

// unequal says what has not converged yet.
func (w *world) unequal() string {
	synctest.Wait()
	var states []*stock.State
	for _, n := range w.nodes {
		if n.run.Load() == nil || !n.run.Load().server.Ready() {
			return n.name + " is not ready"
		}
		states = append(states, n.state())
	}
	for i, state := range states[1:] {
		if state.Index() != states[0].Index() || state.Hash() != states[0].Hash() {
			return fmt.Sprintf("%s stands at %d and n1 at %d", w.nodes[i+1].name, state.Index(), states[0].Index())
		}
	}
	for _, s := range w.stores {
		o, ok := s.look()
		if !ok || !o.link.Online {
			return s.code + " is offline: " + o.link.LastError
		}
		if o.backlog > 0 {
			return fmt.Sprintf("%s has %d operations unsent", s.code, o.backlog)
		}
		l, ok := states[0].Location(s.code)
		if !ok || states[0].Changed(l) > o.base.Index {
			return s.code + " has not heard the newest"
		}
		epoch, _ := l.Epoch(o.head.Epoch)
		if epoch.Through != (stock.Watermark{Sequence: o.head.Position.Sequence, Chain: o.head.Position.Chain}) {
			return fmt.Sprintf("the hub has %s up to %d, its ledger ends at %d", s.code, epoch.Through.Sequence, o.head.Position.Sequence)
		}
	}
	return ""
}

// checkAll proves every node's state by itself.
func (w *world) checkAll() {
	for _, n := range w.nodes {
		if n.run.Load() == nil {
			continue
		}
		if err := n.state().Check(); err != nil {
			w.seen.fault(n.name + ": " + err.Error())
		}
	}
}

// audit compares what was answered with what all nodes hold. Nothing runs but
// ticks.
func (w *world) audit() {
	w.checkAll()
	for _, n := range w.nodes {
		state := n.state()
		want := w.openingLevels()
		for _, s := range w.stores {
			w.auditStore(s, n.name, state, want[s.code])
		}
		for _, c := range w.asking {
			for _, o := range c.orders {
				w.auditOrder(o, n.name, state)
			}
		}
	}
}

func (w *world) openingLevels() map[string]map[string]stock.Level {
	levels := map[string]map[string]stock.Level{}
	for i := range w.shape.stores {
		levels[location(i)] = map[string]stock.Level{}
		for k := range itemCount {
			levels[location(i)][item(k)] = stock.Level{Sellable: opening}
		}
	}
	return levels
}

// auditStore folds the store's own ledger by arithmetic of its own and sets it
// against the levels of a node; every answer to a till stands in the ledger once.
func (w *world) auditStore(s *store, node string, state *stock.State, levels map[string]stock.Level) {
	head := s.ledger.Head()
	l, _ := state.Location(s.code)
	if epoch, _ := l.Epoch(head.Epoch); epoch.Through.Sequence != head.Position.Sequence || epoch.Through.Chain != head.Position.Chain {
		w.seen.fault(fmt.Sprintf("%s holds %s up to %d, its ledger ends at %d", node, s.code, epoch.Through.Sequence, head.Position.Sequence))
	}
	found := 0
	for after := (protocol.Position{}); after != head.Position; {
		operations, end, err := s.ledger.Read(after, 100, protocol.MaxAppendBytes)
		if err != nil || len(operations) == 0 {
			w.seen.fault(fmt.Sprintf("read the ledger of %s after %d: %v", s.code, after.Sequence, err))
			return
		}
		for i, b := range operations {
			op, err := protocol.DecodeOperation(b)
			if err != nil {
				w.seen.fault(err.Error())
			}
			id := stock.OperationID{Agent: s.code, Epoch: head.Epoch, Sequence: after.Sequence + uint64(i) + 1}.String()
			if lines, ok := s.acked[id]; ok {
				found++
				if !slices.Equal(lines, op.Lines) {
					w.seen.fault(fmt.Sprintf("%s was answered for %v, its ledger says %v", id, lines, op.Lines))
				}
			}
			for _, line := range op.Lines {
				levels[line.Code()] = fold(levels[line.Code()], line)
			}
		}
		after = end
	}
	if found != len(s.acked) {
		w.seen.fault(fmt.Sprintf("%s answered %d operations and its ledger has %d of them", s.code, len(s.acked), found))
	}
	for code, want := range levels {
		no, _ := state.ItemNo(code)
		have := l.Level(no)
		if have.Sellable != want.Sellable || have.Damaged != want.Damaged || have.ReturnPending != want.ReturnPending {
			w.seen.fault(fmt.Sprintf("%s says %s at %s is %v, its ledger sums to %v", node, code, s.code, have, want))
		}
	}
}

// fold is the auditor's own arithmetic.
func fold(level stock.Level, line stock.Line) stock.Level {
	switch line.Kind {
	case stock.Sale, stock.Pick:
		level.Sellable -= line.Quantity
	case stock.Delivery:
		level.Sellable += line.Quantity
	case stock.Damage:
		level.Sellable -= line.Quantity
		level.Damaged += line.Quantity
	case stock.Return:
		level.ReturnPending += line.Quantity
	}
	return level
}

// mayBe is what a line of an order may have become, by what its channel knows
// for certain.
func (o *order) mayBe() []string {
	switch {
	case o.released == done:
		return []string{"released", "fulfilled", "short"}
	case o.confirmed == done && o.released == notAsked:
		return []string{"confirmed", "staged", "fulfilled", "short"}
	case o.confirmed == done:
		return []string{"confirmed", "staged", "fulfilled", "short", "released"}
	case o.confirmed == notAsked && o.released == notAsked:
		return []string{"held", "expired", "fulfilled", "short"}
	case o.confirmed == refused:
		return []string{"expired", "fulfilled", "short"}
	case o.released == refused:
		return []string{"expired", "fulfilled", "short"}
	}
	return []string{"held", "confirmed", "staged", "fulfilled", "short", "released", "expired"}
}

func (w *world) auditOrder(o *order, node string, state *stock.State) {
	at, ok := state.Reservation(o.id)
	switch {
	case o.accepted == nil && o.short && !o.unknown && ok:
		w.seen.fault(fmt.Sprintf("%s remembers %s, which was answered short", node, o.id))
	case o.accepted != nil && !ok:
		w.seen.fault(fmt.Sprintf("%s does not know %s, which was accepted", node, o.id))
	}
	if o.accepted == nil || !ok {
		return
	}
	var lines []api.ReservationLine
	for i := range at.Lines {
		c := &at.Lines[i]
		line := api.ReservationLine{Line: c.Line, Item: state.Item(c.Item).Code, Quantity: api.Of(c.Quantity), State: c.State.String()}
		if c.Placed {
			line.Location = state.LocationAt(c.Location).Code
		}
		for _, stay := range c.Left {
			line.Moves = append(line.Moves, api.Stay{Location: state.LocationAt(stay.Location).Code})
			w.seen.meet("a claim moved")
		}
		if !slices.Contains(o.mayBe(), line.State) {
			w.seen.fault(fmt.Sprintf("%s: %s line %s is %s; the channel knows: confirmed %d, released %d", node, o.id, line.Line, line.State, o.confirmed, o.released))
		}
		w.seen.meet("an order ended or stands as " + line.State)
		lines = append(lines, line)
	}
	for _, record := range []*api.Reservation{o.accepted, o.latest} {
		if fault := contradiction(record.Lines, lines); fault != "" {
			w.seen.fault(fmt.Sprintf("%s: %s, as answered at %s: %s", node, o.id, record.Position, fault))
		}
	}
}
