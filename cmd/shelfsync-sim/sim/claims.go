package sim

import (
	"strings"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// ends are the states that a claim never leaves.
var ends = map[stock.ClaimState]bool{stock.Fulfilled: true, stock.Released: true, stock.Expired: true, stock.Short: true}

// checkClaims holds what became of reservations against the table of their
// states: ends are never left, only a tick lets a claim expire, and no unit of a
// line comes or goes.
func checkClaims(w *World, prev, state *stock.State, entries []*stock.Entry) {
	ticked := ticks(entries)
	for _, r := range state.ReservationsSince(prev.Index()) {
		old, known := prev.Reservation(r.ID)
		if !known {
			continue
		}
		was := map[string]stock.Claim{}
		before, now := map[string]stock.Quantity{}, map[string]stock.Quantity{}
		for _, c := range old.Lines {
			was[c.Line] = c
			before[root(c.Line)] += c.Quantity
		}
		for _, c := range r.Lines {
			now[root(c.Line)] += c.Quantity
			from, split := was[c.Line]
			if !split {
				from = was[root(c.Line)]
			}
			switch {
			case ends[from.State] && c.State != from.State && split:
				w.fail("O4", "line %s of %s was %s and is %s", c.Line, r.ID, from.State, c.State)
			case c.State == stock.Expired && from.State == stock.Confirmed:
				w.fail("O4", "line %s of %s was confirmed and expired", c.Line, r.ID)
			case c.State == stock.Expired && from.State != stock.Expired && !ticked:
				w.fail("O4", "line %s of %s expired without a tick", c.Line, r.ID)
			case c.State == stock.Expired && from.State != stock.Expired && w.witness.glass.now < w.witness.glass.until[r.ID]:
				w.fail("O4", "line %s of %s expired at %d ms, its term ends at %d", c.Line, r.ID, w.witness.glass.now, w.witness.glass.until[r.ID])
			case from.State == stock.Staged && c.State == stock.Released && !told(entries) && !asked(state, r.ID, c):
				w.fail("O4", "line %s of %s was set aside and is released, and nobody puts its goods back", c.Line, r.ID)
			case from.State == stock.Staged && c.State == stock.Confirmed && stepped(entries):
				w.fail("O4", "line %s of %s was set aside, and a channel took that back", c.Line, r.ID)
			case from.State == stock.Staged && c.State == stock.Held:
				w.fail("O4", "line %s of %s was set aside and is held", c.Line, r.ID)
			}
		}
		for line, q := range before {
			if now[line] != q {
				w.fail("O4", "line %s of %s was for %s and its parts make %s", line, r.ID, q, now[line])
			}
		}
	}
	checkPromise(w, state, entries)
}

func root(line string) string {
	name, _, _ := strings.Cut(line, ".")
	return name
}

// checkPromise: what was just accepted was there to be promised.
func checkPromise(w *World, state *stock.State, entries []*stock.Entry) {
	if !alone(entries) {
		return
	}
	c, ok := entries[0].Commands[0].(*stock.Reserve)
	if !ok {
		return
	}
	r, ok := state.Reservation(c.ID)
	if !ok || r.Created != state.Index() {
		return
	}
	for _, line := range r.Lines {
		if !line.Placed || !line.State.Open() {
			continue
		}
		l := state.LocationAt(line.Location)
		item := state.Item(line.Item)
		switch q, promises := left(state, l, item, r.Channel); {
		case !promises:
			w.fail("O4", "%s was promised %s %s at %s, which promises %s nothing", r.ID, line.Quantity, item.Code, l.Code, r.Channel)
		case q < 0:
			w.fail("O4", "%s was promised %s %s at %s, which leaves %s", r.ID, line.Quantity, item.Code, l.Code, q)
		case q != state.Availability(l, line.Item, r.Channel).Unclamped():
			w.fail("O4", "%s %s at %s are left for %s, told are %s", q, item.Code, l.Code, r.Channel, state.Availability(l, line.Item, r.Channel).Unclamped())
		}
		w.reach("a promise checked")
	}
}

// checkConflicts holds the claims that gave way to one operation against the rule:
// no more units than were lacking, and nobody before whom another should have.
func checkConflicts(w *World, prev, state *stock.State, entries []*stock.Entry) {
	type yielded struct{ location, item string }
	gave := map[yielded][]*stock.Conflict{}
	var order []yielded
	for _, c := range state.ConflictsSince(prev.Index()) {
		w.reached["conflict "+c.Remedy.String()]++
		if c.Remedy != stock.Moved && c.Remedy != stock.MadeShort {
			continue
		}
		checkGiven(w, state, c)
		at := yielded{state.LocationAt(c.Location).Code, state.Item(c.Item).Code}
		if gave[at] == nil {
			order = append(order, at)
		}
		gave[at] = append(gave[at], c)
	}
	if len(order) == 0 || !single(entries) {
		return
	}
	for _, at := range order {
		if gave[at][0].Cause.Kind != stock.ByOperation {
			continue
		}
		l, _ := state.Location(at.location)
		no, _ := state.ItemNo(at.item)
		level := l.Level(no)
		if l.State != stock.Closed && level.Claims != max(level.Staged, level.Sellable) {
			w.fail("O3", "more of %s at %s gave way than was lacking: %s are left for claims of %s", at.item, at.location, level.Sellable, level.Claims)
		}
		w.reach("a conflict checked")
		if len(state.Policy().Orders) == 0 {
			checkOrder(w, state, l, no, gave[at])
		}
	}
}

// checkGiven: a claim gives way to somebody, never while it is set aside but to
// who cannot find its goods, and never back to where it stood before.
func checkGiven(w *World, state *stock.State, c *stock.Conflict) {
	switch {
	case c.Cause.Kind == 0:
		w.fail("O3", "%s of %s gave way to nobody", c.Line, c.Reservation)
	case c.State == stock.Staged && c.Cause.Kind != stock.ByCannotPick:
		w.fail("O3", "%s of %s was set aside, and gave way", c.Line, c.Reservation)
	}
	r, ok := state.Reservation(c.Reservation)
	if !ok || c.Remedy != stock.Moved {
		return
	}
	for _, line := range r.Lines {
		if line.Line != c.Line {
			continue
		}
		for _, stay := range line.Left {
			if stay.Location == c.To && stay.Index < c.Index {
				w.fail("O3", "%s of %s moved back to %s", c.Line, c.Reservation, state.LocationAt(c.To).Code)
			}
		}
	}
}

// alone reports whether the entries hold one command.
func alone(entries []*stock.Entry) bool { return len(entries) == 1 && len(entries[0].Commands) == 1 }

// stepped reports whether the entries hold one step of a channel.
func stepped(entries []*stock.Entry) bool {
	if !alone(entries) {
		return false
	}
	_, ok := entries[0].Commands[0].(*stock.Step)
	return ok
}

// told reports whether a store says anything in the entries: that a task is done, it
// may be.
func told(entries []*stock.Entry) bool {
	for _, e := range entries {
		for _, c := range e.Commands {
			if _, ok := c.(*stock.Batch); ok {
				return true
			}
		}
	}
	return false
}

// asked reports whether the store is to put back the goods of a claim.
func asked(state *stock.State, id string, c stock.Claim) bool {
	for t := range state.LocationAt(c.Location).TasksSince(0) {
		if t.Kind == stock.PutBack && t.Reservation == id && root(t.Line) == root(c.Line) {
			return true
		}
	}
	return false
}

// single reports whether the entries hold one operation and nothing else.
func single(entries []*stock.Entry) bool {
	if !alone(entries) {
		return false
	}
	b, ok := entries[0].Commands[0].(*stock.Batch)
	return ok && len(b.Operations) == 1
}

// checkOrder: nobody who stays should have yielded before somebody who did, by the
// order that is built in: held before confirmed, low priority first, newest first.
func checkOrder(w *World, state *stock.State, l *stock.Location, item stock.ItemNo, gave []*stock.Conflict) {
	for r, at := range state.ClaimsSince(l, 0) {
		if at.Gone || at.Item != item || at.State != stock.Held && at.State != stock.Confirmed {
			continue
		}
		for _, c := range gave {
			if c.Reservation == r.ID || came(r, l) {
				continue
			}
			stays := [3]int64{int64(at.State), r.Priority, -int64(r.Created)}
			yields := [3]int64{int64(c.State), c.Priority, -int64(c.Promised)}
			if less(stays, yields) {
				w.fail("O3", "%s of %s gave way at %s, and %s stays (%v before %v)", c.Line, c.Reservation, l.Code, r.ID, stays, yields)
			}
		}
	}
}

// came reports whether a claim of the reservation moved here in this entry.
func came(r *stock.Reservation, l *stock.Location) bool {
	for _, c := range r.Lines {
		if c.Location == l.No && len(c.Left) > 0 {
			return true
		}
	}
	return false
}

func less(a, b [3]int64) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// noteReached counts what the entry brought about that is seldom.
func noteReached(w *World, prev, state *stock.State) {
	for _, code := range stock.ExceptionCodes() {
		if state.OpenExceptions(code) > prev.OpenExceptions(code) {
			w.reached["exception "+code.String()]++
		}
	}
}
