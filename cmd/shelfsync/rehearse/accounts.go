package rehearse

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// account is one account of an item at a location: sellable, damaged,
// return_pending and in_transit are inside of it, the others outside.
type account struct{ location, item, name string }

// inside are the accounts that a level holds.
var inside = []string{"sellable", "damaged", "return_pending", "in_transit"}

// accounts is the auditor's own double entry: which order the operations have
// is read off the hub's journal, what each of them did is not. That is what its
// till was answered for, booked by the tables below. The hub's levels, its open
// transfers and what it made of counts have to come out the same.
type accounts struct {
	auditor   *auditor
	sums      map[account]int64
	trail     map[account][]mark      // what moved sellable goods
	written   map[string][]*entry     // by location, in the order of the journal
	applied   map[string]bool         // ids
	transfers map[string]*transfer    // all that ever were
	again     map[account]string      // counts that moved nothing, until another one is booked
	parked    map[string][]parkedLine // by code
	counted   map[account]*entry      // the last count that was booked
	replaced  map[string]bool         // epochs of PCs that others took the place of
	epochs    map[string][]string     // by location, as they came
	services  map[string]bool
	codes     codes // that the hub knows now
}

// mark is what sellable goods came to by an operation.
type mark struct {
	index    uint64
	sellable int64
	by       string
}

// entry is one operation or document as the book has it.
type entry struct {
	id, location, epoch string
	pc                  string
	was                 string // the id on its slips
	sequence, index     uint64
	seen                uint64
	lines               []Line
	undone              bool
	answer              *Answer // nil: nobody was answered
}

// legs are the accounts that a kind of line takes from and brings to. Where one
// is empty the line names it; a negative quantity goes the other way.
var legs = map[string][2]string{
	"sale": {"sellable", "customer"}, "return": {"customer", ""}, "delivery": {"supplier", "sellable"},
	"damage": {"sellable", "damaged"}, "repair": {"damaged", "sellable"}, "write_off": {"damaged", "scrap"},
	"adjust": {"variance", ""}, "count": {"variance", "sellable"}, "pick": {"sellable", "customer"},
	"inspect": {"return_pending", ""}, "dispatch": {"", "in_transit"}, "arrive": {"in_transit", ""},
}

func (l *Line) legs(undone bool) (from, to string, q int64) {
	row := legs[l.Kind]
	if from, to, q = row[0], row[1], l.Thousandths; from == "" {
		from = l.Account
	}
	if to == "" {
		to = l.Account
	}
	if q < 0 {
		from, to, q = to, from, -q
	}
	if undone {
		from, to = to, from
	}
	return from, to, q
}

func (l *Line) moves() bool { return legs[l.Kind] != [2]string{} }

func (a *auditor) newAccounts() *accounts {
	b := &accounts{auditor: a, sums: map[account]int64{}, trail: map[account][]mark{}, written: map[string][]*entry{}, applied: map[string]bool{},
		transfers: map[string]*transfer{}, again: map[account]string{}, parked: map[string][]parkedLine{}, counted: map[account]*entry{},
		replaced: map[string]bool{}, services: map[string]bool{}, epochs: map[string][]string{}, codes: codes{}}
	for _, s := range a.run.agents {
		for _, epoch := range s.old {
			b.replaced[epoch] = true
		}
	}
	for _, item := range a.run.day.Services {
		b.services[item] = true
	}
	return b
}

// apply books one record of the journal and returns the levels whose sellable
// goods it took from.
func (b *accounts) apply(record *api.JournalRecord) (took map[account]bool) {
	switch record.Kind {
	case "close_transfer":
		if id, accepted := strings.CutPrefix(record.Detail, "accepted "); accepted {
			b.closeTransfer(id, "", &b.auditor.report.Transfers.ClosedByHub)
		}
		return nil
	case "resolve":
		b.gaveUp(record)
		return nil
	case "operation", "movements":
	default:
		return nil
	}
	e := b.auditor.entry(record)
	before := map[account]int64{}
	for i := range e.lines {
		line, _ := b.codes.means(e.lines[i])
		level := account{e.location, line.Item, "sellable"}
		before[level] = b.sums[level]
	}
	for i := range e.lines {
		effect := b.line(e, &e.lines[i])
		if i < len(record.Lines) && effect != "" && record.Lines[i].Kind == e.lines[i].Kind && record.Lines[i].Item == e.lines[i].Item && record.Lines[i].Effect != effect {
			b.auditor.report.fail(fmt.Sprintf("line %d of %s (%s of %s) was %s at the hub, by the book it is %s", i+1, e.id, e.lines[i].Kind, e.lines[i].Item, record.Lines[i].Effect, effect))
		}
	}
	b.endTransfers(e)
	b.applied[e.id], b.applied[e.was] = true, true
	if e.epoch != "" && !slices.Contains(b.epochs[e.location], e.epoch) {
		b.epochs[e.location] = append(b.epochs[e.location], e.epoch)
	}
	b.written[e.location] = append(b.written[e.location], e)
	took = map[account]bool{}
	for level, was := range before {
		if b.sums[level] < was {
			took[level] = true
		}
	}
	return took
}

// entry is a record with the lines that were answered for. What clerks do about
// claims is answered without lines: there the record's own count.
func (a *auditor) entry(record *api.JournalRecord) *entry {
	e := &entry{id: cmp.Or(record.Operation, record.Document), location: record.Location, index: indexOf(record.Position), seen: indexOf(record.Seen)}
	if record.Operation != "" {
		e.epoch, e.sequence = placeOf(record.Operation)
		if e.answer, e.was = a.byOperation[record.Operation], e.id; e.answer != nil {
			e.pc, e.was = e.answer.PC, e.answer.Answered
		}
	} else {
		e.answer = a.byDocument[record.Document]
	}
	if e.answer != nil && !slices.Contains(claimKinds, e.answer.Kind) {
		e.lines, e.undone = a.lines(e.answer)
		return e
	}
	for i := range record.Lines {
		e.lines = append(e.lines, readLine(&record.Lines[i]))
	}
	return e
}

// placeOf takes an operation's id apart.
func placeOf(id string) (epoch string, sequence uint64) {
	at := strings.LastIndexByte(id, '.')
	if at < 0 {
		return "", 0
	}
	sequence, _ = strconv.ParseUint(id[at+1:], 10, 64)
	return id[strings.LastIndexByte(id[:at], '.')+1 : at], sequence
}

// lines are what an answer stands for; undone: they go the other way.
func (a *auditor) lines(answer *Answer) (lines []Line, undone bool) {
	if of := a.byOperation[answer.Reverses]; answer.Reverses != "" && of != nil {
		return of.Lines, true
	}
	return answer.Lines, false
}

func readLine(l *api.OperationLine) Line {
	line := Line{Kind: l.Kind, Item: l.Item, Thousandths: int64(l.Quantity.Stock()), Of: l.Of, Other: l.Location}
	switch row := legs[l.Kind]; {
	case l.Kind == "adjust" || l.Kind == "count":
		if line.Account = l.To; l.To == "variance" {
			line.Account, line.Thousandths = l.From, -line.Thousandths
		}
	case row[0] == "":
		line.Account = l.From
	case row[1] == "":
		line.Account = l.To
	}
	return line
}

// line books one line and says what the hub should have made of it; nothing
// where the goods do not tell.
func (b *accounts) line(e *entry, line *Line) (effect string) {
	switch {
	case line.Kind == "close_transfer":
		b.closeTransfer(line.Of, e.location, &b.auditor.report.Transfers.ClosedByStore)
		return "applied"
	case !line.moves():
		return ""
	case b.services[line.Item]:
		return "service"
	}
	known, ok := b.codes.means(*line)
	if !ok {
		b.parked[line.Item] = append(b.parked[line.Item], parkedLine{e, *line})
		return "parked"
	}
	switch line = &known; {
	case line.Kind == "count":
		return b.count(e, line)
	case line.Kind == "dispatch" && e.undone:
		return b.arrive(e, &Line{Kind: "arrive", Item: line.Item, Thousandths: line.Thousandths, Account: line.Account, Of: e.answer.Reverses, Other: e.location})
	case line.Kind == "dispatch":
		return b.dispatch(e, line)
	case line.Kind == "arrive":
		return b.arrive(e, line)
	}
	from, to, q := line.legs(e.undone)
	if (from == "sellable" || to == "sellable") && b.standing(e, line.Item, "sellable") != "sellable" {
		b.auditor.report.Backroom.ClosedByCount++
	}
	b.book(e, account{e.location, line.Item, b.standing(e, line.Item, from)}, -q)
	b.book(e, account{e.location, line.Item, b.standing(e, line.Item, to)}, q)
	if line.Kind == "pick" || line.Kind == "sale" { // late, or twice: the goods are gone all the same
		return ""
	}
	return "applied"
}

func (b *accounts) book(e *entry, at account, q int64) {
	b.sums[at] += q
	if at.name == "sellable" && q != 0 {
		b.trail[at] = append(b.trail[at], mark{e.index, b.sums[at], e.id})
	}
}

// count books what was found or is missing, if the store counted by the same
// record as the hub has; else nothing moves and the item has to be counted again.
func (b *accounts) count(e *entry, line *Line) (effect string) {
	level := account{e.location, line.Item, "sellable"}
	if b.standing(e, line.Item, "sellable") != "sellable" {
		return "applied" // a later count has answered
	}
	expected := b.view(e, line.Item)
	if e.answer != nil {
		then := expected - b.since(e, line.Item)
		if line.Thousandths != line.Counted-then {
			b.auditor.report.fail(fmt.Sprintf("count %s: %d thousandths of %s were counted where the store's record was %d, answered was a variance of %d", e.id, line.Counted, line.Item, then, line.Thousandths))
		}
	}
	c := &b.auditor.report.Counts
	gained := line.Thousandths > 0 && b.sums[account{e.location, line.Item, "in_transit"}] > 0 && !line.Confirmed
	if b.sums[level] != expected || gained {
		b.again[level] = e.id
		c.Again++
		return "recount"
	}
	delete(b.again, level)
	b.counted[level] = e
	b.book(e, account{e.location, line.Item, "variance"}, -line.Thousandths)
	b.book(e, level, line.Thousandths)
	c.Booked++
	switch {
	case line.Thousandths > 0:
		c.FoundUnits += amount(line.Thousandths)
	case line.Thousandths < 0:
		c.MissedUnits += amount(-line.Thousandths)
	default:
		c.Exact++
	}
	return "applied"
}

// view is what the store's own record said of sellable goods when it wrote an
// operation: what the hub had at the position that the store had seen, and what
// the store had done since.
func (b *accounts) view(e *entry, item string) int64 {
	level := account{e.location, item, "sellable"}
	sum := int64(0)
	for trail, i := b.trail[level], len(b.trail[level])-1; i >= 0; i-- {
		if trail[i].index <= e.seen {
			sum = trail[i].sellable
			break
		}
	}
	written := b.written[e.location]
	for i := len(written) - 1; i >= 0 && written[i].index > e.seen; i-- {
		if written[i].pc == e.pc { // else of the hub, or of another PC
			sum += b.did(written[i], item)
		}
	}
	return sum
}

// since is what the store itself did to an item between the operation that a
// count is about and the count.
func (b *accounts) since(e *entry, item string) (sum int64) {
	if e.answer.After == "" {
		return 0
	}
	after := false
	for _, w := range b.written[e.location] {
		if after && w.pc == e.pc {
			sum += b.did(w, item)
		}
		after = after || w.id == e.answer.After
	}
	return sum
}

// did is what an operation does to sellable goods of an item, as its store sees it.
func (b *accounts) did(e *entry, item string) (sum int64) {
	if b.services[item] {
		return 0
	}
	for i := range e.lines {
		if e.lines[i].Item != item || !e.lines[i].moves() {
			continue
		}
		from, to, q := e.lines[i].legs(e.undone)
		if from == "sellable" {
			sum -= q
		}
		if to == "sellable" {
			sum += q
		}
	}
	return sum
}

// told names what moved a level last, so that a difference can be looked into.
func (b *accounts) told(level account) string {
	trail := b.trail[level]
	var words []string
	for _, m := range trail[max(0, len(trail)-4):] {
		words = append(words, fmt.Sprintf("%s to %d", m.by, m.sellable))
	}
	return strings.Join(words, ", ")
}
