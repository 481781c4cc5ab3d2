package rehearse

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// openStates are the states in which a line claims units.
var openStates = []string{"held", "confirmed", "staged"}

// order is what the channel itself knows of one of its orders.
type order struct {
	accepted, refused, confirmed, released bool

	picked   int
	promised map[string]Claim // by line, as it was accepted
}

// claims compares what the channel was answered with what the hub remembers.
func (a *auditor) claims(ctx context.Context) error {
	orders := a.orders()
	hub := map[string]api.Reservation{}
	err := pages(ctx, a.run.client, a.main.one("/v1/reservations"), url.Values{}, func(record api.Reservation) { hub[record.ID] = record })
	if err != nil {
		return err
	}
	reserved := map[account]int64{}
	for id, record := range hub {
		if a.run.hot.asks(id) { // judged with its history
			for _, line := range record.Lines {
				if slices.Contains(openStates, line.State) {
					reserved[account{line.Location, line.Item, "reserved"}] += int64(line.Quantity.Stock())
				}
			}
			continue
		}
		o := orders[id]
		if o == nil {
			a.report.Reservations.Leaked++
			a.report.fail("leaked: the hub remembers order " + id + ", which nobody asked for")
			continue
		}
		a.claim(id, o, &record, reserved)
	}
	for id, o := range orders {
		if _, known := hub[id]; o.accepted && !known {
			a.report.fail("lost: the channel was promised order " + id + ", which the hub does not know")
		}
	}
	a.covered(reserved)
	return nil
}

func (a *auditor) orders() map[string]*order {
	orders := map[string]*order{}
	v := &a.report.Reservations
	for i := range a.answers {
		answer := &a.answers[i]
		if answer.Order == "" {
			continue
		}
		o := orders[answer.Order]
		if o == nil {
			o = &order{}
			orders[answer.Order] = o
		}
		allowed := answer.State != "not_allowed"
		switch answer.Kind {
		case "reserve":
			v.Requested++
			o.refused = answer.Status == http.StatusConflict
			if o.accepted = !o.refused; answer.State == "short" {
				v.Short++
			} else {
				v.Accepted++
			}
			o.promised = map[string]Claim{}
			for _, claim := range answer.Claims {
				o.promised[claim.Line] = claim
			}
		case "confirm":
			o.confirmed = allowed
		case "release":
			o.released = allowed
		case "pick", "sale":
			o.picked++
		}
	}
	return orders
}

// of is the promise behind a line, or behind the line that it is a part of.
func (o *order) of(line string) (Claim, bool) {
	for ; line != ""; line = line[:max(0, strings.LastIndexByte(line, '.'))] {
		if claim, ok := o.promised[line]; ok {
			return claim, true
		}
	}
	return Claim{}, false
}

// claim judges one order: its lines may be open only while an order stands
// behind them, and a promise is broken only by a conflict that is on record.
func (a *auditor) claim(id string, o *order, record *api.Reservation, reserved map[account]int64) {
	v := &a.report.Reservations
	open, kept := 0, 0
	for i := range record.Lines {
		line := &record.Lines[i]
		q := int64(line.Quantity.Stock())
		promise, ok := o.of(line.Line)
		switch {
		case !ok:
			a.report.fail(fmt.Sprintf("order %s has line %s, which it was never promised", id, line.Line))
		case slices.Contains(openStates, line.State):
			open++
			reserved[account{line.Location, line.Item, "reserved"}] += q
		case line.State == "short" && promise.State != "short":
			if o.confirmed {
				a.oversold += q
			}
		case line.State != "short":
			kept++
		}
		if ok && promise.State != "short" {
			a.excused(id, line, promise)
		}
	}
	stands := o.confirmed && !o.released && o.picked == 0
	switch {
	case open > 0 && !stands:
		v.Leaked++
		a.report.fail(fmt.Sprintf("leaked: order %s is over (confirmed %t, released %t, picked %d), %d lines still claim units", id, o.confirmed, o.released, o.picked, open))
	case open == 0 && stands && kept > 0:
		a.report.fail("lost: the channel confirmed order " + id + ", the hub has let it go as " + record.State)
	}
	if open == 0 && slices.ContainsFunc(record.Lines, func(line api.ReservationLine) bool { return line.State == "fulfilled" }) {
		v.Fulfilled++
	}
	if record.State == "expired" {
		v.Expired++
	}
	if o.refused {
		a.report.fail("the hub kept a claim for order " + id + " after it answered short")
	}
}

// excused checks that what became of a promised line is on record: one that
// ended short has one conflict that says so, one that stands elsewhere was moved
// there, and nothing else is on record for it.
func (a *auditor) excused(id string, line *api.ReservationLine, promise Claim) {
	shorts, at, apart := 0, promise.Location, false
	shifts := a.shifts[id]
	shifted := func(before string) {
		for ; len(shifts) > 0 && (before == "" || indexOf(shifts[0].Position) < indexOf(before)); shifts = shifts[1:] {
			then := order{promised: map[string]Claim{}}
			for _, claim := range shifts[0].Claims {
				then.promised[claim.Line] = claim
			}
			if claim, ok := then.of(line.Line); ok {
				at, apart = claim.Location, apart || claim.Line == line.Line
			}
		}
	}
	for i := range a.settled {
		c := &a.settled[i]
		own := c.Line == line.Line
		if c.Reservation == id {
			shifted(c.Position)
		}
		if c.Reservation != id || !own && (apart || !ofLine(line.Line, c.Line)) {
			continue // a part goes its own way from its first record on
		}
		apart = apart || own
		switch {
		case c.Remedy == "move":
			at = c.To
		case c.Remedy == "short" && own:
			shorts++
		}
	}
	shifted("")
	switch {
	case line.State == "short" && shorts != 1:
		a.report.fail(fmt.Sprintf("lost: line %s of order %s went short with %d conflicts on record", line.Line, id, shorts))
	case line.State != "short" && shorts > 0:
		a.report.fail(fmt.Sprintf("line %s of order %s is %s, but a conflict says that it went short", line.Line, id, line.State))
	case slices.Contains(openStates, line.State) && line.Location != at:
		a.report.fail(fmt.Sprintf("line %s of order %s stands at %s, by promise and conflicts at %s", line.Line, id, line.Location, at))
	}
}

// covered compares the open lines with what the levels call reserved, and counts
// confirmed units that the goods do not cover.
func (a *auditor) covered(reserved map[account]int64) {
	for i := range a.hub {
		l := &a.hub[i]
		want := reserved[account{l.Location, l.Item, "reserved"}]
		have := int64(l.Reserved.Stock())
		if have != want {
			a.report.fail(fmt.Sprintf("reserved %s of %s: the level says %d, open lines sum to %d thousandths", l.Item, l.Location, have, want))
		}
		if lacking := want - max(0, int64(l.Sellable.Stock())); lacking > 0 {
			a.oversold += lacking
		}
	}
}

// latencies sorts what was measured on the way.
func (a *auditor) latencies() {
	positions := map[string]uint64{}
	for i := range a.journal {
		if a.journal[i].Operation != "" {
			positions[a.journal[i].Operation] = indexOf(a.journal[i].Position)
		}
	}
	var sale, reservation, toFeed []float64
	for i := range a.answers {
		answer := &a.answers[i]
		switch {
		case answer.Kind == "reserve":
			reservation = append(reservation, answer.Took)
		case slices.Contains(operationKinds, answer.Kind):
			sale = append(sale, answer.Took)
			if at, ok := a.run.feed.arrival(positions[answer.Operation]); ok && !answer.Cut {
				toFeed = append(toFeed, max(0, ms(at.Sub(answer.At))))
			}
		}
	}
	l := &a.report.LatencyMS
	l.SaleP50, l.SaleP99 = percentile(sale, 50), percentile(sale, 99)
	l.ReservationP50, l.ReservationP99 = percentile(reservation, 50), percentile(reservation, 99)
	l.SaleToFeedP50, l.SaleToFeedP99 = percentile(toFeed, 50), percentile(toFeed, 99)
}

// percentile is the nearest-rank percentile, 0 of nothing.
func percentile(values []float64, p int) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	rank := (len(values)*p + 99) / 100
	return values[max(rank, 1)-1]
}
