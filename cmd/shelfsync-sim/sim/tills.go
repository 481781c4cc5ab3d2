package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// tillActions are what people in stores do.
var tillActions = []action{
	{name: "sale", weight: 20, always: true, do: tell(func(w *World, p *pc, r *rand.Rand) *agent.Request { return w.basket(r, stock.Sale) })},
	{name: "several tills at once", weight: 6, do: groups},
	{name: "return", weight: 4, do: tell(func(w *World, p *pc, r *rand.Rand) *agent.Request {
		req := w.basket(r, stock.Return)
		for i := range req.Operation.Lines {
			req.Operation.Lines[i].Account = []stock.Account{stock.NoAccount, stock.Sellable, stock.ReturnPending}[r.IntN(3)]
		}
		return req
	})},
	{name: "delivery", weight: 8, do: tell(func(w *World, p *pc, r *rand.Rand) *agent.Request {
		req := w.basket(r, stock.Delivery)
		req.Operation.Lines[0].Quantity += units(r, 12)
		return req
	})},
	{name: "inspect", weight: 3, do: tell(func(w *World, p *pc, r *rand.Rand) *agent.Request {
		return line(stock.Line{Kind: stock.Inspect, Scanned: w.code(r), Quantity: units(r, 2),
			Account: []stock.Account{stock.Sellable, stock.Damaged, stock.Scrap, stock.Supplier}[r.IntN(4)], Reason: "looked at"})
	})},
	{name: "damage", weight: 2, do: tell(func(w *World, p *pc, r *rand.Rand) *agent.Request {
		kind := []stock.Kind{stock.Damage, stock.Repair, stock.WriteOff}[r.IntN(3)]
		return line(stock.Line{Kind: kind, Scanned: w.code(r), Quantity: units(r, 2), Reason: "fell"})
	})},
	{name: "adjust", weight: 2, do: tell(func(w *World, p *pc, r *rand.Rand) *agent.Request {
		q := units(r, 4)
		if r.IntN(2) == 0 {
			q = -q
		}
		return line(stock.Line{Kind: stock.Adjust, Scanned: w.code(r), Quantity: q, Account: []stock.Account{stock.Sellable, stock.Damaged, stock.ReturnPending}[r.IntN(3)], Reason: "found"})
	})},
	{name: "count", weight: 6, do: tell(count)},
	{name: "dispatch", weight: 5, do: dispatch},
	{name: "arrive", weight: 6, do: arrive},
	{name: "close a transfer", weight: 1, do: tell(func(w *World, p *pc, r *rand.Rand) *agent.Request {
		lines := p.agent.Transfers()
		if len(lines) == 0 {
			return nil
		}
		return &agent.Request{Kind: "close_transfer", Close: lines[r.IntN(len(lines))].ID}
	})},
	{name: "a step on a claim", weight: 16, do: tell(claimStep)},
	{name: "sale of a claim", weight: 4, do: tell(func(w *World, p *pc, r *rand.Rand) *agent.Request {
		claims := p.agent.View().Claims("")
		if len(claims) == 0 {
			return nil
		}
		c := claims[r.IntN(len(claims))]
		return line(stock.Line{Kind: stock.Sale, Scanned: c.Item, Quantity: c.Quantity, Reservation: c.Reservation, ReservationLine: []string{"", c.Line}[r.IntN(2)]})
	})},
	{name: "a task done", weight: 4, do: tell(func(w *World, p *pc, r *rand.Rand) *agent.Request {
		tasks := p.agent.View().Tasks()
		if len(tasks) == 0 {
			return nil
		}
		return &agent.Request{Kind: "done", Task: fmt.Sprint(tasks[r.IntN(len(tasks))].ID)}
	})},
	{name: "undo", weight: 3, do: tell(undo)},
	{name: "a till asks again", weight: 5, do: askAgain},
}

func line(l stock.Line) *agent.Request {
	return &agent.Request{Kind: l.Kind.String(), Operation: stock.Operation{Lines: []stock.Line{l}}}
}

func sale(code string, n int64) *agent.Request {
	return line(stock.Line{Kind: stock.Sale, Scanned: code, Quantity: stock.Quantity(n) * stock.Unit})
}

func units(r *rand.Rand, most int64) stock.Quantity {
	return stock.Quantity(1+r.Int64N(most)) * stock.Unit
}

var scans = []string{"cup", "cup", "cup", "cup", "cup", "tea", "tea", "tea", "tea", "rice", "rice", "rice", "six-cups", "mystery", "mystery", "late-box", "postage"}

// code is what a scanner reads.
func (w *World) code(r *rand.Rand) string { return scans[r.IntN(len(scans))] }

func (w *World) basket(r *rand.Rand, kind stock.Kind) *agent.Request {
	req := &agent.Request{Kind: kind.String()}
	for range 1 + r.IntN(3) {
		l := stock.Line{Kind: kind, Scanned: w.code(r), Quantity: units(r, 3)}
		if kind == stock.Return {
			l.Reason = "unworn"
		}
		req.Operation.Lines = append(req.Operation.Lines, l)
	}
	return req
}

// newFact gives what a till says a key of its own.
func (w *World) newFact(p *pc, req *agent.Request) *fact {
	w.keys++
	key := fmt.Sprintf("k%d", w.keys)
	return &fact{key: key, pc: p, request: func() *agent.Request {
		again := *req
		again.Key, again.Fingerprint = key, [32]byte{byte(len(key))}
		again.Operation.Receipt, again.Operation.Till, again.Operation.Correlation = key, "1", key
		again.Answer = answerOf
		return &again
	}}
}

// answerOf words what a till learns; nothing where nothing was recorded.
func answerOf(r agent.Recorded) []byte {
	if r.Operation.Sequence == 0 {
		return nil
	}
	text := r.Operation.String()
	for _, l := range r.Lines {
		text += fmt.Sprintf("; %s %s %s, left %s", l.Line.Kind, l.Line.Code(), l.Line.Quantity, l.Level.Sellable)
	}
	return []byte(text)
}

// running is a PC that is on.
func (w *World) running(r *rand.Rand) *pc {
	from := r.IntN(len(w.pcs))
	for k := range w.pcs {
		if p := w.pcs[(from+k)%len(w.pcs)]; p.agent != nil {
			return p
		}
	}
	return nil
}

// record tells a PC one fact and remembers it.
func (w *World) record(p *pc, f *fact) {
	w.facts[f.key] = f
	w.told = append(w.told, f)
	p.ask(w, f)
}

// tell is an action of one till.
func tell(word func(w *World, p *pc, r *rand.Rand) *agent.Request) func(*World, *rand.Rand) bool {
	return func(w *World, r *rand.Rand) bool {
		p := w.running(r)
		if p == nil {
			return false
		}
		req := word(w, p, r)
		if req == nil {
			return false
		}
		w.record(p, w.newFact(p, req))
		return true
	}
}

// groups lets several tills be answered by one commit.
func groups(w *World, r *rand.Rand) bool {
	p := w.running(r)
	if p == nil {
		return false
	}
	var all []*fact
	for range 2 + r.IntN(5) {
		f := w.newFact(p, w.basket(r, stock.Sale))
		w.facts[f.key] = f
		w.told = append(w.told, f)
		all = append(all, f)
	}
	p.ask(w, all...)
	return true
}

func count(w *World, p *pc, r *rand.Rand) *agent.Request {
	c := &agent.Count{}
	for _, code := range shuffled(r, []string{"cup", "tea", "rice", "six-cups", "mystery"})[:1+r.IntN(2)] {
		q := stock.Quantity(r.Int64N(8)) * stock.Unit
		if r.IntN(2) == 0 { // as the record says
			q = max(0, p.agent.View().Level(code).Sellable)
		}
		c.Lines = append(c.Lines, agent.CountLine{Scanned: code, Counted: q, Confirmed: r.IntN(2) == 0})
	}
	if last := p.agent.Ledger().Head(); r.IntN(3) == 0 && last.Position.Sequence > 0 {
		c.After = stock.OperationID{Agent: p.store.code, Epoch: last.Epoch, Sequence: 1 + r.Uint64N(last.Position.Sequence)}.String()
	}
	return &agent.Request{Kind: "count", Count: c}
}

// slip is the paper that goes with goods.
type slip struct {
	id, from, to string
	lines        []stock.Line
}

func dispatch(w *World, r *rand.Rand) bool {
	p := w.running(r)
	if p == nil || len(w.stores) < 2 {
		return false
	}
	to := w.stores[r.IntN(len(w.stores))]
	if to == p.store {
		return false
	}
	req := &agent.Request{Kind: "dispatch"}
	for range 1 + r.IntN(2) {
		req.Operation.Lines = append(req.Operation.Lines, stock.Line{Kind: stock.Dispatch, Scanned: w.code(r), Quantity: units(r, 3), Location: to.code,
			Account: []stock.Account{stock.Sellable, stock.Sellable, stock.Damaged, stock.ReturnPending}[r.IntN(4)]})
	}
	f := w.newFact(p, req)
	w.record(p, f)
	if f.state == factAnswered {
		id, _, _ := strings.Cut(f.body, ";")
		w.slips = append(w.slips, &slip{id, p.store.code, to.code, req.Operation.Lines})
	}
	return true
}

// arrive takes goods in by their slip: where they were sent, or elsewhere, or at
// home, some of them, or a second time.
func arrive(w *World, r *rand.Rand) bool {
	p := w.running(r)
	if p == nil || len(w.slips) == 0 {
		return false
	}
	s := w.slips[len(w.slips)-1-r.IntN(min(4, len(w.slips)))]
	if p.store.code != s.to && r.IntN(4) > 0 {
		return false
	}
	req := &agent.Request{Kind: "arrive"}
	for _, l := range s.lines {
		q := l.Quantity
		if r.IntN(4) == 0 {
			q = units(r, 3)
		}
		req.Operation.Lines = append(req.Operation.Lines, stock.Line{Kind: stock.Arrive, Scanned: l.Scanned, Quantity: q, Account: l.Account, Of: s.id, Location: s.from})
	}
	w.record(p, w.newFact(p, req))
	return true
}

func claimStep(w *World, p *pc, r *rand.Rand) *agent.Request {
	claims := p.agent.View().Claims("")
	if len(claims) == 0 {
		return nil
	}
	c := claims[r.IntN(len(claims))]
	step := &agent.ClaimStep{Kind: []stock.Kind{stock.Stage, stock.Stage, stock.Unstage, stock.Pick, stock.Pick, stock.CannotPick}[r.IntN(6)], Reservation: c.Reservation}
	if r.IntN(2) == 0 {
		step.Line = c.Line
		if r.IntN(2) == 0 {
			step.Quantity = min(c.Quantity, units(r, 2))
		}
	}
	return &agent.Request{Kind: step.Kind.String(), Claim: step}
}

func undo(w *World, p *pc, r *rand.Rand) *agent.Request {
	for range 8 {
		if len(w.told) == 0 {
			return nil
		}
		f := w.told[len(w.told)-1-r.IntN(min(40, len(w.told)))]
		if f.pc.store == p.store && f.state == factAnswered {
			id, _, _ := strings.Cut(f.body, ";")
			return &agent.Request{Kind: "reverse", Operation: stock.Operation{Reverses: id}, Refers: []string{id}}
		}
	}
	return nil
}

// askAgain lets tills repeat what they were not answered, or what they were.
func askAgain(w *World, r *rand.Rand) bool {
	p := w.running(r)
	if p == nil {
		return false
	}
	if len(p.asked) > 0 {
		waiting := p.asked
		p.asked = nil
		for len(waiting) > 0 && p.agent != nil {
			p.ask(w, waiting[0])
			waiting = waiting[1:]
		}
		p.asked = append(p.asked, waiting...)
		return true
	}
	for range min(10, len(w.told)) {
		f := w.told[r.IntN(len(w.told))]
		if f.pc == p && f.state == factAnswered && f.waived == "" {
			p.ask(w, f)
			return true
		}
	}
	return false
}
