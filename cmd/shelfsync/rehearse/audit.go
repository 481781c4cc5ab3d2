package rehearse

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// audit compares the record of all answers with what hub and stores say now.
func (r *Run) audit(ctx context.Context) error {
	answers, err := r.record.Close()
	if err != nil {
		return err
	}
	r.feed.stop()
	a := &auditor{run: r, report: &r.report, answers: answers}
	if r.hot != nil {
		if err := a.linearizable(); err != nil {
			return err
		}
	}
	if err := a.readJournals(ctx); err != nil {
		return err
	}
	a.operations()
	for _, step := range []func(context.Context) error{a.ledgers, a.levels, a.everyNode, a.conflicts, a.claims} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	a.latencies()
	a.verdict()
	r.feed = nil
	return nil
}

// auditor holds both sides of the comparison.
type auditor struct {
	run      *Run
	report   *Report
	answers  []Answer
	main     *node // with the longest journal: what the record is compared with
	journals map[*node][]api.JournalRecord
	journal  []api.JournalRecord
	hub      []api.Level
	settled  []conflict
}

// operationKinds are the answers that carry an operation of a store's ledger.
var operationKinds = []string{"sale", "return", "exchange", "damage", "adjustment", "service", "stage", "pick"}

// operations finds every acknowledged operation in the journal, once, with the
// lines that its till was answered for.
func (a *auditor) operations() {
	applied := map[string][]*api.JournalRecord{}
	receipts := map[string]map[string]bool{} // location, till and receipt -> operation ids
	for i := range a.journal {
		record := &a.journal[i]
		if record.Operation == "" {
			continue
		}
		applied[record.Operation] = append(applied[record.Operation], record)
		if record.Receipt != "" {
			slip := record.Location + "\x00" + record.Till + "\x00" + record.Receipt
			if receipts[slip] == nil {
				receipts[slip] = map[string]bool{}
			}
			receipts[slip][record.Operation] = true
		}
	}
	answered := map[string]bool{}
	for i := range a.answers {
		answer := &a.answers[i]
		if !slices.Contains(operationKinds, answer.Kind) {
			continue
		}
		answered[answer.Operation] = true
		slip := receipts[answer.Location+"\x00"+answer.Till+"\x00"+answer.Receipt]
		a.operation(answer, applied[answer.Operation], len(slip) > 1)
	}
	for id, records := range applied {
		if !answered[id] {
			a.report.fail(fmt.Sprintf("%s (receipt %s) is in the hub, but nobody was answered for it", id, records[0].Receipt))
		}
	}
}

// kept finds the counter of an answer's kind.
func (a *auditor) kept(answer *Answer) *Kept {
	if answer.Kind == "return" {
		return &a.report.Returns
	}
	return &a.report.Sales
}

func (a *auditor) operation(answer *Answer, records []*api.JournalRecord, twice bool) {
	kept, lines := a.kept(answer), &a.report.Lines
	kept.Acknowledged++
	want := journalLines(answer.Lines)
	lines.Acknowledged += len(want)
	if len(records) == 0 {
		kept.Lost++
		lines.Lost += len(want)
		a.report.fail(fmt.Sprintf("lost: %s %s of receipt %s was answered at %s and is not in the hub", answer.Kind, answer.Operation, answer.Receipt, answer.At.Format(time.TimeOnly)))
		return
	}
	kept.InHub++
	if len(records) > 1 || twice {
		kept.Doubled++
		lines.Doubled += len(want)
		a.report.fail(fmt.Sprintf("doubled: receipt %s of %s, %s, took effect %d times or under two ids", answer.Receipt, answer.Location, answer.Operation, len(records)))
	}
	have := recordLines(records[0])
	if answer.Kind == "stage" || answer.Kind == "pick" {
		lines.Acknowledged += len(have)
		lines.InHub += len(have)
		return
	}
	missing, extra := difference(want, have)
	lines.InHub += len(want) - missing
	lines.Lost += missing
	lines.Doubled += extra
	if missing > 0 || extra > 0 {
		a.report.fail(fmt.Sprintf("lines of %s differ: answered %v, the hub has %v", answer.Operation, want, have))
	}
}

func journalLines(lines []Line) (words []string) {
	for _, line := range lines {
		q := line.Thousandths
		if q < 0 {
			q = -q
		}
		words = append(words, line.Kind+" "+line.Item+" "+strconv.FormatInt(q, 10))
	}
	sort.Strings(words)
	return words
}

func recordLines(record *api.JournalRecord) (words []string) {
	for _, line := range record.Lines {
		words = append(words, line.Kind+" "+line.Item+" "+strconv.FormatInt(int64(line.Quantity.Stock()), 10))
	}
	sort.Strings(words)
	return words
}

// difference counts what is in want and not in have, and the other way round.
func difference(want, have []string) (missing, extra int) {
	count := map[string]int{}
	for _, w := range want {
		count[w]++
	}
	for _, h := range have {
		count[h]--
	}
	for _, n := range count {
		if n > 0 {
			missing += n
		} else {
			extra -= n
		}
	}
	return missing, extra
}

// ledgers asks every store for its own ledger: what a till was answered for
// must stand there once.
func (a *auditor) ledgers(ctx context.Context) error {
	found := map[string]int{}
	for _, s := range a.run.agents {
		err := pages(ctx, a.run.client, s.agent.one("/v1/operations"), url.Values{}, func(op api.OperationRecord) { found[op.ID]++ })
		if err != nil {
			return err
		}
	}
	for i := range a.answers {
		answer := &a.answers[i]
		if n := found[answer.Operation]; slices.Contains(operationKinds, answer.Kind) && n != 1 {
			a.report.fail(fmt.Sprintf("%s of receipt %s stands %d times in the ledger of %s", answer.Operation, answer.Receipt, n, answer.Location))
		}
	}
	return nil
}

// levels folds the journal with the auditor's own arithmetic and compares it
// with the hub's levels, and those with every store's view.
func (a *auditor) levels(ctx context.Context) error {
	folded := foldJournal(a.journal)
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
		for i := range levels {
			l := &levels[i]
			a.hub = append(a.hub, *l)
			want := folded[account{l.Location, l.Item, "sellable"}]
			if have := int64(l.Sellable.Stock()); have != want {
				a.report.fail(fmt.Sprintf("sellable %s of %s: the hub says %d, its journal sums to %d thousandths", l.Item, location, have, want))
			}
			if l.Sellable.Stock() < 0 {
				a.report.NegativeLevels++
			}
		}
	}
	if a.run.hot != nil {
		err := pages(ctx, a.run.client, a.main.one("/v1/levels"), url.Values{"location": {hotLocation}}, func(l api.Level) { a.hub = append(a.hub, l) })
		if err != nil {
			return err
		}
	}
	c.MovementsSumToZero = a.sumsToZero()
	if !c.MovementsSumToZero {
		a.report.fail("movements do not sum to zero")
	}
	return nil
}

type account struct{ location, item, name string }

// effects that move no goods.
var without = map[string]bool{"parked": true, "quarantined": true, "service": true}

func foldJournal(journal []api.JournalRecord) map[account]int64 {
	sums := map[account]int64{}
	for i := range journal {
		record := &journal[i]
		for _, line := range record.Lines {
			if line.From == "" || without[line.Effect] {
				continue
			}
			q := int64(line.Quantity.Stock())
			sums[account{record.Location, line.Item, line.From}] -= q
			sums[account{record.Location, line.Item, line.To}] += q
		}
	}
	return sums
}

// inward says for each kind of answered line whether goods came in (1) or went
// out (-1) of a location; damage stays inside it.
var inward = map[string]int64{"sale": -1, "return": 1, "adjust": 1, "damage": 0}

// sumsToZero sets, item by item, what all locations hold against what the
// answered operations brought in and took out. Picks are read off the orders'
// records at the hub, where the goods left.
func (a *auditor) sumsToZero() bool {
	sums := map[string]int64{}
	for i := range a.hub {
		sums[a.hub[i].Item] += int64(a.hub[i].OnHand.Stock() + a.hub[i].InTransit.Stock())
	}
	for i := range a.answers {
		for _, line := range a.answers[i].Lines {
			if !slices.Contains(a.run.day.Services, line.Item) {
				sums[line.Item] -= inward[line.Kind] * line.Thousandths
			}
		}
	}
	picked := map[string]bool{}
	for i := range a.answers {
		if a.answers[i].Kind == "pick" {
			picked[a.answers[i].Operation] = true
		}
	}
	for i := range a.journal {
		if record := &a.journal[i]; picked[record.Operation] {
			for _, line := range record.Lines {
				sums[line.Item] += int64(line.Quantity.Stock())
			}
		}
	}
	zero := true
	for item, sum := range sums {
		if sum != 0 {
			zero = false
			a.report.fail(fmt.Sprintf("%s: levels and answered movements differ by %d thousandths", item, sum))
		}
	}
	return zero
}

// verdict turns what was counted into pass or fail.
func (a *auditor) verdict() {
	r := a.report
	if missing := a.run.plan.required(r); missing != "" {
		r.fail("vacuous: " + missing)
	}
	if len(r.Failures) > 0 || r.Sales.Lost+r.Sales.Doubled+r.Lines.Lost+r.Lines.Doubled+r.Returns.Lost+r.Returns.Doubled+r.Reservations.Leaked > 0 {
		r.Verdict = "fail"
	}
	if r.Sales.Acknowledged == 0 {
		r.fail("vacuous: no sale was acknowledged")
	}
	sort.SliceStable(r.Failures, func(i, k int) bool {
		return strings.HasPrefix(r.Failures[i], "vacuous") && !strings.HasPrefix(r.Failures[k], "vacuous")
	})
}
