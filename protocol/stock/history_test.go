package stock_test

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"pgregory.net/rapid"
)

// choices picks the next number below n: drawn by rapid, or by a fixed seed.
type choices func(n int) int

var (
	someItems     = []string{"HEART", "STAR", "MOON", "POST", "COMET", "CARTON"}
	someLocations = []string{"S1", "S2", "W1"}
	someAccounts  = []stock.Account{stock.Sellable, stock.Damaged, stock.ReturnPending, stock.InTransit, stock.Scrap, stock.Supplier}
	someModes     = []stock.Mode{stock.AllOrNothing, stock.Partial}
	someIDs       = []string{"r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"}
	someStates    = []stock.LocationState{stock.Open, stock.Open, stock.Open, stock.Paused, stock.Closed}
	someLines     = []string{"", "1", "1", "2", "1.1", "2.1"}
	someActions   = []stock.Action{stock.Confirm, stock.Confirm, stock.Confirm, stock.Release, stock.Extend, stock.Fulfil, stock.Move}
)

func one[T any](next choices, set []T) T { return set[next(len(set))] }

// history does what a chain of shops may do, in any order, retries included.
type history struct {
	*world
	next   choices
	epochs int
	cared  map[stock.OutcomeCode]int // outcomes of mapping and admitting
}

func (h *history) begin() {
	h.apply(protocol.EncodeCommand(&stock.Found{Incarnation: 7}), protocol.EncodeCommand(&stock.PutLocations{Locations: []stock.LocationFacts{
		{Code: "S1", State: stock.Open}, {Code: "S2", State: stock.Open}, {Code: "W1", State: stock.Open}}}))
	for _, s := range []string{"S1", "S2"} {
		h.apply(protocol.EncodeCommand(&stock.AssignWriter{Location: s, Installation: "pc1"}))
	}
	for i, item := range []string{"HEART", "STAR"} {
		for _, location := range someLocations {
			h.run([]string{"opening", location, item, strconv.Itoa(5 + i)})
		}
	}
}

// act does one thing.
func (h *history) act() {
	switch h.next(22) {
	case 0, 1, 2, 3, 4:
		h.operate(one(h.next, []string{"S1", "S2"}))
	case 5:
		s := one(h.next, []string{"S1", "S2"})
		if n := len(h.store(s).ledger().operations); n > 0 {
			from := 1 + h.next(n)
			h.send(s, from, from+h.next(n-from+1)) // a retry: overlapping, late, again
		}
	case 6, 7, 8:
		h.apply(protocol.EncodeCommand(h.reserve()))
	case 9, 10, 11:
		h.apply(protocol.EncodeCommand(&stock.Step{ID: one(h.next, someIDs), Action: one(h.next, someActions), Line: one(h.next, someLines),
			Quantity: stock.Quantity(h.next(4)) * 500, TTL: int64(h.next(100_000)), To: one(h.next, someLocations)}))
	case 12, 13:
		tick := &stock.Tick{Elapsed: int64(h.next(12_000)), Term: uint64(1 + h.next(2))}
		tick.Echoes = []stock.Echo{{Location: one(h.next, someLocations), Now: h.state.Now(), Base: uint64(h.next(int(h.index) + 1))}}
		h.apply(protocol.EncodeCommand(tick), protocol.EncodeCommand(&stock.Echoes{Term: uint64(1 + h.next(2)), Echoes: tick.Echoes}))
	case 14:
		op := stock.Operation{Document: strconv.Itoa(h.next(20)), Lines: h.lines()}
		h.apply(protocol.EncodeCommand(&stock.Document{Source: "erp", Location: one(h.next, someLocations), Operation: op}))
	case 15:
		h.rare()
	case 21:
		if h.next(2) == 0 {
			h.decide()
		}
	case 18, 19, 20:
		h.carry()
	case 16, 17:
		h.restock(one(h.next, someLocations), one(h.next, someItems[:2]))
	}
}

// restock brings an item to a few units, so that there is something to promise.
func (h *history) restock(location, item string) {
	l, _ := h.state.Location(location)
	no, _ := h.state.ItemNo(item)
	if lacking := stock.Quantity(1+h.next(6))*stock.Unit - l.Available(no); lacking > 0 {
		h.run([]string{"opening", location, item, lacking.String()})
	}
}

func (h *history) rare() {
	switch h.next(8) {
	case 6, 7:
		h.lookAfter()
	case 5:
		h.pickAgain(one(h.next, []string{"S1", "S2"}))
	case 0:
		h.apply(protocol.EncodeCommand(&stock.PutItems{Items: []stock.Item{
			{Code: one(h.next, someItems), Stocked: h.next(3) > 0, Aliases: []stock.Alias{{Code: "CARTON", Factor: int64(1 + h.next(12))}}},
			{Code: "POST"}}}))
	case 1:
		h.apply(protocol.EncodeCommand(&stock.PutLocations{Locations: []stock.LocationFacts{
			{Code: one(h.next, someLocations), State: one(h.next, someStates)}}}))
	case 2:
		h.run([]string{"tick", strconv.Itoa(1+h.next(8)) + "d"})
	case 3:
		s := h.store(one(h.next, []string{"S1", "S2"}))
		if h.next(2) == 0 {
			h.epochs++
		}
		s.epoch = "e" + strconv.Itoa(max(1, h.epochs-h.next(2))) // the newest, or the tail of the one before
	case 4:
		h.write(one(h.next, []string{"S1", "S2"}), []byte{0xc1, byte(h.next(256))})
	}
}

// lookAfter does what people do about exceptions.
func (h *history) lookAfter() {
	number := uint32(h.next(20)) // of an early one, or of one of the latest
	for no := range h.state.ExceptionsFrom(0) {
		if h.next(4) == 0 {
			number = no
		}
	}
	var c stock.Command
	switch h.next(4) {
	case 0:
		c = &stock.Own{Exception: number, Owner: one(h.next, []string{"anna", "ben"}), By: "ben"}
	case 1:
		c = &stock.Resolve{Exception: number, By: "anna", Note: "seen"}
	case 2:
		c = &stock.Map{Code: one(h.next, someItems), Item: one(h.next, someItems), Factor: int64(1 + h.next(3)), By: "anna"}
	case 3:
		c = &stock.Admit{Exception: number, By: "anna", Counted: h.next(2) == 0, Operation: stock.Operation{Incarnation: 7, Lines: h.lines()}}
	}
	for _, o := range h.apply(protocol.EncodeCommand(c))[0].Outcomes {
		if h.cared == nil {
			h.cared = map[stock.OutcomeCode]int{}
		}
		h.cared[o.Code]++
	}
}

// pickAgain hands over what was handed over before.
func (h *history) pickAgain(location string) {
	for _, r := range h.state.Reservations(0) {
		for _, c := range r.Lines {
			if c.State == stock.Fulfilled {
				line := stock.Line{Kind: stock.Pick, Scanned: h.state.Item(c.Item).Code, Quantity: c.Quantity, Reservation: r.ID, ReservationLine: c.Line}
				h.write(location, h.encoded(&stock.Operation{Incarnation: 7, Lines: []stock.Line{line}}))
				return
			}
		}
	}
}

func (h *history) operate(location string) {
	op := stock.Operation{Incarnation: 7, Seen: uint64(h.next(int(h.index) + 1)), Lines: h.lines()}
	if h.next(8) == 0 {
		op.Reverses = location + ".e1.1"
	}
	h.write(location, h.encoded(&op))
}

func (h *history) lines() []stock.Line {
	lines := make([]stock.Line, 1+h.next(3))
	for i := range lines {
		l := &lines[i]
		*l = stock.Line{Kind: stock.Kind(1 + h.next(13)), Scanned: one(h.next, someItems), Quantity: stock.Quantity(h.next(8)) * 500,
			Account: one(h.next, someAccounts)}
		if l.Kind == stock.Sale || l.Kind == stock.Delivery || l.Kind == stock.Damage {
			l.Account = stock.NoAccount
		}
		if l.Kind == stock.Adjust && h.next(2) == 0 {
			l.Quantity = -l.Quantity
		}
		if l.Kind == stock.Done {
			l.Of = strconv.Itoa(1 + h.next(4))
		}
		if l.Kind.Claims() || h.next(6) == 0 {
			l.Reservation, l.ReservationLine = one(h.next, someIDs), one(h.next, someLines)
		}
	}
	return lines
}

func (h *history) reserve() *stock.Reserve {
	r := &stock.Reserve{ID: one(h.next, someIDs), Channel: one(h.next, someChannels), Mode: one(h.next, someModes), TTL: int64(h.next(60_000)), Split: h.next(2) == 0,
		Priority: int64(h.next(3)), CollectWithin: int64(h.next(3)) * 40_000}
	for range 1 + h.next(3) {
		r.Lines = append(r.Lines, stock.ReserveLine{Item: one(h.next, someItems), Quantity: stock.Quantity(h.next(10)) * 500,
			Candidates: one(h.next, [][]string{{"S1", "S2", "W1"}, {"S2", "S1"}, {"W1", "S1"}, {"S1"}, {"S2"}, {"W1"}})})
		if h.next(6) == 0 {
			last := &r.Lines[len(r.Lines)-1]
			last.Candidates, last.Group = nil, one(h.next, []string{"SHOPS", "SHOPS", "ALL", "NOWHERE"})
		}
	}
	return r
}

// TestRandomHistories: whatever happens, the invariants hold at every index, a
// replica that comes from a snapshot goes on exactly as one that never stopped,
// and what was frozen stays as it was.
func TestRandomHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &history{world: newWorld(t), next: func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "next") }, epochs: 1}
		h.begin()
		type picture struct {
			state *stock.State
			image []byte
		}
		var frozen []picture
		for range rapid.IntRange(1, 80).Draw(t, "actions") {
			h.act()
			switch h.next(12) {
			case 0:
				h.throughSnapshot()
			case 1:
				f := h.state.Freeze()
				frozen = append(frozen, picture{f, image(t, f)})
			}
		}
		for _, f := range frozen {
			if !bytes.Equal(image(t, f.state), f.image) {
				t.Fatalf("the state frozen at index %d has changed since", f.state.Index())
			}
			if err := f.state.Check(); err != nil {
				t.Fatalf("the state frozen at index %d: %v", f.state.Index(), err)
			}
		}
		h.throughSnapshot()
		h.run([]string{"tick", "8d"}) // timers ring alike afterwards
		if !bytes.Equal(image(t, h.state.Freeze()), image(t, h.replica.Freeze())) {
			t.Fatal("two replicas with equal hashes say different things")
		}
		sameAnswers(t, h.state, h.replica)
	})
}

// seen counts what waits for a person.
func seen(s *stock.State) map[stock.OutcomeCode]int {
	told := map[stock.OutcomeCode]int{}
	for _, e := range s.ExceptionsFrom(0) {
		told[e.Code]++
	}
	return told
}

func sameAnswers(t *rapid.T, a, b *stock.State) {
	for _, code := range someLocations {
		la, _ := a.Location(code)
		lb, _ := b.Location(code)
		if a.Age(la) != b.Age(lb) || la.ClaimsHorizon() != lb.ClaimsHorizon() || la.TransfersHorizon() != lb.TransfersHorizon() || a.Changed(la) != b.Changed(lb) {
			t.Fatalf("two replicas answer differently about %s", code)
		}
	}
	if a.Totals() != b.Totals() || a.Horizon() != b.Horizon() || a.Term() != b.Term() {
		t.Fatal("two replicas count conflicts differently")
	}
	if a.Sizes() != b.Sizes() {
		t.Fatalf("two replicas count %v and %v", a.Sizes(), b.Sizes())
	}
}

// goldenHash is the state hash of the history below, on every architecture and
// for as long as the feature level stays.
const goldenHash = 0x135c75b8e2fcdcad

func TestHashOfAFixedHistory(t *testing.T) {
	seeded := rand.New(rand.NewPCG(1, 10))
	h := &history{world: newWorld(t), next: seeded.IntN, epochs: 1}
	h.begin()
	limited := 0
	for range 6000 {
		h.act()
		limited += h.limited()
	}
	if n := h.state.PolicyVersion(); n < 50 || limited < 1000 {
		t.Errorf("the history has %d policies that left less to a channel %d times", n, limited)
	}
	if n := h.state.Totals(); n.Moved == 0 || n.Short == 0 || n.LatePicks == 0 || n.PickedTwice == 0 || n.LostCarts == 0 || n.Oversold == 0 {
		t.Errorf("the history is tame: %+v", n)
	}
	if told := seen(h.state); told[stock.DuplicateArrival] == 0 || told[stock.AgedTransfer] == 0 || told[stock.NegativeStock] == 0 {
		t.Errorf("the history carries little: %v", told)
	}
	if h.cared[stock.Mapped] == 0 || h.cared[stock.Admitted] == 0 {
		t.Errorf("nobody looks after what is parked or quarantined: %v", h.cared)
	}
	if got := h.state.Hash(); got != goldenHash {
		t.Errorf("state hash %#x, want %#x: nodes of two versions would stop agreeing", got, uint64(goldenHash))
	}
}
