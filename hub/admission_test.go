package hub

import (
	"fmt"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

func TestTheFirstInstallationBecomesTheWriter(t *testing.T) {
	d := newReadyDesk(t)
	l := d.connect(newStore("S1", "pc"))
	at, ok := d.state().Location("S1")
	if !ok || at.Installation != "pc" || l.welcome() == nil {
		t.Fatalf("writer %+v, welcome %+v", at, l.welcome())
	}
	w := l.welcome()
	if w.Version != protocol.FrameVersion || w.Feature != protocol.FeatureLevel || w.Hub.Incarnation != 77 || w.Now != d.state().Now() ||
		w.BeatMS != protocol.BeatMS || w.NodeName != "n1" || w.Program != "test" {
		t.Errorf("welcome %+v", w)
	}
}

func TestASecondInstallationIsRefusedUnlessItReplaces(t *testing.T) {
	d := newReadyDesk(t)
	old := newStore("S1", "old")
	old.deliver(4)
	first := d.connect(old)
	first.say(old.batch(0, 1))
	d.run()

	hash := d.state().Hash()
	next := newStore("S1", "next")
	next.epoch = "e7"
	next.deliver(3)
	refused := d.connect(next)
	if refused.byeCode() != protocol.ByeWriter || refused.welcome() != nil || d.state().Hash() != hash || first.bye != nil {
		t.Fatalf("refused %v, state changed %v, the writer got %v", refused.bye, d.state().Hash() != hash, first.bye)
	}

	hello := next.hello()
	hello.Replace = true
	second := d.dial(hello)
	d.run()
	at, _ := d.state().Location("S1")
	if second.welcome() == nil || at.Installation != "next" {
		t.Fatalf("replace: %v, writer %q", second.bye, at.Installation)
	}
	second.say(next.batch(0, 3))
	d.run()

	// What the replaced one sold before may still enter, over its old and a new connection.
	first.say(old.batch(1, 2))
	d.run()
	first.drop()
	again := d.connect(old)
	if again.welcome() == nil || again.welcome().Through != old.at[2] {
		t.Fatalf("the replaced one gets %+v, %v", again.welcome(), again.bye)
	}
	again.say(old.batch(2, 4))
	d.run()
	if got := d.sellable("S1", "X"); got != 7*stock.Unit {
		t.Errorf("%v in stock, 7 came", got)
	}
	if p := d.Peers([]string{"S1"}); len(p) != 1 || p["S1"].Installation != "next" {
		t.Errorf("peers %+v", p)
	}
	second.take()
	again.drop()
	d.do(&stock.PutItems{Items: []stock.Item{{Code: "X", Class: "default", Stocked: true}}})
	d.Offer()
	if len(second.rounds()) != 1 {
		t.Error("the writer gets no rounds any more")
	}

	unheard := newStore("S1", "old")
	unheard.epoch = "e8"
	unheard.deliver(1)
	l := d.connect(unheard)
	l.say(unheard.batch(0, 1))
	d.run()
	if got := d.sellable("S1", "X"); l.welcome() == nil || got != 8*stock.Unit {
		t.Errorf("an epoch of the replaced one that never came: %v, %v in stock", l.bye, got)
	}
	strange := newStore("S1", "third")
	if l := d.connect(strange); l.byeCode() != protocol.ByeWriter {
		t.Errorf("an installation that never wrote here: %v", l.bye)
	}
}

func TestAForkedHelloIsToldSo(t *testing.T) {
	for name, change := range map[string]func(at *protocol.Position){
		"a ledger that lost its end":    func(at *protocol.Position) { at.Sequence = 1 },
		"a ledger with another history": func(at *protocol.Position) { at.Chain[0]++ },
	} {
		d := newReadyDesk(t)
		s := newStore("S1", "pc")
		s.deliver(2)
		first := d.connect(s)
		first.say(s.batch(0, 2))
		d.run()
		hello := s.hello()
		change(&hello.Position)
		l := d.dial(hello)
		d.run()
		if w := l.welcome(); w == nil || !w.Forked {
			t.Errorf("%s: welcome %+v", name, w)
		}
	}
	d := newReadyDesk(t)
	s := newStore("S1", "pc")
	s.deliver(5) // a ledger that is ahead is no fork
	if w := d.connect(s).welcome(); w.Forked {
		t.Error("a new ledger is called forked")
	}
}

func TestHellosThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*protocol.Hello)
		code   protocol.ByeCode
	}{
		"no agent":        {func(h *protocol.Hello) { h.Agent = "" }, protocol.ByeProtocol},
		"no installation": {func(h *protocol.Hello) { h.Installation = "" }, protocol.ByeProtocol},
		"a bad epoch":     {func(h *protocol.Hello) { h.Epoch = "a\nb" }, protocol.ByeProtocol},
		"a newer feature": {func(h *protocol.Hello) { h.Feature = protocol.FeatureLevel + 1 }, protocol.ByeUpgradeHub},
		"no version":      {func(h *protocol.Hello) { h.Version = 0 }, protocol.ByeVersion},
		"another role":    {func(h *protocol.Hello) { h.Role = 9 }, protocol.ByeProtocol},
	} {
		d := newReadyDesk(t)
		hello := newStore("S1", "pc").hello()
		c.change(hello)
		hash := d.state().Hash()
		l := d.dial(hello)
		d.run()
		if l.byeCode() != c.code || l.bye.Text == "" || d.state().Hash() != hash {
			t.Errorf("%s: %v", name, l.bye)
		}
	}
}

func TestANodeBeforeItsFirstTickIsNotReady(t *testing.T) {
	d := newDesk(t)
	if l := d.connect(newStore("S1", "pc")); l.byeCode() != protocol.ByeNotReady || l.bye.RetryMS == 0 {
		t.Fatalf("bye %+v", l.bye)
	}
	d.tick()
	if l := d.connect(newStore("S1", "pc")); l.welcome() == nil {
		t.Errorf("after a tick: %v", l.bye)
	}
}

// More epochs in a day than a location may begin are sent away for a minute, not
// told of a fork: the agent keeps the one it has begun.
func TestTooManyEpochsComeBackLater(t *testing.T) {
	d := newReadyDesk(t)
	for n := range 40 {
		s := newStore("S1", "pc")
		s.epoch = fmt.Sprint("e", n)
		s.deliver(1)
		l := d.connect(s)
		l.say(s.batch(0, 1))
		d.run()
		if l.byeCode() == protocol.ByeEpochs {
			if l.bye.RetryMS != protocol.BackoffMostMS || n < 10 || d.sellable("S1", "X") != stock.Quantity(n)*stock.Unit {
				t.Errorf("after %d epochs: %+v, %v in stock", n, l.bye, d.sellable("S1", "X"))
			}
			return
		}
		l.drop()
	}
	t.Error("an epoch after the other was taken")
}
