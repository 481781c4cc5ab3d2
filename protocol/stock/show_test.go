package stock_test

import (
	"fmt"
	"strings"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// tell puts a result into lines.
func (w *world) tell(r stock.Result) []string {
	answer := r.Code.String()
	switch {
	case r.Code == stock.Repeated && r.At > 0:
		answer += fmt.Sprintf(", took effect at index %d", r.At)
	case r.Code == stock.ShortOf:
		answer += ", could have"
		for _, q := range r.Available {
			answer += " " + q.String()
		}
	case r.Text != "":
		answer += ": " + r.Text
	}
	lines := append([]string{answer}, outcomes(r.Outcomes)...)
	if r.Reservation != nil {
		lines = append(lines, w.claims(r.Reservation)...)
	}
	return lines
}

func outcomes(list []stock.Outcome) (lines []string) {
	for _, o := range list {
		text := o.Code.String()
		if o.Sequence > 0 {
			text = fmt.Sprintf("%s.%d %s", o.Epoch, o.Sequence, text)
		}
		if o.Line > 0 {
			text += fmt.Sprintf(" line %d", o.Line)
		}
		if o.Text != "" {
			text += ": " + o.Text
		}
		lines = append(lines, text)
	}
	return lines
}

func (w *world) claims(r *stock.Reservation) (lines []string) {
	for i := range r.Lines {
		c := &r.Lines[i]
		code := w.state.Item(c.Item).Code
		text := fmt.Sprintf("%s line %s: %s %s %s", r.ID, c.Line, c.Quantity, strings.TrimSpace(code+" "+c.State.String()), "nowhere")
		if c.Placed {
			text = strings.TrimSuffix(text, "nowhere") + "at " + w.state.LocationAt(c.Location).Code
		}
		for _, stay := range c.Left {
			text += ", moved from " + w.state.LocationAt(stay.Location).Code + " (" + stay.Reason + ")"
		}
		if c.Reason != "" {
			text += " (" + c.Reason + ")"
		}
		lines = append(lines, text)
	}
	return lines
}

// show LOCATION ITEM [for CHANNEL] | show RESERVATION | show items|exceptions|time|closed|outside ITEM|outcomes LOCATION|...
func (w *world) show(words []string) []string {
	switch words[0] {
	case "items":
		return w.showItems()
	case "exceptions":
		return w.showExceptions(true)
	case "ended":
		return w.showExceptions(false)
	case "conflicts":
		return w.showConflicts()
	case "transfers":
		return w.showTransfers()
	case "totals":
		t := w.state.Totals()
		return []string{fmt.Sprintf("%d claims gave way: %d moved, %d short; lost carts %s, oversold %s; %d late picks, %d picked twice",
			t.Conflicts, t.Moved, t.Short, t.LostCarts, t.Oversold, t.LatePicks, t.PickedTwice)}
	case "policy":
		return []string{fmt.Sprintf("policy %d, since index %d", w.state.PolicyVersion(), w.state.PolicyChanged())}
	case "time":
		return []string{fmt.Sprintf("%d ms of hub time", w.state.Now())}
	case "outside":
		return w.showOutside(words[1])
	case "outcomes", "epochs", "age", "claims", "tasks", "told":
		l, ok := w.state.Location(words[1])
		if !ok {
			return []string{"no location " + words[1]}
		}
		return w.showLocation(l, words[0])
	}
	if len(words) == 1 {
		r, ok := w.state.Reservation(words[0])
		if !ok {
			return []string{"nothing known of " + words[0]}
		}
		return w.claims(r)
	}
	if channel := after(words, "for"); channel != "" {
		return w.showAvailability(words[0], words[1], channel)
	}
	return w.showLevel(words[0], words[1])
}

func (w *world) showLevel(location, item string) []string {
	l, ok := w.state.Location(location)
	if !ok {
		return []string{"no location " + location}
	}
	no, ok := w.state.ItemNo(item)
	if !ok {
		return []string{"no item " + item}
	}
	v := l.Level(no)
	text := "sellable " + v.Sellable.String()
	names := []string{"damaged", "return_pending", "in_transit", "claimed", "set aside"}
	for i, q := range []stock.Quantity{v.Damaged, v.ReturnPending, v.InTransit, v.Claims, v.Staged} {
		if q != 0 {
			text += ", " + names[i] + " " + q.String()
		}
	}
	if v.Claims != 0 || l.Ahead(no) != 0 {
		text += ", available " + l.Available(no).String()
	}
	return []string{text}
}

func (w *world) showAvailability(location, item, channel string) []string {
	l, _ := w.state.Location(location)
	no, _ := w.state.ItemNo(item)
	a := w.state.Availability(l, no, channel)
	text := fmt.Sprintf("%s may have %s: sellable %s", channel, a.Quantity(), a.Sellable)
	names := []string{"claimed", "safety stock", "left to other channels", "protected for others", "ahead of papers"}
	for i, q := range []stock.Quantity{a.Claims, a.Safety, a.Threshold, a.Protected, a.Ahead} {
		if q != 0 {
			text += ", " + names[i] + " " + q.String()
		}
	}
	if a.Unclamped() < 0 {
		text += ", so " + a.Unclamped().String()
	}
	if a.Excluded {
		text += ", excluded"
	}
	return []string{text}
}

func (w *world) showItems() (lines []string) {
	for _, item := range w.state.ItemsSince(0) {
		text := item.Code + " of class " + item.Class
		if !item.Stocked {
			text += ", a service"
		}
		for _, a := range item.Aliases {
			text += fmt.Sprintf(", %s is %d of it", a.Code, a.Factor)
		}
		lines = append(lines, text)
	}
	if w.state.CatalogueClosed() {
		return append(lines, "the catalogue is closed")
	}
	return append(lines, "the catalogue is open")
}

// showExceptions tells those that are open, or those that ended, with how.
func (w *world) showExceptions(open bool) (lines []string) {
	for no, e := range w.state.ExceptionsFrom(0) {
		if e.Open() != open {
			continue
		}
		text := fmt.Sprintf("%d: %s: %s", no+1, e.Code, w.exceptionText(e))
		if e.Owner != "" {
			text += ", owned by " + e.Owner
		}
		if !open {
			for _, c := range e.History {
				text += "; " + strings.TrimSpace(c.Action.String()+" "+c.Text)
				if c.By != "" {
					text += " by " + c.By
				}
			}
		}
		lines = append(lines, text)
	}
	return lines
}

func (w *world) exceptionText(e *stock.Exception) string {
	from, at := e.Operation.String(), w.state.LocationAt(e.Location).Code
	if e.Document != "" {
		from = "document " + e.Document
	}
	switch e.Code {
	case stock.SetAsideMissing, stock.AgedClaim:
		claim := ""
		if e.Line.Reservation != "" {
			claim = " of " + e.Line.Reservation + " line " + e.Line.ReservationLine
		}
		return fmt.Sprintf("%s %s at %s%s, %s", e.Line.Quantity, e.Line.Item, at, claim, e.Text)
	case stock.AgedTransfer, stock.DuplicateArrival:
		return fmt.Sprintf("%s %s at %s, %s", e.Line.Quantity, e.Line.Item, at, e.Text)
	case stock.NegativeStock:
		return fmt.Sprintf("%s %s at %s", e.Line.Quantity, e.Line.Item, at)
	case stock.Fork, stock.DuplicateReceipt:
		return from + ", " + e.Text
	case stock.Parked:
		return fmt.Sprintf("%s line %d, %s %s %s", from, e.Number, e.Line.Kind, e.Line.Quantity, e.Line.Code())
	}
	return fmt.Sprintf("%s, %s, %d bytes kept", from, e.Text, len(e.Raw))
}

func (w *world) showTransfers() (lines []string) {
	for _, t := range w.state.TransfersFrom(0) {
		lines = append(lines, w.transferLines(t)...)
	}
	return lines
}

func (w *world) transferLines(t *stock.Transfer) (lines []string) {
	for _, line := range w.state.StoreTransfers(t) {
		text := fmt.Sprintf("%s from %s: %s %s %s in transit at %s", line.ID, line.From, line.Quantity, line.Item, line.Account, line.At)
		if !line.Dispatched {
			text += ", papers to come"
		}
		lines = append(lines, text)
	}
	return lines
}

func (w *world) showConflicts() (lines []string) {
	for no, c := range w.state.ConflictsSince(0) {
		code := func(l stock.LocationNo) string { return w.state.LocationAt(l).Code }
		text := fmt.Sprintf("%d: %s line %s, %s %s", no+1, c.Reservation, c.Line, c.Quantity, w.state.Item(c.Item).Code)
		if c.State != 0 {
			text += " " + c.State.String()
		}
		text += fmt.Sprintf(" at %s: %s", code(c.Location), c.Remedy)
		if c.Remedy == stock.Moved {
			text += " to " + code(c.To)
		}
		text += ", by " + c.Cause.Kind.String()
		if c.Cause.Operation.Sequence > 0 {
			text += " " + c.Cause.Operation.String()
		}
		if c.Cause.Document != "" {
			text += " " + c.Cause.Document
		}
		if c.Policy != stock.PolicyBuiltIn {
			text += fmt.Sprintf(", by policy %d", c.Policy)
		}
		lines = append(lines, text)
	}
	return lines
}

func (w *world) showOutside(code string) []string {
	no, _ := w.state.ItemNo(code)
	names := []string{"supplier", "customer", "scrap", "variance"}
	var parts []string
	for row := range w.state.Freeze().Rows() {
		if item, ok := row.(stock.ItemRow); ok && item.No == uint32(no) {
			for i, q := range item.Outside {
				if q != 0 {
					parts = append(parts, names[i]+" "+q.String())
				}
			}
		}
	}
	return []string{strings.Join(parts, ", ")}
}

func (w *world) showLocation(l *stock.Location, what string) (lines []string) {
	switch what {
	case "outcomes":
		return outcomes(l.Outcomes)
	case "epochs":
		for _, e := range l.Epochs {
			lines = append(lines, fmt.Sprintf("%s by %s through %d", e.Name, e.Installation, e.Through.Sequence))
		}
	case "age":
		lines = append(lines, fmt.Sprintf("%d ms", w.state.Age(l)))
	case "claims":
		for r, at := range w.state.ClaimsSince(l, 0) {
			text := fmt.Sprintf("%s line %s: %s %s", r.ID, at.Line, at.Quantity, at.State)
			if at.Gone {
				text = fmt.Sprintf("%s line %s: gone", r.ID, at.Line)
			}
			lines = append(lines, text)
		}
	case "told":
		for t := range w.state.TransfersSince(l, 0) {
			lines = append(lines, w.transferLines(t)...)
		}
	case "tasks":
		for t := range l.TasksSince(0) {
			text := fmt.Sprintf("task %d: %s %s %s", t.ID, t.Kind, t.Quantity, t.Item)
			if t.Reservation != "" {
				text += fmt.Sprintf(", of %s line %s", t.Reservation, t.Line)
			}
			lines = append(lines, text)
		}
	}
	return lines
}
