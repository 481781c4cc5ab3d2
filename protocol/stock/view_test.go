package stock_test

import (
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"pgregory.net/rapid"
)

// till is a store's view, kept as an agent keeps it: rounds from the hub below,
// operations that the hub has not applied yet above.
type till struct {
	*world
	view    *stock.View
	base    uint64
	pending []stock.Operation
}

// record writes an operation at the store and folds it in.
func (s *till) record(op stock.Operation) {
	b, err := protocol.EncodeOperation(&op)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("S1", b)
	s.view.Fold(&op)
	s.pending = append(s.pending, op)
}

// round sends the oldest n pending operations and takes what the hub says then.
func (s *till) round(n int) {
	sent := len(s.store("S1").ledger().operations) - len(s.pending)
	if n > 0 {
		s.send("S1", sent+1, sent+n)
	}
	l, _ := s.state.Location("S1")
	for i := range n {
		s.view.Unfold(&s.pending[i])
	}
	s.pending = s.pending[n:]
	for _, item := range s.state.ItemsSince(s.base) {
		s.view.SetItem(*item)
	}
	for no, level := range l.LevelsSince(s.base) {
		s.view.SetLevel(stock.StoreLevel{Item: s.state.Item(no).Code, Level: level})
	}
	transfersSince := s.base
	if s.base < l.TransfersHorizon() {
		transfersSince = 0
		s.view.DropTransfers()
	}
	for t := range s.state.TransfersSince(l, transfersSince) {
		s.view.SetTransfers(s.state.StoreTransfers(t))
	}
	for r, at := range s.state.ClaimsSince(l, s.base) {
		s.view.SetClaim(stock.StoreClaim{Reservation: r.ID, Line: at.Line, Item: s.state.Item(at.Item).Code, Quantity: at.Quantity, State: at.State, Gone: at.Gone})
	}
	s.base = s.state.Index()
}

func newTill(t rapid.TB) *till {
	s := &till{world: newWorld(t), view: stock.NewView()}
	s.view.Here = "S1"
	s.run([]string{"location", "S1"})
	s.run([]string{"writer", "S1", "pc1"})
	s.run([]string{"offline", "S1"})
	return s
}

func (s *till) level(code string) stock.Level {
	no, _ := s.state.ItemNo(code)
	l, _ := s.state.Location("S1")
	return l.Level(no)
}

// TestViewTellsWhatTheHubWillSay: where nobody else moves goods, base plus
// pending is what the hub has once it applied everything, at every moment.
func TestViewTellsWhatTheHubWillSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		next := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "next") }
		s := newTill(t)
		s.run([]string{"items", "HEART", ",", "STAR", ",", "POST", "service"})
		s.run([]string{"location", "W1"})
		for i, code := range []string{"HEART", "STAR", "HEART"} { // goods under way before the story begins
			s.run([]string{"document", "wms", "D" + itoa(i), "W1", "dispatches", "2", code, "to", "S1"})
		}
		s.round(0)
		codes := []string{"HEART", "STAR", "POST"}
		var promised []stock.Level // by item, after each operation
		for range rapid.IntRange(1, 30).Draw(t, "operations") {
			if next(3) == 0 {
				s.round(next(len(s.pending) + 1))
			}
			op := stock.Operation{}
			for range 1 + next(3) {
				code := one(next, codes)
				op.Lines = append(op.Lines, stock.Line{Kind: one(next, []stock.Kind{stock.Sale, stock.Delivery, stock.Damage, stock.Repair, stock.WriteOff}),
					Scanned: code, Item: code, Quantity: stock.Quantity(1+next(9)) * 250})
			}
			if next(5) == 0 {
				op.Reverses = "S1.e1.1"
			}
			if next(3) == 0 {
				op = s.carries(next)
			}
			over := s.overArrives(op.Lines[0])
			s.record(op)
			if over { // once a round has ended its transfer, nobody here can know that it was over
				s.round(len(s.pending))
			}
		}
		for _, code := range codes {
			promised = append(promised, s.view.Level(code))
		}
		s.round(len(s.pending))
		for i, code := range codes {
			if got := s.level(code); got != promised[i] || got != s.view.Level(code) {
				t.Fatalf("%s: the till promised %+v and now says %+v, the hub has %+v", code, promised[i], s.view.Level(code), got)
			}
		}
	})
}

// TestViewOfClaims: a pending pick hides its units, a pending staging shows, and
// once the hub has them the claims are what the hub says.
func TestViewOfClaims(t *testing.T) {
	s := newTill(t)
	s.run([]string{"opening", "S1", "HEART", "10"})
	s.run([]string{"web", "reserves", "r1", "4", "HEART", "at", "S1"})
	s.run([]string{"web", "confirms", "r1"})
	s.round(0)
	line := stock.Line{Scanned: "HEART", Item: "HEART", Reservation: "r1", ReservationLine: "1"}
	for _, step := range []struct {
		kind  stock.Kind
		q     stock.Quantity
		claim stock.Quantity
		state stock.ClaimState
		level stock.Level
	}{
		{stock.Stage, 4000, 4000, stock.Staged, stock.Level{Sellable: 10_000, Claims: 4000, Staged: 4000}},
		{stock.Unstage, 4000, 4000, stock.Confirmed, stock.Level{Sellable: 10_000, Claims: 4000}},
		{stock.Pick, 1000, 3000, stock.Confirmed, stock.Level{Sellable: 9000, Claims: 3000}},
	} {
		line.Kind, line.Quantity = step.kind, step.q
		s.record(stock.Operation{Lines: []stock.Line{line}})
		claims := s.view.Claims("r1")
		if len(claims) != 1 || claims[0].Quantity != step.claim || claims[0].State != step.state {
			t.Errorf("after a pending %v the till shows %+v", step.kind, claims)
		}
		if got := s.view.Level("HEART"); got != step.level {
			t.Errorf("after a pending %v the level is %+v, want %+v", step.kind, got, step.level)
		}
	}
	promised := s.view.Level("HEART")
	s.round(len(s.pending))
	if got := s.view.Level("HEART"); got != promised || got != s.level("HEART") {
		t.Errorf("the till promised %+v, the hub has %+v", promised, s.level("HEART"))
	}
	if claims := s.view.Claims(""); len(claims) != 1 || claims[0].Quantity != 3000 {
		t.Errorf("after the round the till shows %+v", claims)
	}
}

// TestViewForgetsWhatIsNoLongerPending even where the catalogue learnt in
// between that the item is a service.
func TestViewForgetsWhatIsNoLongerPending(t *testing.T) {
	s := newTill(t)
	line := stock.Line{Kind: stock.Sale, Scanned: "POST", Item: "POST", Quantity: 1000}
	s.record(stock.Operation{Lines: []stock.Line{line}})
	if got := s.view.Level("POST").Sellable; got != -1000 {
		t.Fatalf("an unknown item counts as stock until somebody says otherwise, got %v", got)
	}
	s.run([]string{"items", "POST", "service"})
	s.round(0)
	if got := s.view.Level("POST"); got != (stock.Level{}) || len(s.view.Levels()) != 0 {
		t.Errorf("a service has no level, got %+v", got)
	}
	s.round(1)
	if s.view.Known("POST") || len(s.view.Levels()) != 0 {
		t.Errorf("nothing is pending any more, the view still says %+v", s.view.Levels())
	}
}

// TestViewAliases: a code means what was said last, also after its first owner
// is loaded again without it.
func TestViewAliases(t *testing.T) {
	v := stock.NewView()
	v.SetItem(stock.Item{Code: "HEART", Aliases: []stock.Alias{{Code: "CARTON", Factor: 12}}})
	v.SetItem(stock.Item{Code: "STAR", Aliases: []stock.Alias{{Code: "CARTON", Factor: 6}}})
	v.SetItem(stock.Item{Code: "HEART"})
	if item, factor, ok := v.Resolve("CARTON"); !ok || item.Code != "STAR" || factor != 6 {
		t.Errorf("CARTON means %d of %q, %v", factor, item.Code, ok)
	}
	v.SetItem(stock.Item{Code: "STAR"})
	if _, _, ok := v.Resolve("CARTON"); ok {
		t.Error("a dropped alias still resolves")
	}
}

// TestViewStartsOver: a new incarnation of the hub takes back what the earlier
// one said of levels and claims; what the store did stays.
func TestViewStartsOver(t *testing.T) {
	s := newTill(t)
	s.run([]string{"opening", "S1", "HEART", "10"})
	s.run([]string{"web", "reserves", "r1", "4", "HEART", "at", "S1"})
	s.round(0)
	s.record(stock.Operation{Lines: []stock.Line{{Kind: stock.Sale, Item: "HEART", Quantity: 1000}}})
	s.view.DropClaims()
	if len(s.view.Claims("")) != 0 || s.view.Level("HEART").Sellable != 9000 {
		t.Error("dropping claims leaves levels")
	}
	s.view.Rebase()
	if got := s.view.Level("HEART"); got != (stock.Level{Sellable: -1000}) {
		t.Errorf("after a new incarnation the level is %+v", got)
	}
	if _, _, ok := s.view.Resolve("HEART"); !ok {
		t.Error("the catalogue stays until the new one speaks")
	}
}

// carries is a count, or a leg of a transfer that nobody else touches.
func (s *till) carries(next choices) stock.Operation {
	code := one(next, []string{"HEART", "STAR"})
	line := stock.Line{Scanned: code, Item: code, Quantity: stock.Quantity(1+next(8)) * 250, Account: one(next, []stock.Account{stock.Sellable, stock.Damaged}), Location: "W1"}
	written := len(s.store("S1").ledger().operations)
	switch next(6) {
	case 0, 1:
		line = stock.Line{Kind: stock.Count, Scanned: code, Item: code, Counted: line.Quantity, Expected: s.view.Level(code).Sellable, Confirmed: true}
		line.Quantity = line.Counted - line.Expected
	case 2, 3:
		line.Kind = stock.Dispatch
	case 4:
		line.Kind, line.Of = stock.Arrive, one(next, []string{"wms/D0", "wms/D1", "wms/D2"})
		if len(s.view.Transfer(line.Of)) == 0 { // over: nobody here can know that it was
			line.Of = "X1.e1." + itoa(written+1)
		}
	case 5:
		// Home again, whatever became of the dispatch.
		if line.Kind = stock.Dispatch; written > 0 {
			line.Kind, line.Of, line.Location = stock.Arrive, "S1.e1."+itoa(1+next(written)), "S1"
		}
	}
	if lines := s.view.Transfer(line.Of); next(6) == 0 && len(lines) > 0 && line.Location == "W1" {
		line = stock.Line{Kind: stock.CloseTransfer, Of: line.Of}
	}
	return stock.Operation{Lines: []stock.Line{line}}
}

// overArrives reports whether more arrives than is under way for all the till knows.
func (s *till) overArrives(line stock.Line) bool {
	left := line.Quantity
	for _, t := range s.view.Transfers() {
		if t.ID == line.Of && t.Item == line.Item && t.Account == line.Account {
			left -= t.Quantity
		}
	}
	return line.Kind == stock.Arrive && left > 0
}
