package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// queued is a command of so many bytes.
func queued(p *peer, size int) waiting {
	return waiting{command: make(protocol.Command, size), peer: p, answer: func(stock.Result, uint64, error) {}}
}

func TestCallersAndLiveStoresComeBeforeDrainingOnes(t *testing.T) {
	var q Intake
	draining, live := &peer{id: 1}, &peer{id: 2}
	const batch = protocol.MaxAppendBytes
	for range protocol.WindowBytes / batch {
		q.Add(queued(draining, batch), false)
	}
	q.Add(queued(live, 1000), true)
	q.Add(queued(nil, 1000), true)
	taken := q.Take()
	if taken[0].peer != live || taken[1].peer != nil {
		t.Error("somebody waits behind a draining store")
	}
	if n := len(taken) - 2; n != drainingShare/batch {
		t.Errorf("an entry holds %d batches of a draining store, its share is %d", n, drainingShare/batch)
	}
	for i := 0; !q.Empty(); i++ {
		if i == 10 {
			t.Fatal("the draining store never ends")
		}
		q.Take()
	}
	if q.bytes != 0 {
		t.Errorf("%d bytes are counted in an empty intake", q.bytes)
	}
}

// A store falls back among the draining while earlier batches of it still wait
// among the live ones, and the live ones do not fit one entry.
func TestALaterBatchNeverOvertakesAnEarlierOne(t *testing.T) {
	var q Intake
	store := &peer{id: 1}
	q.Add(queued(nil, protocol.MaxEntryBytes-40<<10), true)
	q.Add(queued(store, 60_000), true)
	q.Add(queued(store, 100), false)
	var sizes []int
	for !q.Empty() {
		for _, w := range q.Take() {
			if w.peer == store {
				sizes = append(sizes, len(w.command))
			}
		}
	}
	if !slices.Equal(sizes, []int{60_000, 100}) {
		t.Errorf("batches come in the order %v", sizes)
	}
}

// It comes back among the live ones only when nothing of it waits.
func TestADrainingStoreTurnsLiveBetweenBatches(t *testing.T) {
	d := newReadyDesk(t)
	s := newStore("S1", "pc")
	s.deliver(4)
	hello := s.hello()
	hello.OldestMS = liveWithin + 1
	l := d.dial(hello)
	d.run()
	say := func(from, to int, oldest uint64) {
		b := s.batch(from, to)
		b.OldestMS = oldest
		l.say(b)
	}
	where := func() [2]int { return [2]int{len(d.intake.live), len(d.intake.draining)} }
	say(0, 1, liveWithin+1)
	say(1, 2, 0) // up to date, but its first batch waits among the draining
	if where() != [2]int{0, 2} {
		t.Fatalf("live and draining: %v", where())
	}
	if p := d.Peers([]string{"S1"})["S1"]; p.OldestMS != 0 {
		t.Errorf("the fleet shows an age of %d ms", p.OldestMS)
	}
	d.propose() // in the log counts as waiting
	say(2, 3, 0)
	if where() != [2]int{0, 1} {
		t.Fatalf("live and draining: %v", where())
	}
	d.run()
	say(3, 4, 0)
	if where() != [2]int{1, 0} {
		t.Fatalf("live and draining: %v", where())
	}
	d.run()
	if !slices.Equal(l.acks(), []uint64{1, 2, 3, 4}) {
		t.Errorf("acknowledged %v", l.acks())
	}
}

// One store with a year of backlog can make a node hold one window of it.
func TestADrainingStoreWaitsWithOneWindow(t *testing.T) {
	d := newReadyDesk(t)
	s := newStore("S1", "pc")
	s.deliver(2 * protocol.WindowAppends)
	hello := s.hello()
	hello.OldestMS = 3600_000
	l := d.dial(hello)
	d.run()
	for i := 0; i < 2*protocol.WindowAppends && l.bye == nil; i++ {
		b := s.batch(i, i+1)
		b.OldestMS = 3600_000
		l.say(b)
	}
	if n := len(d.intake.draining); n != protocol.WindowAppends || l.byeCode() != protocol.ByeProtocol {
		t.Errorf("%d batches wait, the connection got %v", n, l.bye)
	}
	l.drop()
	if !d.intake.Empty() || d.intake.bytes != 0 {
		t.Error("what waited of a connection outlives it")
	}
}

func TestAnEntryKeepsItsBounds(t *testing.T) {
	var q Intake
	for range 3 * protocol.MaxCommands {
		q.Add(queued(nil, 3), true)
	}
	for range 5 {
		q.Add(queued(nil, protocol.MaxCommandBytes), true)
	}
	count := 0
	for !q.Empty() {
		taken := q.Take()
		size := 0
		for _, w := range taken {
			size += len(w.command)
		}
		if len(taken) == 0 || len(taken) > protocol.MaxCommands || size > protocol.MaxEntryBytes {
			t.Fatalf("an entry of %d commands and %d bytes", len(taken), size)
		}
		count += len(taken)
	}
	if count != 3*protocol.MaxCommands+5 {
		t.Errorf("%d commands came out", count)
	}
}

func TestAFullIntakeSendsCallersAwayAndHubTimeGoesOn(t *testing.T) {
	d := newReadyDesk(t)
	s := newStore("S1", "pc")
	s.deliver(3)
	l := d.connect(s)
	row := stock.Item{Code: "X", Class: "default", Stocked: true}
	big := &stock.PutItems{Items: slices.Repeat([]stock.Item{row}, protocol.MaxBulk)}
	busy := 0
	for busy == 0 {
		d.Propose(big, func(_ stock.Result, _ uint64, err error) {
			if errors.Is(err, ErrBusy) {
				busy++
			}
		})
	}
	for !errors.Is(proposed(d, &stock.Step{ID: "small"}), ErrBusy) {
	} // the last gap is filled
	l.say(s.batch(0, 3))
	if l.byeCode() != protocol.ByeNotReady {
		t.Fatalf("a batch without room is answered %v", l.bye)
	}
	now := d.state().Now()
	d.clock = d.clock.Add(1e9)
	d.Tick(1, 77)
	d.propose()
	d.land()
	if d.state().Now() != now+1000 {
		t.Error("hub time waits behind a full intake")
	}
	d.run()
	l.drop()
	again := d.connect(s)
	again.say(s.batch(0, 3))
	d.run()
	if !slices.Equal(again.acks(), []uint64{3}) {
		t.Errorf("the session does not recover: %v, %v", again.acks(), again.bye)
	}
}

// proposed is the error a command is answered with at once, or nil.
func proposed(d *desk, command stock.Command) (now error) {
	d.Propose(command, func(_ stock.Result, _ uint64, err error) { now = err })
	return now
}

// A command that other nodes could not read is never proposed.
func TestAnUnreadableCommandIsRefused(t *testing.T) {
	d := newReadyDesk(t)
	index := d.state().Index()
	long := make([]byte, protocol.MaxText+1)
	for i := range long {
		long[i] = 'x'
	}
	if result := d.do(&stock.Step{ID: string(long), Action: stock.Confirm}); result.Code != stock.Invalid || d.state().Index() != index {
		t.Errorf("%+v at %d", result, d.state().Index())
	}
}

func TestOneTickHoldsOnlyWhatAnEntryHolds(t *testing.T) {
	d := newReadyDesk(t)
	for i := range protocol.MaxEchoes {
		code := fmt.Sprintf("%064d", i)
		d.echoes[code] = stock.Echo{Location: code, Now: 1 << 50, Base: 1 << 60}
	}
	ticks := 0
	for ; len(d.echoes) > 0; ticks++ {
		now := d.state().Now()
		d.tick()
		if d.state().Now() != now+1000 {
			t.Fatalf("tick %d was not applied", ticks)
		}
	}
	if ticks < 2 {
		t.Error("this many echoes fit one tick: the test shows nothing")
	}
}

// What the log says of an entry is what every caller in it hears.
func TestErrorsOfTheLogReachEveryCaller(t *testing.T) {
	for _, c := range []struct{ log, want error }{
		{cluster.ErrNotLeader, ErrNotLeader},
		{cluster.ErrBusy, ErrBusy},
		{cluster.ErrUnknown, ErrUnknown},
		{cluster.ErrTooLarge, ErrUnknown},
		{context.Canceled, ErrUnknown},
		{nil, ErrUnknown}, // and no results: a broken log
	} {
		d := newReadyDesk(t)
		s := newStore("S1", "pc")
		s.deliver(1)
		l := d.connect(s)
		var heard []error
		for range 2 {
			d.Propose(&stock.Step{ID: "r"}, func(_ stock.Result, _ uint64, err error) { heard = append(heard, err) })
		}
		l.say(s.batch(0, 1))
		m, _ := d.Merge()
		d.Answered(m, cluster.Proposed{Err: c.log})
		if len(heard) != 2 || heard[0] != c.want || heard[1] != c.want || l.byeCode() != protocol.ByeNotReady {
			t.Errorf("%v: callers hear %v, the agent %v", c.log, heard, l.bye)
		}
	}
}
