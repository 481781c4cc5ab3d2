package rehearse

import (
	"context"
	"fmt"
	"net/url"

	"github.com/shelfsync/shelfsync/protocol/api"
)

func escape(item string) string { return url.QueryEscape(item) }

// damageOf is a line of damage, repair or write_off.
func damageOf(kind, item string, units int64) Line {
	return Line{Kind: kind, Item: item, Thousandths: units * 1000}
}

// damages records that goods broke, were repaired or are thrown away.
func (r *Run) damages(ctx context.Context, location, key string, line Line) error {
	_, err := r.must(ctx, location, deed{"/v1/damages", key,
		api.Damage{Lines: []api.DamageLine{{Item: line.Item, Quantity: quantity(line.Thousandths), Movement: line.Kind, Reason: "rehearsal"}}},
		Answer{Kind: "damage", Lines: []Line{line}}})
	return err
}

// undoes reverses an operation. A second time it has to be refused.
func (r *Run) undoes(ctx context.Context, location, key, operation string) error {
	path := "/v1/operations/" + operation + "/reverse"
	_, done, err := r.does(ctx, location, deed{path, key + "/undo", struct{}{}, Answer{Kind: "reverse", Reverses: operation}})
	if err != nil || !done { // somebody has counted the item since
		return err
	}
	_, done, err = r.does(ctx, location, deed{path, key + "/undo-again", struct{}{}, Answer{Kind: "reverse", Reverses: operation}})
	if done {
		r.problem("undone twice: " + operation)
	}
	return err
}

// inspections are what becomes of five returned units.
var inspections = []struct {
	to    string
	units int64
}{{"sellable", 1}, {"damaged", 2}, {"scrap", 1}, {"supplier", 1}}

// backroom plans returns that are inspected, goods that break, and slips that
// are undone.
func (p *errandPlan) backroom() {
	r := p.run
	for range 3 {
		location, key, rest := p.stores(1)[0], p.key(), p.share(0.02, 0.08)
		item := p.item(location, 0)
		p.add(p.share(0.05, 0.6), func(ctx context.Context) error { return r.inspects(ctx, location, key, item, rest) })
		other, slip := p.stores(1)[0], p.key()
		sold := p.item(other, 1)
		p.add(p.share(0.1, 0.8), func(ctx context.Context) error { return r.sellsAndUndoes(ctx, other, slip, sold) })
	}
}

// inspects takes goods back, looks at them later, mends one of what is damaged
// and throws the other away. Straight to stock goes what the till says is new.
func (r *Run) inspects(ctx context.Context, location, key, item string, rest float64) error {
	total := int64(0)
	for _, i := range inspections {
		total += i.units
	}
	back := func(step, to string, units int64) error {
		_, err := r.must(ctx, location, deed{"/v1/returns", key + step, api.Return{Receipt: key + step, Till: "T1", Lines: []api.ReturnLine{{Item: item, Quantity: quantity(units * 1000), Reason: "customer", Disposition: to}}},
			Answer{Kind: "return", Till: "T1", Receipt: key + step, Lines: []Line{{Kind: "return", Item: item, Thousandths: units * 1000, Account: to}}}})
		return err
	}
	if err := back("/back", "return_pending", total); err != nil {
		return err
	}
	if err := back("/new", "sellable", 1); err != nil {
		return err
	}
	if err := r.pause(ctx, rest); err != nil {
		return err
	}
	var body inspection
	answer := Answer{Kind: "inspection"}
	for _, i := range inspections {
		body.Lines = append(body.Lines, inspected{item, quantity(i.units * 1000), i.to})
		answer.Lines = append(answer.Lines, Line{Kind: "inspect", Item: item, Thousandths: i.units * 1000, Account: i.to})
	}
	if _, err := r.must(ctx, location, deed{"/v1/inspections", key + "/inspect", body, answer}); err != nil {
		return err
	}
	for _, kind := range []string{"repair", "write_off"} {
		if err := r.damages(ctx, location, key+"/"+kind, damageOf(kind, item, 1)); err != nil {
			return err
		}
	}
	return nil
}

// inspection is the body of POST /v1/inspections, as a till sends it.
type inspection struct {
	Lines []inspected `json:"lines"`
}

type inspected struct {
	Item        string       `json:"item"`
	Quantity    api.Quantity `json:"quantity"`
	Disposition string       `json:"disposition"`
}

// sellsAndUndoes records a slip with a wrong item on it and undoes it.
func (r *Run) sellsAndUndoes(ctx context.Context, location, key, item string) error {
	sold, err := r.must(ctx, location, deed{"/v1/sales", "", api.Sale{Receipt: key, Till: "T1", Lines: []api.SaleLine{{Item: item, Quantity: quantity(1000)}}},
		Answer{Kind: "sale", Till: "T1", Receipt: key, Lines: []Line{{Kind: "sale", Item: item, Thousandths: 1000}}}})
	if err != nil {
		return fmt.Errorf("slip %s: %w", key, err)
	}
	return r.undoes(ctx, location, key, sold.Operation)
}
