package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// busy is a node where a lot happens, and what it stood at after each entry.
type busy struct {
	*node
	stores []*store
	random *rand.Rand
	past   []*stock.State
}

var busyItems = []string{"A", "B", "C"}

func openBusy(n *node, seed uint64) *busy {
	b := &busy{node: n, random: rand.New(rand.NewPCG(seed, 7))}
	n.do(&stock.PutItems{Items: []stock.Item{{Code: "A", Unit: "piece", Stocked: true}, {Code: "B", Unit: "piece", Stocked: true}, {Code: "C", Unit: "piece", Stocked: true}}})
	n.do(&stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S1", State: stock.Open}, {Code: "S2", State: stock.Open}}})
	for _, code := range []string{"S1", "S2"} {
		n.do(&stock.AssignWriter{Location: code, Installation: "pc"})
		b.stores = append(b.stores, newStore(code, "pc"))
	}
	return b
}

func (b *busy) level(s *store, item string) stock.Level {
	return b.Board().State().Balance(s.location, item).Level
}

// act lets something happen to one store: goods, claims, counts right and wrong,
// transfers, codes that nobody knows.
func (b *busy) act(i int) {
	s, item := b.stores[b.random.IntN(2)], busyItems[b.random.IntN(3)]
	other := b.stores[0].location
	if s == b.stores[0] {
		other = b.stores[1].location
	}
	q := stock.Quantity(1+b.random.IntN(4)) * stock.Unit
	from := len(s.operations)
	id := fmt.Sprint("r", max(0, i-b.random.IntN(30)))
	switch b.random.IntN(13) {
	case 12:
		b.lookAfter(i, item)
	case 0, 1:
		s.write(stock.Line{Kind: stock.Delivery, Item: item, Quantity: 3 * q})
	case 2, 3:
		s.write(stock.Line{Kind: stock.Sale, Item: item, Quantity: q})
	case 4:
		s.write(stock.Line{Kind: stock.Sale, Item: item, Quantity: q, Reservation: id})
	case 5:
		s.write(stock.Line{Kind: stock.Stage, Item: item, Quantity: q, Reservation: id, ReservationLine: "1"})
	case 6:
		at := b.level(s, item).Sellable + stock.Quantity(b.random.IntN(2))*stock.Unit // right, or by a view that is late
		s.write(stock.Line{Kind: stock.Count, Item: item, Quantity: stock.Unit, Counted: max(0, at+stock.Unit), Expected: at, Confirmed: true})
	case 7:
		s.write(stock.Line{Kind: stock.Dispatch, Item: item, Quantity: q, Account: stock.Sellable, Location: other})
	case 8:
		s.write(stock.Line{Kind: stock.Sale, Scanned: "nobody knows", Quantity: q})
	case 9:
		b.put(protocol.EncodeCommand(&stock.Step{ID: id, Action: stock.Release}))
	case 10:
		b.put(protocol.EncodeCommand(&stock.Document{Source: "erp", Location: s.location, Operation: stock.Operation{Document: fmt.Sprint("d", i),
			Lines: []stock.Line{{Kind: stock.Adjust, Scanned: item, Quantity: -q, Account: stock.Sellable, Reason: "broken"}}}}))
	default:
		r := reserve(fmt.Sprint("r", i), s.location, item, 1)
		r.TTL = 5000
		r.Lines[0].Candidates = append(r.Lines[0].Candidates, other)
		commands := []protocol.Command{protocol.EncodeCommand(r), protocol.EncodeCommand(&stock.Step{ID: r.ID, Action: stock.Confirm})}
		b.put(commands[:1+b.random.IntN(2)]...)
	}
	if batch := s.batch(from, len(s.operations)); len(batch.Operations) > 0 {
		b.put(protocol.BatchCommand(&protocol.BatchBytes{Agent: s.location, Installation: "pc", Epoch: s.epoch, After: batch.After, End: batch.End, Operations: batch.Operations}))
	}
}

// lookAfter maps a code that a line was parked for, or admits what nobody could read.
func (b *busy) lookAfter(i int, item string) {
	s, code := b.stores[0], fmt.Sprint("new ", i)
	raw := [][]byte{{0xc1}}
	from := len(s.operations)
	s.write(stock.Line{Kind: stock.Sale, Scanned: code, Quantity: stock.Unit})
	s.operations = append(s.operations, raw[0])
	s.at = append(s.at, protocol.Position{Sequence: s.at[len(s.at)-1].Sequence + 1, Chain: protocol.NextChain(s.at[len(s.at)-1].Chain, raw[0])})
	batch := s.batch(from, len(s.operations))
	b.put(protocol.BatchCommand(&protocol.BatchBytes{Agent: s.location, Installation: "pc", Epoch: s.epoch, After: batch.After, End: batch.End, Operations: batch.Operations}))
	for no, e := range b.Board().State().ExceptionsFrom(0) {
		switch {
		case e.Open() && e.Code == stock.Parked:
			b.put(protocol.EncodeCommand(&stock.Map{Code: e.Line.Code(), Item: item, Factor: 1, By: "anna"}))
		case e.Open() && e.Code == stock.Quarantined:
			b.put(protocol.EncodeCommand(&stock.Admit{Exception: no, By: "anna", Operation: stock.Operation{Lines: []stock.Line{{Kind: stock.Sale, Item: item, Quantity: stock.Unit}}}}))
		}
	}
}

// put brings one entry and remembers the state after it.
func (b *busy) put(commands ...protocol.Command) {
	b.t.Helper()
	if p := <-b.order.Propose(protocol.EncodeEntry(b.Now().UnixMilli(), commands)); p.Err != nil {
		b.t.Fatal(p.Err)
	}
	b.past = append(b.past, b.Board().State())
}

// inThePast runs a test on a node with a past of some days.
func inThePast(t *testing.T, test func(t *testing.T, b *busy)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n, nextDay := startInDays(t, journal.Config{SegmentBytes: 20_000})
		nextDay()
		b := openBusy(n, 1)
		for i := range 900 {
			b.act(i)
			if i%300 == 299 {
				nextDay()
			}
			if i%50 == 0 {
				time.Sleep(3 * time.Second) // holds expire
			}
		}
		test(t, b)
	})
}

// TestThePastIsWhatItWas: as of any position the state is the one that stood on
// the board then.
func TestThePastIsWhatItWas(t *testing.T) {
	inThePast(t, func(t *testing.T, b *busy) {
		if images := b.images(); len(images) < 4 {
			t.Fatalf("images of %v", images)
		}
		for range 60 {
			was := b.past[b.random.IntN(len(b.past))]
			got, err := b.StateAt(t.Context(), was.Index())
			if err != nil || got.Index() != was.Index() || got.Hash() != was.Hash() {
				t.Fatalf("as of %d: %v", was.Index(), err)
			}
			for _, s := range b.stores {
				for _, item := range busyItems {
					if got.Balance(s.location, item) != was.Balance(s.location, item) {
						t.Fatalf("as of %d %s had %+v of %s, and the board showed %+v", was.Index(), s.location, got.Balance(s.location, item), item, was.Balance(s.location, item))
					}
				}
			}
		}
		if _, err := b.StateAt(t.Context(), b.Board().State().Index()+1); !errors.Is(err, ErrAhead) {
			t.Errorf("the future: %v", err)
		}
	})
}

// TestEveryLevelIsExplainedWhole: opening and every change make the level that
// stood at the position, part by part; pages make the same as one.
func TestEveryLevelIsExplainedWhole(t *testing.T) {
	inThePast(t, func(t *testing.T, b *busy) {
		kinds, odd, conflicts := map[string]bool{}, map[string]int{}, 0
		for _, from := range []uint64{0, 1, b.past[200].Index(), b.past[500].Index()} {
			for _, to := range []*stock.State{b.Board().State(), b.past[550]} {
				for _, s := range b.stores {
					for _, item := range busyItems {
						x := b.explained(Explained{Location: s.location, Item: item, From: from, To: to.Index(), Limit: 10_000})
						if x.Closing != to.Balance(s.location, item) {
							t.Fatalf("%s at %s: explained to %+v, and it is %+v", item, s.location, x.Closing, to.Balance(s.location, item))
						}
						for _, c := range x.Changes {
							kinds[c.Kind] = true
							conflicts += len(c.Conflicts)
							if c.Before == c.After && len(c.Outcomes) == 0 && !c.ClosedPast {
								t.Errorf("%d %s changed nothing and is not odd", c.Index, c.Kind)
							}
							for _, o := range c.Outcomes {
								odd[o.Code.String()]++
							}
						}
					}
				}
			}
		}
		for _, kind := range []string{"delivery", "sale", "count", "dispatch", "adjust", "reserve", "release", "tick"} {
			if !kinds[kind] {
				t.Errorf("no %s among %v", kind, kinds)
			}
		}
		if odd["recount"] == 0 || odd["late_pick"] == 0 || conflicts == 0 {
			t.Errorf("the past is tame: %v, %d conflicts", odd, conflicts)
		}
	})
}

// explained asks for all of it, and page by page, and checks that it adds up.
func (b *busy) explained(q Explained) *Explanation {
	b.t.Helper()
	whole, err := b.Explain(b.t.Context(), q)
	if err != nil {
		b.t.Fatal(err)
	}
	at, total := whole.Opening, whole.Opening
	for _, c := range whole.Changes {
		if c.Before != at {
			b.t.Fatalf("after %+v came %+v", at, c)
		}
		at = c.After
	}
	for _, k := range whole.Kinds {
		total = Sum(total, k.By)
	}
	if at != whole.Closing || total != whole.Closing || whole.Count != len(whole.Changes) || whole.From.Index > q.To {
		b.t.Fatalf("%d changes from %+v lead to %+v, the totals to %+v, and it closes at %+v", len(whole.Changes), whole.Opening, at, total, whole.Closing)
	}
	if q.From == 1 {
		q.Limit = 50
		var paged []Changed
		for q.Skip < whole.Count {
			page, err := b.Explain(b.t.Context(), q)
			if err != nil || page.Closing != whole.Closing || page.Before != page.Changes[0].Before {
				b.t.Fatalf("page from %d: %v", q.Skip, err)
			}
			paged = append(paged, page.Changes...)
			q.Skip = len(paged)
		}
		if len(paged) != whole.Count || !slices.EqualFunc(paged, whole.Changes, func(a, c Changed) bool { return a.Before == c.Before && a.After == c.After && a.Index == c.Index }) {
			b.t.Fatal("pages and the whole differ")
		}
	}
	return whole
}

// TestACountThatClosedThePastIsNamed: what was written before the count and came
// after it changed nothing, and the explanation says why.
func TestACountThatClosedThePastIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startReadyNode(t)
		b := openBusy(n, 1)
		old, s := newStore("S1", "old pc"), b.stores[0]
		old.epoch = "e0"
		send := func(s *store, installation string, from int) {
			batch := s.batch(from, len(s.operations))
			b.put(protocol.BatchCommand(&protocol.BatchBytes{Agent: "S1", Installation: installation, Epoch: s.epoch, After: batch.After, End: batch.End, Operations: batch.Operations}))
		}
		n.do(&stock.AssignWriter{Location: "S1", Installation: "old pc", Replace: true})
		old.write(stock.Line{Kind: stock.Delivery, Item: "A", Quantity: 5 * stock.Unit})
		send(old, "old pc", 0)
		n.do(&stock.AssignWriter{Location: "S1", Installation: "pc", Replace: true})
		s.write(stock.Line{Kind: stock.Count, Item: "A", Quantity: -stock.Unit, Counted: 4 * stock.Unit, Expected: 5 * stock.Unit})
		send(s, "pc", 0)
		old.write(stock.Line{Kind: stock.Sale, Item: "A", Quantity: stock.Unit}) // sold on the old PC before it was replaced
		send(old, "old pc", 1)
		x := b.explained(Explained{Location: "S1", Item: "A", To: n.Board().State().Index(), Limit: 10})
		if x.Count != 3 || x.Closing.Sellable != 4*stock.Unit || !x.Changes[2].ClosedPast || x.Changes[2].Operation.ID.Epoch != "e0" || x.Changes[1].ClosedPast {
			t.Errorf("%d changes to %v: %+v", x.Count, x.Closing.Sellable, x.Changes)
		}
	})
}

// TestADamagedImageIsSkippedForTheOneBefore, and a sound one of another state is
// found out.
func TestADamagedImageIsSkippedForTheOneBefore(t *testing.T) {
	inThePast(t, func(t *testing.T, b *busy) {
		images, err := b.Journal().Images()
		if err != nil {
			t.Fatal(err)
		}
		newest := images[len(images)-1]
		was := b.past[len(b.past)-1]
		other, err := b.StateAt(t.Context(), b.past[3].Index())
		if err != nil {
			t.Fatal(err)
		}
		path := b.folder + "/" + newest.Name()
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		question := Explained{Location: "S1", Item: "A", To: b.Board().State().Index(), Limit: 1}
		for range 20 {
			flipped := slices.Clone(sound)
			flipped[40+b.random.IntN(len(flipped)-40)] ^= 4
			if err := os.WriteFile(path, flipped, 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := b.StateAt(t.Context(), was.Index())
			if err != nil || got.Hash() != was.Hash() {
				t.Fatalf("as of %d: %v", was.Index(), err)
			}
			if x, err := b.Explain(t.Context(), question); err != nil || x.From.Index >= newest.Index {
				t.Fatalf("explained from %d: %v", x.From.Index, err)
			}
		}
		if err := b.Journal().WriteImage(was.Index()-1, newest.At, func(out io.Writer) error { return protocol.WriteSnapshot(out, other) }); err != nil {
			t.Fatal(err)
		}
		if got, err := b.StateAt(t.Context(), was.Index()); err != nil || got.Hash() != was.Hash() {
			t.Errorf("an image of another index was used: %v", err)
		}
	})
}

func TestWhatTheJournalNoLongerReachesIsBeyondTheHorizon(t *testing.T) {
	inThePast(t, func(t *testing.T, b *busy) {
		b.Retain(Retention{Days: 2})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		horizon := b.Journal().Horizon()
		if horizon <= b.past[0].Index() {
			t.Fatalf("nothing was dropped: %d", horizon)
		}
		if _, err := b.StateAt(t.Context(), b.past[0].Index()); !errors.Is(err, ErrBeyondHorizon) {
			t.Errorf("before the horizon: %v", err)
		}
		x, err := b.Explain(t.Context(), Explained{Location: "S1", Item: "A", From: 1, To: b.Board().State().Index(), Limit: 1})
		if err != nil || x.From.Index+1 < horizon {
			t.Errorf("explained from %+v, %v", x, err)
		}
	})
}

// TestOneLooksIntoThePastAtATime: others wait, as long as they like.
func TestOneLooksIntoThePastAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startReadyNode(t)
		n.replaying <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.StateAt(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it did not wait: %v", err)
		}
		<-n.replaying
		if _, err := n.StateAt(t.Context(), 1); err != nil {
			t.Error(err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := n.StateAt(gone, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone got %v", err)
		}
	})
}
