package sim

import (
	"strings"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// book is a second account of what stands where, kept from the log and from what
// the state machine said became of each line. It knows the movement table of the
// domain and nothing of how levels are stored.
type book struct {
	levels  map[place]*shelf
	outside map[string]*[3]stock.Quantity // by item: supplier, customer, scrap
	counts  map[place]written             // the last count of each level
	parked  map[parkedAt]parkedLine
	touched []place
	writers map[string]string  // by location: the installation that writes it
	epochs  map[string][]epoch // by location, as they came
	tell    func(string, ...any)
	fail    func(rule, format string, args ...any)
}

type place struct{ location, item string }

// shelf is what a location has of an item.
type shelf struct{ sellable, damaged, pending stock.Quantity }

// written is where an operation stands among its location's ledgers.
type written struct {
	location, epoch string
	sequence        uint64
}

type parkedAt struct {
	epoch    string
	sequence uint64
	line     int
}

type parkedLine struct {
	at       written
	line     stock.Line
	reversed bool
}

func newBook() *book {
	return &book{levels: map[place]*shelf{}, outside: map[string]*[3]stock.Quantity{}, counts: map[place]written{}, parked: map[parkedAt]parkedLine{},
		writers: map[string]string{}, epochs: map[string][]epoch{}}
}

// sides are the accounts that a line takes from and brings to; NoAccount is the
// one that the line names.
var sides = map[stock.Kind][2]stock.Account{
	stock.Sale:     {stock.Sellable, stock.Customer},
	stock.Pick:     {stock.Sellable, stock.Customer},
	stock.Return:   {stock.Customer, stock.NoAccount},
	stock.Delivery: {stock.Supplier, stock.Sellable},
	stock.Damage:   {stock.Sellable, stock.Damaged},
	stock.Repair:   {stock.Damaged, stock.Sellable},
	stock.WriteOff: {stock.Damaged, stock.Scrap},
	stock.Adjust:   {stock.Variance, stock.NoAccount},
	stock.Inspect:  {stock.ReturnPending, stock.NoAccount},
	stock.Count:    {stock.Variance, stock.Sellable},
	stock.Dispatch: {stock.NoAccount, stock.InTransit},
	stock.Arrive:   {stock.InTransit, stock.NoAccount},
}

// take books one line that took effect.
func (b *book) take(at written, line stock.Line, reversed bool, code stock.OutcomeCode, means meaning) {
	legs, moves := sides[line.Kind]
	if !moves || means.service {
		return
	}
	q := line.Quantity * stock.Quantity(means.factor)
	p := place{at.location, means.item}
	last, counted := b.counts[p]
	closed := counted && b.before(at, last)
	if line.Kind == stock.Count {
		if code == stock.RecountNeeded || closed {
			return
		}
		if s := b.levels[p]; s == nil && line.Expected != 0 || s != nil && s.sellable != line.Expected {
			b.fail("O12", "a count at %s moved %s of %s, expecting %s sellable, which was not so", p.location, line.Quantity, p.item, line.Expected)
		}
		b.counts[p] = at
	}
	from, to := legs[0], legs[1]
	if from == stock.NoAccount {
		from = line.Account
	}
	if to == stock.NoAccount {
		to = line.Account
	}
	if reversed {
		from, to = to, from
	}
	if b.tell != nil {
		b.tell("book %s %s at %s %s, reversed %t, closed %t", line.Kind, q, p.location, p.item, reversed, closed)
	}
	b.add(p, from, -q, closed)
	b.add(p, to, q, closed)
}

// add changes one account. What a count has seen already is no longer found on,
// or missed from, the shelf.
func (b *book) add(p place, a stock.Account, q stock.Quantity, closed bool) {
	s := b.levels[p]
	if s == nil {
		s = &shelf{}
		b.levels[p] = s
	}
	b.touched = append(b.touched, p)
	out := b.outside[p.item]
	if out == nil {
		out = &[3]stock.Quantity{}
		b.outside[p.item] = out
	}
	switch a {
	case stock.Sellable:
		if !closed {
			s.sellable += q
		}
	case stock.Damaged:
		s.damaged += q
	case stock.ReturnPending:
		s.pending += q
	case stock.Supplier, stock.Customer, stock.Scrap:
		out[a-stock.Supplier] += q
	}
}

// compare holds the levels that were touched against the state's.
func (b *book) compare(w *World, state *stock.State) {
	for _, p := range b.touched {
		s := b.levels[p]
		got := state.Balance(p.location, p.item)
		if got.Sellable != s.sellable || got.Damaged != s.damaged || got.ReturnPending != s.pending {
			w.fail("O12", "%s at %s is %s sellable, %s damaged, %s return pending; by the log it is %s, %s, %s",
				p.item, p.location, got.Sellable, got.Damaged, got.ReturnPending, s.sellable, s.damaged, s.pending)
		}
	}
	b.touched = b.touched[:0]
}

// whole holds every account outside against the state's.
func (b *book) whole(w *World, state *stock.State) {
	for row := range state.Rows() {
		item, ok := row.(stock.ItemRow)
		if !ok {
			continue
		}
		want := b.outside[item.Item.Code]
		if want == nil {
			want = &[3]stock.Quantity{}
		}
		if [3]stock.Quantity(item.Outside[:3]) != *want {
			w.fail("O2", "supplier, customer, scrap of %s are %v; what tills and documents said makes %v", item.Item.Code, item.Outside[:3], *want)
		}
	}
}

// epoch is one history of a location.
type epoch struct{ name, installation string }

// opened notes the epoch of a batch.
func (b *book) opened(batch *stock.Batch) {
	for _, e := range b.epochs[batch.Agent] {
		if e.name == batch.Epoch {
			return
		}
	}
	b.epochs[batch.Agent] = append(b.epochs[batch.Agent], epoch{batch.Epoch, batch.Installation})
}

// named notes an epoch that something was written again from.
func (b *book) named(batch *stock.Batch, was string) {
	parts := strings.Split(was, ".")
	if len(parts) == 3 && parts[0] == batch.Agent {
		b.opened(&stock.Batch{Agent: batch.Agent, Epoch: parts[1], Installation: batch.Installation})
	}
}

// before reports whether an operation was written before another of its location:
// by sequence in one epoch, epochs as they came, those of a replaced PC first.
func (b *book) before(at, other written) bool {
	if at.epoch == "" || at.epoch == other.epoch {
		return at.epoch != "" && at.sequence < other.sequence
	}
	i, present := b.placeOf(at)
	k, otherPresent := b.placeOf(other)
	if present != otherPresent {
		return otherPresent
	}
	return i < k
}

func (b *book) placeOf(at written) (place int, present bool) {
	for i, e := range b.epochs[at.location] {
		if e.name == at.epoch {
			return i, e.installation == b.writers[at.location]
		}
	}
	return -1, false
}
