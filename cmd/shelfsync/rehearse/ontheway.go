package rehearse

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// transfer is goods on their way as the book has them.
type transfer struct {
	id, from   string
	dispatched bool
	open       bool
	lines      []wayLine
	parties    map[string]bool // locations that are told of it
	stayed     int64           // thousandths: sent, less what arrived, is under way and was booked to variance
}

// wayLine is what stands in transit at a place; below zero: it arrived there
// ahead of its papers.
type wayLine struct {
	at, item, account string
	q                 int64
}

// openTransfer finds an open transfer, or begins one.
func (b *accounts) openTransfer(id string) *transfer {
	t := b.transfers[id]
	if t == nil {
		t = &transfer{id: id}
		b.transfers[id] = t
	}
	if !t.open {
		t.open, t.dispatched, t.from, t.lines, t.parties = true, false, "", nil, map[string]bool{}
	}
	return t
}

func (t *transfer) sentFrom(location string) {
	t.from = location
	t.parties[location] = true
}

// stand changes what stands in transit for a transfer, and the level with it.
func (b *accounts) stand(e *entry, t *transfer, line wayLine) {
	i := slices.IndexFunc(t.lines, func(w wayLine) bool { return w.at == line.at && w.item == line.item && w.account == line.account })
	if i < 0 {
		i = len(t.lines)
		t.lines = append(t.lines, wayLine{line.at, line.item, line.account, 0})
		t.parties[line.at] = true
	}
	t.lines[i].q += line.q
	b.book(e, account{line.at, line.item, "in_transit"}, line.q)
}

// dispatch puts goods in transit: where goods of the transfer arrived already,
// then at the destination.
func (b *accounts) dispatch(e *entry, line *Line) string {
	r := &b.auditor.report.Transfers
	t := b.openTransfer(e.was)
	if !t.dispatched {
		r.Sent++
	}
	b.book(e, account{e.location, line.Item, b.standing(e, line.Item, line.Account)}, -line.Thousandths)
	t.stayed += line.Thousandths
	t.sentFrom(e.location)
	t.dispatched = true
	left := line.Thousandths
	for _, w := range slices.Clone(t.lines) {
		if q := min(left, -w.q); q > 0 && w.item == line.Item && w.account == line.Account {
			w.q = q
			b.stand(e, t, w)
			left -= q
		}
	}
	if left > 0 {
		b.stand(e, t, wayLine{line.Other, line.Item, line.Account, left})
	}
	return "applied"
}

// arrive takes goods out of transit, here before elsewhere. Goods whose papers
// are still to come stand in transit below zero; what no papers speak of is found.
func (b *accounts) arrive(e *entry, line *Line) string {
	r := &b.auditor.report.Transfers
	b.book(e, account{e.location, line.Item, b.standing(e, line.Item, line.Account)}, line.Thousandths)
	before := b.transfers[line.Of]
	if b.applied[line.Of] && (before == nil || !before.open) {
		r.Duplicates++
		b.found(e, before, line.Item, line.Thousandths)
		return "duplicate_arrival"
	}
	t := b.openTransfer(line.Of)
	t.stayed -= line.Thousandths
	if t.from == "" {
		t.sentFrom(line.Other)
	}
	b.tally(e, t, line)
	if !t.dispatched {
		r.AheadOfPapers++
		b.stand(e, t, wayLine{e.location, line.Item, line.Account, -line.Thousandths})
		return "applied"
	}
	left := line.Thousandths
	for _, here := range []bool{true, false} {
		for _, w := range slices.Clone(t.lines) {
			if q := min(left, w.q); q > 0 && w.item == line.Item && w.account == line.Account && (w.at == e.location) == here {
				w.q = -q
				b.stand(e, t, w)
				left -= q
			}
		}
	}
	if left > 0 {
		r.Over++
		t.stayed += left
		b.found(e, nil, line.Item, left)
	}
	return "applied"
}

// found books goods that no papers speak of.
func (b *accounts) found(e *entry, t *transfer, item string, q int64) {
	b.book(e, account{e.location, item, "variance"}, -q)
}

// tally counts where goods arrive.
func (b *accounts) tally(e *entry, t *transfer, line *Line) {
	r := &b.auditor.report.Transfers
	bound := slices.ContainsFunc(t.lines, func(w wayLine) bool { return w.at == e.location && w.q > 0 })
	switch r.Arrived++; {
	case e.location == t.from:
		r.Home++
	case t.dispatched && !bound:
		r.Elsewhere++
	}
}

// endTransfers ends what an operation has made whole: of a transfer whose papers
// are there, goods that arrived ahead of them were more than was sent.
func (b *accounts) endTransfers(e *entry) {
	for i := range e.lines {
		id := e.lines[i].Of
		switch {
		case e.lines[i].Kind == "dispatch" && e.undone:
			id = e.answer.Reverses
		case e.lines[i].Kind == "dispatch":
			id = e.was
		case e.lines[i].Kind != "arrive":
			continue
		}
		t := b.transfers[id]
		if t == nil || !t.open || !t.dispatched {
			continue
		}
		for _, w := range t.lines {
			if w.q < 0 {
				b.auditor.report.Transfers.Over++
				b.toVariance(t, w)
			}
		}
		t.lines = slices.DeleteFunc(t.lines, func(w wayLine) bool { return w.q == 0 })
		t.open = len(t.lines) > 0
	}
}

// toVariance books what stands in transit on a line as lost, or as found.
func (b *accounts) toVariance(t *transfer, w wayLine) {
	b.sums[account{w.at, w.item, "variance"}] += w.q
	b.sums[account{w.at, w.item, "in_transit"}] -= w.q
	t.stayed -= w.q
	for i := range t.lines {
		if t.lines[i] == w {
			t.lines[i].q = 0
			return
		}
	}
}

// closeTransfer ends a transfer of which nothing more is to come; a store may do
// so if it is told of it, the hub (by empty) always.
func (b *accounts) closeTransfer(id, by string, closed *int) {
	t := b.transfers[id]
	if t == nil || !t.open || by != "" && !t.parties[by] {
		return
	}
	*closed++
	for _, w := range slices.Clone(t.lines) {
		if w.q > 0 {
			b.auditor.report.Transfers.ShortUnits += amount(w.q)
		}
		b.toVariance(t, w)
	}
	t.open, t.lines = false, nil
}

// words are the transfer in one line, as hub and stores should tell it.
func (t *transfer) words() string {
	var lines []string
	for _, w := range t.lines {
		if w.q != 0 {
			lines = append(lines, fmt.Sprintf("%d %s %s at %s", w.q, w.account, w.item, w.at))
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("%s from %s, papers %t: %s", t.id, t.from, t.dispatched, strings.Join(lines, ", "))
}

func wordsOf(shown *api.Transfer) string {
	t := transfer{id: shown.ID, from: shown.From, dispatched: shown.Dispatched}
	for _, line := range shown.Lines {
		t.lines = append(t.lines, wayLine{line.At, line.Item, line.Disposition, int64(line.Quantity.Stock())})
	}
	return t.words()
}

// onTheWay compares the open transfers of every node and of every store with the
// book's, and each transfer's goods with each other: what was sent has arrived, is
// under way or was booked to variance.
func (a *auditor) onTheWay(ctx context.Context) error {
	for _, t := range a.accounts.transfers {
		under := int64(0)
		for _, w := range t.lines {
			under += w.q
		}
		if t.stayed != under {
			a.report.fail(fmt.Sprintf("transfer %s: %d thousandths of what was sent are neither there nor under way", t.id, t.stayed-under))
		}
		if t.open {
			a.report.Transfers.Open++
		}
	}
	for _, n := range a.run.nodes {
		if err := a.transfersAt(ctx, n.Process, n.Name, ""); err != nil {
			return err
		}
	}
	for location, s := range a.run.agents {
		if err := a.transfersAt(ctx, s.agent, "the store "+location, location); err != nil {
			return err
		}
	}
	return nil
}

func (a *auditor) transfersAt(ctx context.Context, p *Process, name, location string) error {
	told := map[string]string{}
	err := pages(ctx, a.run.client, p.one("/v1/transfers"), url.Values{}, func(t api.Transfer) { told[t.ID] = wordsOf(&t) })
	if err != nil {
		return err
	}
	for id, t := range a.accounts.transfers {
		if !t.open || location != "" && !t.parties[location] {
			continue
		}
		if told[id] != t.words() {
			a.report.fail(fmt.Sprintf("transfers: by the book there is %s; %s says %q", t.words(), name, told[id]))
		}
		delete(told, id)
	}
	for _, words := range told {
		a.report.fail(fmt.Sprintf("transfers: %s still tells of %s, which should be over", name, words))
	}
	return nil
}
