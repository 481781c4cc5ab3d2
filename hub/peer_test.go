package hub

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// An acknowledgement is the watermark of applied state: with two entries in
// flight nothing is acknowledged before its own has landed, and in order.
func TestBatchesAreAcknowledgedInOrderOnceTheyAreApplied(t *testing.T) {
	d := newReadyDesk(t)
	s := newStore("S1", "pc")
	s.deliver(30)
	l := d.connect(s)
	if w := l.welcome(); w == nil || w.Forked || w.Through != (protocol.Position{}) || w.Window != protocol.WindowOperations {
		t.Fatalf("welcome is %+v", w)
	}
	l.say(s.batch(0, 10))
	d.propose()
	l.say(s.batch(10, 20))
	l.say(s.batch(20, 30))
	d.propose()
	if len(d.flying) != 2 || l.acks() != nil {
		t.Fatalf("%d entries in flight, acknowledged %v", len(d.flying), l.acks())
	}
	d.land()
	if got := l.acks(); !slices.Equal(got, []uint64{10}) {
		t.Fatalf("after the first entry %v", got)
	}
	d.land()
	if got := l.acks(); !slices.Equal(got, []uint64{10, 20, 30}) {
		t.Fatalf("after the second entry %v", got)
	}
	at, _ := d.state().Location("S1")
	if e, _ := at.Epoch("e1"); e.Through != s.end() {
		t.Errorf("the watermark is %+v", e.Through)
	}
	if got := d.sellable("S1", "X"); got != 30*stock.Unit {
		t.Errorf("%v in stock", got)
	}
}

func TestABatchThatDoesNotFitIsRefusedWhole(t *testing.T) {
	for name, spoil := range map[string]func(s *store, b *protocol.Append){
		"a gap":         func(s *store, b *protocol.Append) { *b = *s.batch(1, 3) },
		"a false end":   func(_ *store, b *protocol.Append) { b.End.Chain[3]++ },
		"a wrong count": func(_ *store, b *protocol.Append) { b.End.Sequence++ },
		"changed bytes": func(_ *store, b *protocol.Append) {
			b.Operations = [][]byte{append([]byte(nil), b.Operations[0]...), b.Operations[1], b.Operations[2]}
			b.Operations[0][5]++
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newReadyDesk(t)
			s := newStore("S1", "pc")
			s.deliver(3)
			l := d.connect(s)
			before := d.state().Hash()
			b := s.batch(0, 3)
			spoil(s, b)
			l.say(b)
			d.run()
			if l.byeCode() != protocol.ByeProtocol || d.state().Hash() != before {
				t.Errorf("bye %v, state changed %v", l.bye, d.state().Hash() != before)
			}
		})
	}
}

// A connection that died leaves batches in the log; the newer one is told a
// watermark that has all of them, whatever was in which place.
func TestANewerConnectionReplacesTheOlder(t *testing.T) {
	d := newReadyDesk(t)
	s := newStore("S1", "pc")
	s.deliver(40)
	first := d.connect(s)
	first.say(s.batch(0, 10))
	d.propose() // in the log
	first.say(s.batch(10, 20))

	second := d.dial(s.hello())
	if first.byeCode() != protocol.ByeReplaced {
		t.Fatalf("the older connection got %v", first.bye)
	}
	if second.welcome() != nil {
		t.Fatal("welcomed while batches of the older connection may still be applied")
	}
	d.run()
	w := second.welcome()
	if w == nil || w.Through != s.at[10] { // what had only waited was dropped
		t.Fatalf("welcome %+v", w)
	}
	first.drop()
	second.say(s.batch(10, 40))
	d.run()
	if got := d.sellable("S1", "X"); got != 40*stock.Unit || !slices.Equal(second.acks(), []uint64{40}) {
		t.Errorf("%v in stock, acknowledged %v", got, second.acks())
	}
	if got := d.Peers([]string{"S1"}); len(got) != 1 || got["S1"].Position != s.end() {
		t.Errorf("peers %+v", got)
	}
}

// Connections may come faster than the log answers: each waits for all before it.
func TestEveryNewerConnectionWaitsForTheFirstOnesBatches(t *testing.T) {
	d := newReadyDesk(t)
	s := newStore("S1", "pc")
	s.deliver(10)
	first := d.connect(s)
	first.say(s.batch(0, 10))
	d.propose()
	first.drop()
	second := d.dial(s.hello())
	third := d.dial(s.hello())
	second.drop()
	fourth := d.dial(s.hello())
	if third.byeCode() != protocol.ByeReplaced || fourth.welcome() != nil {
		t.Fatalf("third %v, fourth welcomed: %v", third.bye, fourth.welcome() != nil)
	}
	d.run()
	if w := fourth.welcome(); w == nil || w.Through != s.at[10] {
		t.Fatalf("the fourth is told %+v", w)
	}
	for _, l := range []*line{third, fourth} {
		l.drop()
	}
	if len(d.agents) != 0 || len(d.peers) != 0 {
		t.Errorf("%d agents and %d peers are kept for nobody", len(d.agents), len(d.peers))
	}
}

func TestTwoConnectionsOfANewStoreLeaveOne(t *testing.T) {
	d := newReadyDesk(t)
	s := newStore("S1", "pc")
	first, second := d.dial(s.hello()), d.dial(s.hello()) // both wait for the log to make them its writer
	d.run()
	if first.byeCode() != protocol.ByeReplaced || second.welcome() == nil || second.bye != nil {
		t.Errorf("first %v, second %v", first.bye, second.bye)
	}
}

// A full queue of the connection ends it; the next resumes at the watermark.
func TestAConnectionThatTakesNoFramesIsClosed(t *testing.T) {
	d := newReadyDesk(t)
	s := newStore("S1", "pc")
	s.deliver(2)
	l := d.connect(s)
	l.say(s.batch(0, 1))
	l.full = true
	d.run()
	if l.byeCode() != protocol.ByeBusy {
		t.Fatalf("bye %v", l.bye)
	}
	l.drop()
	again := d.connect(s)
	if w := again.welcome(); w.Through != s.at[1] {
		t.Errorf("resumes at %d", w.Through.Sequence)
	}
}

// Whatever is cut where, operations arrive once: connections die and entries
// land in every order that a small script can make.
func TestNothingIsLostOrDoubledOverAnyCut(t *testing.T) {
	for seed := range 200 {
		d := newReadyDesk(t)
		s := newStore("S1", "pc")
		s.deliver(60)
		var l *line
		sent, random := 0, uint64(seed)*2654435761+1
		for range 120 {
			random = random*6364136223846793005 + 1442695040888963407
			switch choice := random >> 33 % 8; {
			case l == nil || l.bye != nil || choice == 0:
				if l != nil && choice < 4 {
					l.drop()
				}
				l, sent = d.dial(s.hello()), -1
			case l.welcome() != nil && sent < 0:
				sent = int(l.welcome().Through.Sequence)
			case sent >= 0 && sent < 60 && choice < 4:
				l.say(s.batch(sent, sent+1))
				sent++
			case choice < 6 && len(d.flying) < protocol.MaxProposals:
				d.propose()
			case len(d.flying) > 0:
				d.land()
			}
		}
		d.run()
		l = d.connect(s)
		if w := l.welcome(); w == nil {
			t.Fatalf("seed %d: not welcomed: %v", seed, l.bye)
		} else if through := int(w.Through.Sequence); through < 60 {
			l.say(s.batch(through, 60))
		}
		d.run()
		if got := d.sellable("S1", "X"); got != 60*stock.Unit {
			t.Fatalf("seed %d: %v in stock, 60 came", seed, got)
		}
	}
}

func TestANodeThatHearsNoTickSendsItsAgentsAway(t *testing.T) {
	d := newReadyDesk(t)
	l := d.connect(newStore("S1", "pc"))
	d.clock = d.clock.Add(maxTickAge - time.Millisecond)
	d.Beat()
	if l.bye != nil {
		t.Fatalf("too early: %v", l.bye)
	}
	d.clock = d.clock.Add(time.Millisecond)
	d.Beat()
	if l.byeCode() != protocol.ByeNotReady || l.bye.RetryMS == 0 {
		t.Errorf("bye %+v", l.bye)
	}
	if late := d.connect(newStore("S2", "pc")); late.byeCode() != protocol.ByeNotReady {
		t.Errorf("a Hello is answered %v", late.bye)
	}
}

func TestSilentConnectionsEnd(t *testing.T) {
	d := newReadyDesk(t)
	welcomed := d.connect(newStore("S1", "pc"))
	mute := &wire{}
	d.Connected(99, mute)
	for range protocol.SilentBeats {
		d.tick()
		d.Beat()
	}
	if welcomed.byeCode() != protocol.ByeSilent || mute.bye == nil || mute.bye.Code != protocol.ByeSilent {
		t.Errorf("welcomed %v, mute %v", welcomed.bye, mute.bye)
	}
}

func TestStopSaysGoodbyeToEverybody(t *testing.T) {
	d := newReadyDesk(t)
	var lines []*line
	for i := range 3 {
		lines = append(lines, d.connect(newStore(fmt.Sprint("S", i), "pc")))
	}
	d.Stop()
	for _, l := range lines {
		if l.byeCode() != protocol.ByeShutdown {
			t.Errorf("bye %v", l.bye)
		}
	}
}

// The age of a location is by echoes, and only its writer may say that nothing
// of it is on its way.
func TestOnlyAWriterWithoutABacklogIsCaughtUp(t *testing.T) {
	d := newReadyDesk(t)
	s := newStore("S1", "pc")
	l := d.connect(s)
	age := func() int64 {
		at, _ := d.state().Location("S1")
		return d.state().Age(at)
	}
	d.tick()
	if age() < 3600_000 {
		t.Fatalf("unheard, and its age is %d ms", age())
	}
	l.say(&protocol.Append{OldestMS: liveWithin + 1, Backlog: 7, Echo: d.state().Now()})
	d.tick()
	if age() < 3600_000 {
		t.Fatalf("with a backlog its age is %d ms", age())
	}
	if p := d.Peers([]string{"S1"})["S1"]; p.Backlog != 7 || p.OldestMS != liveWithin+1 {
		t.Errorf("the fleet shows %+v", p)
	}
	l.say(&protocol.Append{OldestMS: liveWithin, Echo: d.state().Now()})
	d.tick()
	if age() != 1000 {
		t.Fatalf("caught up a tick ago, and its age is %d ms", age())
	}

	s.deliver(1)
	l.say(s.batch(0, 1))
	d.run()
	replacing := newStore("S1", "new pc").hello()
	replacing.Replace = true
	d.dial(replacing)
	d.run()
	for range 3 { // the replaced one goes on echoing
		l.say(&protocol.Append{After: s.at[1], End: s.at[1], Echo: d.state().Now()})
		d.tick()
	}
	if age() < 3000 {
		t.Errorf("a replaced installation says that the location is caught up: %d ms", age())
	}
}
