package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/day"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// play runs tills, channel and faults side by side until the day is over and
// everything is healed.
func (r *Run) play(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup // waits for every till, order and fault
	r.beside = func(do func(context.Context) error) {
		group.Add(1)
		go func() {
			defer group.Done()
			switch err := do(ctx); {
			case errors.Is(err, errOdd):
				r.problem(err.Error())
			case err != nil:
				cancel(err)
			}
		}()
	}
	r.clock = r.newClock()
	for _, baskets := range byTill(r.stores) {
		r.beside(func(ctx context.Context) error { return r.till(ctx, baskets) })
	}
	for worker, orders := range split(r.online, channelWorkers) {
		r.beside(func(ctx context.Context) error { return r.channel(ctx, worker, orders) })
	}
	for _, c := range r.plan.cuts {
		r.beside(func(ctx context.Context) error { return r.cutting(ctx, c) })
	}
	for _, e := range r.errands {
		r.beside(func(ctx context.Context) error {
			if !r.wait(ctx, e.at) {
				return nil
			}
			return e.do(ctx)
		})
	}
	for _, location := range r.day.Locations {
		r.beside(func(ctx context.Context) error { return r.clerk(ctx, location) })
	}
	if r.hot != nil {
		r.beside(r.hotItems)
	}
	r.beside(r.faults)
	progress := r.screen.progress(func() string { return r.line() })
	group.Wait()
	progress()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	r.tally()
	return nil
}

func (r *Run) line() string {
	seen := func(kind kind) int64 { return r.plan.observed[kind].Load() }
	return fmt.Sprintf("  %d of %d baskets · stores cut %d · kills: leader %d, other nodes %d, agents %d", r.played.Load(), r.total, r.cutNow(),
		seen(leaderKill), seen(followerKill)+seen(nodeWiped), seen(agentKill))
}

// byTill gives each till its baskets in order: a till does one thing at a time.
func byTill(baskets []day.Basket) map[[2]string][]day.Basket {
	tills := map[[2]string][]day.Basket{}
	for _, b := range baskets {
		key := [2]string{b.Location, b.Till}
		tills[key] = append(tills[key], b)
	}
	return tills
}

func split(baskets []day.Basket, ways int) [][]day.Basket {
	parts := make([][]day.Basket, ways)
	for i, b := range baskets {
		parts[i%ways] = append(parts[i%ways], b)
	}
	return parts
}

// clock maps the day's times onto the seconds that the rehearsal plays.
type clock struct {
	began time.Time
	first time.Time
	scale float64
}

func (r *Run) newClock() clock {
	c := clock{began: time.Now()}
	if len(r.day.Baskets) == 0 {
		return c
	}
	c.first = r.day.Baskets[0].At
	if whole := r.day.Baskets[len(r.day.Baskets)-1].At.Sub(c.first); whole > 0 {
		c.scale = float64(r.plan.duration) / float64(whole)
	}
	return c
}

func (c clock) wait(ctx context.Context, at time.Time) error {
	due := c.began.Add(time.Duration(float64(at.Sub(c.first)) * c.scale))
	select {
	case <-time.After(time.Until(due)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *Run) till(ctx context.Context, baskets []day.Basket) error {
	for i := range baskets {
		if err := r.clock.wait(ctx, baskets[i].At); err != nil {
			return err
		}
		if err := r.basket(ctx, &baskets[i]); err != nil {
			return err
		}
		r.played.Add(1)
	}
	return nil
}

// basket is one call of a till; a till repeats it with the same key until the
// agent answers, as it does when the back-office PC restarts.
func (r *Run) basket(ctx context.Context, b *day.Basket) error {
	path, body, answer := call(b)
	key := ""
	if path != "/v1/sales" {
		key = b.Till + "/" + b.Receipt
	}
	at := r.agents[b.Location]
	reply, err := r.atStore(ctx, b.Location, deed{path: path, key: key, body: body})
	if err != nil {
		return err
	}
	if reply.status != 201 {
		return fmt.Errorf("%s of receipt %s answered %d: %s", path, b.Receipt, reply.status, reply.body)
	}
	return r.noteOperation(answer, reply, at)
}

// noteOperation keeps an agent's answer in the record.
func (r *Run) noteOperation(answer Answer, reply reply, at *store) error {
	var recorded api.Recorded
	if err := json.Unmarshal(reply.body, &recorded); err != nil {
		return fmt.Errorf("answer to %s %s: %w", answer.Kind, answer.Receipt, err)
	}
	answer.Operation, answer.Status, answer.At, answer.Took = recorded.Operation, reply.status, time.Now(), ms(reply.took)
	answer.Cut, answer.PC = at.isCut(), reply.pc
	r.record.Note(answer)
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// chosen is the account that a till means where its call says none.
var chosen = map[string]string{"return": byPolicy, "adjust": "sellable"}

// byPolicy stands for the account that the policy says, as the store knew it.
const byPolicy = "policy"

// call says what a till sends for a basket, and what the journal should say of it.
func call(b *day.Basket) (path string, body any, answer Answer) {
	answer = Answer{Kind: b.Kind.String(), Location: b.Location, Till: b.Till, Receipt: b.Receipt}
	note := func(kind, item string, q int64) {
		answer.Lines = append(answer.Lines, Line{Kind: kind, Item: item, Thousandths: q, Account: chosen[kind]})
	}
	switch b.Kind {
	case day.Return:
		returned := api.Return{Receipt: b.Receipt, Till: b.Till, At: b.At, Lines: returnLines(b.Returned, note)}
		return "/v1/returns", returned, answer
	case day.Damage:
		damage := api.Damage{At: b.At}
		for _, line := range b.Adjusted {
			damage.Lines = append(damage.Lines, api.DamageLine{Item: line.Item, Quantity: quantity(-line.Thousandths), Movement: "damage", Reason: line.Reason})
			note("damage", line.Item, -line.Thousandths)
		}
		return "/v1/damages", damage, answer
	case day.Adjustment:
		adjustment := api.Adjustment{At: b.At}
		for _, line := range b.Adjusted {
			adjustment.Lines = append(adjustment.Lines, api.AdjustmentLine{Item: line.Item, Quantity: quantity(line.Thousandths), Reason: line.Reason})
			note("adjust", line.Item, line.Thousandths)
		}
		return "/v1/adjustments", adjustment, answer
	}
	sale := api.Sale{Receipt: b.Receipt, Till: b.Till, At: b.At}
	for _, line := range b.Sold {
		sale.Lines = append(sale.Lines, api.SaleLine{Item: line.Item, Quantity: quantity(line.Thousandths)})
		note("sale", line.Item, line.Thousandths)
	}
	for _, line := range b.Services {
		if line.Thousandths > 0 {
			sale.Lines = append(sale.Lines, api.SaleLine{Item: line.Item, Quantity: quantity(line.Thousandths)})
			note("sale", line.Item, line.Thousandths)
		} else {
			sale.Returns = append(sale.Returns, api.ReturnLine{Item: line.Item, Quantity: quantity(-line.Thousandths), Reason: "refund"})
			note("return", line.Item, -line.Thousandths)
		}
	}
	sale.Returns = append(sale.Returns, returnLines(b.Returned, note)...)
	return "/v1/sales", sale, answer
}

func returnLines(lines []day.Line, note func(kind, item string, q int64)) []api.ReturnLine {
	var returns []api.ReturnLine
	for _, line := range lines {
		returns = append(returns, api.ReturnLine{Item: line.Item, Quantity: quantity(line.Thousandths), Reason: "customer"})
		note("return", line.Item, line.Thousandths)
	}
	return returns
}

func quantity(thousandths int64) api.Quantity { return api.Of(stock.Quantity(thousandths)) }
