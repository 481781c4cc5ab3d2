package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// counting is one item that somebody counts.
type counting struct {
	key       string
	item      string
	more      int64  // units that are there beyond what the record says; below zero: missing
	after     string // the operation after which it was counted, and what was there then
	then      int64
	confirmed bool
}

// counts lets a store count an item. again is true where the store knows by
// itself that the line has to be counted again: then nothing is recorded.
func (r *Run) counts(ctx context.Context, location string, c counting) (again bool, err error) {
	at := r.agents[location]
	if c.after == "" {
		err = r.comes(ctx, location+" answers", func(ctx context.Context) bool {
			found, _, ok := r.looks(ctx, location, c.item)
			c.then = int64(found.Sellable.Stock())
			return ok
		})
	}
	if err != nil {
		return false, err
	}
	there := max(0, c.then+c.more*1000)
	reply, err := r.atStore(ctx, location, deed{path: "/v1/counts", key: c.key, body: api.Count{AtOperation: c.after,
		Lines: []api.CountLine{{Item: c.item, Counted: quantity(there), Confirmed: c.confirmed, Reason: "rehearsal"}}}})
	if err != nil {
		return false, err
	}
	var answered api.Counted
	if reply.status != http.StatusCreated {
		return false, fmt.Errorf("%w: count %s of %s in %s answered %d: %s", errOdd, c.key, c.item, location, reply.status, reply.body)
	}
	if err := json.Unmarshal(reply.body, &answered); err != nil || len(answered.Lines) != 1 {
		return false, fmt.Errorf("answer to count %s is no count: %s", c.key, reply.body)
	}
	line := &answered.Lines[0]
	answer := Answer{Kind: "count", Location: location, Operation: answered.Operation, After: c.after, Status: reply.status, At: time.Now(), Took: ms(reply.took), Cut: at.isCut(), PC: reply.pc}
	if line.Recount != "" {
		answer.Kind, answer.Again = "count_again", 1
	} else {
		answer.Lines = []Line{{Kind: "count", Item: c.item, Thousandths: int64(line.Variance.Stock()), Counted: there, Confirmed: c.confirmed}}
	}
	r.record.Note(answer)
	return line.Recount != "", nil
}

// differences are what is found by the plain counts of a day.
var differences = []int64{0, 0, 1, 2, -1, -2}

// counts plans what is counted while tills sell.
func (p *errandPlan) counts() {
	r := p.run
	for _, more := range differences {
		location, key := p.stores(1)[0], p.key()
		item := p.item(location, 0)
		p.add(p.share(0.1, 0.9), func(ctx context.Context) error {
			_, err := r.counts(ctx, location, counting{key: key, item: item, more: more})
			return err
		})
	}
	for range 2 {
		location, key, rest := p.stores(1)[0], p.key(), p.share(0.05, 0.1)
		item := p.item(location, 0)
		p.add(p.share(0.1, 0.7), func(ctx context.Context) error { return r.countsLater(ctx, location, key, item, rest) })
		at, other := p.share(0.1, 0.6), p.key()
		second := p.item(location, 0)
		p.add(at, func(ctx context.Context) error { return r.countsOvertaken(ctx, location, other, second) })
	}
	for _, c := range r.plan.cuts {
		location, key := c.location, p.key()
		item := p.item(location, 0)
		p.add(c.from+0.04, func(ctx context.Context) error { return r.countsOffline(ctx, location, key, item) })
	}
}

// countsLater counts after goods in, and writes it down a while later: what was
// sold since then is no variance.
func (r *Run) countsLater(ctx context.Context, location, key, item string, rest float64) error {
	after, there, err := r.goodsIn(ctx, location, key, item)
	if err != nil {
		return err
	}
	if err := r.pause(ctx, rest); err != nil {
		return err
	}
	again, err := r.counts(ctx, location, counting{key: key + "/count", item: item, more: -1, after: after, then: there})
	if err == nil && again { // others moved it, or the program was started again
		_, err = r.counts(ctx, location, counting{key: key + "/again", item: item, more: -1})
	}
	return err
}

// countsOvertaken counts, and before it is written down the hub corrects the
// item: the store has to count again.
func (r *Run) countsOvertaken(ctx context.Context, location, key, item string) error {
	after, there, err := r.goodsIn(ctx, location, key, item)
	if err != nil {
		return err
	}
	position, err := r.corrects(ctx, location, key, Line{Item: item, Thousandths: 1000})
	if err != nil {
		return err
	}
	err = r.comes(ctx, location+" hears of a correction", func(ctx context.Context) bool {
		_, seen, ok := r.looks(ctx, location, item)
		return ok && seen >= position
	})
	if err != nil {
		return err
	}
	again, err := r.counts(ctx, location, counting{key: key + "/count", item: item, after: after, then: there})
	if err != nil {
		return err
	}
	if !again {
		r.problem(fmt.Sprintf("count: %s took a count of %s as of %s, although the hub corrected the item since", location, item, after))
		return nil
	}
	_, err = r.counts(ctx, location, counting{key: key + "/again", item: item})
	return err
}

// countsOffline counts while the hub corrects the item and the store cannot hear
// of it: the hub moves nothing and asks for a recount.
func (r *Run) countsOffline(ctx context.Context, location, key, item string) error {
	if _, err := r.corrects(ctx, location, key, Line{Item: item, Thousandths: 1000}); err != nil {
		return err
	}
	_, err := r.counts(ctx, location, counting{key: key + "/count", item: item, more: 2})
	return err
}

// goodsIn is two units from a supplier; the answer says what is there then.
func (r *Run) goodsIn(ctx context.Context, location, key, item string) (operation string, there int64, err error) {
	recorded, err := r.must(ctx, location, deed{"/v1/deliveries", key + "/delivery", api.Delivery{Document: key, Lines: []api.DeliveryLine{{Item: item, Quantity: quantity(2000)}}},
		Answer{Kind: "delivery", Lines: []Line{{Kind: "delivery", Item: item, Thousandths: 2000}}}})
	if err != nil {
		return "", 0, err
	}
	if len(recorded.Lines) != 1 {
		return "", 0, fmt.Errorf("goods in %s at %s: %d lines were answered", key, location, len(recorded.Lines))
	}
	return recorded.Operation, int64(recorded.Lines[0].Sellable.Stock()), nil
}

// clerkPace is how often the clerk of a store looks for something to do.
const clerkPace = 250 * time.Millisecond

// clerk does what the hub asks of a store, as long as the day goes on.
func (r *Run) clerk(ctx context.Context, location string) error {
	for {
		if _, err := r.tidies(ctx, location); err != nil {
			return err
		}
		select {
		case <-time.After(clerkPace):
		case <-r.faultsOver:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tidies does the tasks that a store knows of now and returns how many it saw.
// Claims to be set aside are the business of who comes for them.
func (r *Run) tidies(ctx context.Context, location string) (seen int, err error) {
	var tasks []api.Task
	err = pages(ctx, r.client, r.agents[location].agent.one("/v1/tasks"), url.Values{}, func(t api.Task) {
		if t.Kind != "stage" {
			tasks = append(tasks, t)
		}
	})
	if err != nil {
		return 1, nil // its program is being started again
	}
	for _, t := range tasks {
		key := fmt.Sprintf("task-%s/%d", t.ID, r.tries.Add(1))
		switch t.Kind {
		case "recount":
			more := int64(0)
			if t.Reservation != "" { // a clerk did not find it
				more = -1
			}
			_, err = r.counts(ctx, location, counting{key: key, item: t.Item, more: more, confirmed: true})
		default:
			_, _, err = r.does(ctx, location, deed{"/v1/tasks/" + t.ID + "/done", key, struct{}{},
				Answer{Kind: "done", Task: t.Kind, Lines: []Line{{Kind: "done", Item: t.Item, Thousandths: int64(t.Quantity.Stock()), Of: t.ID}}}})
		}
		if err != nil {
			return len(tasks), err
		}
	}
	return len(tasks), nil
}
