package till

import (
	"context"
	"fmt"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// showCount lists what is counted with what it would book. A number belongs to
// the moment it was typed: the store's last operation and what the record said
// then go with it, so that what is sold while somebody walks the aisles is no
// variance.
func (f *form) showCount(a *agent.Agent) {
	scanned := f.Scan != ""
	v := a.View()
	f.add(v)
	head := a.Ledger().Head()
	now := stock.OperationID{Agent: f.location, Epoch: head.Epoch, Sequence: head.Position.Sequence}.String()
	for i := range f.Rows {
		r := &f.Rows[i]
		l := v.Level(r.Item)
		if r.Quantity != r.Was {
			r.Was, r.At, r.Had = r.Quantity, now, l.Sellable.String()
		}
		if q, ok := r.quantity(); ok && r.Note == "" {
			r.Note = countNote(q, l)
			r.Ask = q > l.Sellable && l.InTransit > 0
		}
	}
	for _, one := range todos(v) {
		if one.task.Kind == "recount" && !f.lists(one.task.Item) {
			f.Todo = append(f.Todo, pageTask{Item: one.task.Item, Text: fmt.Sprintf(taskWords["recount"], one.task.Quantity, one.task.Item)})
		}
	}
	f.focus(scanned)
}

func (f *form) lists(item string) bool {
	for i := range f.Rows {
		if f.Rows[i].Item == item {
			return true
		}
	}
	return false
}

// countNote says what a number would book, and that goods set aside count too.
func countNote(counted stock.Quantity, l stock.Level) string {
	note := "as recorded"
	if variance := counted - l.Sellable; variance != 0 {
		note = signed(variance) + " against the record"
	}
	if l.Staged > 0 {
		note += ", the " + l.Staged.String() + " set aside included"
	}
	return note
}

func signed(q stock.Quantity) string {
	if q > 0 {
		return "+" + q.String()
	}
	return q.String()
}

// group is the rows whose numbers were typed at one moment: one count.
type group struct {
	count    api.Count
	received []byte // what the form says of them, so that the form sent again is the same count
}

// keepCount records a count for each moment at which numbers were typed.
func (t *till) keepCount(ctx context.Context, f *form) error {
	numbers, err := f.numbers()
	if err != nil {
		return err
	}
	moved, err := t.moved(ctx, f)
	if err != nil {
		return err
	}
	var moments []string
	groups := map[string]*group{}
	for i, r := range f.Rows {
		at := r.At
		if r.Quantity != r.Was {
			at = "" // typed just now
		}
		g := groups[at]
		if g == nil {
			g = &group{}
			groups[at], moments = g, append(moments, at)
		}
		if moved[i] {
			g.count.AtOperation = at
		}
		g.count.Lines = append(g.count.Lines, api.CountLine{Item: r.Item, Counted: numbers[i], Confirmed: r.Sure})
		g.received = fmt.Appendf(g.received, "%q %s %t\n", r.Item, numbers[i], r.Sure)
	}
	var again []row
	for _, at := range moments {
		g := groups[at]
		if _, err := checked(g.count); err != nil {
			return err
		}
		out, err := t.count(ctx, &countInput{Keyed{f.Key + "/" + at}, countBody{g.count, g.received}})
		if err != nil {
			return err
		}
		answer, err := told[api.Counted](out.Body.text)
		if err != nil {
			return err
		}
		for _, line := range answer.Lines {
			again = append(again, f.counted(line)...)
		}
	}
	f.clear()
	f.Rows = again
	return nil
}

// moved says of each row whether the record of its item is another now than when
// its number was typed. Only then is the count dated: undated it is judged
// whatever others did before.
func (t *till) moved(ctx context.Context, f *form) ([]bool, error) {
	moved := make([]bool, len(f.Rows))
	err := t.ask(ctx, func(a *agent.Agent) error {
		for i, r := range f.Rows {
			moved[i] = r.Quantity == r.Was && a.View().Level(r.Item).Sellable.String() != r.Had
		}
		return nil
	})
	return moved, err
}

// counted says what became of a line, and gives the row of one that has to be
// counted again.
func (f *form) counted(line api.CountedLine) []row {
	variance := line.Variance.Stock()
	switch {
	case line.Recount == agent.RecountInTransit:
		f.Faults = append(f.Faults, fmt.Sprintf("%s: %s more than recorded, while goods are on their way here. Receive them first; or look once more, tick the box and record it.", line.Item, line.Variance))
		for _, r := range f.Rows {
			if r.Item == line.Item {
				return []row{{Item: r.Item, Quantity: r.Quantity, Was: r.Was, At: r.At, Had: r.Had}}
			}
		}
	case line.Recount != "":
		f.Faults = append(f.Faults, line.Item+": somebody else moved it meanwhile. Count it again.")
		return []row{{Item: line.Item}}
	case line.Parked:
		f.Done = append(f.Done, line.Item+": kept; nobody knows that code yet.")
	case variance == 0:
		f.Done = append(f.Done, line.Item+": as recorded.")
	default:
		f.Done = append(f.Done, line.Item+": "+signed(variance)+" booked.")
	}
	return nil
}
