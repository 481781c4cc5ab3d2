package compressed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/link"
)

// store is one location with its agent, two tills and a back room.
type store struct {
	world  *world
	code   string
	random *rand.Rand // the schedule's, for what happens to the store
	onDisk bool
	dir    string
	copies int
	ledger ledger.Ledger
	hubs   []string

	mu    sync.Mutex // guards what follows
	run   *trading   // nil while the program is down
	acked map[string][]stock.Line
}

// trading is one run of the agent.
type trading struct {
	place  *place
	server *agent.Server
	end    context.CancelFunc
}

func newStore(w *world, i int) *store {
	s := &store{world: w, code: location(i), random: newRandom(w.seed, location(i)), onDisk: i%3 == 0, dir: filepath.Join(w.dir, location(i)), acked: map[string][]stock.Line{}}
	addresses := hosts()
	s.hubs = append(slices.Clone(addresses[i%nodeCount:]), addresses[:i%nodeCount]...)
	if !s.onDisk {
		s.ledger = ledger.NewMemory("pc-"+s.code, "e"+s.code)
	}
	return s
}

func (s *store) start() error {
	w := s.world
	if s.onDisk {
		kept, err := ledger.Open(s.dir, nil)
		if err != nil {
			return err
		}
		s.ledger = kept
	}
	opened, err := agent.Open(agent.Config{Location: s.code, Ledger: s.ledger, Now: time.Now, Program: "test"})
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(context.Background())
	at := w.net.place(s.code)
	draw := newRandom(w.seed, fmt.Sprint(s.code, s.random.Uint64()))
	run := &trading{place: at, end: end}
	run.server = agent.Start(ctx, opened, agent.ServerConfig{Hubs: s.hubs, Random: draw.Uint64, Log: w.seen.logger(s.code),
		Dial: func(ctx context.Context, d link.Dialer) (link.Conn, error) {
			d.NetDial = at.dialer
			return link.Dial(ctx, d)
		}})
	s.set(run)
	return nil
}

func (s *store) set(run *trading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = run
}

func (s *store) now() *trading {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run
}

// stop ends the program as an operator does.
func (s *store) stop() {
	run := s.now()
	s.set(nil)
	run.end()
	if err := run.server.Wait(); err != nil {
		s.world.seen.fault(s.code + " ended by itself: " + err.Error())
	}
	run.place.die(false)
	if s.onDisk {
		if err := s.ledger.Close(); err != nil {
			s.world.seen.fault(s.code + " closed its ledger: " + err.Error())
		}
	}
}

// crash ends the program as a kill does, see node.crash. A ledger in memory has
// no disk that would remember, and is stopped.
func (s *store) crash() {
	if !s.onDisk {
		s.stop()
		return
	}
	run := s.now()
	s.set(nil)
	run.place.die(s.random.IntN(2) == 0)
	synctest.Wait()
	old, kept := s.dir, s.ledger
	s.copies++
	s.dir = filepath.Join(s.world.dir, fmt.Sprint(s.code, ".", s.copies))
	if err := copyFolder(old, s.dir); err != nil {
		s.world.seen.fault("copy the folder of " + s.code + ": " + err.Error())
	}
	run.end()
	s.world.others.Go(func() {
		_ = run.server.Wait()
		_ = kept.Close()
		_ = os.RemoveAll(old)
	})
	s.world.seen.meet("a store's PC crashed")
}

// work opens tills and back room, and somebody who watches.
func (s *store) work() {
	for i := range 2 {
		till := fmt.Sprint("till-", i+1)
		s.world.working.Go(func() { s.sell(till) })
	}
	s.world.working.Go(s.collect)
	s.world.watches.Go(s.watch)
}

// sell is one till: it repeats what was not answered with the same key.
func (s *store) sell(till string) {
	w, r := s.world, newRandom(s.world.seed, s.code+till)
	for n := 1; w.pauseFor(about(r, 6*time.Second)); n++ {
		kind := "sale"
		var lines []stock.Line
		for range 1 + r.IntN(3) {
			lines = append(lines, stock.Line{Kind: stock.Sale, Scanned: item(r.IntN(itemCount)), Quantity: stock.Quantity(1+r.IntN(3)) * stock.Unit})
		}
		switch r.IntN(12) {
		case 0:
			kind = "return"
			lines = []stock.Line{{Kind: stock.Return, Scanned: item(r.IntN(itemCount)), Quantity: stock.Unit, Account: stock.ReturnPending}}
		case 1, 2:
			kind = "delivery"
			for i := range lines {
				lines[i].Kind, lines[i].Quantity = stock.Delivery, stock.Quantity(5+r.IntN(13))*stock.Unit
			}
		case 3:
			kind = "damage"
			lines = []stock.Line{{Kind: stock.Damage, Scanned: item(r.IntN(itemCount)), Quantity: stock.Unit}}
		}
		receipt := fmt.Sprint(till, "-", n)
		s.record(r, &agent.Request{Kind: kind, Key: receipt, Operation: stock.Operation{Receipt: receipt, Till: till, Lines: lines}})
	}
}

// collect is the back room: it sets claims aside and hands them over.
func (s *store) collect() {
	w, r := s.world, newRandom(s.world.seed, s.code+"back room")
	for n := 1; w.pauseFor(about(r, 10*time.Second)); n++ {
		run := s.now()
		if run == nil {
			continue
		}
		var claims []stock.StoreClaim
		if run.server.Ask(context.Background(), func(a *agent.Agent) { claims = a.View().Claims("") }) != nil || len(claims) == 0 {
			continue
		}
		claim := claims[r.IntN(len(claims))]
		step := &agent.ClaimStep{Kind: stock.Stage, Reservation: claim.Reservation, Line: claim.Line}
		switch {
		case claim.State == stock.Held:
			continue
		case claim.State == stock.Staged && r.IntN(8) == 0:
			step.Kind = stock.Unstage
		case claim.State == stock.Staged, r.IntN(4) == 0:
			step.Kind = stock.Pick
		case r.IntN(12) == 0:
			step.Kind = stock.CannotPick
		}
		if s.record(r, &agent.Request{Kind: step.Kind.String(), Key: fmt.Sprint("claim-", n), Claim: step}) {
			w.seen.meet("a claim: " + step.Kind.String())
		}
	}
}

// record asks until it is answered, and remembers what was answered.
func (s *store) record(r *rand.Rand, request *agent.Request) bool {
	w := s.world
	var lines []stock.Line
	request.Answer = func(recorded agent.Recorded) []byte {
		lines = nil
		for i := range recorded.Lines {
			lines = append(lines, recorded.Lines[i].Line)
		}
		return []byte(recorded.Operation.String())
	}
	repeats := 0
	if r.IntN(20) == 0 {
		repeats = 1
	}
	var first []byte
	for {
		run := s.now()
		if run == nil {
			time.Sleep(time.Second)
			continue
		}
		answer, err := run.server.Record(context.Background(), request)
		if err == nil && answer.Err != nil && s.now() != run {
			err = answer.Err // the disk was taken away under it
		}
		switch {
		case err != nil:
			w.seen.meet("a till repeated what was not answered")
			time.Sleep(time.Second)
			continue
		case answer.Err != nil:
			if !errors.Is(answer.Err, agent.ErrNotFound) && !errors.Is(answer.Err, agent.ErrTooMuch) {
				w.seen.fault(fmt.Sprintf("%s refused %s %s: %v", s.code, request.Kind, request.Key, answer.Err))
			}
			return false
		}
		if s.now() != run { // answered by a program that a crash had ended: the till heard nothing
			w.seen.meet("an answer was lost in a crash")
			continue
		}
		if first != nil && !bytes.Equal(first, answer.Body) {
			w.seen.fault(fmt.Sprintf("%s answered %s with %s and then with %s", s.code, request.Key, first, answer.Body))
		}
		if first == nil {
			first = answer.Body
			s.ack(string(answer.Body), lines)
		}
		if repeats--; repeats < 0 {
			return true
		}
	}
}

func (s *store) ack(id string, lines []stock.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, twice := s.acked[id]; twice {
		s.world.seen.fault(s.code + " answered two operations with " + id)
	}
	s.acked[id] = lines
}

// outlook is what an agent says of itself.
type outlook struct {
	base    protocol.HubPosition
	head    ledger.Head
	applied protocol.Position
	backlog uint64
	link    agent.Link
}

func (s *store) look() (o outlook, ok bool) {
	run := s.now()
	if run == nil {
		return o, false
	}
	err := run.server.Ask(context.Background(), func(a *agent.Agent) {
		o.base, o.head, o.applied, o.link = a.Base(), a.Ledger().Head(), a.Applied(), a.Link()
		o.backlog, _ = a.Backlog()
	})
	return o, err == nil && s.now() == run
}

// watch holds the agent to what it may believe.
func (s *store) watch() {
	w := s.world
	var before outlook
	for {
		select {
		case <-time.After(700 * time.Millisecond):
		case <-w.endings:
			return
		}
		o, ok := s.look()
		if !ok {
			continue
		}
		w.seen.acknowledged(s.code, o.head.Epoch, o.applied.Sequence)
		if o.base.Incarnation == before.base.Incarnation && o.base.Index < before.base.Index {
			w.seen.fault(fmt.Sprintf("%s went back from position %d to %d", s.code, before.base.Index, o.base.Index))
		}
		if before.base.Incarnation != 0 && o.base.Incarnation != before.base.Incarnation {
			w.seen.fault(s.code + " met another incarnation of the hub")
		}
		if o.link.Refused {
			w.seen.fault(s.code + " was refused: " + o.link.LastError)
		}
		if o.link.Online && before.link.Online && o.link.Hub != before.link.Hub || o.link.Online && !before.link.Online && before.link.Hub != "" && o.link.Hub != before.link.Hub {
			w.seen.meet("an agent changed its node")
		}
		before = o
	}
}
