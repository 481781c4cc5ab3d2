package rehearse

import (
	"context"
	"fmt"
	"slices"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/day"
	"github.com/shelfsync/shelfsync/protocol/api"
)

// A visit is one order that is collected at a store's counter in an unusual way.
type visit struct {
	name    string
	units   int64
	aged    bool // somebody should have collected it by now
	further bool // another store may serve it as well
	do      func(*desk, context.Context) error
}

// visitRows are the visits of a day; each happens once, at a store that is drawn.
var visitRows = []visit{
	{name: "set aside, put back and set aside again", units: 1, do: (*desk).setAsideTwice},
	{name: "collected in two parts", units: 2, do: (*desk).inParts},
	{name: "not found", units: 1, do: (*desk).notFound},
	{name: "not found, but elsewhere", units: 1, further: true, do: (*desk).notFound},
	{name: "set aside and not found", units: 1, do: (*desk).setAsideNotFound},
	{name: "let go after it was set aside", units: 1, do: (*desk).letGo},
	{name: "paid at the till", units: 1, do: (*desk).paidAtTill},
	{name: "never collected", units: 1, aged: true, do: func(*desk, context.Context) error { return nil }},
	{name: "let go while it is set aside", units: 1, do: (*desk).tooLate},
}

// offlineRows happen while the store is cut off: the channel lets the order go,
// and the store does not hear of it.
var offlineRows = []visit{
	{name: "set aside too late", units: 1, do: (*desk).tooLate},
	{name: "handed over too late", units: 1, do: (*desk).handedOverLate},
}

// desk is one such order.
type desk struct {
	visit
	*web
	run   *Run
	item  string
	after float64 // share of the day that comes first: then the store is cut off

	candidates []string
}

// desk plans what happens at the counters.
func (p *errandPlan) desk() {
	for i := range visitRows {
		p.visit(p.share(0.05, 0.75), visitRows[i], p.stores(2), 0)
	}
	for _, c := range p.run.plan.cuts {
		for i := range offlineRows {
			p.visit(max(0.01, c.from-0.08), offlineRows[i], []string{c.location}, c.from+0.01)
		}
	}
}

func (p *errandPlan) visit(at float64, v visit, stores []string, after float64) {
	item, key := p.item(stores[0], v.units), p.key()
	basket := &day.Basket{Location: stores[0], Receipt: key, Sold: []day.Line{{Item: item, Thousandths: v.units * 1000}}}
	d := &desk{visit: v, run: p.run, item: item, after: after, web: &web{id: key, basket: basket, worker: p.number, mode: "all_or_nothing", fate: collected}}
	if v.aged {
		p.run.plan.aged = append(p.run.plan.aged, key)
	}
	d.candidates = stores[:1]
	if v.further && len(stores) > 1 {
		d.candidates = stores
		p.run.opening[stores[1]][item] += v.units * 1000
	}
	p.add(at, d.order)
}

// order reserves, confirms and waits until the store knows; then comes what the
// visit is about. It ends early where the goods are gone.
func (d *desk) order(ctx context.Context) error {
	request := api.ReservationRequest{ID: d.id, Channel: "web", Order: d.basket.Receipt, Mode: d.mode, TTLSeconds: 600, Priority: 9,
		Lines: []api.ReservationWant{{Item: d.item, Quantity: quantity(d.units * 1000), Candidates: d.candidates}}}
	if d.aged {
		request.CollectSeconds = 1
	}
	held, err := d.run.asks(ctx, d.web, request)
	if err != nil || held == nil || held.State == "short" {
		return err
	}
	if confirmed, err := d.run.step(ctx, d.web, "confirm"); err != nil || confirmed == nil {
		return err
	}
	open := false
	err = d.run.comes(ctx, d.basket.Location+" knows of order "+d.id, func(ctx context.Context) bool {
		open = d.listed(ctx)
		return open || d.settled(ctx)
	})
	if err != nil || !open {
		return err
	}
	if !d.run.wait(ctx, d.after) {
		return nil
	}
	return d.do(d, ctx)
}

// listed reports whether the store lists the order as one that stands.
func (d *desk) listed(ctx context.Context) bool {
	var listed struct {
		Data []api.StoreReservation `json:"data"`
	}
	_, err := d.run.client.get(ctx, d.run.agents[d.basket.Location].agent.one("/v1/reservations/"+d.id), &listed)
	return err == nil && slices.ContainsFunc(listed.Data, func(line api.StoreReservation) bool { return line.State == "confirmed" })
}

// settled reports whether the hub has no open line of the order at the store any
// more, as where it yielded before the store heard of it.
func (d *desk) settled(ctx context.Context) bool {
	found, record, err := d.run.look(ctx, d.web, d.worker)
	return err == nil && found && !slices.ContainsFunc(record.Lines, func(line api.ReservationLine) bool {
		return line.Location == d.basket.Location && slices.Contains(openStates, line.State)
	})
}

// counter takes one step at the counter; a body names a part of the order.
func (d *desk) counter(ctx context.Context, step string, body any) (done bool, err error) {
	d.visits++
	_, done, err = d.run.does(ctx, d.basket.Location, deed{"/v1/reservations/" + d.id + "/" + step, fmt.Sprintf("%s/%s/%d", step, d.id, d.visits), body,
		Answer{Kind: step, Order: d.id}})
	return done, err
}

// steps takes one after the other; false: one cannot be taken any more, as where
// the order has yielded meanwhile.
func (d *desk) steps(ctx context.Context, steps ...string) (done bool, err error) {
	for _, step := range steps {
		if done, err := d.counter(ctx, step, struct{}{}); err != nil || !done {
			return false, err
		}
	}
	return true, nil
}

// setAsideTwice also counts the item while some of it is set aside: those units
// are counted with the others.
func (d *desk) setAsideTwice(ctx context.Context) error {
	if done, err := d.steps(ctx, "stage"); err != nil || !done {
		return err
	}
	if _, err := d.run.counts(ctx, d.basket.Location, counting{key: d.id + "/count", item: d.item}); err != nil {
		return err
	}
	if done, err := d.steps(ctx, "unstage", "stage"); err != nil || !done {
		return err
	}
	return d.run.collect(ctx, d.web)
}

func (d *desk) inParts(ctx context.Context) error {
	if _, err := d.counter(ctx, "pick", api.Step{Line: "1", Quantity: quantity(1000)}); err != nil {
		return err
	}
	return d.run.collect(ctx, d.web)
}

func (d *desk) notFound(ctx context.Context) error {
	if done, err := d.steps(ctx, "cannot_pick"); err != nil || !done {
		return err
	}
	return d.run.collect(ctx, d.web)
}

func (d *desk) setAsideNotFound(ctx context.Context) error {
	if done, err := d.steps(ctx, "stage", "cannot_pick"); err != nil || !done {
		return err
	}
	return d.run.collect(ctx, d.web)
}

// setsAside lets the store set the order aside, and waits until the hub knows.
func (d *desk) setsAside(ctx context.Context) (done bool, err error) {
	if done, err := d.steps(ctx, "stage"); err != nil || !done {
		return false, err
	}
	return true, d.run.comes(ctx, "the hub knows that order "+d.id+" is set aside", func(ctx context.Context) bool {
		found, record, err := d.run.look(ctx, d.web, d.worker)
		return err == nil && found && record.State != "confirmed"
	})
}

// letGo waits until the hub knows that the goods are set aside: the store is
// asked to put them back.
func (d *desk) letGo(ctx context.Context) error {
	if done, err := d.setsAside(ctx); err != nil || !done {
		return err
	}
	_, err := d.run.step(ctx, d.web, "release")
	return err
}

// paidAtTill hands the order over by a slip that names it.
func (d *desk) paidAtTill(ctx context.Context) error {
	if done, err := d.steps(ctx, "stage"); err != nil || !done {
		return err
	}
	line := Line{Kind: "sale", Item: d.item, Thousandths: d.units * 1000}
	_, err := d.run.must(ctx, d.basket.Location, deed{"/v1/sales", "", api.Sale{Receipt: d.id, Till: "T1", Lines: []api.SaleLine{{Item: d.item, Quantity: quantity(line.Thousandths), Reservation: d.id}}},
		Answer{Kind: "sale", Order: d.id, Till: "T1", Receipt: d.id, Lines: []Line{line}}})
	return err
}

// tooLate sets goods aside for an order that the channel has let go.
func (d *desk) tooLate(ctx context.Context) error {
	if _, err := d.run.step(ctx, d.web, "release"); err != nil {
		return err
	}
	_, err := d.steps(ctx, "stage")
	return err
}

// handedOverLate hands goods over for an order that the channel has let go.
func (d *desk) handedOverLate(ctx context.Context) error {
	if _, err := d.run.step(ctx, d.web, "release"); err != nil {
		return err
	}
	_, err := d.steps(ctx, "pick")
	return err
}
