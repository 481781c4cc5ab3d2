package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// Exceptions are looked after: somebody takes one over, hands it on, and says
// that nothing more is to be done. A parked line that is given up never takes
// effect, whatever its code means later.

// cares plans them: a code of which one line is a test scan and the other is
// goods, and an arrival that came twice.
func (p *errandPlan) cares() {
	r := p.run
	stores := p.stores(2)
	if len(stores) == 1 {
		stores = append(stores, stores[0])
	}
	item := p.item(stores[1], cartonUnits)
	c := &carton{run: r, key: p.key(), code: unknownCode + "R", item: item, stores: stores}
	p.add(p.share(0.05, 0.6), func(ctx context.Context) error { return c.givesUp(ctx) })
	if r.plan.trips {
		p.add(p.share(0.3, 0.6), func(ctx context.Context) error { return r.looksAfterArrival(ctx) })
	}
}

// givesUp sells the code twice, gives one line up and says what the other is.
func (c *carton) givesUp(ctx context.Context) error {
	r := c.run
	lines := map[string]string{} // operation -> exception
	for n, store := range c.stores {
		slip := fmt.Sprintf("%s/%d", c.key, n)
		_, err := r.must(ctx, store, deed{"/v1/sales", "", api.Sale{Receipt: slip, Till: "T1", Lines: []api.SaleLine{{Item: c.code, Quantity: units(1)}}},
			Answer{Kind: "sale", Till: "T1", Receipt: slip, Lines: []Line{{Kind: "sale", Item: c.code, Thousandths: 1000}}}})
		if err != nil {
			return err
		}
	}
	first := ""
	err := r.comes(ctx, "all lines of "+c.code+" are parked", func(ctx context.Context) bool {
		clear(lines)
		err := pages(ctx, r.client, r.hub(0, "/v1/exceptions"), url.Values{"kind": {"parked"}}, func(e api.Exception) {
			if e.Item == c.code {
				if lines[e.Operation] = e.ID; len(lines) == 1 {
					first = e.ID
				}
				c.exception = e.ID
			}
		})
		return err == nil && len(lines) == len(c.stores)
	})
	if err != nil {
		return err
	}
	if err := r.looksAfter(ctx, first, true); err != nil {
		return err
	}
	return c.maps(ctx)
}

// looksAfterArrival waits for an arrival that came twice, and closes it by hand.
func (r *Run) looksAfterArrival(ctx context.Context) error {
	found := ""
	err := r.comes(ctx, "a duplicate arrival is told", func(ctx context.Context) bool {
		err := pages(ctx, r.client, r.hub(1, "/v1/exceptions"), url.Values{"kind": {"duplicate_arrival"}}, func(e api.Exception) { found = e.ID })
		return err == nil && found != ""
	})
	if err != nil {
		return err
	}
	return r.looksAfter(ctx, found, true)
}

// looksAfter takes an exception over, hands it on and, if so, closes it.
func (r *Run) looksAfter(ctx context.Context, id string, closes bool) error {
	steps := []struct {
		step string
		body any
	}{{"owner", api.Owning{Owner: "anna", By: "rehearsal"}}, {"owner", api.Owning{Owner: "ben", By: "anna"}}, {"resolve", api.Resolution{Note: "test scan", By: "ben"}}}
	if !closes {
		steps = steps[:2]
	}
	for n, s := range steps {
		reply, err := r.client.post(ctx, r.hub(n, "/v1/exceptions/"+id+"/"+s.step), "", s.body)
		if err != nil {
			return err
		}
		var now api.Exception
		if err := json.Unmarshal(reply.body, &now); err != nil || reply.status != http.StatusOK {
			return fmt.Errorf("%w: %s of exception %s answered %d: %s", errOdd, s.step, id, reply.status, reply.body)
		}
		r.record.Note(Answer{Kind: s.step, Exception: id, Status: reply.status, Task: now.Kind, State: now.State, At: time.Now(), Took: ms(reply.took),
			Lines: []Line{{Kind: s.step, Item: now.Item, Of: now.Operation}}})
	}
	return nil
}

// gaveUp takes a parked line off the book that a person gave up.
func (b *accounts) gaveUp(record *api.JournalRecord) {
	id, accepted := "", strings.HasSuffix(record.Detail, ", accepted")
	if n, _ := fmt.Sscanf(record.Detail, "exception %s by", &id); n != 1 || !accepted {
		return
	}
	for i := range b.auditor.answers {
		answer := &b.auditor.answers[i]
		if answer.Kind != "resolve" || answer.Exception != id {
			continue
		}
		line := answer.Lines[0]
		b.parked[line.Item] = slices.DeleteFunc(b.parked[line.Item], func(p parkedLine) bool { return p.entry.id == line.Of })
	}
}

// careHistory is what every node has to tell of an exception that was looked after.
var careHistory = map[string]string{"open": "owned owned", "ended": "owned owned resolved"}

// cared compares what every node tells of the exceptions that were looked after.
func (a *auditor) cared(ctx context.Context) error {
	last := map[string]*Answer{}
	for i := range a.answers {
		switch answer := &a.answers[i]; answer.Kind {
		case "owner":
			a.report.Operators.Owned++
			last[answer.Exception] = answer
		case "resolve":
			a.report.Operators.Resolved++
			last[answer.Exception] = answer
		}
	}
	for id, answer := range last {
		for _, n := range a.run.nodes {
			var e api.Exception
			if _, err := a.run.client.get(ctx, n.one("/v1/exceptions/"+id), &e); err != nil {
				return err
			}
			var did []string
			for _, care := range e.History {
				did = append(did, care.Action)
			}
			if e.Owner != "ben" || e.State != answer.State || strings.Join(did, " ") != careHistory[answer.State] {
				a.report.fail(fmt.Sprintf("exception %s at %s is %s, of %q, with %v done: it was handed to ben and is %s", id, n.Name, e.State, e.Owner, did, answer.State))
			}
		}
	}
	return nil
}

// resolved counts the exceptions of a kind that a person closed by hand while their
// reason stands.
func (a *auditor) resolved(kind string) (n int) {
	for i := range a.answers {
		if a.answers[i].Kind == "resolve" && a.answers[i].Task == kind {
			n++
		}
	}
	return n
}
