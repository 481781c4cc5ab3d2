package rehearse

import (
	"context"
	"fmt"
	"slices"
	"sort"
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
	if err := a.renamed(ctx); err != nil {
		return err
	}
	a.index()
	a.shifts = a.shifted()
	a.operations()
	for _, step := range []func(context.Context) error{a.ledgers, a.conflicts, a.levels, a.onTheWay, a.tasks, a.everyNode, a.rulesAt, a.placesAt, a.cared, a.claims, a.past} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	a.report.OversoldUnits = float64(a.oversold) / 1000
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
	accounts *accounts
	oversold int64 // thousandths
	shifts   map[string][]*Answer
	policies []policy // by version
	places   map[uint64]*Answer
	changes  []codeChange
	opened   uint64 // where the first opening stock was booked

	byOperation map[string]*Answer
	byDocument  map[string]*Answer
}

// operationKinds are the answers that carry an operation of a store's ledger.
var operationKinds = []string{"sale", "return", "exchange", "damage", "adjustment", "service", "delivery", "inspection", "dispatch", "arrival", "close_transfer", "count",
	"reverse", "done", "stage", "unstage", "pick", "cannot_pick"}

// claimKinds are those whose lines the store's agent writes: which claims there are.
var claimKinds = []string{"stage", "unstage", "pick", "cannot_pick"}

// goodsKinds are those that are neither sales nor returns.
var goodsKinds = []string{"delivery", "inspection", "dispatch", "arrival", "close_transfer", "count", "reverse", "done", "unstage", "cannot_pick"}

// index finds answers by what they are about.
func (a *auditor) index() {
	a.byOperation, a.byDocument = map[string]*Answer{}, map[string]*Answer{}
	seen := map[string]uint64{}
	for i := range a.journal {
		record := &a.journal[i]
		if seen[record.Operation] = indexOf(record.Seen); record.Kind == "movements" && a.opened == 0 {
			a.opened = indexOf(record.Position)
		}
	}
	a.policies, a.places, a.changes = a.inForce(), a.turned(), a.codeChanges()
	for i := range a.answers {
		answer := &a.answers[i]
		switch {
		case slices.Contains(operationKinds, answer.Kind):
			a.byOperation[answer.Operation] = answer
			a.written(answer, seen[answer.Operation])
		case answer.Kind == "opening" || answer.Kind == "correction":
			a.byDocument[answer.Receipt] = answer
		}
	}
}

// written puts into an answer's lines what the store resolved by what it had seen
// of the hub when it wrote them.
func (a *auditor) written(answer *Answer, seen uint64) {
	for i := range answer.Lines {
		line := &answer.Lines[i]
		if strings.HasPrefix(line.Item, unknownCode) {
			*line, _ = a.codesAt(seen).means(*line)
		}
		if line.Account == byPolicy {
			line.Account = returnsTo(a.policyAt(seen), a.run.class(line.Item))
			if line.Account == "sellable" {
				a.report.Operators.ReturnsByPolicy++
			}
		}
	}
}

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
		if answer := a.byOperation[record.Operation]; record.Receipt != "" && (answer == nil || answer.Reverses == "") {
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
	switch {
	case answer.Kind == "return":
		return &a.report.Returns
	case slices.Contains(goodsKinds, answer.Kind):
		return &a.report.Goods
	}
	return &a.report.Sales
}

func (a *auditor) operation(answer *Answer, records []*api.JournalRecord, twice bool) {
	kept, lines := a.kept(answer), &a.report.Lines
	kept.Acknowledged++
	want := journalLines(a.lines(answer))
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
	if slices.Contains(claimKinds, answer.Kind) {
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

func journalLines(lines []Line, undone bool) (words []string) {
	for i := range lines {
		l := &lines[i]
		from, to, q := l.legs(undone)
		words = append(words, lineWords(api.OperationLine{Kind: l.Kind, Item: l.Item, Quantity: quantity(q), From: from, To: to, Of: l.Of, Location: l.Other}))
	}
	sort.Strings(words)
	return words
}

func recordLines(record *api.JournalRecord) (words []string) {
	for i := range record.Lines {
		words = append(words, lineWords(record.Lines[i]))
	}
	sort.Strings(words)
	return words
}

// lineWords are what a line says happened; which claim it is about is another matter.
func lineWords(l api.OperationLine) string {
	words := []string{l.Kind, l.Item, l.Quantity.String()}
	if l.From != "" {
		words = append(words, "from", l.From, "to", l.To)
	}
	if l.Of != "" {
		words = append(words, "of", l.Of)
	}
	if l.Location != "" {
		words = append(words, "other", l.Location)
	}
	return strings.Join(words, " ")
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

// ledgers looks into each PC's own ledger: what a till was answered for must stand
// there once.
func (a *auditor) ledgers(context.Context) error {
	for i := range a.answers {
		answer := &a.answers[i]
		if n := a.run.ledgers[answer.PC].times[answer.Operation]; slices.Contains(operationKinds, answer.Kind) && n != 1 && !a.run.isReplaced(answer) {
			a.report.fail(fmt.Sprintf("%s of receipt %s stands %d times in the ledger of %s", answer.Operation, answer.Receipt, n, answer.Location))
		}
	}
	return nil
}

// verdict turns what was counted into pass or fail.
func (a *auditor) verdict() {
	r := a.report
	if missing := a.run.plan.required(r); missing != "" {
		r.fail("vacuous: " + missing)
	}
	if len(r.Failures) > 0 || r.Sales.wrong()+r.Lines.wrong()+r.Returns.wrong()+r.Goods.wrong()+r.Reservations.Leaked > 0 {
		r.Verdict = "fail"
	}
	if r.Sales.Acknowledged == 0 {
		r.fail("vacuous: no sale was acknowledged")
	}
	sort.SliceStable(r.Failures, func(i, k int) bool {
		return strings.HasPrefix(r.Failures[i], "vacuous") && !strings.HasPrefix(r.Failures[k], "vacuous")
	})
}
