package rehearse

import (
	"math"
	"strings"
)

// span is one claim at one place, from where in the log it stood to where it
// ended, as far as the channel, the stores and the records of conflicts say. A
// beginning or an end that nobody was told exactly lies between two indexes.
type span struct {
	location, item string
	quantity       int64
	staged         uint64 // 0: never set aside
	from, to       bounds
}

// bounds of an index: an event that happened at or after low, and at or before high.
type bounds struct{ low, high uint64 }

const never = math.MaxUint64

// stands reports whether the claim stood just before index was applied: for
// certain, and perhaps.
func (s *span) stands(index uint64) (surely, perhaps bool) {
	return s.from.high <= index && s.to.low >= index, s.from.low <= index && s.to.high >= index
}

// claimBook lists all claims, part by part: what was promised, cut into the parts
// that yielded, each where it stood and for how long.
func (a *auditor) claimBook() (book []span) {
	ends := a.claimEnds()
	for i := range a.answers {
		answer := &a.answers[i]
		if answer.Kind != "reserve" || answer.State == "short" {
			continue
		}
		from := bounds{0, indexOf(answer.Position)}
		if answer.Status == 201 {
			from.low = from.high // decided by this very answer
		}
		for _, claim := range answer.Claims {
			if claim.Location != "" {
				book = append(book, a.parts(answer.Order, claim, from, ends)...)
			}
		}
	}
	return book
}

// parts follows one promised line through everything that yielded of it.
func (a *auditor) parts(order string, claim Claim, from bounds, ends map[string]bounds) (parts []span) {
	rest := span{location: claim.Location, item: claim.Item, quantity: claim.Thousandths, from: from, to: endOf(ends, order)}
	open := []span{rest}
	for i := range a.settled {
		c := &a.settled[i]
		if c.Reservation != order || !c.yields() || c.Line != claim.Line && !strings.HasPrefix(c.Line, claim.Line+".") {
			continue
		}
		index, q := indexOf(c.Position), int64(c.Quantity.Stock())
		for k := range open {
			if open[k].location != c.Location || open[k].quantity < q || open[k].from.low > index {
				continue
			}
			gone := open[k]
			gone.quantity, gone.to = q, bounds{index, index}
			parts = append(parts, gone)
			open[k].quantity -= q
			if c.Remedy == "move" {
				moved := open[k]
				moved.location, moved.quantity, moved.from = c.To, q, bounds{index, index}
				open = append(open, moved)
			}
			break
		}
	}
	for _, part := range open {
		if part.quantity > 0 {
			parts = append(parts, a.handled(order, part))
		}
	}
	return parts
}

// handled adds what the part's store did about it: where it was set aside and
// where it left.
func (a *auditor) handled(order string, part span) span {
	for i := range a.journal {
		record := &a.journal[i]
		for _, line := range record.Lines {
			if line.Reservation != order || line.Item != part.item || record.Location != part.location {
				continue
			}
			index := indexOf(record.Position)
			switch {
			case line.Kind == "stage" && index >= part.from.low:
				part.staged = index
			case line.Kind == "pick" && index >= part.from.low:
				part.to = bounds{min(part.to.low, index), index}
			}
		}
	}
	return part
}

// claimEnds is, for each order, where in the log its claims ended by the
// channel's own doing; a hold that runs out ends nobody knows where.
func (a *auditor) claimEnds() map[string]bounds {
	ends := map[string]bounds{}
	for i := range a.answers {
		answer := &a.answers[i]
		switch {
		case answer.Kind == "release" && answer.State != "not_allowed":
			ends[answer.Order] = bounds{promisedAt(a.answers, answer.Order), indexOf(answer.Position)}
		case answer.Kind == "confirm" && answer.State != "not_allowed":
			if _, known := ends[answer.Order]; !known {
				ends[answer.Order] = bounds{never, never}
			}
		}
	}
	return ends
}

func promisedAt(answers []Answer, order string) uint64 {
	for i := range answers {
		if answers[i].Order == order && answers[i].Position != "" {
			return indexOf(answers[i].Position)
		}
	}
	return 0
}

// endOf is where a claim ended that neither yielded nor was handed over. One
// that was never confirmed runs out at a tick: somewhere after its beginning.
func endOf(ends map[string]bounds, order string) bounds {
	if end, known := ends[order]; known {
		return end
	}
	return bounds{0, never}
}
