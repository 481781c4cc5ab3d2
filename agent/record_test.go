package agent_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// shop is a store that knows a catalogue, has goods, and claims on them: ten
// cups, two of them for the order web-1, one of these in two lines.
func shop(t *testing.T) *world {
	w := newWorld(t, ledger.NewMemory("pc", "e1"))
	w.connect()
	w.drain()
	w.items(stock.Item{Code: "cup", Stocked: true, Aliases: []stock.Alias{{Code: "six-pack", Factor: 6}}},
		stock.Item{Code: "tea", Stocked: true}, stock.Item{Code: "postage"})
	w.correct("cup", 10*stock.Unit)
	w.correct("tea", 10*stock.Unit)
	for i, units := range []stock.Quantity{2, 3} {
		if !w.reserve(fmt.Sprint("web-", i+1), "cup", units*stock.Unit) {
			t.Fatal("the hub did not reserve")
		}
	}
	w.meet()
	return w
}

func expect(t *testing.T, what, have, want string) {
	t.Helper()
	if have != want {
		t.Errorf("%s: %q, want %q", what, have, want)
	}
}

func TestATillLearnsWhatItsOperationLeft(t *testing.T) {
	w := shop(t)
	expect(t, "a sale", w.sell(sold("cup", 4)), "sale cup 4, left 6")
	expect(t, "a second", w.sell(sold("cup", 2)), "sale cup 2, left 4, takes_reserved")
	expect(t, "a pack", w.sell(sold("six-pack", 1)), "sale cup 6, left -2, takes_reserved+below_zero")
	expect(t, "an unknown code", w.sell(sold("umbrella", 1)), "sale umbrella 1, left 0, parked")
	expect(t, "what is no stock", w.sell(sold("postage", 1)), "sale postage 1, left 0")
	expect(t, "a return", w.sell(stock.Line{Kind: stock.Return, Scanned: "cup", Quantity: stock.Unit, Account: stock.Sellable}), "return cup 1, left -1")
	expect(t, "an exchange", w.sell(sold("tea", 1), stock.Line{Kind: stock.Return, Scanned: "tea", Quantity: stock.Unit, Account: stock.ReturnPending}),
		"sale tea 1, left 9; return tea 1, left 9")
	expect(t, "the delivery of a new item", w.sell(stock.Line{Kind: stock.Delivery, Scanned: "lamp", Quantity: stock.Unit}), "delivery lamp 1, left 1")
	expect(t, "its sale", w.sell(sold("lamp", 1)), "sale lamp 1, left 0")
	if level := w.agent.View().Level("tea"); level.ReturnPending != stock.Unit {
		t.Error(level)
	}
	w.basePlusPending()
	w.meet()
}

func TestGoodsSetAsideAreWarnedOf(t *testing.T) {
	w := shop(t)
	expect(t, "staging", string(w.claim(stock.Stage, "web-1", "", 0).Body), w.last()+"; stage cup 2, left 10")
	expect(t, "a sale of nearly all", w.sell(sold("cup", 9)), "sale cup 9, left 1, takes_reserved+takes_set_aside")
	w.meet()
	expect(t, "the same, once the hub knows", w.sell(sold("cup", 1)), "sale cup 1, left 0, takes_reserved+takes_set_aside")
	undone := w.reverse(w.last())
	w.must(undone.Err)
	expect(t, "its reversal, which takes nothing", string(undone.Body), w.last()+"; sale cup 1, left 1")
	if level := w.agent.View().Level("cup"); level.Sellable != stock.Unit || level.Staged != 2*stock.Unit {
		t.Error(level)
	}
	w.meet()
}

// claim records a step about a reservation.
func (w *world) claim(kind stock.Kind, id, line string, q stock.Quantity) agent.Answer {
	r := w.request()
	r.Claim = &agent.ClaimStep{Kind: kind, Reservation: id, Line: line, Quantity: q}
	return w.record(r)
}

func (w *world) undoing(id string) *agent.Request {
	r := w.request()
	r.Kind, r.Operation.Reverses, r.Refers = "reverse", id, []string{id}
	return r
}

func (w *world) reverse(id string) agent.Answer { return w.record(w.undoing(id)) }

// refused says that a request was answered with an error and that nothing else
// happened.
func (w *world) refused(r *agent.Request, want error) {
	w.t.Helper()
	head, levels, claims := w.ledger.Head(), w.agent.View().Levels(), w.agent.View().Claims("")
	today := w.agent.Today()
	if answer := w.record(r); !errors.Is(answer.Err, want) || answer.Body != nil {
		w.t.Errorf("answered %q, %v; want %v", answer.Body, answer.Err, want)
	}
	if w.ledger.Head() != head || !reflect.DeepEqual(w.agent.View().Levels(), levels) || !reflect.DeepEqual(w.agent.View().Claims(""), claims) || w.agent.Today() != today {
		w.t.Error("a refused request changed something")
	}
}

func TestClaimsAreHandledLineByLine(t *testing.T) {
	w := shop(t)
	step := func(kind stock.Kind, id, line string, q stock.Quantity) *agent.Request {
		r := w.request()
		r.Claim = &agent.ClaimStep{Kind: kind, Reservation: id, Line: line, Quantity: q}
		return r
	}
	w.refused(step(stock.Pick, "web-9", "", 0), agent.ErrNotFound)
	w.refused(step(stock.Pick, "web-1", "7", 0), agent.ErrNotFound)
	w.refused(step(stock.Unstage, "web-1", "", 0), agent.ErrNotFound)
	w.refused(step(stock.Pick, "web-1", "", 3*stock.Unit), agent.ErrTooMuch)

	w.must(w.claim(stock.Pick, "web-1", "", stock.Unit).Err) // a part, before the hub has split it
	expect(t, "what is left to pick", w.claims(w.agent.View().Claims("web-1")), "web-1 1 cup 1 confirmed\n")
	w.refused(step(stock.Pick, "web-1", "", 2*stock.Unit), agent.ErrTooMuch)
	w.must(w.claim(stock.Stage, "web-2", "", stock.Unit).Err)
	w.meet() // now web-2 has the lines 1 and 1.1
	expect(t, "claims", w.claims(w.agent.View().Claims("")), "web-1 1 cup 1 confirmed\nweb-2 1 cup 2 confirmed\nweb-2 1.1 cup 1 staged\n")
	w.refused(step(stock.Pick, "web-2", "", stock.Unit), agent.ErrAmbiguous)
	w.must(w.claim(stock.Unstage, "web-2", "1.1", 0).Err)
	w.must(w.claim(stock.CannotPick, "web-2", "1", 0).Err)
	w.must(w.claim(stock.Pick, "web-2", "", 0).Err) // all that is left
	w.must(w.claim(stock.Pick, "web-1", "", 0).Err)
	expect(t, "claims", w.claims(w.agent.View().Claims("")), "")
	w.meet()
	expect(t, "claims", w.claims(w.agent.View().Claims("")), "")
	if level := w.agent.View().Level("cup"); level.Sellable != 7*stock.Unit || level.Claims != 0 {
		t.Error(level)
	}
}

func TestAnOperationIsUndoneOnceAndOnlyWhileNothingRefersToIt(t *testing.T) {
	w := shop(t)
	w.sell(sold("six-pack", 1))
	sale := w.last()
	w.must(w.reverse(sale).Err)
	reversal := w.last()
	if level := w.agent.View().Level("cup"); level.Sellable != 10*stock.Unit {
		t.Error(level)
	}
	w.refused(w.undoing(sale), agent.ErrReversed)
	w.refused(w.undoing(reversal), agent.ErrNotReversible)
	for _, id := range []string{"S014.e1.99", "S014.e0.1", "S015.e1.1", "S014.e1", "S014.e1.x"} {
		w.refused(w.undoing(id), agent.ErrNotFound)
	}

	w.sell(sold("cup", 1))
	sale = w.last()
	back := w.request(stock.Line{Kind: stock.Return, Scanned: "cup", Quantity: stock.Unit, Account: stock.Sellable, Of: sale})
	back.Refers = []string{sale}
	w.must(w.record(back).Err)
	w.refused(w.undoing(sale), agent.ErrReferred)

	w.must(w.claim(stock.Pick, "web-1", "", 0).Err)
	w.refused(w.undoing(w.last()), agent.ErrNotReversible)
	w.meet()
}

// Two tills that undo the same sale at the same moment are in one commit, where
// the ledger knows of neither.
func TestTwoTillsCannotUndoTheSameSaleAtOnce(t *testing.T) {
	w := shop(t)
	w.sell(sold("cup", 1))
	one := w.last()
	w.sell(sold("cup", 1))
	two := w.last()
	back := w.request(stock.Line{Kind: stock.Return, Scanned: "cup", Quantity: stock.Unit, Account: stock.Sellable, Of: two})
	back.Refers = []string{two}
	answers := w.agent.Record([]*agent.Request{w.undoing(one), w.undoing(one), back, w.undoing(two)})
	for i, want := range []error{nil, agent.ErrReversed, nil, agent.ErrReferred} {
		if !errors.Is(answers[i].Err, want) {
			t.Errorf("request %d: %v, want %v", i, answers[i].Err, want)
		}
	}
	w.must(w.agent.Follow())
	w.meet()
}

func TestAKeyIsAnsweredAlikeForEver(t *testing.T) {
	dir := t.TempDir()
	open := func() *ledger.SQLite {
		l, err := ledger.Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := open()
	w := newWorld(t, l)
	first, again, other := w.request(sold("cup", 1)), w.request(sold("cup", 1)), w.request(sold("cup", 2))
	again.Key, other.Key, other.Fingerprint = first.Key, first.Key, [32]byte{2}
	answers := w.agent.Record([]*agent.Request{first, again, other, w.request(sold("cup", 5))})
	if a, b := answers[0], answers[1]; a.Err != nil || b.Err != nil || a.Replayed || !b.Replayed || string(a.Body) != string(b.Body) {
		t.Errorf("in one group: %+v, then %+v", a, b)
	}
	if !errors.Is(answers[2].Err, agent.ErrKeyReused) || answers[3].Err != nil {
		t.Errorf("%+v", answers[2:])
	}
	w.sell(sold("cup", 3))
	w.must(l.Close())
	l = open()
	defer func() { _ = l.Close() }()
	w.ledger = l
	w.restart()
	if a := w.record(again); !a.Replayed || string(a.Body) != string(answers[0].Body) {
		t.Errorf("after a restart: %+v, first %q", a, answers[0].Body)
	}
	w.refused(other, agent.ErrKeyReused)
	if n := len(w.operations()); n != 3 {
		t.Errorf("%d operations", n)
	}
	w.meet()
}

func TestWhatCannotBeWrittenIsRefusedAlone(t *testing.T) {
	w := shop(t)
	var fault *agent.Fault
	if a := w.record(w.request(stock.Line{Kind: stock.Sale, Scanned: "cup"})); !errors.As(a.Err, &fault) || !strings.Contains(fault.Error(), "positive") {
		t.Error(a.Err)
	}
	w.refused(w.request(sold("cup", 1), stock.Line{Kind: stock.Sale, Scanned: "six-pack", Quantity: stock.MaxQuantity/6 + 1}), agent.ErrBeyondLimit)
	w.refused(w.request(stock.Line{Kind: stock.Adjust, Scanned: "six-pack", Quantity: -stock.MaxQuantity, Account: stock.Sellable}), agent.ErrBeyondLimit)
	expect(t, "the largest", w.sell(stock.Line{Kind: stock.Sale, Scanned: "six-pack", Quantity: stock.MaxQuantity / 6}),
		"sale cup 999999999.996, left -999999989.996, takes_reserved+below_zero")
}

// counted counts the commits of a ledger, and fails when told to.
type counted struct {
	ledger.Ledger
	appends, keeps int
	sizes          []int
	fail           error
}

func (c *counted) Append(entries []ledger.Entry) ([]ledger.Record, error) {
	c.appends++
	c.sizes = append(c.sizes, len(entries))
	if c.fail != nil {
		return nil, c.fail
	}
	return c.Ledger.Append(entries)
}

func (c *counted) Keep(k ledger.Kept) error {
	c.keeps++
	if c.fail != nil {
		return c.fail
	}
	return c.Ledger.Keep(k)
}

func TestAGroupIsOneCommit(t *testing.T) {
	l := &counted{Ledger: ledger.NewMemory("pc", "e1")}
	w := newWorld(t, l)
	requests := make([]*agent.Request, 64)
	for i := range requests {
		requests[i] = w.request(sold("cup", 1))
		if i == 30 {
			requests[i] = w.request() // an operation without lines
		}
	}
	answers := w.agent.Record(requests)
	sequence := 0
	for i, a := range answers {
		if i == 30 {
			if a.Err == nil {
				t.Error("an empty operation was taken")
			}
			continue
		}
		sequence++
		if a.Err != nil || !strings.HasPrefix(string(a.Body), fmt.Sprintf("S014.e1.%d;", sequence)) {
			t.Errorf("request %d: %q %v", i, a.Body, a.Err)
		}
	}
	if l.appends != 1 || l.sizes[0] != 63 {
		t.Errorf("%d commits of %v", l.appends, l.sizes)
	}
	if answers = w.agent.Record([]*agent.Request{requests[0]}); l.appends != 1 || !answers[0].Replayed {
		t.Error("a replay costs a commit")
	}
	w.meet()
}

func TestAfterAStorageErrorNothingIsAnswered(t *testing.T) {
	full := errors.New("disk full")
	for _, name := range []string{"append", "keep"} {
		l := &counted{Ledger: ledger.NewMemory("pc", "e1")}
		w := newWorld(t, l)
		w.sell(sold("cup", 1))
		first := w.request(sold("cup", 1))
		switch l.fail = full; name {
		case "append":
			for i, a := range w.agent.Record([]*agent.Request{first, w.request(sold("cup", 1)), w.request()}) {
				if !errors.Is(a.Err, full) || a.Body != nil {
					t.Errorf("request %d: %+v", i, a)
				}
			}
		case "keep":
			w.connect()
			for w.hear() || w.settle() || w.offer() {
			}
			var err error
			for _, frame := range w.conn.down {
				err = errors.Join(err, w.agent.Receive(frame))
			}
			if !errors.Is(err, full) {
				t.Errorf("keep: %v", err)
			}
		}
		l.fail = nil // the disk works again: it is not believed
		appends := l.appends
		if a := w.agent.Record([]*agent.Request{first})[0]; !errors.Is(a.Err, full) || l.appends != appends {
			t.Errorf("%s: a later request: %+v", name, a)
		}
		if err := w.agent.Failed(); !errors.Is(err, full) {
			t.Errorf("%s: failed with %v", name, err)
		}
		w.restart()
		expect(t, "after a restart", w.sell(sold("tea", 1)), "sale tea 1, left 0, parked")
		w.meet()
	}
}
