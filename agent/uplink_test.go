package agent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// levelOf words what tills see of an item.
func (w *world) levelOf(item string) string {
	l := w.agent.View().Level(item)
	return fmt.Sprintf("%s, %s claimed, %s set aside", l.Sellable, l.Claims, l.Staged)
}

func TestARoundMayEndInTheMiddleOfWhatIsPending(t *testing.T) {
	w := shop(t)
	w.sell(sold("cup", 1))
	for w.hear() || w.settle() {
	}
	w.sell(sold("cup", 2)) // not with the hub when it offers
	w.offer()
	for w.read() {
	}
	if n, _ := w.agent.Backlog(); n != 1 || w.ledger.Head().Through.Sequence != 1 {
		t.Errorf("backlog %d, through %d", n, w.ledger.Head().Through.Sequence)
	}
	expect(t, "cup", w.levelOf("cup"), "7, 5 claimed, 0 set aside")
	w.basePlusPending()
	w.restart()
	expect(t, "cup after a restart", w.levelOf("cup"), "7, 5 claimed, 0 set aside")
	w.meet()
}

func TestANodeThatLagsDoesNotBringSettledSalesBack(t *testing.T) {
	w := shop(t)
	w.sell(sold("cup", 1))
	w.meet()
	lagging := w.position()
	lagging.Index++
	w.must(w.agent.Receive(&protocol.Round{Hub: lagging, Last: true, Levels: []stock.StoreLevel{{Item: "tea", Level: stock.Level{Sellable: 3}}}}))
	if through := w.ledger.Head().Through.Sequence; through != 1 || w.agent.Base() != lagging {
		t.Errorf("through %d, base %v", through, w.agent.Base())
	}
	expect(t, "cup", w.levelOf("cup"), "9, 5 claimed, 0 set aside")
}

func TestClaimsStartOverWhereTheHubHasForgotten(t *testing.T) {
	w := shop(t)
	at := w.position()
	at.Index++
	w.must(w.agent.Receive(&protocol.Round{Hub: at, Last: true, Restart: true,
		Claims: []stock.StoreClaim{{Reservation: "web-7", Line: "1", Channel: "web", Item: "tea", Quantity: stock.Unit, State: stock.Held}}}))
	for range 2 {
		expect(t, "claims", w.claims(w.agent.View().Claims("")), "web-7 1 tea 1 held\n")
		w.restart()
	}
}

// A hub restored from a backup comes back as another incarnation, which may know
// less of this store than the one before.
func TestARestoredHubIsBroughtUpToDate(t *testing.T) {
	for name, sales := range map[string]int{"it lost sales": 0, "it has them all": 3} {
		t.Run(name, func(t *testing.T) {
			w := shop(t)
			entries := len(w.entries)
			for range 3 {
				w.sell(sold("cup", 1))
				w.meet()
			}
			w.correct("lamp", stock.Unit) // the restored one never heard of it
			w.meet()
			w.sell(sold("tea", 1)) // never sent to the old one
			w.rebuild(entries+sales, 2)
			w.connect()
			w.hear()
			w.read() // Welcome, and no more
			expect(t, "cup, before the new base is there", w.levelOf("cup"), "7, 5 claimed, 0 set aside")
			if n, _ := w.agent.Backlog(); n != uint64(4-sales) {
				t.Errorf("backlog %d", n)
			}
			w.cut(false)
			w.restart()
			expect(t, "cup, after a restart", w.levelOf("cup"), "7, 5 claimed, 0 set aside")
			w.sell(sold("cup", 1))
			w.connect()
			w.hear()
			w.offer() // before it has heard what it lost
			for w.read() {
			}
			w.basePlusPending()
			expect(t, "cup", w.levelOf("cup"), "6, 5 claimed, 0 set aside")
			w.meet()
			expect(t, "cup", w.levelOf("cup"), "6, 5 claimed, 0 set aside")
			expect(t, "lamp", w.levelOf("lamp"), "0, 0 claimed, 0 set aside")
		})
	}
}

// Two clones at two nodes: the other one's sales come down as if they were ours.
func TestARoundOfAnotherHistorySettlesNothing(t *testing.T) {
	w := newWorld(t, ledger.NewMemory("pc", "e1"))
	w.sell(sold("cup", 1))
	w.meet()
	for range 3 {
		w.sell(sold("cup", 1))
	}
	at := w.position()
	at.Index++
	w.must(w.agent.Receive(&protocol.Round{Hub: at, Last: true, Through: protocol.Position{Sequence: 2, Chain: [32]byte{6}}}))
	if link := w.agent.Link(); w.conn.bye.Code != protocol.ByeForked {
		t.Errorf("%+v, bye %+v", link, w.conn.bye)
	}
	if n, _ := w.agent.Backlog(); n != 3 || w.ledger.Head().Through.Sequence != 1 {
		t.Errorf("backlog %d, through %d", n, w.ledger.Head().Through.Sequence)
	}
	w.cut(false)
	w.restart()
	w.meet() // this node holds ours
	if link := w.agent.Link(); link.Refused || !link.Online {
		t.Errorf("%+v", link)
	}
}

func TestTheAgeIsThatOfTheOldestOperationTheHubLacks(t *testing.T) {
	w := shop(t)
	backlog := func(wantN uint64, wantAge time.Duration) {
		t.Helper()
		if n, age := w.agent.Backlog(); n != wantN || age != wantAge {
			t.Errorf("%d operations, %v old; want %d, %v", n, age, wantN, wantAge)
		}
	}
	backlog(0, 0)
	w.sell(sold("cup", 1))
	for w.hear() || w.settle() {
	}
	w.now = w.now.Add(time.Minute)
	w.sell(sold("cup", 1))
	w.now = w.now.Add(time.Minute)
	backlog(2, 2*time.Minute)
	w.read() // the first is acknowledged
	backlog(1, time.Minute)
	w.restart()
	w.now = w.now.Add(time.Hour)
	backlog(2, time.Hour+2*time.Minute) // no round has brought the first into the base
	w.meet()
	backlog(0, 0)

	// What a restored hub lost is as old as it is, not as its loss is.
	entries := len(w.entries)
	w.sell(sold("cup", 1))
	w.meet()
	w.now = w.now.Add(time.Hour)
	w.rebuild(entries, 2)
	w.connect()
	w.hear()
	w.read()
	backlog(1, time.Hour)
	w.meet()
}

func TestTheMemoryOfAgesAndEventsIsBounded(t *testing.T) {
	w := shop(t)
	since, _, _ := w.agent.EventsSince(0)
	first := since[len(since)-1].ID
	for range 3000 {
		w.now = w.now.Add(time.Second)
		w.sell(sold("cup", 1))
	}
	if n, age := w.agent.Backlog(); n != 3000 || age != 2999*time.Second {
		t.Errorf("%d operations, %v old", n, age)
	}
	since, missed, _ := w.agent.EventsSince(first)
	if !missed || len(since) > 1024 || len(since) < 512 {
		t.Errorf("%d events, missed %v", len(since), missed)
	}
	w.meet()
	if n, age := w.agent.Backlog(); n != 0 || age != 0 {
		t.Errorf("%d operations, %v old", n, age)
	}
}

func TestEventsNameWhatChanged(t *testing.T) {
	w := shop(t)
	all, _, next := w.agent.EventsSince(0)
	last := all[len(all)-1].ID
	w.sell(sold("six-pack", 1), sold("tea", 1), sold("cup", 1), sold("umbrella", 1))
	select {
	case <-next:
	default:
		t.Error("nobody is told of a sale")
	}
	w.meet()
	var have []string
	since, missed, _ := w.agent.EventsSince(last)
	for _, e := range since {
		text := fmt.Sprint(e.Type, " ", e.Operation, e.Items)
		if e.Outcome != nil {
			text += fmt.Sprint(" line ", e.Outcome.Line, " ", e.Outcome.Code)
		}
		have = append(have, text)
	}
	want := []string{"recorded S014.e1.1[cup tea]", "round [cup tea]", "outcome [] line 4 parked"}
	if missed || fmt.Sprint(have) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", have, want)
	}
	if _, missed, _ = w.agent.EventsSince(last + 100); !missed {
		t.Error("an event of another run was taken for one of this run")
	}
}

func TestTheLinkSaysWhyItIsDown(t *testing.T) {
	w := newWorld(t, ledger.NewMemory("pc", "e1"))
	tell := func(want agent.Link) {
		t.Helper()
		have := w.agent.Link()
		if have.Since = want.Since; have != want {
			t.Errorf("%+v, want %+v", have, want)
		}
	}
	w.connect()
	w.must(w.agent.Receive(&protocol.Bye{Code: protocol.ByeWriter, Text: "another PC writes", RetryMS: 700}))
	w.cut(false)
	tell(agent.Link{Hub: "hub:7420", LastError: protocol.ByeWriter.String() + ": another PC writes", Refused: true})
	if w.agent.LastBye().RetryMS != 700 {
		t.Error("the hub's wish to be left alone was forgotten")
	}
	w.agent.Unreachable("other:7420", fmt.Errorf("no route"))
	tell(agent.Link{Hub: "other:7420", LastError: "no route", Refused: true})
	if w.agent.LastBye().RetryMS != 0 {
		t.Error("one node's wish was taken for another's")
	}
	w.meet()
	tell(agent.Link{Hub: "hub:7420", Online: true})
	if at, ever := w.agent.AsOf(); !ever || at != w.now {
		t.Error(at, ever)
	}
	w.cut(false)
	tell(agent.Link{Hub: "hub:7420", LastError: "cut"})
}
