package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/link"
	"github.com/shelfsync/shelfsync/sync/session"
)

var serverConfig = Config{Now: time.Now, Node: "n1", Program: "test", Log: slog.New(slog.NewTextHandler(io.Discard, nil))}

func inMemory(m cluster.Machine) (cluster.Order, error) { return cluster.NewMemory(m), nil }

// node is a running server, for a test inside a bubble.
type node struct {
	*Server
	t      *testing.T
	stop   context.CancelFunc
	folder string // of its journal
}

func startNode(t *testing.T, open func(cluster.Machine) (cluster.Order, error), kept journal.Config) *node {
	t.Helper()
	return startNodeAs(t, serverConfig, open, kept)
}

func startNodeAs(t *testing.T, config Config, open func(cluster.Machine) (cluster.Order, error), kept journal.Config) *node {
	t.Helper()
	folder := t.TempDir()
	j, err := journal.Open(folder, kept)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := Start(ctx, config, j, open)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = s.Wait()
		_ = j.Close()
	})
	return &node{s, t, cancel, folder}
}

// startReadyNode has applied ticks.
func startReadyNode(t *testing.T) *node {
	n := startNode(t, inMemory, journal.Config{})
	time.Sleep(2500 * time.Millisecond) // in the bubble's time
	synctest.Wait()
	if !n.Ready() {
		t.Fatal("not ready after two ticks")
	}
	return n
}

func (n *node) do(command stock.Command) stock.Result {
	n.t.Helper()
	results, index, err := n.Do(context.Background(), command)
	if err != nil {
		n.t.Fatal(err)
	}
	if n.Board().State().Index() < index {
		n.t.Fatal("answered before the board shows it")
	}
	return results[0]
}

// shop is an agent that sends its ledger and keeps its rounds until it is told
// to stop. It dials again when its connection ends.
type shop struct {
	*store
	*reader
	applied uint64
	byes    []protocol.Bye
	cut     chan struct{} // the next connection is cut at any time
	stop    chan struct{}
	done    chan struct{}
}

func openShop(t *testing.T, n *node, s *store) *shop {
	a := &shop{store: s, reader: newReader(), cut: make(chan struct{}), stop: make(chan struct{}), done: make(chan struct{})}
	go a.trade(t, n) // close waits
	return a
}

func (a *shop) close() {
	synctest.Wait() // it has heard what was said
	close(a.stop)
	<-a.done
}

func (a *shop) trade(t *testing.T, n *node) {
	defer close(a.done)
	for a.connection(t, n) {
		select {
		case <-time.After(time.Second):
		case <-a.stop:
			return
		}
	}
}

// connection lasts until it is cut or ended; false: for ever.
func (a *shop) connection(t *testing.T, n *node) bool {
	mine, theirs := link.Pipe()
	select {
	case n.arrived <- theirs:
	case <-n.done:
		return false
	}
	ctx, cut := context.WithCancel(context.Background())
	defer cut()
	events := make(chan link.Event)
	l := link.Start(ctx, mine, events)
	defer func() { cut(); <-l.Done() }()
	talk := session.NewAgent()
	hello := a.hello()
	hello.Base = a.base
	talk.Start(*hello)
	a.part = 0
	beat := time.NewTicker(protocol.BeatMS * time.Millisecond)
	defer beat.Stop()
	for {
		a.follow(t, talk, l)
		select {
		case event := <-events:
			if event.Err != nil {
				return true
			}
			if bye, ok := event.Frame.(*protocol.Bye); ok {
				a.byes = append(a.byes, *bye)
			}
			if event.Frame != nil {
				talk.Receive(event.Frame)
			}
		case <-beat.C:
			talk.Beat(0, 0)
		case <-a.cut:
			return true
		case <-a.stop:
			return false
		}
	}
}

func (a *shop) follow(t *testing.T, talk *session.Agent, l *link.Link) {
	for {
		action, ok := talk.Next()
		if !ok {
			return
		}
		switch do := action.(type) {
		case session.Send:
			l.Send(do.Frame)
		case session.Read:
			from := int(do.After.Sequence)
			to := min(from+min(do.MaxOperations, 10), len(a.operations))
			talk.Supply(a.operations[from:to], a.at[to])
		case session.Store:
			for _, part := range do.Round.Parts() {
				a.read(t, []*protocol.Round{part})
			}
			talk.Stored(do.Round.Hub, do.Round.Through)
		case session.Applied:
			a.applied = max(a.applied, do.Through.Sequence)
		case session.Close:
			l.Close(do.Bye)
		}
	}
}

// Stores sell, their lines are cut again and again, a channel claims: in the end
// everything is there once, and every store reads what the hub has.
func TestStoresAndChannelsThroughOneLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startReadyNode(t)
		n.do(&stock.PutItems{Items: []stock.Item{{Code: "X", Class: "default", Stocked: true}}})
		var shops []*shop
		for i := range 4 {
			s := newStore(fmt.Sprint("S", i), "pc")
			s.deliver(900)
			shops = append(shops, openShop(t, n, s))
		}
		for i := range 30 {
			time.Sleep(time.Duration(7*i%40) * time.Millisecond)
			select {
			case shops[i%4].cut <- struct{}{}:
			case <-time.After(time.Second):
			}
			n.do(reserve(fmt.Sprint("r", i), fmt.Sprint("S", i%4), "X", 1))
		}
		time.Sleep(5500 * time.Millisecond) // between two beats: a goodbye that meets one may get lost
		peers, err := n.Peers(context.Background(), []string{"S0", "S1", "S2", "S3"})
		if err != nil || len(peers) != 4 {
			t.Errorf("peers %+v, %v", peers, err)
		}
		n.stop()
		if err := n.Wait(); err != nil {
			t.Error(err)
		}
		for i, a := range shops {
			a.close()
			at, _ := n.Board().State().Location(a.location)
			no, _ := n.Board().State().ItemNo("X")
			level := at.Level(no)
			if level.Sellable != 900*stock.Unit || a.applied != 900 || a.levels["X"] != level || len(a.claims) != int(level.Claims/stock.Unit) {
				t.Errorf("store %d: the hub has %+v, the store was told %d applied and reads %+v with %d claims", i, level, a.applied, a.levels["X"], len(a.claims))
			}
			if last := a.byes[len(a.byes)-1]; last.Code != protocol.ByeShutdown {
				t.Errorf("store %d heard %+v at the end", i, last)
			}
		}
		if err := n.Board().State().Check(); err != nil {
			t.Error(err)
		}
	})
}

// stuck is a log that never answers.
type stuck struct{ cluster.Order }

func (stuck) Propose([]byte) <-chan cluster.Proposed { return make(chan cluster.Proposed) }
func (stuck) Status() cluster.Status                 { return cluster.Status{} }
func (stuck) Leader() (string, bool)                 { return "another", false }
func (stuck) Close() error                           { return nil }

// A caller whose command is on its way when the node stops is told that nobody
// knows; nobody hangs, whenever he came.
func TestCallersAreAnsweredWhenTheLoopEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, func(cluster.Machine) (cluster.Order, error) { return stuck{}, nil }, journal.Config{})
		answers := make(chan error)
		for range 300 { // more than the loop's queue holds
			go func() { // received below
				_, _, err := n.Do(context.Background(), &stock.Step{ID: "r"})
				answers <- err
			}()
		}
		impatient, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, _, err := n.Do(impatient, &stock.Step{ID: "r"}); !errors.Is(err, ErrUnknown) {
			t.Errorf("after a second: %v", err)
		}
		synctest.Wait()
		n.stop()
		for range 300 {
			if err := <-answers; !errors.Is(err, ErrUnknown) {
				t.Fatalf("answered %v", err)
			}
		}
		if _, _, err := n.Do(context.Background(), &stock.Step{ID: "r"}); !errors.Is(err, ErrUnknown) {
			t.Errorf("after the end: %v", err)
		}
		if _, err := n.Peers(context.Background(), []string{"S0", "S1", "S2", "S3"}); !errors.Is(err, ErrUnknown) {
			t.Errorf("peers after the end: %v", err)
		}
	})
}

func TestALogThatEndedTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order *cluster.Memory
		n := startNode(t, func(m cluster.Machine) (cluster.Order, error) {
			order = cluster.NewMemory(m)
			return order, nil
		}, journal.Config{})
		n.do(&stock.Found{Incarnation: 7})
		if err := order.Close(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := n.Do(context.Background(), &stock.Step{ID: "r"}); !errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrUnknown) {
			t.Errorf("answered %v", err)
		}
		if n.Barrier(context.Background()) == nil {
			t.Error("a read of an ended log is called up to date")
		}
	})
}

// full is a disk that takes so many bytes.
type full struct {
	*os.File
	left *int
}

var errFull = errors.New("no space left")

func (f full) Write(p []byte) (int, error) {
	if *f.left -= len(p); *f.left < 0 {
		return 0, errFull
	}
	return f.File.Write(p)
}

// A node whose journal cannot be written stops and says so; it never lets the
// log forget what the journal lacks.
func TestAFullDiskUnderTheJournalStopsTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := 4000
		n := startNode(t, inMemory, journal.Config{Append: func(path string) (journal.File, error) {
			file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
			return full{file, &left}, err
		}})
		a := openShop(t, n, newStore("S1", "pc"))
		time.Sleep(time.Minute) // ticks fill the disk
		for range 2 {
			if err := n.Wait(); !errors.Is(err, errFull) {
				t.Fatalf("the node ends with %v", err)
			}
		}
		if err := n.order.Snapshot(); err == nil {
			t.Error("a snapshot was written behind a journal with a hole")
		}
		if err := n.journal.flushed(); !errors.Is(err, errFull) {
			t.Errorf("a broken journal says that everything is on disk: %v", err)
		}
		a.close()
		if last := a.byes[len(a.byes)-1]; last.Code != protocol.ByeShutdown {
			t.Errorf("the store heard %+v", last)
		}
	})
}

// A peer that reads nothing costs a stopping node two seconds, not more.
func TestAMutePeerDoesNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startReadyNode(t)
		mine, theirs := link.Pipe()
		n.arrived <- theirs
		hello := newStore("S1", "pc").hello()
		if err := mine.Write(context.Background(), protocol.EncodeFrame(hello)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the Welcome waits to be read
		began := time.Now()
		n.stop()
		_ = n.Wait()
		if took := time.Since(began); took > farewell+time.Second {
			t.Errorf("it took %v", took)
		}
		_ = mine.Close("over")
	})
}

func TestALogThatDoesNotOpenLeavesNothingBehind(t *testing.T) {
	j, err := journal.Open(t.TempDir(), journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	why := errors.New("no such disk")
	s, err := Start(t.Context(), serverConfig, j, func(cluster.Machine) (cluster.Order, error) { return nil, why })
	if s != nil || !errors.Is(err, why) {
		t.Errorf("%v, %v", s, err)
	}
}

func TestTheBoardWakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBoard()
		reached := make(chan uint64)
		for range 3 {
			go func() { // received below
				state, err := b.Wait(context.Background(), 2)
				if err != nil {
					t.Error(err)
				}
				reached <- state.Index()
			}()
		}
		state := stock.NewState()
		for index := range uint64(2) {
			state.Apply(index+1, &stock.Entry{})
			synctest.Wait()
			select {
			case at := <-reached:
				t.Fatalf("woken at %d", at)
			default:
			}
			b.Post(state.Freeze())
		}
		for range 3 {
			if at := <-reached; at != 2 {
				t.Errorf("woken at %d", at)
			}
		}
		late, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if state, err := b.Wait(late, 3); err == nil || state.Index() != 2 {
			t.Errorf("waited for what never comes: %d, %v", state.Index(), err)
		}
	})
}
