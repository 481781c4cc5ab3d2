package agent

import (
	"errors"
	"fmt"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Count asks to record what somebody counted.
type Count struct {
	Lines []CountLine
	After string // the operation of this store after which it was counted; empty: now
}

// CountLine is all sellable goods of one item, those that are set aside included.
type CountLine struct {
	Scanned   string
	Counted   stock.Quantity
	Confirmed bool // a gain is no goods in transit, somebody looked
	Reason    string
}

// Counted is what became of one line of a count.
type Counted struct {
	Item     string
	Variance stock.Quantity // counted less what the view said then
	Recount  string         // why nothing was recorded of the line; empty: it was
	Parked   bool           // neither side can say what it is: kept, without effect
}

// Why a line has to be counted again.
const (
	RecountChanged   = "changed"    // others moved the item since, or may have
	RecountInTransit = "in_transit" // there is more than there was, while goods are on their way
)

// What is wrong with a count.
var (
	ErrCountedTwice = errors.New("the item is counted twice")
	ErrNotAfter     = errors.New("at_operation names no operation of this store")
)

// countMark is what a count of an item refers to besides operations: no id of an
// operation has a line break.
func countMark(item string) string { return "\ncount\n" + item }

// resolveCount writes variance and expected from the view as it is in this turn
// of the loop. A line whose item others moved since it was counted is left out:
// its variance would be against another truth.
func (a *Agent) resolveCount(request *Request, op *stock.Operation, sequence uint64) error {
	after := sequence - 1
	if request.Count.After != "" {
		now, err := a.present(request.Count.After)
		if err != nil {
			return a.fail("look up "+request.Count.After, err)
		}
		id, ok := a.parseID(now)
		if !ok || id.Epoch == a.ledger.Head().Epoch && id.Sequence >= sequence {
			return ErrNotAfter
		}
		if after = id.Sequence; id.Epoch != a.ledger.Head().Epoch {
			after = 0
		}
	}
	seen := map[string]bool{}
	request.counted, request.Refers = nil, nil
	for i, asked := range request.Count.Lines {
		line := stock.Line{Kind: stock.Count, Scanned: asked.Scanned, Counted: asked.Counted, Confirmed: asked.Confirmed, Reason: asked.Reason}
		if err := a.countable(&line); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		if seen[line.Code()] {
			return fmt.Errorf("line %d: %w", i+1, ErrCountedTwice)
		}
		seen[line.Code()] = true
		counted := a.compare(&line, after, request.Count.After != "")
		request.counted = append(request.counted, counted)
		if counted.Recount == "" {
			op.Lines = append(op.Lines, line)
			request.Refers = append(request.Refers, countMark(line.Code()))
		}
	}
	return nil
}

// countable finds the item of a line, and what was counted of it in base units.
func (a *Agent) countable(line *stock.Line) error {
	item, factor, known := a.view.Resolve(line.Scanned)
	if !known {
		if a.view.Known(line.Scanned) {
			line.Item = line.Scanned
		}
		return nil
	}
	line.Item = item.Code
	if line.Counted > stock.MaxQuantity/stock.Quantity(factor) {
		return ErrBeyondLimit
	}
	line.Counted *= stock.Quantity(factor)
	return nil
}

// compare sets what the view says now and what it said when the line was counted.
func (a *Agent) compare(line *stock.Line, after uint64, dated bool) Counted {
	level := stock.Level{}
	if line.Item != "" {
		level = a.view.Level(line.Item)
	}
	line.Expected = level.Sellable
	counted := Counted{Item: line.Code(), Parked: line.Item == ""}
	own, known := stock.Quantity(0), true
	if dated {
		own, known = a.since.own(line.Item, after)
	}
	line.Quantity = line.Counted - (line.Expected - own)
	counted.Variance = line.Quantity
	switch {
	case !known:
		counted.Recount = RecountChanged
	case line.Quantity > 0 && level.InTransit > 0 && !line.Confirmed:
		counted.Recount = RecountInTransit
	}
	return counted
}

// since knows what has changed sellable goods since some operation of this run:
// the store itself, operation by operation, or others.
type since struct {
	changes []change          // by the store, oldest first
	dropped uint64            // operations up to here may be missing from changes
	others  map[string]uint64 // item -> the last operation before others moved it
	all     uint64            // others may have moved everything up to this operation
	counted map[string]bool   // items that were counted in this commit
}

type change struct {
	sequence uint64
	item     string
	quantity stock.Quantity
}

// begin forgets all: whatever was counted before is to be counted again.
func (s *since) begin(sequence uint64) {
	*s = since{dropped: sequence, all: sequence, others: map[string]uint64{}, counted: map[string]bool{}}
}

// wrote notes what an operation of the store does to sellable goods.
func (s *since) wrote(sequence uint64, op *stock.Operation) {
	for i := range op.Lines {
		line := &op.Lines[i]
		if line.Kind == stock.Count {
			s.counted[line.Code()] = true
		}
		if !line.Kind.Moves() || line.Item == "" && line.Kind != stock.Delivery {
			continue
		}
		from, to, q := line.Legs(op.Reverses != "")
		if from == stock.Sellable {
			s.changes = append(s.changes, change{sequence, line.Code(), -q})
		}
		if to == stock.Sellable {
			s.changes = append(s.changes, change{sequence, line.Code(), q})
		}
	}
	if extra := len(s.changes) - protocol.MaxCountChanges; extra >= protocol.MaxCountChanges {
		s.dropped = s.changes[extra-1].sequence
		s.changes = append([]change(nil), s.changes[extra:]...)
	}
}

// own is what the store itself did to an item after an operation; known is false
// where others moved it since, or nobody can say.
func (s *since) own(item string, after uint64) (q stock.Quantity, known bool) {
	others, moved := s.others[item]
	if after == 0 || after < s.dropped || after <= s.all || moved && after <= others {
		return 0, false
	}
	for i := len(s.changes) - 1; i >= 0 && s.changes[i].sequence > after; i-- {
		if s.changes[i].item == item {
			q += s.changes[i].quantity
		}
	}
	return q, true
}

// watch remembers sellable goods before a round, item by item.
type watch map[string]stock.Quantity

func (w watch) item(a *Agent, code string) {
	if _, known := w[code]; !known {
		w[code] = a.view.Level(code).Sellable
	}
}

// compare notes what others have moved: all that the round has changed.
func (w watch) compare(a *Agent) {
	for code, before := range w {
		if a.view.Level(code).Sellable != before {
			a.since.others[code] = a.ledger.Head().Position.Sequence
		}
	}
}
