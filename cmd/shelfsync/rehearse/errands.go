package rehearse

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// Errands are what people of a store do beside selling: they send goods to other
// stores and take them in, count while trading goes on, inspect what came back,
// set goods aside for customers. Who does what, where and when is drawn by seed
// before the day begins; each errand waits for what a person would wait for, and
// for nothing else, so what it meets on its way is not arranged.
//
// The goods of errands are goods of the day, which tills sell meanwhile. What an
// errand takes away comes on top of the opening stock.
type errand struct {
	at float64 // share of the day at which it begins
	do func(context.Context) error
}

// errandPlan draws the errands of a day.
type errandPlan struct {
	run     *Run
	random  *rand.Rand
	avoid   map[account]bool // goods of the orders that stores contest
	used    map[string]bool  // items of other errands
	errands []errand
	number  int
}

// planErrands draws all errands; call it before opening stock is loaded.
func (r *Run) planErrands() {
	p := &errandPlan{run: r, random: rand.New(rand.NewPCG(r.options.Seed, 0xe44a)), avoid: map[account]bool{}, used: map[string]bool{}}
	for _, c := range r.plan.contests {
		b := &r.day.Baskets[c.order]
		for _, line := range b.Sold {
			p.avoid[at(b.Location, line.Item)] = true
		}
	}
	r.classes = map[string]string{}
	p.trips()
	p.counts()
	p.backroom()
	p.desk()
	p.moves()
	p.policies()
	p.closings()
	p.novelties()
	p.cares()
	p.parking()
	r.errands = p.errands
}

// add plans one errand.
func (p *errandPlan) add(at float64, do func(context.Context) error) {
	p.errands = append(p.errands, errand{at, do})
}

// key names an errand; its steps make their idempotency keys from it.
func (p *errandPlan) key() string {
	p.number++
	return fmt.Sprintf("errand-%d", p.number)
}

// share draws a moment of the day.
func (p *errandPlan) share(from, to float64) float64 { return from + p.random.Float64()*(to-from) }

// stores draws so many different stores; fewer where there are fewer.
func (p *errandPlan) stores(count int, but ...string) (drawn []string) {
	all := p.run.day.Locations
	for _, i := range p.random.Perm(len(all)) {
		if len(drawn) < count && !slices.Contains(but, all[i]) {
			drawn = append(drawn, all[i])
		}
	}
	return drawn
}

// item draws goods that a store sells on the day, of no other errand while there
// are others, and lets it open with so many units more.
func (p *errandPlan) item(location string, units int64) string {
	codes := slices.Sorted(maps.Keys(p.run.opening[location]))
	if len(codes) == 0 {
		codes = p.run.day.Items
	}
	choice := slices.DeleteFunc(slices.Clone(codes), func(code string) bool { return p.avoid[at(location, code)] || p.used[code] })
	if len(choice) == 0 {
		choice = codes
	}
	code := choice[p.random.IntN(len(choice))]
	p.used[code] = true
	if units > 0 {
		p.run.opening[location][code] += units * 1000
	}
	return code
}

// class is the class of an item.
func (r *Run) class(item string) string { return cmp.Or(r.classes[item], "default") }

// pause waits for a share of the day; it does not mind the end of the day.
func (r *Run) pause(ctx context.Context, share float64) error {
	select {
	case <-time.After(time.Duration(share * float64(r.plan.duration))):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// errOdd is what an errand met and should not have: a finding about the programs,
// not a reason why the day cannot be played.
var errOdd = errors.New("errand")

// errandWithin bounds how long after a whole day something may take to come about.
const errandWithin = 15 * time.Second

// comes waits until something is so that will be so once all stores are linked.
func (r *Run) comes(ctx context.Context, what string, so func(context.Context) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.plan.duration+errandWithin, fmt.Errorf("%w: it never came about that %s", errOdd, what))
	defer cancel()
	for !so(ctx) {
		select {
		case <-time.After(40 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// deed is one call at a store that records an operation.
type deed struct {
	path, key string
	body      any
	answer    Answer
}

// does records an operation and keeps its answer. done is false where the store
// says that there is nothing to do it to, or that it cannot be done any more.
func (r *Run) does(ctx context.Context, location string, d deed) (recorded api.Recorded, done bool, err error) {
	recorded, refusal, err := r.tried(ctx, location, d)
	return recorded, err == nil && refusal == "", err
}

// tried is does; where it was not done, refusal is why.
func (r *Run) tried(ctx context.Context, location string, d deed) (recorded api.Recorded, refusal string, err error) {
	at := r.agents[location]
	d.answer.Location = location
	reply, err := r.atStore(ctx, location, d)
	switch {
	case err != nil:
		return recorded, "", err
	case reply.status == http.StatusNotFound || reply.status == http.StatusConflict:
		return recorded, string(reply.body), nil
	case reply.status != http.StatusCreated:
		return recorded, "", fmt.Errorf("%w: %s of %s in %s answered %d: %s", errOdd, d.path, d.key, location, reply.status, reply.body)
	}
	if err := json.Unmarshal(reply.body, &recorded); err != nil {
		return recorded, "", fmt.Errorf("answer to %s: %w", d.key, err)
	}
	return recorded, "", r.noteOperation(d.answer, reply, at)
}

// must is does where there is no reason why it should not be done.
func (r *Run) must(ctx context.Context, location string, d deed) (api.Recorded, error) {
	recorded, refusal, err := r.tried(ctx, location, d)
	if err == nil && refusal != "" {
		err = fmt.Errorf("%w: %s of %s in %s was refused: %s", errOdd, d.path, d.key, location, refusal)
	}
	return recorded, err
}

// looks reads what a store says of one item.
func (r *Run) looks(ctx context.Context, location, item string) (found api.StoreItem, position uint64, ok bool) {
	var answer api.AgentAvailability
	if _, err := r.client.get(ctx, r.agents[location].agent.one("/v1/availability?item="+escape(item)), &answer); err != nil || len(answer.Data) != 1 {
		return found, 0, false // its program is being started again
	}
	return answer.Data[0], indexOf(answer.Position), true
}

// corrects lets the hub itself book a correction for a store, and returns the
// position where it took effect.
func (r *Run) corrects(ctx context.Context, location, document string, line Line) (uint64, error) {
	body := api.Movements{Source: "rehearsal", Document: document, Location: location,
		Lines: []api.MovementLine{{Movement: "adjust", Item: line.Item, Quantity: quantity(line.Thousandths), Reason: "correction"}}}
	reply, err := r.client.post(ctx, r.hub(len(document), "/v1/movements"), "", body)
	if err != nil {
		return 0, err
	}
	var answer struct {
		Position string `json:"position"`
	}
	if reply.status != http.StatusCreated && reply.status != http.StatusOK {
		return 0, fmt.Errorf("correction %s answered %d: %s", document, reply.status, reply.body)
	}
	if err := json.Unmarshal(reply.body, &answer); err != nil {
		return 0, fmt.Errorf("answer to correction %s: %w", document, err)
	}
	r.record.Note(Answer{Kind: "correction", Location: location, Receipt: document, Status: reply.status, Position: answer.Position, At: time.Now(),
		Lines: []Line{{Kind: "adjust", Item: line.Item, Thousandths: line.Thousandths, Account: "sellable"}}})
	return indexOf(answer.Position), nil
}

// unseen says which errand was planned and met nothing of what it is made for.
// What a fault may prevent is not asked for: an order that yields is not
// collected.
func (p *plan) unseen(report *Report) string {
	t, c, b, o := &report.Transfers, &report.Counts, &report.Backroom, &report.Operators
	for _, row := range []struct {
		name string
		seen int
		of   bool
	}{
		{"transfers", t.Arrived, p.trips}, {"goods sent home", t.Home, p.trips}, {"goods over", t.Over, p.trips}, {"duplicate arrivals", t.Duplicates, p.trips},
		{"transfers closed by a store", t.ClosedByStore, p.trips}, {"transfers closed by the hub", t.ClosedByHub, p.trips},
		{"transfers under way in the evening", t.Open, p.trips}, {"goods ahead of their papers", t.AheadOfPapers, p.early},
		{"counts", c.Booked, true}, {"recounts that a store asked for", c.AgainAtStore, true}, {"recounts that the hub asked for", c.Again, len(p.cuts) > 0},
		{"parked lines that were mapped", b.Mapped, true}, {"inspections", b.Inspected, true}, {"slips undone", b.Undone, true}, {"claims set aside", b.SetAside, true}, {"tasks to put goods back", b.PutBack, true},
		{"claims moved by their channel", o.ClaimsMoved, p.moves}, {"moves that were refused", o.MovesRefused, p.moves},
		{"changes of the policy", o.Policies, true}, {"orders that the policy made short", o.ShortByPolicy, true}, {"returns to the shelf by policy", o.ReturnsByPolicy, p.shelf},
		{"locations paused", o.Paused, true}, {"locations closed", o.Closed, true}, {"claims that a closed location let go", o.LetGo, true}, {"items loaded late", o.Loaded - o.Aliases, true},
		{"aliases", o.Aliases, true}, {"exceptions handed on", o.Owned, true}, {"exceptions closed by hand", o.Resolved, true},
		{"forks", report.Faults.Forks, p.copied != copied{}},
		{"claims whose turn was compared", o.Compared, len(p.cuts) > 0},
	} {
		if row.of && row.seen == 0 {
			return "no " + row.name
		}
	}
	return ""
}
