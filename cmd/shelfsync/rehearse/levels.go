package rehearse

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// without are effects of lines that move no goods.
var without = map[string]bool{"parked": true, "quarantined": true, "service": true, "recount": true}

// unheard books what was answered and never reached the hub: it is lost there,
// and not here.
func (b *accounts) unheard() {
	for id, answer := range b.auditor.byOperation {
		if b.applied[id] {
			continue
		}
		e := &entry{id: id, location: answer.Location, answer: answer}
		if e.lines, e.undone = b.auditor.lines(answer); answer.Kind == "count" {
			continue // what it would have moved is for the hub to say
		}
		for i := range e.lines {
			b.line(e, &e.lines[i])
		}
	}
}

// levels compares the hub's levels with the book, account by account, and those
// with every store's view.
func (a *auditor) levels(ctx context.Context) error {
	c := &a.report.Convergence
	c.AgentsEqualHub = true
	for _, location := range a.run.day.Locations {
		differs, levels, err := a.run.compare(ctx, location, a.run.agents[location])
		if err != nil {
			return err
		}
		if differs != "" {
			c.AgentsEqualHub = false
			a.report.fail("agent and hub differ: " + differs)
		}
		a.hub = append(a.hub, levels...)
	}
	if a.run.hot != nil {
		err := pages(ctx, a.run.client, a.main.one("/v1/levels"), url.Values{"location": {hotLocation}}, func(l api.Level) { a.hub = append(a.hub, l) })
		if err != nil {
			return err
		}
	}
	c.MovementsSumToZero = a.sumsToZero()
	shown := map[account]bool{}
	for i := range a.hub {
		a.level(&a.hub[i], shown)
	}
	for at, q := range a.accounts.sums {
		if q != 0 && slices.Contains(inside, at.name) && !shown[at] {
			a.report.fail(fmt.Sprintf("%s %s of %s: the hub has no such level, by the book it is %d thousandths", at.name, at.item, at.location, q))
		}
	}
	return nil
}

// level compares one level with the book.
func (a *auditor) level(l *api.Level, shown map[account]bool) {
	have := map[string]api.Quantity{"sellable": l.Sellable, "damaged": l.Damaged, "return_pending": l.ReturnPending, "in_transit": l.InTransit}
	for _, name := range inside {
		at := account{l.Location, l.Item, name}
		shown[at] = true
		if q := int64(have[name].Stock()); q != a.accounts.sums[at] {
			a.report.fail(fmt.Sprintf("%s %s of %s: the hub says %d, by the book it is %d thousandths (%s)", name, l.Item, l.Location, q, a.accounts.sums[at],
				a.accounts.told(account{l.Location, l.Item, "sellable"})))
		}
	}
	if l.Sellable.Stock() < 0 {
		a.report.NegativeLevels++
	}
}

// sumsToZero sets, item by item, what all locations hold at the hub against what
// the answered operations brought in from outside and took out.
func (a *auditor) sumsToZero() bool {
	sums := map[string]int64{}
	for i := range a.hub {
		sums[a.hub[i].Item] += int64(a.hub[i].OnHand.Stock() + a.hub[i].InTransit.Stock())
	}
	for at, q := range a.accounts.sums {
		if !slices.Contains(inside, at.name) {
			sums[at.item] += q
		}
	}
	maps.DeleteFunc(sums, func(_ string, sum int64) bool { return sum == 0 })
	if len(sums) > 0 {
		a.report.fail("movements do not sum to zero")
	}
	for _, item := range slices.Sorted(maps.Keys(sums)) {
		a.report.fail(fmt.Sprintf("%s: levels and answered movements differ by %d thousandths", item, sums[item]))
	}
	return len(sums) == 0
}

// tasks counts what stores were asked to do and finds what was not done: at the
// end of the day nobody has a task left but to set claims aside, and whatever was
// to be counted again has been.
func (a *auditor) tasks(ctx context.Context) error {
	v := &a.report.Backroom
	for i := range a.journal {
		for _, line := range a.journal[i].Lines {
			switch {
			case line.Kind == "inspect":
				v.Inspected++
			case line.Kind == "stage" && line.Effect == "applied":
				v.SetAside++
			case line.Kind == "stage" && line.Effect == "too_late":
				v.TooLate++
			case line.Kind == "cannot_pick" && line.Effect == "applied":
				v.NotFound++
			}
		}
	}
	for i := range a.answers {
		switch answer := &a.answers[i]; {
		case answer.Kind == "reverse":
			v.Undone++
		case answer.Kind == "count_again":
			a.report.Counts.AgainAtStore += answer.Again
		case answer.Task == "put_back":
			v.PutBack++
		}
	}
	for at, by := range a.accounts.again {
		a.report.fail(fmt.Sprintf("%s of %s was to be counted again after %s, and never was", at.item, at.location, by))
	}
	for _, n := range a.run.nodes {
		err := pages(ctx, a.run.client, n.one("/v1/tasks"), url.Values{}, func(t api.Task) {
			v.TasksOpen++
			a.report.fail(fmt.Sprintf("task %s of %s (%s of %s) is still open at %s", t.ID, t.Location, t.Kind, t.Item, n.Name))
		})
		if err != nil {
			return err
		}
	}
	return a.exceptions(ctx)
}

// exceptions are what waits for a person in the evening: of a kind that the goods
// tell, just what they tell.
func (a *auditor) exceptions(ctx context.Context) error {
	want := map[string]int{"negative_stock": a.report.NegativeLevels, "duplicate_arrival": a.report.Transfers.Duplicates, "parked": 0, "quarantined": 0, "fork": a.forks()}
	a.report.Faults.Forks = want["fork"]
	for _, n := range a.run.nodes {
		have := map[string]int{}
		if err := pages(ctx, a.run.client, n.one("/v1/exceptions"), url.Values{}, func(e api.Exception) { have[e.Kind]++ }); err != nil {
			return err
		}
		for kind, count := range want {
			if count -= a.resolved(kind); kind == "parked" {
				count = 0
			}
			if have[kind] != count {
				a.report.fail(fmt.Sprintf("exceptions: %s has %d open of %s, by the book there are %d", n.Name, have[kind], kind, count))
			}
		}
	}
	return nil
}
