package rehearse

import (
	"context"
	"fmt"
	"net/url"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/day"
	"github.com/shelfsync/shelfsync/protocol/api"
)

// closing is a store that is paused, closed and opened again while it has claims:
// an order that can only be served there, one that another store can serve, one
// that is set aside, and a cart. Meanwhile channels go on to ask for its goods.
type closing struct {
	run    *Run
	key    string
	stores []string // the second one can serve as well
	item   string
	rest   float64 // between two decisions
	asked  int
}

// closings plans them: at any store, and at one that is cut off meanwhile.
func (p *errandPlan) closings() {
	moments := []struct {
		at    float64
		store string
	}{{p.share(0.1, 0.6), p.stores(1)[0]}}
	if cuts := p.run.plan.cuts; len(cuts) > 0 {
		moments = append(moments, struct {
			at    float64
			store string
		}{cuts[len(cuts)-1].from - 0.03, cuts[len(cuts)-1].location})
	}
	for _, m := range moments {
		c := &closing{run: p.run, key: p.key(), stores: append([]string{m.store}, p.stores(1, m.store)...), item: p.item(m.store, 6), rest: p.share(0.02, 0.06)}
		if len(c.stores) > 1 {
			p.run.opening[c.stores[1]][c.item] += 4000
		}
		p.add(m.at, c.play)
	}
}

func (c *closing) play(ctx context.Context) error {
	shelved, err := c.asks(ctx, c.stores[:1], true)
	if err != nil {
		return err
	}
	for _, candidates := range [][]string{c.stores[:1], c.stores} {
		if _, err := c.asks(ctx, candidates, true); err != nil {
			return err
		}
	}
	if _, err := c.asks(ctx, c.stores, false); err != nil {
		return err
	}
	if shelved != nil {
		if err := c.setAside(ctx, shelved); err != nil {
			return err
		}
	}
	for _, state := range []string{"paused", "closed", "open"} {
		if err := c.turns(ctx, state); err != nil {
			return err
		}
		w, err := c.asks(ctx, c.stores[:1], true)
		if err != nil {
			return err
		}
		if w != nil {
			if _, err := c.run.step(ctx, w, "release"); err != nil {
				return err
			}
		}
		if err := c.run.pause(ctx, c.rest); err != nil {
			return err
		}
		if state == "closed" && shelved != nil { // what is set aside is still handed over
			c.run.beside(func(ctx context.Context) error { return c.run.collect(ctx, shelved) })
		}
	}
	return nil
}

// asks is one order of a unit; nil: it is short.
func (c *closing) asks(ctx context.Context, candidates []string, confirmed bool) (*web, error) {
	c.asked++
	w := &web{id: fmt.Sprintf("%s-%d", c.key, c.asked), worker: c.asked, mode: "all_or_nothing", fate: collected}
	w.basket = &day.Basket{Location: candidates[0], Receipt: w.id, Sold: []day.Line{{Item: c.item, Thousandths: 1000}}}
	request := api.ReservationRequest{ID: w.id, Channel: "web", Order: w.id, Mode: w.mode, TTLSeconds: 600, Priority: 9,
		Lines: []api.ReservationWant{{Item: c.item, Quantity: units(1), Candidates: candidates}}}
	if !confirmed {
		request.TTLSeconds = cartSeconds
	}
	held, err := c.run.asks(ctx, w, request)
	if err != nil || held == nil || !confirmed {
		return nil, err
	}
	if sure, err := c.run.step(ctx, w, "confirm"); err != nil || sure == nil {
		return nil, err
	}
	return w, nil
}

// setAside waits until the store knows of the order, and sets it aside. A store
// that is cut off hears of it when the location is open again.
func (c *closing) setAside(ctx context.Context, w *web) error {
	d := &desk{visit: visit{name: "set aside before it is closed"}, run: c.run, item: c.item, web: w}
	if c.run.agents[w.basket.Location].isCut() {
		return nil
	}
	open := false
	err := c.run.comes(ctx, w.basket.Location+" knows of order "+w.id, func(ctx context.Context) bool {
		open = d.listed(ctx)
		return open || d.settled(ctx) || c.run.agents[w.basket.Location].isCut()
	})
	if err != nil || !open {
		return err
	}
	_, err = d.steps(ctx, "stage")
	return err
}

func (c *closing) turns(ctx context.Context, state string) error {
	row := api.Location{Code: c.stores[0], Name: nameOf(c.stores[0]), State: state}
	_, err := c.run.decides(ctx, decision{kind: "locations", path: "/v1/locations", content: "application/x-ndjson", rows: []any{row}, answer: Answer{Locations: []api.Location{row}}})
	return err
}

// nameOf is what central IT calls a store.
func nameOf(location string) string { return "Store " + location }

// turned are the decisions about locations by where they took effect.
func (a *auditor) turned() map[uint64]*Answer {
	at := map[uint64]*Answer{}
	answers, where := a.decided("locations")
	for i, answer := range answers {
		at[indexOf(a.journal[where[i]].Position)] = answer
		switch answer.Locations[0].State {
		case "paused":
			a.report.Operators.Paused++
		case "closed":
			a.report.Operators.Closed++
		}
	}
	return at
}

// turn books what central IT said of a location. A location that closes lets every
// claim go that is not set aside.
func (b *book) turn(record *api.JournalRecord) {
	answer := b.auditor.places[indexOf(record.Position)]
	if answer == nil { // the morning's load, or said again
		return
	}
	row := answer.Locations[0]
	closes := row.State == "closed" && b.states[row.Code] != "closed"
	if b.states[row.Code] = row.State; row.State == "open" {
		delete(b.states, row.Code)
	}
	if !closes {
		return
	}
	var given []*conflict
	for i := range b.auditor.settled {
		c := &b.auditor.settled[i]
		if c.Cause.Kind == "closed" && c.Position == record.Position {
			given = append(given, c)
		}
	}
	b.auditor.report.Operators.LetGo += len(given)
	for _, c := range given {
		if c.Location != row.Code {
			b.auditor.report.fail(fmt.Sprintf("conflict %s says that closing %s took goods from %s", c.ID, row.Code, c.Location))
		}
	}
	for level := range b.claims {
		if level.location == row.Code {
			b.settle(record, level, given)
		}
	}
}

// placesAt compares what every node says of a store's state with what was said last.
func (a *auditor) placesAt(ctx context.Context) error {
	want := map[string]string{nowhere: "open"}
	for _, location := range a.run.locations() {
		want[location] = "open"
	}
	answers, _ := a.decided("locations")
	for _, answer := range answers {
		want[answer.Locations[0].Code] = answer.Locations[0].State
	}
	for _, n := range a.run.nodes {
		rows := 0
		err := pages(ctx, a.run.client, n.one("/v1/locations"), url.Values{}, func(l api.Location) {
			if rows++; l.State != want[l.Code] {
				a.report.fail(fmt.Sprintf("location %s is %q at %s, it was set %q last", l.Code, l.State, n.Name, want[l.Code]))
			}
		})
		if err != nil {
			return err
		}
		if rows != len(want) {
			a.report.fail(fmt.Sprintf("%s lists %d locations of %d", n.Name, rows, len(want)))
		}
	}
	return nil
}
