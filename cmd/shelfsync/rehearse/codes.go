package rehearse

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// The catalogue changes while stores sell: an item is loaded after it was sold, a
// code becomes an alias, its factor changes, it goes over to another item. A store
// that knows resolves a code itself and its word stands; for one that has not
// heard the hub does, by what the catalogue says when the sale arrives; what
// neither knows is parked until a person says what it was.

// novelty is one code, and what the catalogue says of it one after the other.
type novelty struct {
	run    *Run
	key    string
	code   string
	stores []string
	rows   []api.Item // each is loaded in its turn; all name the code
	rest   float64
	sold   int
}

// novelties plans them; the second store is cut off where any is.
func (p *errandPlan) novelties() {
	row := func(location string, factor int64, code string) api.Item {
		item := p.item(location, 8)
		return api.Item{Code: item, Unit: p.unit(item), Decimals: p.decimals(item), Class: p.run.class(item), Aliases: []api.Alias{{Code: code, Factor: factor}}}
	}
	for n := range 2 {
		stores := p.stores(2)
		at := p.share(0.1, 0.5)
		if cuts := p.run.plan.cuts; n < len(cuts) {
			stores = append(p.stores(1, cuts[n].location), cuts[n].location)
			at = cuts[n].from - 0.03
		}
		late := &novelty{run: p.run, key: p.key(), code: fmt.Sprintf("%sL%d", unknownCode, n), stores: stores, rest: p.share(0.02, 0.06)}
		late.rows = []api.Item{{Code: late.code, Unit: "piece", Class: "default"}}
		p.add(at, late.play)
		alias := &novelty{run: p.run, key: p.key(), code: fmt.Sprintf("%sA%d", unknownCode, n), stores: stores, rest: p.share(0.02, 0.06)}
		first := row(stores[0], 2, alias.code)
		again := first
		again.Aliases = []api.Alias{{Code: alias.code, Factor: 3}}
		alias.rows = []api.Item{first, again, row(stores[0], 1, alias.code)}
		p.add(at, alias.play)
	}
}

func (p *errandPlan) unit(item string) string {
	if p.run.day.Weighed[item] {
		return "kg"
	}
	return "piece"
}

func (p *errandPlan) decimals(item string) int64 {
	if p.run.day.Weighed[item] {
		return 3
	}
	return 0
}

// play sells the code in all stores before anybody knows it, and after each change
// at once, and again a while later; then it says what was parked.
func (n *novelty) play(ctx context.Context) error {
	if err := n.sell(ctx); err != nil {
		return err
	}
	for _, row := range n.rows {
		_, err := n.run.decides(ctx, decision{kind: "catalogue", path: "/v1/items", content: "application/x-ndjson", rows: []any{row}, answer: Answer{Items: []api.Item{row}}})
		if err != nil {
			return err
		}
		if err := n.sell(ctx); err != nil {
			return err
		}
		if err := n.run.pause(ctx, n.rest); err != nil {
			return err
		}
		if err := n.sell(ctx); err != nil {
			return err
		}
	}
	for _, store := range n.stores {
		if err := n.run.hasSent(ctx, store); err != nil {
			return err
		}
	}
	return n.maps(ctx)
}

func (n *novelty) sell(ctx context.Context) error {
	for _, store := range n.stores {
		n.sold++
		slip := fmt.Sprintf("%s/%d", n.key, n.sold)
		_, err := n.run.must(ctx, store, deed{"/v1/sales", "", api.Sale{Receipt: slip, Till: "T1", Lines: []api.SaleLine{{Item: n.code, Quantity: units(1)}}},
			Answer{Kind: "sale", Till: "T1", Receipt: slip, Lines: []Line{{Kind: "sale", Item: n.code, Thousandths: 1000}}}})
		if err != nil {
			return err
		}
	}
	return nil
}

// maps says that what was parked is what the catalogue says now; nothing may be,
// where a store was heard only later.
func (n *novelty) maps(ctx context.Context) error {
	r, exception := n.run, ""
	last := n.rows[len(n.rows)-1]
	body := api.Mapping{Item: last.Code, Factor: 1, By: "rehearsal"}
	if len(last.Aliases) > 0 {
		body.Factor = last.Aliases[0].Factor
	}
	err := r.comes(ctx, "a node tells what is parked for "+n.code, func(ctx context.Context) bool {
		exception = ""
		return pages(ctx, r.client, r.hub(0, "/v1/exceptions"), url.Values{"kind": {"parked"}, "consistency": {"linearizable"}}, func(e api.Exception) {
			if e.Item == n.code {
				exception = e.ID
			}
		}) == nil
	})
	if err != nil || exception == "" {
		return err
	}
	reply, err := r.client.post(ctx, r.hub(1, "/v1/exceptions/"+exception+"/map"), "", body)
	if err == nil && reply.status != http.StatusOK && reply.status != http.StatusConflict {
		err = fmt.Errorf("%w: %s could not be mapped: %d %s", errOdd, n.code, reply.status, reply.body)
	}
	r.record.Note(Answer{Kind: "map", Status: reply.status, At: time.Now(), Lines: []Line{{Kind: "map", Item: body.Item, Thousandths: body.Factor * 1000}}})
	return err
}

// meaning is what a code stands for.
type meaning struct {
	item   string
	factor int64
}

// codeChange is one thing that the catalogue or a person said, at a position.
type codeChange struct {
	record int // of the journal
	index  uint64
	row    *api.Item // nil: a person said what a code means
	code   string
	means  meaning
}

// codeChanges are all of a day, in the order of the journal.
func (a *auditor) codeChanges() (changes []codeChange) {
	answers, where := a.decided("catalogue")
	for i, answer := range answers {
		for k := range answer.Items {
			changes = append(changes, codeChange{record: where[i], index: indexOf(a.journal[where[i]].Position), row: &answer.Items[k]})
		}
		if a.report.Operators.Loaded++; len(answer.Items[0].Aliases) > 0 {
			a.report.Operators.Aliases++
		}
	}
	for i := range a.journal {
		if said, ok := mapOf(&a.journal[i]); ok && said.code != said.item {
			changes = append(changes, codeChange{record: i, index: said.index, code: said.code, means: meaning{said.item, said.factor}})
		}
	}
	slices.SortStableFunc(changes, func(x, y codeChange) int { return cmp.Compare(x.record, y.record) })
	return changes
}

// codes is what the catalogue knows of the codes that nobody knew in the morning.
type codes map[string]meaning

// say takes one change in. A row names all aliases of its item.
func (c codes) say(change codeChange) {
	if change.row == nil {
		c[change.code] = change.means
		return
	}
	for code, means := range c {
		if means.item == change.row.Code && code != means.item {
			delete(c, code)
		}
	}
	if strings.HasPrefix(change.row.Code, unknownCode) {
		c[change.row.Code] = meaning{change.row.Code, 1}
	}
	for _, alias := range change.row.Aliases {
		c[alias.Code] = meaning{change.row.Code, alias.Factor}
	}
}

// codesAt is what whoever has seen a position knows.
func (a *auditor) codesAt(index uint64) codes {
	known := codes{}
	for _, change := range a.changes {
		if change.index <= index {
			known.say(change)
		}
	}
	return known
}

// means resolves a line's code; false: nobody knows it.
func (c codes) means(line Line) (Line, bool) {
	if !strings.HasPrefix(line.Item, unknownCode) {
		return line, true
	}
	m, known := c[line.Item]
	if known {
		line.Item, line.Thousandths = m.item, line.Thousandths*m.factor
	}
	return line, known
}
