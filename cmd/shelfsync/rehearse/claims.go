package rehearse

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// openStates are the states in which a line claims units.
var openStates = []string{"held", "confirmed", "staged"}

// order is what the channel itself knows of one of its orders.
type order struct {
	accepted, short, confirmed, released bool
	picked                               int
}

// claims compares what the channel was answered with what the hub remembers.
func (a *auditor) claims(ctx context.Context) error {
	orders := a.orders()
	hub := map[string]api.Reservation{}
	err := pages(ctx, a.run.client, a.run.at("/v1/reservations"), url.Values{}, func(record api.Reservation) { hub[record.ID] = record })
	if err != nil {
		return err
	}
	reserved := map[account]int64{}
	for id, record := range hub {
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
		refused := answer.State == "not_allowed"
		switch answer.Kind {
		case "reserve":
			v.Requested++
			if o.short = answer.State == "short"; o.short {
				v.Short++
			} else {
				v.Accepted++
				o.accepted = true
			}
		case "confirm":
			o.confirmed = !refused
		case "release":
			o.released = !refused
		case "pick":
			o.picked++
		}
	}
	return orders
}

// claim judges one order: its lines may be open only while an order stands
// behind them.
func (a *auditor) claim(id string, o *order, record *api.Reservation, reserved map[account]int64) {
	v := &a.report.Reservations
	open := 0
	for _, line := range record.Lines {
		q := int64(line.Quantity.Stock())
		switch {
		case slices.Contains(openStates, line.State):
			open++
			reserved[account{line.Location, line.Item, "reserved"}] += q
		case line.State == "short" && o.confirmed:
			a.report.OversoldUnits += float64(q) / 1000
		}
	}
	stands := o.confirmed && !o.released && o.picked == 0
	switch {
	case open > 0 && !stands:
		v.Leaked++
		a.report.fail(fmt.Sprintf("leaked: order %s is over (confirmed %t, released %t, picked %d), %d lines still claim units", id, o.confirmed, o.released, o.picked, open))
	case open == 0 && stands:
		a.report.fail("lost: the channel confirmed order " + id + ", the hub has let it go as " + record.State)
	}
	if record.State == "fulfilled" {
		v.Fulfilled++
	}
	if record.State == "expired" {
		v.Expired++
	}
	if o.short {
		a.report.fail("the hub kept a claim for order " + id + " after it answered short")
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
			a.report.OversoldUnits += float64(lacking) / 1000
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
