package hub

import (
	"fmt"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// reader is what an agent keeps of its rounds.
type reader struct {
	base   protocol.HubPosition
	items  map[string]stock.Item
	levels map[string]stock.Level
	claims map[string]stock.StoreClaim
	part   uint64
	rounds int
}

func newReader() *reader {
	return &reader{items: map[string]stock.Item{}, levels: map[string]stock.Level{}, claims: map[string]stock.StoreClaim{}}
}

func (r *reader) read(t *testing.T, parts []*protocol.Round) {
	t.Helper()
	for _, part := range parts {
		if part.Part != r.part {
			t.Fatalf("part %d, want %d", part.Part, r.part)
		}
		if part.Restart && part.Part == 0 {
			clear(r.claims)
		}
		for _, item := range part.Items {
			r.items[item.Code] = item
		}
		for _, level := range part.Levels {
			r.levels[level.Item] = level.Level
		}
		for _, claim := range part.Claims {
			key := claim.Reservation + "/" + claim.Line
			if r.claims[key] = claim; claim.Gone || !claim.State.Open() {
				delete(r.claims, key)
			}
		}
		r.part++
		if part.Last {
			r.part, r.base = 0, part.Hub
			r.rounds++
		}
	}
}

func delivery(document, location string, lines ...string) *stock.Document {
	d := &stock.Document{Source: "erp", Location: location, Operation: stock.Operation{Document: document}}
	for _, item := range lines {
		d.Operation.Lines = append(d.Operation.Lines, stock.Line{Kind: stock.Adjust, Scanned: item, Quantity: 5 * stock.Unit, Account: stock.Sellable, Reason: "opening"})
	}
	return d
}

func reserve(id, location, item string, n stock.Quantity) *stock.Reserve {
	return &stock.Reserve{ID: id, Channel: "web", Mode: stock.AllOrNothing, TTL: 900_000,
		Lines: []stock.ReserveLine{{Item: item, Quantity: n * stock.Unit, Candidates: []string{location}}}}
}

// drain lets the connection write everything, as often as it is given more.
func (l *line) drain(t *testing.T, r *reader) (parts int) {
	t.Helper()
	for {
		got := l.rounds()
		l.take()
		if len(got) == 0 {
			return parts
		}
		parts += len(got)
		r.read(t, got)
		l.d.Drained(l.id)
	}
}

func TestARoundBringsEverythingSinceTheBase(t *testing.T) {
	d := newReadyDesk(t)
	s := newStore("S1", "pc")
	l, r := d.connect(s), newReader()
	if l.drain(t, r); r.rounds != 1 || r.base.Incarnation != 77 {
		t.Fatalf("the first round, of nothing yet, gives %+v", r)
	}
	d.do(&stock.PutItems{Items: []stock.Item{{Code: "A", Class: "default", Stocked: true}, {Code: "B", Class: "default", Stocked: true}}})
	d.do(delivery("1", "S1", "A", "B"))
	d.do(delivery("2", "S1", "A"))
	d.do(reserve("r", "S1", "A", 3))
	d.Offer()
	l.drain(t, r)
	if len(r.items) != 2 || r.levels["A"].Sellable != 10*stock.Unit || r.levels["B"].Sellable != 5*stock.Unit || r.levels["A"].Claims != 3*stock.Unit ||
		r.claims["r/1"].State != stock.Held || r.rounds != 2 || r.base.Index != d.state().Index() {
		t.Fatalf("the store reads %+v", r)
	}

	d.tick() // changes nothing for a store
	d.Offer()
	if got := l.rounds(); len(got) != 0 {
		t.Fatalf("nothing changed, and a round comes: %+v", got[0])
	}
	d.do(delivery("3", "S2-unknown", "B"))
	d.do(&stock.Step{ID: "r", Action: stock.Confirm})
	d.Offer()
	got := l.rounds()
	if len(got) != 1 || len(got[0].Items) != 0 || len(got[0].Claims) != 1 || got[0].Claims[0].State != stock.Confirmed {
		t.Fatalf("only the claim changed: %+v", got)
	}
	l.drain(t, r)
	d.do(&stock.Step{ID: "r", Action: stock.Release})

	// The store was away: its Hello names the base, the round begins there.
	l.drop()
	hello := s.hello()
	hello.Base = r.base
	again := d.dial(hello)
	d.run()
	got = again.rounds()
	if len(got) != 1 || got[0].Restart || len(got[0].Items) != 0 || len(got[0].Levels) != 1 {
		t.Fatalf("after its base came one level and one claim: %+v", got)
	}
	again.drain(t, r)
	if len(r.claims) != 0 || r.levels["A"].Claims != 0 {
		t.Errorf("the store still reads %+v", r)
	}

	// A base of another incarnation counts as none.
	again.drop()
	hello.Base.Incarnation++
	fresh := newReader()
	d.dial(hello).drain(t, fresh)
	if len(fresh.items) != 2 || len(fresh.levels) != 2 || len(fresh.claims) != 0 {
		t.Errorf("after another incarnation the store reads %+v", fresh)
	}
}

// Outcomes are told until the store has stored the round that holds them.
func TestOutcomesAreTold(t *testing.T) {
	d := newReadyDesk(t)
	d.do(&stock.PutItems{Items: []stock.Item{{Code: "A", Class: "default", Stocked: true}}})
	s := newStore("S1", "pc")
	s.write(stock.Line{Kind: stock.Sale, Scanned: "nobody-knows", Quantity: stock.Unit})
	l := d.connect(s)
	l.take()
	l.say(s.batch(0, 1))
	d.run()
	d.Offer()
	got := l.rounds()
	if len(got) != 1 || len(got[0].Outcomes) != 1 || got[0].Outcomes[0].Code != stock.Parked || got[0].Outcomes[0].Sequence != 1 || got[0].Through != s.end() {
		t.Fatalf("rounds %+v", got)
	}
	l.say(&protocol.Append{After: s.end(), End: s.end(), Echo: d.state().Now(), Base: got[0].Hub.Index})
	d.tick()
	if at, _ := d.state().Location("S1"); len(at.Outcomes) != 0 {
		t.Error("an acknowledged outcome is kept")
	}
}

// A large assortment goes out in parts, a few at a time, and what changes
// meanwhile comes once, in the round after it, with its newest value.
func TestALargeRoundIsFedSlowlyAndASlowReaderGetsTheNewestValue(t *testing.T) {
	d := newReadyDesk(t)
	const goods = 3000
	for from := 0; from < goods; from += 500 {
		var codes []string
		for i := from; i < from+500; i++ {
			codes = append(codes, fmt.Sprintf("item-%04d", i))
		}
		if from == 0 {
			d.connect(newStore("S1", "pc")).drop()
		}
		d.do(delivery(fmt.Sprint(from), "S1", codes...))
	}
	d.slow = true
	l, r := d.connect(newStore("S1", "pc")), newReader()
	if l.take()[0].(*protocol.Welcome) == nil || l.rounds() != nil {
		t.Fatal("a round before the Welcome is written")
	}
	d.Drained(l.id)
	first := l.rounds()
	if len(first) != protocol.RoundPartsAhead {
		t.Fatalf("%d parts at once", len(first))
	}
	for i := range 50 {
		d.do(delivery(fmt.Sprint("again", i), "S1", "item-0000", "item-2999"))
		d.Offer()
		if len(l.rounds()) != protocol.RoundPartsAhead {
			t.Fatal("a second round is on its way before the first is whole")
		}
	}
	parts := l.drain(t, r)
	if len(r.levels) != goods || r.levels["item-0000"].Sellable != 255*stock.Unit || r.levels["item-2999"].Sellable != 255*stock.Unit {
		t.Fatalf("%d levels, %v and %v", len(r.levels), r.levels["item-0000"].Sellable, r.levels["item-2999"].Sellable)
	}
	if r.rounds != 2 || parts < 6 {
		t.Errorf("%d rounds in %d parts; one of many parts and one for all the changes were due", r.rounds, parts)
	}
}

// Where the hub has forgotten claims that ended since the base, the store's
// claims start over.
func TestClaimsStartOverAfterTheHorizon(t *testing.T) {
	d := newReadyDesk(t)
	s := newStore("S1", "pc")
	l, r := d.connect(s), newReader()
	d.do(delivery("1", "S1", "A"))
	d.do(reserve("ends", "S1", "A", 1))
	d.do(reserve("stays", "S1", "A", 1))
	d.do(&stock.Step{ID: "stays", Action: stock.Confirm})
	d.Offer()
	l.drain(t, r)
	if len(r.claims) != 2 {
		t.Fatalf("claims %+v", r.claims)
	}
	l.drop()
	d.do(&stock.Step{ID: "ends", Action: stock.Release})
	const day = 24 * 3600
	for range 8 * day / 10 { // a tick moves hub time by 10 s at most
		d.do(&stock.Tick{Elapsed: 10_000, Term: 1})
	}
	if _, kept := d.state().Reservation("ends"); kept {
		t.Fatal("nothing was forgotten: the test shows nothing")
	}
	d.tick()
	hello := s.hello()
	hello.Base = r.base
	again := d.dial(hello)
	d.run()
	if got := again.rounds(); len(got) != 1 || !got[0].Restart {
		t.Fatalf("rounds %+v", got)
	}
	again.drain(t, r)
	if len(r.claims) != 1 || r.claims["stays/1"].State != stock.Confirmed {
		t.Errorf("claims %+v", r.claims)
	}
}

// A claim that gives way leaves its old store and reaches its new one; tasks come
// with the round, and where one is done all that are open come again.
func TestMovedClaimsAndTasksAreTold(t *testing.T) {
	d := newReadyDesk(t)
	here, there := newStore("S1", "pc"), newStore("S2", "pc")
	atS1, atS2 := d.connect(here), d.connect(there)
	d.do(delivery("1", "S1", "A", "B"))
	d.do(delivery("2", "S2", "A"))
	wanted := reserve("r", "S1", "A", 3)
	wanted.Lines[0].Candidates = []string{"S1", "S2"}
	d.do(wanted)
	d.do(&stock.Step{ID: "r", Action: stock.Confirm})
	d.do(reserve("b", "S1", "B", 1))
	d.Offer()
	sees1, sees2 := newReader(), newReader()
	atS1.drain(t, sees1)
	atS2.drain(t, sees2)
	if len(sees1.claims) != 2 || len(sees2.claims) != 0 {
		t.Fatalf("before: %v and %v", sees1.claims, sees2.claims)
	}
	say := func(lines ...stock.Line) []*protocol.Round {
		t.Helper()
		from := here.end()
		operation, err := protocol.EncodeOperation(&stock.Operation{Incarnation: d.state().Incarnation(), Lines: lines})
		if err != nil {
			t.Fatal(err)
		}
		here.operations = append(here.operations, operation)
		here.at = append(here.at, protocol.Position{Sequence: from.Sequence + 1, Chain: protocol.NextChain(from.Chain, operation)})
		atS1.say(here.batch(int(from.Sequence), int(here.end().Sequence)))
		d.run()
		d.Offer()
		return atS1.rounds()
	}
	got := say(stock.Line{Kind: stock.CannotPick, Item: "A", Quantity: 3 * stock.Unit, Reservation: "r", ReservationLine: "1"},
		stock.Line{Kind: stock.CannotPick, Item: "B", Quantity: stock.Unit, Reservation: "b", ReservationLine: "1"})
	if len(got) != 1 || len(got[0].Tasks) != 2 || got[0].Renew || got[0].Tasks[0].Kind != stock.Recount || got[0].Tasks[0].Item != "A" {
		t.Fatalf("the store hears %+v", got)
	}
	atS1.drain(t, sees1)
	atS2.drain(t, sees2)
	if len(sees1.claims) != 0 || sees2.claims["r/1"].State != stock.Confirmed {
		t.Fatalf("after: %v and %v", sees1.claims, sees2.claims)
	}
	got = say(stock.Line{Kind: stock.Done, Of: "1"})
	if len(got) != 1 || !got[0].Renew || len(got[0].Tasks) != 1 || got[0].Tasks[0].ID != 2 {
		t.Fatalf("after one is done the store hears %+v", got)
	}
}

// Many new stores at once do not make a node hold everything so often: they wait
// in line, and one that reads nothing keeps no other waiting once it is cut.
func TestNewStoresWaitInLineForEverything(t *testing.T) {
	const stores = 3*protocol.MaxWholeRounds + 5
	d := newReadyDesk(t)
	d.slow = true
	var lines []*line
	for i := range stores {
		lines = append(lines, d.connect(newStore(fmt.Sprintf("S%03d", i), "pc")))
	}
	d.Offer()
	given := func() (n int) {
		for _, l := range lines {
			if len(l.rounds()) > 0 {
				n++
			}
		}
		return n
	}
	read := func(l *line) { // the link has written what it was given
		l.take()
		d.Drained(l.id)
	}
	welcomed := func() {
		for _, l := range lines {
			if len(l.rounds()) == 0 && len(l.sent) > 0 {
				read(l)
			}
		}
	}
	welcomed()
	if n := given(); n != protocol.MaxWholeRounds {
		t.Fatalf("%d stores are sent everything at once, %d may be", n, protocol.MaxWholeRounds)
	}
	done := map[PeerID]bool{}
	for turn := 0; len(done) < stores; turn++ {
		if turn > stores {
			t.Fatalf("%d of %d stores got everything", len(done), stores)
		}
		for _, l := range lines {
			if done[l.id] || len(l.rounds()) == 0 {
				continue
			}
			done[l.id] = true
			if turn%2 == 0 {
				read(l)
			} else {
				l.drop()
			}
		}
		if n := given(); n > protocol.MaxWholeRounds {
			t.Fatalf("%d at once", n)
		}
	}
}

// TestTransfersAreTold to both of their ends, and where one is over, all that
// are open come anew.
func TestTransfersAreTold(t *testing.T) {
	d := newReadyDesk(t)
	atS1, atS2 := d.connect(newStore("S1", "pc")), d.connect(newStore("S2", "pc"))
	d.do(&stock.PutLocations{Locations: []stock.LocationFacts{{Code: "W1", State: stock.Open}}})
	paper := func(id string, line stock.Line) (atFirst, atSecond *protocol.Round) {
		line.Item, line.Quantity, line.Account = "A", 2*stock.Unit, stock.Sellable
		d.do(&stock.Document{Source: "wms", Location: "W1", Operation: stock.Operation{Document: id, Lines: []stock.Line{line}}})
		d.Offer()
		first, second := atS1.rounds(), atS2.rounds()
		return first[len(first)-1], second[len(second)-1]
	}
	paper("D0", stock.Line{Kind: stock.Delivery})
	paper("D1", stock.Line{Kind: stock.Dispatch, Location: "S2"})
	first, second := paper("D2", stock.Line{Kind: stock.Dispatch, Location: "S1"})
	want := stock.StoreTransfer{ID: "wms/D2", From: "W1", Dispatched: true, Since: d.state().Now(), At: "S1", Item: "A", Account: stock.Sellable, Quantity: 2 * stock.Unit}
	if first.Renew || len(first.Transfers) != 1 || first.Transfers[0] != want {
		t.Fatalf("S1 hears %+v", first)
	}
	if len(second.Transfers) > 1 || len(second.Transfers) == 1 && second.Transfers[0].At != "S2" || second.Renew {
		t.Errorf("S2 hears %+v", second)
	}
	first, _ = paper("D3", stock.Line{Kind: stock.Arrive, Location: "W1", Of: "wms/D2"})
	if !first.Renew || len(first.Transfers) != 0 {
		t.Fatalf("after it is over S1 hears %+v", first)
	}
}
