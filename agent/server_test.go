package agent_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTillsThatWaitTogetherShareOneSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		r.ledger.commit = make(chan struct{})
		var groups []int
		r.config.Observed = func(group int, _ time.Duration) { groups = append(groups, group) }
		r.start()
		answered := make(chan string, 64)
		for i := range 64 {
			request := r.request(sold("cup", 1))
			go func() { // each answers once, and all are counted below
				a, err := r.server.Record(context.Background(), request)
				answered <- fmt.Sprint(err, a.Err)
			}()
			if i == 0 {
				synctest.Wait() // the first is at the disk alone
			}
		}
		synctest.Wait()
		if len(answered) > 0 {
			t.Error("a till was answered before the disk was")
		}
		close(r.ledger.commit)
		for range 64 {
			if text := <-answered; text != "<nil> <nil>" {
				t.Error(text)
			}
		}
		synctest.Wait()
		if fmt.Sprint(groups, r.ledger.sizes) != "[1 63] [1 63]" {
			t.Errorf("groups of %v, commits of %v", groups, r.ledger.sizes)
		}
		r.end(nil)
	})
}

func TestSellingGoesOnWhileNoHubIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "one:7420", "two:7420")
		r.config.Random = func() uint64 { return math.MaxUint32 } // long waits
		r.start()
		for range 120 {
			r.sellOne()
			time.Sleep(time.Minute)
		}
		var longest time.Duration
		dials := r.attempts()
		for i := 1; i < len(dials); i++ {
			longest = max(longest, dials[i]-dials[i-1])
		}
		if n := len(dials); n < 120 || n > 2000 || longest > time.Minute+time.Millisecond || longest < 30*time.Second {
			t.Errorf("%d attempts in two hours, the longest wait %v", n, longest)
		}
		r.look(func(a *agent.Agent) {
			if n, age := a.Backlog(); n != 120 || age != 2*time.Hour || a.Link().LastError != errNoRoute.Error() {
				t.Errorf("backlog %d, %v old, %+v", n, age, a.Link())
			}
		})
		r.accept()
		time.Sleep(2 * time.Minute)
		r.agree()
		r.sellOne()
		time.Sleep(3 * time.Second)
		r.agree()
		r.end(nil)
	})
}

func (r *running) look(read func(*agent.Agent)) {
	r.t.Helper()
	r.must(r.server.Ask(context.Background(), read))
}

func TestTheAgentSaysGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "one:7420")
		r.accept()
		r.start()
		r.sellOne()
		synctest.Wait()
		r.end(nil)
		synctest.Wait()
		if r.bye == nil || r.bye.Code != protocol.ByeShutdown {
			t.Errorf("the hub heard %+v", r.bye)
		}
		if len(r.applied) != 1 {
			t.Errorf("%d operations in the hub", len(r.applied))
		}
	})
}

func TestAHubThatAsksToBeLeftAloneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "one:7420", "two:7420")
		r.accept(&protocol.Bye{Code: protocol.ByeNotReady, Text: "no leader", RetryMS: 5000})
		r.start()
		time.Sleep(16 * time.Second)
		if dials := r.attempts(); fmt.Sprint(dials) != "[0s 5s 10s 15s]" {
			t.Error(dials)
		}
		r.end(nil)
	})
}

func TestAConnectionThatEndsIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "one:7420")
		r.accept()
		reach, ends := r.reach, []link.Conn(nil)
		r.reach = func(ctx context.Context) (link.Conn, error) {
			c, err := reach(ctx)
			r.shared.Lock()
			defer r.shared.Unlock()
			ends = append(ends, c)
			return c, err
		}
		r.start()
		for range 5 {
			r.sellOne()
			time.Sleep(2 * time.Second)
			r.agree()
			r.shared.Lock()
			last := ends[len(ends)-1]
			r.shared.Unlock()
			r.must(last.Close("the cable was pulled"))
			r.sellOne()
			time.Sleep(2 * time.Second)
		}
		if dials := r.attempts(); len(dials) != 6 {
			t.Errorf("%d connections: %v", len(dials), dials)
		}
		r.end(nil)
	})
}

func TestStoppingAnswersEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, "one:7420")
		dialling := make(chan struct{})
		ours, theirs := link.Pipe()
		r.reach = func(ctx context.Context) (link.Conn, error) {
			close(dialling)
			<-ctx.Done()
			return ours, nil // it came up at that very moment
		}
		r.ledger.commit = make(chan struct{})
		r.start()
		<-dialling
		answered := make(chan error, 1000)
		for range 1000 {
			request := r.request(sold("cup", 1))
			go func() { // all are counted below
				_, err := r.server.Record(context.Background(), request)
				answered <- err
			}()
		}
		synctest.Wait()
		r.stop()
		close(r.ledger.commit)
		durable := 0
		for range 1000 {
			if err := <-answered; err == nil {
				durable++
			} else if !errors.Is(err, agent.ErrStopped) {
				t.Error(err)
			}
		}
		r.end(nil)
		if n := len(r.operations()); n != durable || n == 0 {
			t.Errorf("%d operations, %d tills know of theirs", n, durable)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		for err := error(nil); err == nil; {
			_, err = theirs.Read(ctx)
		}
		if ctx.Err() != nil {
			t.Error("a connection that came late was left open")
		}
		if _, err := r.server.Record(context.Background(), r.request(sold("cup", 1))); !errors.Is(err, agent.ErrStopped) {
			t.Error(err)
		}
		if err := r.server.Ask(context.Background(), func(*agent.Agent) {}); !errors.Is(err, agent.ErrStopped) {
			t.Error(err)
		}
		<-r.server.Stopping()
	})
}

func TestAStorageErrorEndsTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		r.start()
		r.sellOne()
		full := errors.New("disk full")
		r.look(func(*agent.Agent) { r.ledger.fail = full })
		if a, err := r.server.Record(context.Background(), r.request(sold("cup", 1))); err != nil || !errors.Is(a.Err, full) {
			t.Errorf("%+v %v", a, err)
		}
		<-r.server.Stopping()
		if err := r.server.Wait(); !errors.Is(err, full) {
			t.Error(err)
		}
		if _, err := r.server.Record(context.Background(), r.request(sold("cup", 1))); !errors.Is(err, agent.ErrStopped) {
			t.Error(err)
		}
		r.stop()
	})
}

// A reader and the clock get their turn however many tills there are.
func TestAFloodOfTillsStarvesNobody(t *testing.T) {
	r := run(t)
	r.start()
	over := make(chan struct{})
	done := make(chan int)
	for till := range 8 {
		go func() { // done counts its sales
			for n := 0; ; n++ {
				select {
				case <-over:
					done <- n
					return
				default:
				}
				request := &agent.Request{Kind: "sale", Key: fmt.Sprint(till, "-", n), Operation: stock.Operation{Lines: []stock.Line{sold("cup", 1)}}, Answer: body}
				if a, err := r.server.Record(context.Background(), request); err != nil || a.Err != nil {
					t.Error(err, a.Err)
				}
			}
		}()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for range 200 {
		if err := r.server.Ask(ctx, func(*agent.Agent) {}); err != nil {
			t.Fatal(err)
		}
	}
	close(over)
	sales := 0
	for range 8 {
		sales += <-done
	}
	if n := len(r.operations()); n != sales || sales == 0 {
		t.Errorf("%d operations, %d sales", n, sales)
	}
	r.end(nil)
}
