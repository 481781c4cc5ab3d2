package rehearse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// book does the arithmetic of conflicts again, from outside: it walks the journal
// record by record, with the goods that each moved and the claims that the
// channel was answered, and wherever an operation leaves fewer goods than are
// claimed it expects conflicts on record for just the units that are lacking.
//
// A claim is vague where nobody was told when it began or ended: the carts that
// ran out at some tick, and orders whose first answer was lost. With such claims
// at a level what is lacking is known within bounds only.
type book struct {
	auditor    *auditor
	promised   map[string][]Claim // by order
	late       map[string]bool    // orders whose first answer was lost: they were promised earlier than answered
	vague      map[string]bool    // these, and the carts
	goods      *accounts
	claims     map[account][]*claimed
	shifts     map[string][]*Answer // by order: moves that its channel asked for
	rules      *api.PolicyRules     // in force
	version    int
	states     map[string]string      // of locations that are not open
	channels   map[string]string      // by order
	priorities map[string]int64       // by order
	reserved   map[string]int         // by order: where it was accepted
	refusals   map[string]*Answer     // by order
	wants      map[string]*Answer     // by order: what was asked for
	options    map[string][][]string  // by order and line: candidates when it was accepted
	lateItems  map[string]bool        // of late orders
	causes     map[string][]*conflict // by operation or document, in the order of the record
	settled    map[*conflict]settlement
	lines      int                // born so far
	afterwards map[*conflict]bool // their operation was parked first
}

// claimed is an open claim.
type claimed struct {
	order, line string
	quantity    int64
	state       string
	born        int      // its place among all lines: a part comes after what was there before
	left        []string // places that it stood at before
}

// settlement is what an operation left at a level, in thousandths, and what gave
// way because of it. Lacking is at least and at most so much.
type settlement struct {
	sellable, claims, least, most, yielded int64
}

func at(location, item string) account { return account{location, item, ""} }

// newBook opens the book of all orders; call walk then.
func (a *auditor) newBook() *book {
	b := &book{auditor: a, promised: map[string][]Claim{}, late: map[string]bool{}, vague: map[string]bool{}, goods: a.accounts, claims: map[account][]*claimed{},
		shifts: a.shifts, causes: map[string][]*conflict{}, settled: map[*conflict]settlement{}, afterwards: map[*conflict]bool{}}
	b.states, b.channels, b.priorities, b.reserved, b.refusals, b.lateItems = map[string]string{}, map[string]string{}, map[string]int64{}, map[string]int{}, map[string]*Answer{}, map[string]bool{}
	b.rules, b.version = a.policies[0].rules, 1
	b.wants, b.options = map[string]*Answer{}, map[string][][]string{}
	confirmed := map[string]bool{}
	for i := range a.answers {
		answer := &a.answers[i]
		switch {
		case answer.Kind == "reserve" && answer.Status != 409:
			b.promised[answer.Order] = answer.Claims
			b.late[answer.Order] = answer.Status == 200
			b.wants[answer.Order] = answer
			b.channels[answer.Order], b.priorities[answer.Order] = answer.Channel, answer.Priority
			for _, want := range answer.Wants {
				b.lateItems[want.Item] = b.lateItems[want.Item] || answer.Status == 200
			}
		case answer.Kind == "reserve":
			b.refusals[answer.Order] = answer
		case answer.Kind == "confirm" && answer.State != "not_allowed":
			confirmed[answer.Order] = true
		}
	}
	for order := range b.promised {
		b.vague[order] = b.late[order] || !confirmed[order]
	}
	for i := range a.settled {
		if c := &a.settled[i]; c.yields() {
			cause := c.Cause.Operation + c.Cause.Document
			b.causes[cause] = append(b.causes[cause], c)
		}
	}
	return b
}

// walk reads the journal to its end.
func (b *book) walk(journal []api.JournalRecord) {
	changes := b.auditor.changes
	for i := range journal {
		record := &journal[i]
		for ; len(changes) > 0 && changes[0].record < i; changes = changes[1:] {
			b.goods.codes.say(changes[0])
		}
		switch record.Kind {
		case "reserve":
			switch record.Detail {
			case "accepted":
				b.reserved[record.Reservation] = int(indexOf(record.Position))
				b.open(record.Reservation)
			case "short":
				b.refused(record.Reservation)
			}
		case "policy":
			if record.Detail == "accepted" && b.version < len(b.auditor.policies) {
				b.rules = b.auditor.policies[b.version].rules
				b.version++
			}
		case "confirm", "release":
			if record.Detail == "accepted" {
				b.step(record.Reservation, record.Kind)
			}
		case "move":
			if record.Detail == "accepted" {
				b.shift(record)
			}
		case "operation", "movements":
			b.operation(record)
		case "close_transfer", "resolve":
			b.goods.apply(record)
		case "locations":
			b.turn(record)
		case "map":
			b.maps(record)
		}
	}
}

// maps books what was parked for a code; claims give way to it as they would have
// when it was sold.
func (b *book) maps(record *api.JournalRecord) {
	said, ok := mapOf(record)
	if !ok {
		return
	}
	took, by := b.goods.maps(said)
	var given []*conflict
	for _, id := range by {
		for _, c := range b.causes[id] {
			if c.Position == record.Position {
				given = append(given, c)
				b.afterwards[c] = true
			}
		}
	}
	for level := range took {
		b.settle(record, at(level.location, level.item), given)
	}
}

func (b *book) open(order string) {
	if asked := b.wants[order]; asked != nil {
		for i := range asked.Wants {
			b.options[order] = append(b.options[order], b.candidates(&asked.Wants[i]))
		}
	}
	for _, c := range b.promised[order] {
		if c.Location != "" && c.State != "short" {
			if b.lines++; !b.late[order] {
				b.promises("order "+order, at(c.Location, c.Item), order, c.Thousandths)
			}
			b.claims[at(c.Location, c.Item)] = append(b.claims[at(c.Location, c.Item)], &claimed{order: order, line: c.Line, quantity: c.Thousandths, state: "held", born: b.lines})
		}
	}
}

func (b *book) step(order, step string) {
	for level, claims := range b.claims {
		for _, c := range claims {
			if c.order == order && step == "confirm" && c.state == "held" {
				c.state = "confirmed"
			}
		}
		if step == "release" {
			b.claims[level] = slices.DeleteFunc(claims, func(c *claimed) bool { return c.order == order })
		}
	}
}

// steps are what a store says of a claim without moving goods: the state that it
// has then, and the one before.
var steps = map[string][2]string{"stage": {"confirmed", "staged"}, "unstage": {"staged", "confirmed"}}

// operation books a record's lines, then settles the levels that it took goods
// from, and those where claims may give way again.
func (b *book) operation(record *api.JournalRecord) {
	touched := map[account]bool{}
	given := slices.DeleteFunc(slices.Clone(b.causes[record.Operation+record.Document]), func(c *conflict) bool { return c.Position != record.Position })
	for _, line := range record.Lines {
		level := at(record.Location, line.Item)
		switch {
		case without[line.Effect]:
		case steps[line.Kind] != [2]string{}:
			if c := b.find(line, level); c != nil && c.state == steps[line.Kind][0] {
				c.state = steps[line.Kind][1]
				touched[level] = true
			}
		case line.Kind == "cannot_pick":
			given = b.notFound(record, line, given)
		case line.Kind == "pick" || line.Kind == "sale" && line.Reservation != "":
			b.pick(line, level)
		}
	}
	for level := range b.goods.apply(record) {
		touched[at(level.location, level.item)] = true
	}
	for level := range touched {
		b.settle(record, level, given)
	}
	for _, c := range given {
		if !touched[at(c.Location, c.Item)] {
			b.auditor.report.fail(fmt.Sprintf("conflict %s says that %s took %s from %s, which it did not", c.ID, record.Operation+record.Document, c.Item, c.Location))
		}
	}
}

// notFound is a claim whose goods a store cannot find: it gives way although
// nothing lacks by the record. The records that are left are returned.
func (b *book) notFound(record *api.JournalRecord, line api.OperationLine, given []*conflict) (left []*conflict) {
	gave := 0
	for _, c := range given {
		if c.Cause.Kind != "cannot_pick" || c.Reservation != line.Reservation || !ofLine(c.Line, line.ReservationLine) {
			left = append(left, c)
			continue
		}
		gave++
		level := at(c.Location, c.Item)
		b.settled[c] = settlement{sellable: b.goods.sums[account{c.Location, c.Item, "sellable"}], claims: int64(c.Quantity.Stock()), yielded: int64(c.Quantity.Stock())}
		b.yield(level, c)
	}
	if want := line.Effect == "applied"; want != (gave == 1) {
		b.auditor.report.fail(fmt.Sprintf("conflict: %s could not find %s for line %s of order %s (%s), and %d claims gave way", record.Operation, line.Item, line.ReservationLine, line.Reservation, line.Effect, gave))
	}
	return left
}

// ofLine reports whether a line is the one named or a part of it; every line is
// where none is named.
func ofLine(line, name string) bool {
	return name == "" || line == name || strings.HasPrefix(line, name+".")
}

// find is the open claim at a level that a line of a store's operation is about.
func (b *book) find(line api.OperationLine, level account) *claimed {
	for _, c := range b.claims[level] {
		if c.order == line.Reservation && (line.ReservationLine == "" || line.ReservationLine == c.line) {
			return c
		}
	}
	return nil
}

// pick ends claims as far as goods were handed over: of the line named, then of
// its parts here, then of those elsewhere, the oldest first.
func (b *book) pick(line api.OperationLine, here account) {
	for left := int64(line.Quantity.Stock()); left > 0; {
		var level account
		var best *claimed
		bestRank := 0
		for _, location := range b.auditor.run.day.Locations {
			other := at(location, here.item)
			for _, c := range b.claims[other] {
				rank := 1
				switch {
				case c.order != line.Reservation || !ofLine(c.line, line.ReservationLine):
					continue
				case c.line == line.ReservationLine:
					rank = 3
				case other == here:
					rank = 2
				}
				if rank > bestRank || rank == bestRank && c.born < best.born {
					level, best, bestRank = other, c, rank
				}
			}
		}
		if best == nil {
			return
		}
		q := min(left, best.quantity)
		b.take(level, best, q)
		left -= q
	}
}

func (b *book) take(level account, c *claimed, q int64) {
	if c.quantity -= q; c.quantity == 0 {
		b.claims[level] = slices.DeleteFunc(b.claims[level], func(other *claimed) bool { return other == c })
	}
}

// settle compares what lacks at a level with what the records say gave way.
func (b *book) settle(record *api.JournalRecord, level account, given []*conflict) {
	s := settlement{sellable: b.goods.sums[account{level.location, level.item, "sellable"}]}
	var sure, all, staged int64
	for _, c := range b.claims[level] {
		all += c.quantity
		if !b.vague[c.order] {
			sure += c.quantity
			if c.state == "staged" {
				staged += c.quantity
			}
		}
	}
	lacking := func(claims int64) int64 {
		if b.states[level.location] == "closed" {
			return claims - staged
		}
		return min(claims-staged, max(0, claims-s.sellable))
	}
	s.claims, s.least, s.most = all, lacking(sure), lacking(all)
	var here []*conflict
	for _, c := range given {
		if at(c.Location, c.Item) == level {
			s.yielded += int64(c.Quantity.Stock())
			here = append(here, c)
		}
	}
	// What of a late order gave way before its answer the book has never seen: then
	// more may have been claimed than it knows.
	if s.yielded < s.least || s.yielded > s.most && !b.lateItems[level.item] {
		b.auditor.report.fail(fmt.Sprintf("conflict: %s left %d thousandths of %s at %s with %d claimed: %d to %d lacked, but %d yielded", record.Operation+record.Document,
			s.sellable, level.item, level.location, s.claims, s.least, s.most, s.yielded))
	}
	var gave []claimed
	for _, c := range here {
		b.settled[c] = s
		if y := b.yield(level, c); y != nil {
			gave = append(gave, *y)
		}
	}
	b.inOrder(level, gave, record.Operation+record.Document)
}

// yield takes what a record says from the claim that it names, or from the one
// that its part was cut from.
func (b *book) yield(level account, c *conflict) (gave *claimed) {
	q := int64(c.Quantity.Stock())
	var from *claimed
	for _, claim := range b.claims[level] {
		if claim.order == c.Reservation && claim.quantity >= q && ofLine(c.Line, claim.line) &&
			(from == nil || len(claim.line) > len(from.line)) {
			from = claim
		}
	}
	if from == nil && b.late[c.Reservation] {
		return nil // it had yielded before the channel got its answer
	}
	if from == nil {
		b.auditor.report.fail(fmt.Sprintf("conflict %s: order %s has no open claim for line %s of %d thousandths of %s at %s", c.ID, c.Reservation, c.Line, q, c.Item, c.Location))
		return nil
	}
	if from.state != c.State && !b.vague[c.Reservation] {
		b.auditor.report.fail(fmt.Sprintf("conflict %s: line %s of order %s was %s, not %s", c.ID, c.Line, c.Reservation, from.state, c.State))
	}
	part, before := *from, *from
	if part.state == "staged" { // not found: it is not set aside any more
		part.state = "confirmed"
	}
	if part.quantity = q; part.line != c.Line {
		b.lines++
		part.line, part.born = c.Line, b.lines
	}
	b.take(level, from, q)
	if c.Remedy == "move" {
		b.relocates(c, &part)
	} else {
		b.stranded(c, &part)
	}
	return &before
}
