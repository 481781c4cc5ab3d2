package rehearse

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/day"
	"github.com/shelfsync/shelfsync/protocol"
)

// A day is played as it was, in seconds: its baskets, their lines and quantities
// are never changed. Left to chance, a small day has no online order for goods
// that its own store sells while it is cut off, so nothing would yield. Hence
// some orders are chosen, not drawn:
//
//   - a store is cut off where that hurts: among a few windows of its day, the
//     first in which it sells something that an earlier customer could have
//     ordered; stores that have such a window come before those that have none;
//   - up to contestedOrders of its baskets with such goods arrive as online
//     orders just after the cut began, on top of the drawn share: one that the
//     opening stock still covers then, but not together with what the store goes
//     on to sell of it;
//   - they are partial, as orders of a marketplace are, and somebody comes for them.
//
// What then happens at the hub is not arranged: it promises what it believes to
// be there, and hears of the sales when the store is back.
const (
	contestedOrders = 3
	windows         = 12   // of a store's day that are tried
	soonAfter       = 0.02 // of the day: the cut is in force, the order arrives
	laterThan       = 0.06 // of the day after the cut began: sales that count as later
	smallOrder      = 20   // lines: an order is small where there is the choice
)

// contest is an order that a store will contest with its own sales.
type contest struct {
	order int // index of the basket
	at    float64
}

// cutStores cuts off so many stores for a share of the day, each at its own time.
func (r *Run) cutStores(p *plan, random *rand.Rand, count int, share float64) {
	type candidate struct {
		cut      cut
		contests []contest
	}
	var candidates []candidate
	for _, i := range random.Perm(len(r.day.Locations)) {
		c := candidate{}
		for n := range windows {
			from := 0.1 + random.Float64()*(0.8-share)
			tried := cut{r.day.Locations[i], from, from + share}
			if contests := r.contests(tried); n == 0 || len(contests) > 0 {
				c = candidate{tried, contests}
			}
			if len(c.contests) > 0 {
				break
			}
		}
		candidates = append(candidates, c)
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return cmp.Compare(min(1, len(b.contests)), min(1, len(a.contests))) })
	for _, c := range candidates[:min(count, len(candidates))] {
		p.cuts = append(p.cuts, c.cut)
		p.contests = append(p.contests, c.contests...)
	}
}

// shareAt is when a basket is played, as a share of the day.
func (r *Run) shareAt(at time.Time) float64 {
	first, last := r.day.Baskets[0].At, r.day.Baskets[len(r.day.Baskets)-1].At
	if whole := last.Sub(first); whole > 0 {
		return float64(at.Sub(first)) / float64(whole)
	}
	return 0
}

// asked is what a store sells of an item by itself, before and after a moment.
type asked struct {
	before, after int64
	baskets       []int // that sell it
	unclear       bool  // some comes back or is corrected
}

// contests chooses the orders for one cut.
func (r *Run) contests(c cut) (chosen []contest) {
	sold, mine := r.asked(c)
	opening := r.opening[c.location]
	pinned := map[int]bool{} // baskets that have to stay in the store
	for _, i := range mine {
		if len(chosen) == contestedOrders {
			break
		}
		if pinned[i] {
			continue
		}
		own := map[string]int64{}
		for _, line := range r.day.Baskets[i].Sold {
			own[line.Item] += line.Thousandths
		}
		for _, item := range slices.Sorted(maps.Keys(own)) {
			a, wanted := sold[item], own[item]
			before, after := a.before, a.after
			if r.shareAt(r.day.Baskets[i].At) > c.from {
				after -= wanted
			} else {
				before -= wanted
			}
			left := opening[item] - before
			if a.unclear || after <= 0 || wanted > left || wanted+after <= left {
				continue
			}
			chosen = append(chosen, contest{i, c.from + soonAfter})
			for _, other := range a.baskets {
				pinned[other] = true
			}
			break
		}
	}
	return chosen
}

// asked sums what the baskets that stay in the store take of each item, and
// lists the store's baskets that could be orders, small ones first. What is sold
// just after the cut began counts as neither, so that it cannot be relied on.
func (r *Run) asked(c cut) (sold map[string]*asked, mine []int) {
	sold = map[string]*asked{}
	of := func(item string) *asked {
		if sold[item] == nil {
			sold[item] = &asked{}
		}
		return sold[item]
	}
	for i := range r.day.Baskets {
		b := &r.day.Baskets[i]
		if b.Location != c.location {
			continue
		}
		at := r.shareAt(b.At)
		for _, line := range b.Sold {
			a := of(line.Item)
			switch {
			case r.isOnline(b):
				a.unclear = true // drawn as an order: it may take what it likes
			case at <= c.from:
				a.before += line.Thousandths
			default:
				a.after += line.Thousandths
				a.unclear = a.unclear || at < c.from+laterThan
			}
			a.baskets = append(a.baskets, i)
		}
		for _, line := range b.Returned {
			of(line.Item).unclear = true
		}
		for _, line := range b.Adjusted {
			of(line.Item).unclear = true
		}
		if b.Kind == day.Sale && len(b.Sold) > 0 && len(b.Sold) <= protocol.MaxReservationLines && !r.isOnline(b) {
			mine = append(mine, i)
		}
	}
	slices.SortStableFunc(mine, func(a, b int) int {
		large := func(i int) int { return max(smallOrder, r.day.Baskets[i].Lines()) }
		return cmp.Compare(large(a), large(b))
	})
	return sold, mine
}

// split takes the day's baskets apart: what stores sell, and what arrives as
// online orders, each at its time.
func (r *Run) split() {
	r.plan.contested = map[string]bool{}
	first, last := r.day.Baskets[0].At, r.day.Baskets[len(r.day.Baskets)-1].At
	moved := map[string]bool{}
	for _, c := range r.plan.contests {
		b := r.day.Baskets[c.order]
		moved[slip(&b)] = true
		b.At = first.Add(time.Duration(c.at * float64(last.Sub(first))))
		r.online = append(r.online, b)
		r.plan.contested[r.web(&b, 0).id] = true
	}
	r.stores = slices.DeleteFunc(r.stores, func(b day.Basket) bool { return moved[slip(&b)] })
	slices.SortStableFunc(r.online, func(a, b day.Basket) int { return a.At.Compare(b.At) })
}

func slip(b *day.Basket) string { return b.Location + "\x00" + b.Receipt }

// isOnline reports whether the basket was drawn as an online order.
func (r *Run) isOnline(b *day.Basket) bool { return r.drawn[slip(b)] }
