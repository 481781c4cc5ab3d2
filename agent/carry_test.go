package agent_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// count counts something, now or after some earlier operation.
func (w *world) count(t *rapid.T, codes []string) {
	r := w.request()
	r.Count = &agent.Count{Lines: []agent.CountLine{{Scanned: rapid.SampledFrom(codes).Draw(t, "item"),
		Counted: stock.Quantity(rapid.IntRange(0, 9).Draw(t, "units")) * stock.Unit, Confirmed: rapid.Bool().Draw(t, "confirmed")}}}
	if n := w.ledger.Head().Position.Sequence; n > 0 && rapid.Bool().Draw(t, "dated") {
		r.Count.After = fmt.Sprintf("%s.%s.%d", here, w.ledger.Head().Epoch, rapid.Uint64Range(1, n).Draw(t, "after"))
	}
	w.must(w.record(r).Err)
}

// carry sends goods away or takes them in, of transfers known and unknown.
func (w *world) carry(t *rapid.T, codes []string, kind stock.Kind) {
	line := stock.Line{Kind: kind, Scanned: rapid.SampledFrom(codes).Draw(t, "item"), Quantity: stock.Quantity(rapid.IntRange(1, 3).Draw(t, "units")) * stock.Unit,
		Account: rapid.SampledFrom([]stock.Account{stock.Sellable, stock.Damaged}).Draw(t, "account"), Location: elsewhere}
	if kind == stock.Arrive {
		line.Of = fmt.Sprint("wms/D", rapid.IntRange(0, 30).Draw(t, "paper"))
		if open := w.agent.View().Transfers(); len(open) > 0 && rapid.Bool().Draw(t, "known") {
			of := rapid.SampledFrom(open).Draw(t, "transfer")
			line.Of, line.Scanned, line.Account = of.ID, of.Item, of.Account
		} else if w.ledger.Head().Position.Sequence > 0 && rapid.Bool().Draw(t, "home") {
			line.Of, line.Location = w.last(), here
		}
	}
	w.must(w.record(w.request(line)).Err)
}

// sendHere lets a location without an agent dispatch goods.
func (w *world) sendHere(t *rapid.T, codes []string) {
	w.order(protocol.EncodeCommand(&stock.PutLocations{Locations: []stock.LocationFacts{{Code: elsewhere, State: stock.Open}}}),
		protocol.EncodeCommand(&stock.Document{Source: "wms", Location: elsewhere, Operation: stock.Operation{Document: fmt.Sprint("D", rapid.IntRange(0, 30).Draw(t, "paper")),
			Lines: []stock.Line{{Kind: stock.Dispatch, Scanned: rapid.SampledFrom(codes).Draw(t, "item"), Quantity: 2 * stock.Unit, Account: stock.Sellable, Location: here}}}}))
}

// closeSome closes what the store sees, from either end.
func (w *world) closeSome(t *rapid.T) {
	open := w.agent.Transfers() // also what the hub has not told of yet
	if len(open) == 0 {
		return
	}
	id := rapid.SampledFrom(open).Draw(t, "transfer").ID
	if rapid.Bool().Draw(t, "by the hub") {
		w.order(protocol.EncodeCommand(&stock.EndTransfer{ID: id}))
		return
	}
	r := w.request()
	r.Close = id
	w.must(w.record(r).Err)
}

// TestADispatchIsClosedBeforeTheHubHasIt: what the store shows as under way can be
// given up at once, and is no dispatch that can be undone any more.
func TestADispatchIsClosedBeforeTheHubHasIt(t *testing.T) {
	w := shop(t)
	w.must(w.record(w.request(stock.Line{Kind: stock.Dispatch, Scanned: "tea", Quantity: stock.Unit, Account: stock.Sellable, Location: elsewhere})).Err)
	id := w.last()
	if open := w.agent.Transfers(); len(open) != 1 || open[0].ID != id {
		t.Fatalf("under way are %v", open)
	}
	closing := func() *agent.Request {
		r := w.request()
		r.Close = id
		return r
	}
	w.must(w.record(closing()).Err)
	if open := w.agent.Transfers(); len(open) != 0 {
		t.Errorf("still under way are %v", open)
	}
	w.refused(closing(), agent.ErrNoTransfer)
	w.refused(w.undoing(id), agent.ErrArrived)
	w.meet()
}
