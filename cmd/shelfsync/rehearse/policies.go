package rehearse

import (
	"context"
	"fmt"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/day"
	"github.com/shelfsync/shelfsync/protocol/api"
)

// policing is the goods and places that the policies of a day are about. Tills
// sell them meanwhile, and channels ask for them all day long.
type policing struct {
	stores []string // two, or one where there is no other
	items  []string // of the first store; the second one has some as well
	kept   string   // the class of the first two
}

// policyRows are the policies of a day, each in the place of the one before. They
// come into force whenever, as a rule while stores are cut off.
var policyRows = []struct {
	from, to float64 // shares of the day
	rules    func(p *policing) api.PolicyRules
}{
	{0.04, 0.12, keepsBack},
	{0.16, 0.24, protects},
	{0.3, 0.4, toTheShelf},
	{0.48, 0.58, noMoves},
	{0.68, 0.76, oldestFirst},
	{0.86, 0.94, func(*policing) api.PolicyRules { return api.PolicyRules{} }},
}

func keepsBack(p *policing) api.PolicyRules {
	return api.PolicyRules{
		SafetyStock: []api.SafetyStock{{Item: p.items[0], Location: p.stores[0], Quantity: units(3)}, {Class: p.kept, Quantity: units(1)},
			{Item: p.items[2], Quantity: units(2)}},
		ChannelThresholds: []api.ChannelThreshold{{Channel: "market", Quantity: units(2)}, {Channel: "market", Class: p.kept, Quantity: units(4)}},
	}
}

func protects(p *policing) api.PolicyRules {
	return api.PolicyRules{
		ChannelGroups: []api.ChannelGroup{{Channel: "web", Group: "own"}, {Channel: "market", Group: "partners"}},
		Allocation: []api.Allocation{{Group: "own", Item: p.items[1], Location: p.stores[0], Protected: units(4)}, {Group: "own", Class: p.kept, Protected: units(2)},
			{Group: "partners", Item: p.items[3], Protected: units(2)}},
		Exclusions: []api.Exclusion{{Location: p.stores[1], Group: "partners"}},
	}
}

func oldestFirst(p *policing) api.PolicyRules {
	return api.PolicyRules{
		ConflictOrder: []api.ConflictOrder{{Keys: []string{"channel", "state", "oldest"}, Ranking: []string{"market", "phone"}},
			{Class: p.kept, Keys: []string{"priority", "newest"}}},
		CandidateGroups: []api.CandidateGroup{{Name: "near", Locations: p.stores}},
	}
}

func toTheShelf(p *policing) api.PolicyRules {
	rules := oldestFirst(p)
	rules.Returns = []api.ReturnRule{{Disposition: "sellable"}, {Class: p.kept, Disposition: "inspect"}}
	rules.SafetyStock = []api.SafetyStock{{Class: p.kept, Location: p.stores[0], Quantity: units(2)}}
	return rules
}

func noMoves(p *policing) api.PolicyRules {
	rules := keepsBack(p)
	rules.Returns = []api.ReturnRule{{Class: p.kept, Disposition: "sellable"}}
	rules.Remedies = []api.Remedy{{MaxMoves: 0}, {Channel: "web", MaxMoves: 1}}
	return rules
}

// policyItems are how many items the policies are about, policedUnits how many of
// each come on top of what the day needs.
const (
	policyItems  = 4
	policedUnits = 8
	policedAsks  = 36 // orders, all day long
)

// policies plans them, and who asks for the goods that they are about.
func (p *errandPlan) policies() {
	about := &policing{stores: p.stores(2), kept: "kept"}
	if cuts := p.run.plan.cuts; len(cuts) > 0 {
		about.stores = append([]string{cuts[0].location}, p.stores(1, cuts[0].location)...)
	}
	if len(about.stores) == 1 {
		about.stores = append(about.stores, nowhere)
	}
	for n := range policyItems {
		item := p.item(about.stores[0], policedUnits)
		if about.items = append(about.items, item); n < 2 {
			p.run.classes[item] = about.kept
		}
		if about.stores[1] != nowhere {
			p.run.opening[about.stores[1]][item] += policedUnits / 2 * 1000
		}
	}
	before := make(chan struct{})
	close(before)
	for _, row := range policyRows {
		s := &setting{run: p.run, rules: row.rules(about), key: p.key(), after: before, done: make(chan struct{})}
		at := p.share(row.from, row.to)
		if here := p.online(at, 1); len(here) > 0 && len(s.rules.Returns) > 0 {
			if s.back, s.item = here[0], about.items[0]; returnsTo(&s.rules, about.kept) != "sellable" {
				s.item = p.item(here[0], 0)
			}
			p.run.plan.shelf = true
		}
		before = s.done
		s.press = &press{run: p.run, key: p.key(), stores: about.stores, item: p.item(about.stores[0], pressUnits)}
		if about.stores[1] != nowhere {
			p.run.opening[about.stores[1]][s.press.item] += pressUnits * 1000
		}
		p.add(at, s.play)
	}
	for n := range policedAsks {
		a := &asking{run: p.run, near: n%6 == 5, confirmed: p.random.IntN(3) > 0, rest: p.share(0.02, 0.2),
			web: &web{id: fmt.Sprintf("%s-asks", p.key()), worker: n, mode: []string{"all_or_nothing", "partial"}[p.random.IntN(2)], fate: collected}}
		item := about.items[p.random.IntN(len(about.items))]
		a.basket = &day.Basket{Location: about.stores[0], Receipt: a.id, Sold: []day.Line{{Item: item, Thousandths: int64(1+p.random.IntN(3)) * 1000}}}
		a.request = api.ReservationRequest{ID: a.id, Channel: []string{"web", "market", "phone"}[p.random.IntN(3)], Order: a.id, Mode: a.mode, TTLSeconds: 600, Priority: int64(p.random.IntN(4)),
			Lines: []api.ReservationWant{{Item: item, Quantity: quantity(a.basket.Sold[0].Thousandths), Candidates: about.stores[:1+p.random.IntN(2)]}}}
		p.add(p.share(0.02, 0.9), a.play)
	}
	for _, c := range p.run.plan.cuts {
		p.rush(c)
	}
}

// setting is one change of the policy; it comes after the one before.
type setting struct {
	run   *Run
	rules api.PolicyRules
	key   string
	after <-chan struct{}
	done  chan struct{}
	press *press
	back  string // the store that goods come back to once it knows of it; empty: none
	item  string
}

func (s *setting) play(ctx context.Context) error {
	defer close(s.done)
	select {
	case <-s.after:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r := s.run
	position, err := r.decides(ctx, decision{kind: "policy", path: "/v1/policy", content: "application/json", rows: []any{api.PolicyChange{PolicyRules: s.rules}}, answer: Answer{Policy: &s.rules}})
	if err == nil {
		err = s.press.play(ctx)
	}
	if err != nil || s.back == "" {
		return err
	}
	err = r.comes(ctx, s.back+" hears of a policy", func(ctx context.Context) bool {
		_, seen, ok := r.looks(ctx, s.back, s.item)
		return ok && seen >= position
	})
	if err != nil {
		return err
	}
	_, err = r.must(ctx, s.back, deed{"/v1/returns", s.key, api.Return{Receipt: s.key, Till: "T1", Lines: []api.ReturnLine{{Item: s.item, Quantity: units(1), Reason: "customer"}}},
		Answer{Kind: "return", Till: "T1", Receipt: s.key, Lines: []Line{{Kind: "return", Item: s.item, Thousandths: 1000, Account: byPolicy}}}})
	return err
}

// asking is one order for goods that the policies are about.
type asking struct {
	*web
	run       *Run
	request   api.ReservationRequest
	near      bool // it names the policy's own list of locations where there is one
	confirmed bool
	rest      float64
}

// play asks, and either lets go later or leaves the order for the next day.
func (a *asking) play(ctx context.Context) error {
	if a.near && a.run.knowsNear(ctx) {
		request := a.request
		request.Lines = []api.ReservationWant{{Item: a.request.Lines[0].Item, Quantity: a.request.Lines[0].Quantity, Group: "near"}}
		held, err := a.run.asks(ctx, a.web, request)
		if err == nil || held != nil { // refused as invalid: the policy has changed since
			return a.goesOn(ctx, held, err)
		}
	}
	held, err := a.run.asks(ctx, a.web, a.request)
	return a.goesOn(ctx, held, err)
}

func (a *asking) goesOn(ctx context.Context, held *api.Reservation, err error) error {
	if err != nil || held == nil || held.State == "short" {
		return err
	}
	if _, err := a.run.step(ctx, a.web, "confirm"); err != nil || a.confirmed {
		return err
	}
	if err := a.run.pause(ctx, a.rest); err != nil {
		return err
	}
	_, err = a.run.step(ctx, a.web, "release")
	return err
}

// knowsNear reports whether the policy has a list of locations to name.
func (r *Run) knowsNear(ctx context.Context) bool {
	var now api.Policy
	found, err := r.client.get(ctx, r.hub(0, "/v1/policy"), &now)
	return err == nil && found && len(now.CandidateGroups) > 0
}

type rushOrder struct {
	channel  string
	priority int64
}

// rushOrders are the claims that have to give way in one rush, one unit each.
var rushOrders = []rushOrder{{"web", 5}, {"market", 1}, {"phone", 9}, {"market", 9}, {"web", 1}}

// press takes the goods of several channels' orders away, as soon as a policy is
// in force: by a correction of the hub, so that it is this policy that says who
// gives way and who may move.
type press struct {
	run    *Run
	key    string
	stores []string
	item   string
}

const pressUnits = 12

func (p *press) play(ctx context.Context) error {
	r := p.run
	for n, o := range rushOrders {
		if _, err := r.orders(ctx, fmt.Sprintf("%s-%d", p.key, n), o, p.item, p.stores); err != nil {
			return err
		}
	}
	var now api.Availability
	found, err := r.client.get(ctx, r.hub(0, "/v1/availability?consistency=linearizable&item="+escape(p.item)+"&location="+escape(p.stores[0])), &now)
	if err != nil || !found || len(now.Data) != 1 { // no node leads at this moment
		return nil
	}
	taken := int64(now.Data[0].Parts.Sellable.Stock()) - 2000
	if taken <= 0 {
		return nil
	}
	_, err = r.corrects(ctx, p.stores[0], p.key, Line{Item: p.item, Thousandths: -taken})
	return err
}

// orders places one unit's order and confirms it; false: it was short.
func (r *Run) orders(ctx context.Context, id string, o rushOrder, item string, candidates []string) (placed bool, err error) {
	w := &web{id: id, worker: int(o.priority), mode: "all_or_nothing", fate: collected}
	w.basket = &day.Basket{Location: candidates[0], Receipt: id, Sold: []day.Line{{Item: item, Thousandths: 1000}}}
	held, err := r.asks(ctx, w, api.ReservationRequest{ID: id, Channel: o.channel, Order: id, Mode: w.mode, TTLSeconds: 600, Priority: o.priority,
		Lines: []api.ReservationWant{{Item: item, Quantity: units(1), Candidates: candidates}}})
	if err != nil || held == nil {
		return false, err
	}
	_, err = r.step(ctx, w, "confirm")
	return true, err
}

// rush plans orders of several channels for one item, whose store sells nearly
// all of it while it is cut off: by the policy of the moment at which the hub
// hears of it some have to give way.
func (p *errandPlan) rush(c cut) {
	item, key, candidates := p.item(c.location, int64(len(rushOrders))), p.key(), append([]string{c.location}, p.stores(1, c.location)...)
	for _, other := range candidates[1:] { // where they may move, if the policy lets them
		p.run.opening[other][item] += int64(len(rushOrders)) * 1000
	}
	p.add(max(0.01, c.from-0.07), func(ctx context.Context) error {
		r := p.run
		for n, o := range rushOrders {
			if placed, err := r.orders(ctx, fmt.Sprintf("%s-%d", key, n), o, item, candidates); err != nil || !placed {
				return err
			}
		}
		if !r.wait(ctx, c.from+0.01) {
			return nil
		}
		left := int64(0)
		err := r.comes(ctx, c.location+" answers", func(ctx context.Context) bool {
			found, _, ok := r.looks(ctx, c.location, item)
			left = int64(found.Sellable.Stock())
			return ok
		})
		sold := left - 2000
		if err != nil || sold <= 0 {
			return err
		}
		_, err = r.must(ctx, c.location, deed{"/v1/sales", "", api.Sale{Receipt: key, Till: "T1", Lines: []api.SaleLine{{Item: item, Quantity: quantity(sold)}}},
			Answer{Kind: "sale", Till: "T1", Receipt: key, Lines: []Line{{Kind: "sale", Item: item, Thousandths: sold}}}})
		return err
	})
}
