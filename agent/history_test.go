package agent_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Whatever is sold, cut, restarted or restored, and in whatever order: when
// everything has arrived, tills see what the hub holds, and every operation is
// there once and in order.
func TestAnyHistoryEndsWithOneTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, ledger.NewMemory("pc", "e1"))
		do := w.deeds()
		for incarnation := uint64(2); incarnation < 5; incarnation++ {
			t.Repeat(do)
			w.rebuild(rapid.IntRange(1, len(w.entries)).Draw(t, "entries that a restored hub still has"), incarnation)
		}
		t.Repeat(do)
		w.meet()
		w.restart()
		w.meet()
	})
}

// The same where the ledger comes to doubt its end at any moment: every operation of
// every epoch is in the hub once.
func TestAnyHistoryOfDoubtsEndsWithOneTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, ledger.NewMemory("pc", "e1"))
		do, doubts := w.deeds(), 0
		do["doubt"] = func(*rapid.T) {
			if doubts++; doubts > 10 { // the hub takes so many epochs a day
				return
			}
			head := w.ledger.Head()
			w.must(w.ledger.NewEpoch(fmt.Sprint("doubt", doubts), ledger.Notice{Kind: ledger.NoticeLost, Epoch: head.Epoch, After: head.Position.Sequence}))
			w.restart()
		}
		do["all catch up"] = func(*rapid.T) { w.quiet() }
		delete(do, "") // its definition knows one epoch
		for incarnation := uint64(2); incarnation < 4; incarnation++ {
			t.Repeat(do)
			w.rebuild(rapid.IntRange(1, len(w.entries)).Draw(t, "entries that a restored hub still has"), incarnation)
		}
		t.Repeat(do)
		w.quiet()
		w.restart()
		w.quiet()
		total := uint64(0)
		for _, e := range w.ledger.Epochs() {
			if total += e.Position.Sequence; e.Tail || e.Through != e.Position {
				t.Fatalf("of epoch %s the hub has %d of %d, tail: %t", e.Name, e.Through.Sequence, e.Position.Sequence, e.Tail)
			}
		}
		if uint64(len(w.applied)) != total {
			t.Fatalf("the hub has %d operations, the ledger %d", len(w.applied), total)
		}
	})
}

// deeds are what may happen to a store, in any order.
func (w *world) deeds() map[string]func(*rapid.T) {
	codes := []string{"cup", "six-pack", "postage", "unknown", "late", "tea"}
	return map[string]func(*rapid.T){
		"sell":            func(t *rapid.T) { w.move(t, codes, stock.Sale) },
		"return":          func(t *rapid.T) { w.move(t, codes, stock.Return) },
		"deliver":         func(t *rapid.T) { w.move(t, codes, stock.Delivery) },
		"adjust":          func(t *rapid.T) { w.move(t, codes, stock.Adjust) },
		"claim":           w.touchClaim,
		"do a task":       w.doTask,
		"count":           func(t *rapid.T) { w.count(t, codes) },
		"dispatch":        func(t *rapid.T) { w.carry(t, codes, stock.Dispatch) },
		"arrive":          func(t *rapid.T) { w.carry(t, codes, stock.Arrive) },
		"elsewhere sends": func(t *rapid.T) { w.sendHere(t, codes) },
		"close":           w.closeSome,
		"undo":            w.undo,
		"hand over":       w.handOver,
		"erp":             func(t *rapid.T) { w.correctSome(t, codes) },
		"channel": func(t *rapid.T) {
			w.keys++
			w.reserve(fmt.Sprint("web-", w.keys), rapid.SampledFrom(codes).Draw(t, "item"), stock.Quantity(rapid.IntRange(1, 4).Draw(t, "units"))*stock.Unit)
		},
		"catalogue": func(t *rapid.T) {
			w.items(stock.Item{Code: "cup", Stocked: true, Aliases: []stock.Alias{{Code: "six-pack", Factor: rapid.Int64Range(2, 6).Draw(t, "factor")}}},
				stock.Item{Code: "postage", Stocked: rapid.Bool().Draw(t, "stocked")}, stock.Item{Code: "late", Stocked: true})
		},
		"elsewhere":     func(t *rapid.T) { w.stockElsewhere(rapid.SampledFrom(codes).Draw(t, "item")) },
		"channel moves": w.moveClaim,
		"connect": func(*rapid.T) {
			if w.conn == nil || w.conn.closed {
				w.connect()
			}
		},
		"cut":           func(t *rapid.T) { w.cut(rapid.Bool().Draw(t, "settle")) },
		"restart":       func(*rapid.T) { w.restart() },
		"":              func(*rapid.T) { w.basePlusPending() },
		"hub hears":     func(*rapid.T) { w.hear() },
		"hub applies":   func(*rapid.T) { w.settle() },
		"hub offers":    func(*rapid.T) { w.offer() },
		"store reads":   func(*rapid.T) { w.read() },
		"time goes on":  func(*rapid.T) { w.now = w.now.Add(time.Minute); w.must(w.agent.Beat()) },
		"all catch up":  func(*rapid.T) { w.meet() },
		"store reads 2": func(*rapid.T) { w.read(); w.read() },
	}
}

func (w *world) move(t *rapid.T, codes []string, kind stock.Kind) {
	line := stock.Line{Kind: kind, Scanned: rapid.SampledFrom(codes).Draw(t, "item"), Quantity: stock.Quantity(rapid.IntRange(1, 3000).Draw(t, "quantity"))}
	switch kind {
	case stock.Return:
		line.Account = rapid.SampledFrom([]stock.Account{stock.Sellable, stock.ReturnPending}).Draw(t, "account")
	case stock.Adjust:
		line.Account = rapid.SampledFrom([]stock.Account{stock.Sellable, stock.Damaged}).Draw(t, "account")
		line.Quantity *= stock.Quantity(rapid.SampledFrom([]int{-1, 1}).Draw(t, "sign"))
	}
	requests := make([]*agent.Request, rapid.IntRange(1, 4).Draw(t, "tills"))
	for i := range requests {
		requests[i] = w.request(line)
	}
	for _, answer := range w.agent.Record(requests) {
		w.must(answer.Err)
	}
	w.must(w.agent.Follow())
}

func (w *world) touchClaim(t *rapid.T) {
	claims := w.agent.View().Claims("")
	if len(claims) == 0 {
		return
	}
	c := rapid.SampledFrom(claims).Draw(t, "claim")
	r := w.request()
	r.Claim = &agent.ClaimStep{Kind: rapid.SampledFrom([]stock.Kind{stock.Stage, stock.Unstage, stock.Pick, stock.CannotPick}).Draw(t, "step"),
		Reservation: c.Reservation, Line: c.Line}
	if rapid.Bool().Draw(t, "part") {
		r.Claim.Quantity = 1 + c.Quantity/2
	}
	w.record(r) // a step that the claim does not allow is refused
}

// doTask does one of the tasks that the store sees, or one that it does not.
func (w *world) doTask(t *rapid.T) {
	r := w.request()
	r.Task = "99"
	if tasks := w.agent.View().Tasks(); len(tasks) > 0 {
		r.Task = fmt.Sprint(rapid.SampledFrom(tasks).Draw(t, "task").ID)
	}
	if err := w.record(r).Err; r.Task != "99" {
		w.must(err)
	}
}

// moveClaim lets the channel move what the store sees, here or elsewhere.
func (w *world) moveClaim(t *rapid.T) {
	claims := w.agent.View().Claims("")
	if len(claims) == 0 {
		return
	}
	c := rapid.SampledFrom(claims).Draw(t, "claim")
	w.order(protocol.EncodeCommand(&stock.Step{ID: c.Reservation, Action: stock.Move, To: rapid.SampledFrom([]string{here, elsewhere}).Draw(t, "to")}))
}

// handOver sells what a reservation set aside, as a till does that scans the
// goods and the order.
func (w *world) handOver(t *rapid.T) {
	claims := w.agent.View().Claims("")
	if len(claims) == 0 {
		return
	}
	c := rapid.SampledFrom(claims).Draw(t, "claim")
	line := stock.Line{Kind: stock.Sale, Scanned: c.Item, Quantity: 1 + rapid.SampledFrom([]stock.Quantity{0, c.Quantity / 2, c.Quantity - 1}).Draw(t, "part"), Reservation: c.Reservation}
	w.must(w.record(w.request(line)).Err)
}

func (w *world) undo(*rapid.T) {
	if w.ledger.Head().Position.Sequence == 0 {
		return
	}
	r := w.request()
	r.Kind, r.Operation.Reverses, r.Refers = "reverse", w.last(), []string{w.last()}
	w.record(r) // a reversal is not reversed: refused
}

func (w *world) correctSome(t *rapid.T, codes []string) {
	w.correct(rapid.SampledFrom(codes).Draw(t, "item"), stock.Quantity(rapid.IntRange(-5, 20).Filter(func(n int) bool { return n != 0 }).Draw(t, "units"))*stock.Unit)
}
