package sim

import (
	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// witness looks at every entry once, on the node that is first to apply it.
type witness struct {
	index     uint64
	prev      *stock.State
	looks     bool
	book      *book
	seen      map[string]*sighting // by the key of the fact
	documents map[string]uint64    // by source and id: where it took effect
	papers    map[string]bool      // transfers whose dispatch took effect
	through   map[string]uint64    // by location and epoch: the last operation that was applied
	glass     *glass
}

// sighting is how often a fact is in the log.
type sighting struct {
	taken       int // it took effect
	quarantined int
}

func (x *witness) begin(w *World) {
	*x = witness{book: newBook(), seen: map[string]*sighting{}, documents: map[string]uint64{}, papers: map[string]bool{}, through: map[string]uint64{}, glass: newGlass(), prev: stock.NewState()}
	x.book.tell, x.book.fail = w.tell, w.fail
}

// before is told that a node is about to apply what follows an index.
func (x *witness) before(w *World, n *node, index uint64) {
	if x.looks = index == x.index; x.looks {
		x.prev = n.board.State()
	}
}

// after looks at what a node has applied.
func (x *witness) after(w *World, n *node, entries []cluster.Entry, results []any) {
	if !x.looks {
		return
	}
	state := n.board.State()
	var decoded []*stock.Entry
	for i, e := range entries {
		entry, err := protocol.DecodeEntry(e.Data)
		if err != nil {
			w.fail("O6", "entry %d is not understood: %v", e.Index, err)
		}
		decoded = append(decoded, entry)
		x.index = e.Index
		for k, command := range entry.Commands {
			x.command(w, state, e.Index, command, results[i].([]stock.Result)[k])
			x.glass.turn(command, results[i].([]stock.Result)[k])
		}
	}
	x.book.compare(w, state)
	x.glass.compare(w, state, decoded)
	x.checkTransit(w, state)
	if err := state.Check(); err != nil {
		w.fail("O11", "behind entry %d: %v", x.index, err)
	}
	checkClaims(w, x.prev, state, decoded)
	checkConflicts(w, x.prev, state, decoded)
	noteReached(w, x.prev, state)
}

// command books one command by its result.
func (x *witness) command(w *World, state *stock.State, index uint64, command stock.Command, result stock.Result) {
	w.reached["result "+result.Code.String()]++
	for _, o := range result.Outcomes {
		w.reached["outcome "+o.Code.String()]++
	}
	switch c := command.(type) {
	case *stock.Batch:
		if result.Code == stock.Accepted {
			x.batch(w, index, c, result.Outcomes)
		}
	case *stock.AssignWriter:
		if result.Code == stock.Accepted {
			x.book.writers[c.Location] = c.Installation
		}
	case *stock.Document:
		key := c.Source + "/" + c.Operation.Document
		if result.Code == stock.Accepted {
			if at, twice := x.documents[key]; twice {
				w.fail("O2", "document %s took effect at %d and again at %d", key, at, index)
			}
			x.documents[key] = index
			x.operation(w, written{location: c.Location}, &c.Operation, result.Outcomes)
		}
	case *stock.Reserve:
		checkMode(w, c, result)
	case *stock.Map:
		for _, o := range result.Outcomes {
			at := parkedAt{o.Epoch, o.Sequence, o.Line}
			parked, known := x.book.parked[at]
			if !known {
				w.fail("O2", "line %d of operation %d of %s was mapped and had not been parked", o.Line, o.Sequence, o.Epoch)
			}
			delete(x.book.parked, at)
			x.book.take(parked.at, parked.line, parked.reversed, o.Code, w.means(parked.line))
		}
	case *stock.Admit:
		if result.Code == stock.Accepted {
			x.admitted(w, state, c, result.Outcomes)
		}
	}
}

func (x *witness) batch(w *World, index uint64, b *stock.Batch, outcomes []stock.Outcome) {
	if p := w.installed[b.Installation]; p == nil || p.store.code != b.Agent || p.foreign {
		w.fail("O8", "installation %s wrote for %s", b.Installation, b.Agent)
	}
	x.book.opened(b)
	x.through[b.Agent+"."+b.Epoch] = b.End.Sequence
	for i := range b.Operations {
		op := &b.Operations[i]
		at := written{b.Agent, b.Epoch, b.After.Sequence + uint64(i) + 1}
		var own []stock.Outcome
		for _, o := range outcomes {
			if o.Sequence == at.sequence {
				own = append(own, o)
			}
		}
		seen := x.sighting(op.Correlation)
		w.tell("entry %d: %s.%s.%d is %s (was %s) %v", index, at.location, at.epoch, at.sequence, op.Correlation, op.Was, own)
		if len(own) > 0 && own[0].Line == 0 && own[0].Code == stock.Quarantined {
			seen.quarantined++
			continue
		}
		x.book.named(b, op.Was)
		if seen.taken++; seen.taken > 1 && !w.mayRepeat(op.Correlation) {
			w.fail("O2", "what a till said once (%s) took effect again as operation %d of %s", op.Correlation, at.sequence, at.epoch)
		}
		x.operation(w, at, op, own)
	}
}

func (x *witness) sighting(key string) *sighting {
	s := x.seen[key]
	if s == nil {
		s = &sighting{}
		x.seen[key] = s
	}
	return s
}

// operation books the lines of one that took effect.
func (x *witness) operation(w *World, at written, op *stock.Operation, outcomes []stock.Outcome) {
	for i, line := range op.Lines {
		code := stock.OutcomeCode(0)
		for _, o := range outcomes {
			if o.Line == i+1 {
				code = o.Code
			}
		}
		if code == stock.Parked {
			x.book.parked[parkedAt{at.epoch, at.sequence, i + 1}] = parkedLine{at, line, op.Reverses != ""}
			continue
		}
		x.sent(at, op, line, code, w.means(line))
		x.book.take(at, line, op.Reverses != "", code, w.means(line))
	}
}

// admitted books what a person let out of quarantine.
func (x *witness) admitted(w *World, state *stock.State, c *stock.Admit, outcomes []stock.Outcome) {
	e, _ := state.Exception(c.Exception)
	op := c.Operation
	seen := x.sighting(op.Correlation)
	seen.quarantined--
	if seen.taken++; seen.taken > 1 && !w.mayRepeat(op.Correlation) {
		w.fail("O2", "%s took effect, and a copy of it was admitted", op.Correlation)
	}
	x.operation(w, written{e.Operation.Agent, e.Operation.Epoch, e.Operation.Sequence}, &op, outcomes)
}
