package hub

import (
	"slices"

	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Changed is one operation, or one command that is no batch, that changed a
// level, or that named it and oddly did not.
type Changed struct {
	stock.Change
	Index      uint64
	Wall       int64 // unix ms
	Code       stock.Code
	Kind       string
	ClosedPast bool // a later count had found or missed its goods already
	Conflicts  []Settled
}

// Settled is a conflict that came with a change, and its number.
type Settled struct {
	No uint32
	*stock.Conflict
}

// explainer watches one level through a replay.
type explainer struct {
	Explained
	of       *Explanation
	replay   *replay
	seen     []stock.Change // of the entry that is being applied
	last     stock.Balance
	conflict uint32 // number of the next conflict
}

// wants picks the image that the explanation begins at.
func (x *explainer) wants(i journal.Image) bool {
	return i.Index <= x.To && (x.From == 0 || i.Index <= x.From) && (x.FromTime.IsZero() || i.At <= x.FromTime.UnixMilli())
}

// oldest picks the first image that there is, where none is old enough.
func (x *explainer) oldest(s *Server) func(journal.Image) bool {
	images, _ := s.Journal().Images() // what is damaged was named before
	at := slices.IndexFunc(images, s.Journal().Reaches)
	return func(i journal.Image) bool { return at >= 0 && i.Index <= images[at].Index && i.Index <= x.To }
}

func (x *explainer) begin(r *replay) error {
	x.replay, x.of.From = r, r.image
	x.of.Opening = r.state.Watch(x.Location, x.Item, func(c stock.Change) { x.seen = append(x.seen, c) })
	x.last, x.of.Before = x.of.Opening, x.of.Opening
	for no := range r.state.ConflictsFrom(0) {
		x.conflict = no + 1
	}
	return nil
}

func (x *explainer) entry(index uint64, entry *stock.Entry, apply func() []stock.Result) {
	x.seen = x.seen[:0]
	results := apply()
	var changes []Changed
	for i, command := range entry.Commands {
		if b, ok := command.(*stock.Batch); ok && results[i].Code == stock.Accepted {
			changes = append(changes, x.batch(b, results[i].Outcomes)...)
			continue
		}
		c, ok := x.find(func(c *stock.Change) bool { return c.Command == command })
		if !ok {
			c = stock.Change{Command: command, Outcomes: results[i].Outcomes, Before: x.last, After: x.last}
		}
		changed := Changed{Change: c, Code: results[i].Code, Kind: kindOf(command, x.Item)}
		if d, is := command.(*stock.Document); is && results[i].Code == stock.Accepted && d.Location == x.Location {
			ok = x.judge(&changed, &d.Operation) || ok
		}
		if ok {
			x.last = c.After
			changes = append(changes, changed)
		}
	}
	x.settled(index, changes)
	for i := range changes {
		changes[i].Index, changes[i].Wall = index, entry.Wall
		x.note(changes[i])
	}
}

// batch is what a store's operations did here, wherever the store is.
func (x *explainer) batch(b *stock.Batch, outcomes []stock.Outcome) (changes []Changed) {
	for i := range b.Operations {
		op := &b.Operations[i]
		c, ok := x.find(func(c *stock.Change) bool { return c.Operation == op })
		if !ok {
			c = stock.Change{Operation: op, Before: x.last, After: x.last}
			for _, o := range outcomes {
				if o.Sequence == op.ID.Sequence {
					c.Outcomes = append(c.Outcomes, o)
				}
			}
		}
		changed := Changed{Change: c, Code: stock.Accepted, Kind: operationKind(op, x.Item)}
		if b.Agent == x.Location {
			ok = x.judge(&changed, op) || ok
		}
		if ok {
			x.last = c.After
			changes = append(changes, changed)
		}
	}
	return changes
}

func (x *explainer) find(is func(*stock.Change) bool) (stock.Change, bool) {
	for i := range x.seen {
		if is(&x.seen[i]) {
			return x.seen[i], true
		}
	}
	return stock.Change{}, false
}

// judge compares what an operation says it did to the level with what it did, and
// reports whether that is odd.
func (x *explainer) judge(c *Changed, op *stock.Operation) (odd bool) {
	says := stock.Quantity(0)
	named := false
	for i := range op.Lines {
		line := &op.Lines[i]
		if line.Code() != x.Item {
			continue
		}
		named = true
		for _, o := range c.Outcomes {
			odd = odd || o.Line == i+1 && o.Code != stock.Service
			if o.Line == i+1 && c.Before.Sellable == c.After.Sellable {
				return odd // the outcome says why nothing moved
			}
		}
		if !line.Kind.Moves() {
			continue
		}
		from, to, q := line.Legs(op.Reverses != "")
		if from == stock.Sellable {
			says -= q
		}
		if to == stock.Sellable {
			says += q
		}
	}
	if named && len(c.Outcomes) > 0 && c.Outcomes[0].Line == 0 {
		return true // all of it was quarantined
	}
	c.ClosedPast = len(c.Outcomes) == 0 && says != c.After.Sellable-c.Before.Sellable
	return odd || c.ClosedPast
}

// settled gives each conflict of an entry to the change that brought it about.
func (x *explainer) settled(index uint64, changes []Changed) {
	if len(changes) == 0 {
		return
	}
	state := x.replay.state
	for no, c := range state.ConflictsFrom(x.conflict) {
		x.conflict = no + 1
		here := state.LocationAt(c.Location).Code == x.Location || c.Remedy == stock.Moved && state.LocationAt(c.To).Code == x.Location
		if c.Index != index || !here || state.Item(c.Item).Code != x.Item {
			continue
		}
		at := slices.IndexFunc(changes, func(change Changed) bool {
			return change.Operation != nil && change.Operation.ID == c.Cause.Operation
		})
		if at < 0 {
			at = len(changes) - 1
		}
		changes[at].Conflicts = append(changes[at].Conflicts, Settled{no, c})
	}
}

// note counts a change and keeps it if it is on the caller's page.
func (x *explainer) note(c Changed) {
	at := slices.IndexFunc(x.of.Kinds, func(k KindTotal) bool { return k.Kind == c.Kind })
	if at < 0 {
		at = len(x.of.Kinds)
		x.of.Kinds = append(x.of.Kinds, KindTotal{Kind: c.Kind})
	}
	total := &x.of.Kinds[at]
	total.Changes++
	total.By = Sum(total.By, Difference(c.Before, c.After))
	if x.of.Count++; x.of.Count <= x.Skip {
		x.of.Before = c.After
	} else if len(x.of.Changes) < x.Limit {
		x.of.Changes = append(x.of.Changes, c)
	}
}

// Difference is what has to be added to one balance to have another.
func Difference(from, to stock.Balance) stock.Balance {
	return stock.Balance{Level: stock.Level{Sellable: to.Sellable - from.Sellable, Damaged: to.Damaged - from.Damaged, ReturnPending: to.ReturnPending - from.ReturnPending,
		InTransit: to.InTransit - from.InTransit, Claims: to.Claims - from.Claims, Staged: to.Staged - from.Staged}, Ahead: to.Ahead - from.Ahead}
}

// Sum adds two balances, part by part.
func Sum(a, b stock.Balance) stock.Balance { return Difference(Difference(a, stock.Balance{}), b) }

// operationKind is the kind of the first line that names the item; an operation
// that names others has changed it through a claim or a transfer.
func operationKind(op *stock.Operation, item string) string {
	for i := range op.Lines {
		if op.Lines[i].Code() == item {
			return op.Lines[i].Kind.String()
		}
	}
	if len(op.Lines) > 0 {
		return op.Lines[0].Kind.String()
	}
	return "operation"
}

// kindOf names a command for people.
func kindOf(command stock.Command, item string) string {
	switch c := command.(type) {
	case *stock.Document:
		return operationKind(&c.Operation, item)
	case *stock.Reserve:
		return "reserve"
	case *stock.Step:
		return c.Action.String()
	case *stock.Tick:
		return "tick"
	case *stock.EndTransfer:
		return "close_transfer"
	case *stock.PutLocations:
		return "locations"
	case *stock.Map:
		return "map"
	case *stock.Admit:
		return "admit"
	}
	return "command"
}
