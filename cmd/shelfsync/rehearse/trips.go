package rehearse

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// The ends of a trip, by their place in its list of stores.
const (
	origin = iota
	destination
	third
)

// trip is one transfer as it is played.
type trip struct {
	name        string
	sent        int64 // units of each item
	legs        []leg
	closed      int    // who says that nothing more is to come: a store, byHub or nobody
	undone      bool   // the dispatch is reversed
	disposition string // empty: sellable
	counted     bool   // the destination finds goods while the transfer is on its way
}

// leg is goods that arrive somewhere.
type leg struct {
	at    int
	units int64
	after bool // only when the transfer is over at the hub
}

const (
	nobody = -1
	byHub  = -2
)

// tripRows are the trips of a day; each is made once, by stores that are drawn.
var tripRows = []trip{
	{name: "in full", sent: 3, legs: []leg{{destination, 3, false}}, closed: nobody},
	{name: "in two parts", sent: 4, legs: []leg{{destination, 1, false}, {destination, 3, false}}, closed: nobody},
	{name: "short, closed by the store", sent: 3, legs: []leg{{destination, 2, false}}, closed: destination},
	{name: "short, closed by the hub", sent: 3, legs: []leg{{destination, 1, false}}, closed: byHub},
	{name: "never arrived, closed by its origin", sent: 2, closed: origin},
	{name: "over", sent: 2, legs: []leg{{destination, 3, false}}, closed: nobody},
	{name: "at another store", sent: 3, legs: []leg{{third, 3, false}}, closed: nobody},
	{name: "partly at another store", sent: 3, legs: []leg{{destination, 1, false}, {third, 2, false}}, closed: nobody},
	{name: "back home", sent: 2, legs: []leg{{origin, 2, false}}, closed: nobody},
	{name: "twice", sent: 2, legs: []leg{{destination, 2, false}, {destination, 2, true}}, closed: nobody},
	{name: "undone", sent: 2, undone: true, closed: nobody},
	{name: "damaged goods", sent: 1, legs: []leg{{destination, 1, false}}, closed: nobody, disposition: "damaged"},
	{name: "counted on the way", sent: 2, legs: []leg{{destination, 2, false}}, closed: nobody, counted: true},
	{name: "still under way in the evening", sent: 2, legs: []leg{{destination, 1, false}}, closed: nobody},
}

// earlyRows are made while their origin is cut off: the goods arrive before the
// hub has heard of their papers.
var earlyRows = []trip{
	{name: "early, in full", sent: 3, legs: []leg{{destination, 3, false}}, closed: nobody},
	{name: "early, over", sent: 2, legs: []leg{{destination, 3, false}}, closed: nobody},
	{name: "early, at another store and short", sent: 4, legs: []leg{{third, 2, false}, {destination, 1, false}}, closed: byHub},
}

// trips plans all transfers; they need another store.
func (p *errandPlan) trips() {
	if len(p.run.day.Locations) < 2 {
		return
	}
	p.run.plan.trips = true
	for i := range tripRows {
		stores := p.stores(1, p.run.plan.copied.cloned, p.run.plan.copied.restored)
		stores = append(stores, p.stores(2, stores[0])...)
		if len(stores) < 3 {
			stores = append(stores, stores[1])
		}
		p.trip(p.share(0.05, 0.7), &tripRows[i], stores)
	}
	for _, c := range p.run.plan.cuts {
		if p.run.plan.isCopied(c.location) {
			continue
		}
		for i := range earlyRows {
			at := c.from + p.share(0.03, 0.08)
			stores := append([]string{c.location}, p.online(at, 2, c.location)...)
			if len(stores) == 2 {
				stores = append(stores, stores[1])
			}
			if len(stores) == 3 {
				p.run.plan.early = true
				p.trip(at, &earlyRows[i], stores)
			}
		}
	}
}

// online draws stores that are not cut off around a moment.
func (p *errandPlan) online(at float64, count int, but ...string) []string {
	for _, c := range p.run.plan.cuts {
		if c.from < at+0.1 && at < c.to {
			but = append(but, c.location)
		}
	}
	return p.stores(count, but...)
}

func (p *errandPlan) trip(at float64, t *trip, stores []string) {
	items := []string{p.item(stores[origin], t.sent), p.item(stores[origin], t.sent)}
	m := &moving{trip: t, run: p.run, key: p.key(), stores: stores, items: items, rest: p.share(0.01, 0.06)}
	p.add(at, m.make)
}

// moving is a trip that is under way.
type moving struct {
	*trip
	run    *Run
	key    string
	stores []string
	items  []string
	rest   float64 // share of the day between two steps
	id     string  // of the transfer
}

// lines are so many units of each item, as a call and as the book has them.
func (m *moving) lines(kind string, units int64, other string) (asked []api.TransferLine, lines []Line) {
	account := m.disposition
	if account == "" {
		account = "sellable"
	}
	for _, item := range m.items {
		asked = append(asked, api.TransferLine{Item: item, Quantity: quantity(units * 1000), Disposition: m.disposition})
		line := Line{Kind: kind, Item: item, Thousandths: units * 1000, Account: account, Other: other}
		if kind == "arrive" {
			line.Of = m.id
		}
		lines = append(lines, line)
	}
	return asked, lines
}

// make sends the goods and does whatever happens to them.
func (m *moving) make(ctx context.Context) error {
	r, home := m.run, m.stores[origin]
	if m.disposition == "damaged" {
		for n, item := range m.items {
			if err := r.damages(ctx, home, fmt.Sprintf("%s/broken-%d", m.key, n), damageOf("damage", item, m.sent)); err != nil {
				return err
			}
		}
	}
	asked, lines := m.lines("dispatch", m.sent, m.stores[destination])
	sent, err := r.must(ctx, home, deed{"/v1/transfers", m.key + "/dispatch", api.Dispatch{To: m.stores[destination], Lines: asked}, Answer{Kind: "dispatch", Lines: lines}})
	if err != nil {
		return err
	}
	m.id = sent.Operation
	if m.undone {
		return r.undoes(ctx, home, m.key, m.id)
	}
	if m.counted {
		if err := m.count(ctx); err != nil {
			return err
		}
	}
	for n, leg := range m.legs {
		if err := m.arrives(ctx, n, leg); err != nil {
			return err
		}
	}
	return m.close(ctx)
}

func (m *moving) arrives(ctx context.Context, n int, leg leg) error {
	if n > 0 {
		if err := m.run.pause(ctx, m.rest); err != nil {
			return err
		}
	}
	if leg.after {
		if err := m.run.comes(ctx, "transfer "+m.id+" is over", m.over); err != nil {
			return err
		}
	}
	asked, lines := m.lines("arrive", leg.units, m.stores[origin])
	_, err := m.run.must(ctx, m.stores[leg.at], deed{"/v1/arrivals", fmt.Sprintf("%s/arrival-%d", m.key, n),
		api.Arrival{Transfer: m.id, From: m.stores[origin], Lines: asked}, Answer{Kind: "arrival", Lines: lines}})
	return err
}

// over reports whether the hub has the papers and nothing more is to come.
func (m *moving) over(ctx context.Context) bool {
	var record api.OperationRecord
	if found, err := m.run.client.get(ctx, m.run.agents[m.stores[origin]].agent.one("/v1/operations/"+m.id), &record); err != nil || found && record.State != "settled" { // not found: its PC was replaced
		return false
	}
	remains, known := m.remains(ctx, m.run.hub(0, "/v1/transfers"))
	return known && remains == 0
}

// remains is what a hub or a store says is still to come of the transfer.
func (m *moving) remains(ctx context.Context, from target) (thousandths int64, known bool) {
	err := pages(ctx, m.run.client, from, url.Values{}, func(t api.Transfer) {
		if t.ID != m.id {
			return
		}
		for _, line := range t.Lines {
			thousandths += int64(line.Quantity.Stock())
		}
	})
	return thousandths, err == nil
}

// close says that nothing more is to come, once all that did come is known where
// it is said: who closes a transfer too early only finds the goods doubled.
func (m *moving) close(ctx context.Context) error {
	if m.closed == nobody {
		return nil
	}
	left := m.sent
	for _, leg := range m.legs {
		left -= leg.units
	}
	left *= 1000 * int64(len(m.items))
	from := m.run.hub(1, "/v1/transfers")
	if m.closed != byHub {
		from = m.run.agents[m.stores[m.closed]].agent.one("/v1/transfers")
	}
	err := m.run.comes(ctx, "all arrivals of transfer "+m.id+" are known", func(ctx context.Context) bool {
		remains, known := m.remains(ctx, from)
		return known && remains == left
	})
	if err != nil {
		return err
	}
	path, body := "/v1/transfers/"+m.id+"/close", api.TransferClosing{Reason: "lost on the way"}
	if m.closed != byHub {
		return m.closeAt(ctx, m.stores[m.closed], deed{path, m.key + "/close", body, Answer{Kind: "close_transfer", Lines: []Line{{Kind: "close_transfer", Of: m.id}}}})
	}
	reply, err := m.run.client.post(ctx, m.run.hub(1, path), "", body)
	if err == nil && reply.status != http.StatusOK && reply.status != http.StatusNotFound { // 404: an attempt that nobody heard of took effect
		err = fmt.Errorf("%s answered %d: %s", path, reply.status, reply.body)
	}
	m.run.record.Note(Answer{Kind: "closed_by_hub", Order: "", Lines: []Line{{Kind: "close_transfer", Of: m.id}}, Status: reply.status})
	return err
}

// closeAt closes the transfer at a store, which lists what it has just sent
// before it can close it: then the hub has to have told of it.
func (m *moving) closeAt(ctx context.Context, store string, d deed) (err error) {
	waited := m.run.comes(ctx, store+" can close transfer "+m.id, func(ctx context.Context) bool {
		var done bool
		_, done, err = m.run.does(ctx, store, d)
		return done || err != nil
	})
	if err == nil {
		err = waited
	}
	return err
}

// count finds a unit more than the record says while goods are on their way: it
// has to be said twice, the second time that somebody looked.
func (m *moving) count(ctx context.Context) error {
	to, item := m.stores[destination], m.items[0]
	err := m.run.comes(ctx, to+" knows what is on its way", func(ctx context.Context) bool {
		found, _, ok := m.run.looks(ctx, to, item)
		return ok && found.InTransit.Stock() > 0
	})
	if err != nil {
		return err
	}
	for n, confirmed := range []bool{false, true} {
		if _, err := m.run.counts(ctx, to, counting{key: fmt.Sprintf("%s/count-%d", m.key, n), item: item, more: 1, confirmed: confirmed}); err != nil {
			return err
		}
	}
	return nil
}
