package rehearse

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// unknownCode begins the codes that nobody knows while they are sold.
const unknownCode = "CARTON-"

// cartonUnits is how many of its item a carton turns out to be.
const cartonUnits = 2

// parking plans codes that two stores sell before anybody knows what they are.
// One of the stores counts the item afterwards: what was sold is in that count.
func (p *errandPlan) parking() {
	r := p.run
	for n := range 2 {
		stores := p.stores(2)
		item := p.item(stores[0], cartonUnits)
		if len(stores) > 1 {
			r.opening[stores[1]][item] += cartonUnits * 1000
		}
		c := &carton{run: r, key: p.key(), code: fmt.Sprintf("%s%d", unknownCode, n), item: item, stores: stores, counted: n == 0}
		p.add(p.share(0.05, 0.6), c.play)
	}
}

// carton is one such code.
type carton struct {
	run       *Run
	key       string
	code      string
	item      string
	stores    []string
	counted   bool
	exception string // one of its lines, at the hub
}

func (c *carton) play(ctx context.Context) error {
	r := c.run
	for _, store := range c.stores {
		_, err := r.must(ctx, store, deed{"/v1/sales", "", api.Sale{Receipt: c.key, Till: "T1", Lines: []api.SaleLine{{Item: c.code, Quantity: quantity(1000)}}},
			Answer{Kind: "sale", Till: "T1", Receipt: c.key, Lines: []Line{{Kind: "sale", Item: c.code, Thousandths: 1000}}}})
		if err != nil {
			return err
		}
	}
	if err := r.comes(ctx, "all lines of "+c.code+" are parked", c.parked); err != nil {
		return err
	}
	if c.counted {
		if _, err := r.counts(ctx, c.stores[0], counting{key: c.key + "/count", item: c.item, more: -cartonUnits, confirmed: true}); err != nil {
			return err
		}
		if err := r.hasSent(ctx, c.stores[0]); err != nil {
			return err
		}
	}
	return c.maps(ctx)
}

// maps says what the code means.
func (c *carton) maps(ctx context.Context) error {
	r := c.run
	reply, err := r.client.post(ctx, r.hub(1, "/v1/exceptions/"+c.exception+"/map"), "", api.Mapping{Item: c.item, Factor: cartonUnits, By: "rehearsal"})
	if err == nil && reply.status != http.StatusOK && reply.status != http.StatusConflict { // an attempt that nobody heard of took effect
		err = fmt.Errorf("%w: %s could not be mapped: %d %s", errOdd, c.code, reply.status, reply.body)
	}
	r.record.Note(Answer{Kind: "map", Status: reply.status, At: time.Now(), Lines: []Line{{Kind: "map", Item: c.item, Thousandths: cartonUnits * 1000}}})
	return err
}

// parked reports whether the hub has put the lines of all stores aside.
func (c *carton) parked(ctx context.Context) bool {
	lines := 0
	err := pages(ctx, c.run.client, c.run.hub(0, "/v1/exceptions"), url.Values{"kind": {"parked"}}, func(e api.Exception) {
		if e.Item == c.code {
			lines++
			c.exception = e.ID
		}
	})
	return err == nil && lines == len(c.stores)
}

// parkedLine is a line that waits until somebody says what its code means.
type parkedLine struct {
	entry *entry
	line  Line
}

// maps books what was parked for a code as though it had been known: but goods
// that a later count has missed already are found again on paper.
func (b *accounts) maps(record *parkedMap) (took map[account]bool, by []string) {
	took = map[account]bool{}
	for _, p := range b.parked[record.code] {
		line := p.line
		line.Item, line.Thousandths = record.item, line.Thousandths*record.factor
		from, to, q := line.legs(p.entry.undone)
		late := *p.entry
		late.index = record.index
		level := account{late.location, line.Item, "sellable"}
		b.book(&late, account{late.location, line.Item, b.standing(&late, line.Item, from)}, -q)
		b.book(&late, account{late.location, line.Item, b.standing(&late, line.Item, to)}, q)
		took[level] = true
		by = append(by, late.id)
		b.auditor.report.Backroom.Mapped++
		if b.standing(&late, line.Item, "sellable") == "variance" {
			b.auditor.report.Backroom.ClosedByCount++
		}
	}
	delete(b.parked, record.code)
	return took, by
}

// parkedMap is what somebody said of a code, as the journal has it.
type parkedMap struct {
	code, item string
	factor     int64
	index      uint64
}

func mapOf(record *api.JournalRecord) (*parkedMap, bool) {
	if record.Kind != "map" || !strings.HasPrefix(record.Detail, "accepted") || len(record.Lines) != 1 {
		return nil, false
	}
	l := &record.Lines[0]
	return &parkedMap{code: l.Scanned, item: l.Item, factor: int64(l.Quantity.Stock()) / 1000, index: indexOf(record.Position)}, true
}

// standing is the account that a movement really changes: a count closes the
// past, so sellable goods that moved before it and take effect later were found
// or missed by it.
func (b *accounts) standing(e *entry, item, name string) string {
	last := b.counted[account{e.location, item, "sellable"}]
	if name != "sellable" || last == nil || e.sequence == 0 {
		return name
	}
	was, is := b.replaced[e.epoch], b.replaced[last.epoch]
	at := func(epoch string) int { return slices.Index(b.epochs[e.location], epoch) }
	before := e.sequence < last.sequence
	switch {
	case was != is:
		before = was
	case e.epoch != last.epoch:
		before = at(e.epoch) >= 0 && at(e.epoch) < at(last.epoch) // else it begins now
	}
	if before {
		return "variance"
	}
	return name
}
