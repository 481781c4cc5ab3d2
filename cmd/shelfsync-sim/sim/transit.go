package sim

import "github.com/shelfsync/shelfsync/protocol/stock"

// sent notes the papers of a transfer that have come: a later arrival can no
// longer be ahead of them.
func (x *witness) sent(at written, op *stock.Operation, line stock.Line, code stock.OutcomeCode, means meaning) {
	if line.Kind != stock.Dispatch || op.Reverses != "" || at.epoch == "" || means.service || code != 0 {
		return
	}
	id := stock.OperationID{Agent: at.location, Epoch: at.epoch, Sequence: at.sequence}.String()
	if op.Was != "" { // that is the number on the slip
		id = op.Was
	}
	x.papers[id] = true
}

// checkTransit: what stands in transit at a level is what open transfers say, and
// none waits for papers that have come (O2, O12).
func (x *witness) checkTransit(w *World, state *stock.State) {
	want := map[place]stock.Quantity{} // looked up only
	for _, t := range state.TransfersFrom(0) {
		if x.papers[t.ID] && !t.Dispatched {
			w.fail("O2", "goods of transfer %s, whose papers came, count as ahead of them", t.ID)
		}
		for _, p := range t.Lines {
			want[place{state.LocationAt(p.At).Code, state.Item(p.Item).Code}] += p.Quantity
		}
	}
	for l := range state.Locations() {
		for no, level := range l.LevelsSince(0) {
			if q := want[place{l.Code, state.Item(no).Code}]; level.InTransit != q {
				w.fail("O12", "%s of %s are in transit at %s, open transfers make %s", level.InTransit, state.Item(no).Code, l.Code, q)
			}
		}
	}
}
