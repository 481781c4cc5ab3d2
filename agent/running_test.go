package agent_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/sync/link"
	"github.com/shelfsync/shelfsync/sync/session"
)

// gated is a disk whose commits wait for the test.
type gated struct {
	*counted
	commit chan struct{} // nil: at once
}

func (g *gated) Append(entries []ledger.Entry) ([]ledger.Record, error) {
	if g.commit != nil {
		<-g.commit
	}
	return g.counted.Append(entries)
}

// running is a store whose program runs in a bubble of its own time.
type running struct {
	*world
	ledger *gated
	server *agent.Server
	config agent.ServerConfig
	stop   context.CancelFunc
	shared sync.Mutex      // what follows, and the world's hub: nodes, dialling and the story share it
	dials  []time.Duration // since the start, each attempt
	began  time.Time
	reach  func(context.Context) (link.Conn, error)
	bye    *protocol.Bye // the agent's last word to a node
}

var errNoRoute = errors.New("no route")

func run(t *testing.T, hubs ...string) *running {
	l := &gated{counted: &counted{Ledger: ledger.NewMemory("pc", "e1")}}
	r := &running{world: newWorld(t, l), ledger: l, began: time.Now()}
	a, err := agent.Open(agent.Config{Location: here, Ledger: l, Now: time.Now, Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	r.agent = a
	r.reach = func(context.Context) (link.Conn, error) { return nil, errNoRoute }
	r.config = agent.ServerConfig{Hubs: hubs, Random: func() uint64 { return 0 }, Log: slog.New(slog.DiscardHandler),
		Dial: func(ctx context.Context, _ link.Dialer) (link.Conn, error) {
			r.shared.Lock()
			r.dials = append(r.dials, time.Since(r.began))
			reach := r.reach
			r.shared.Unlock()
			return reach(ctx)
		}}
	return r
}

func (r *running) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	r.server = agent.Start(ctx, r.agent, r.config)
}

func (r *running) end(want error) {
	r.t.Helper()
	r.stop()
	if err := r.server.Wait(); !errors.Is(err, want) {
		r.t.Errorf("it ended with %v, want %v", err, want)
	}
}

// accept lets the store reach a node that answers with what answers say, or as a
// hub does.
func (r *running) accept(answers ...protocol.Frame) {
	r.shared.Lock()
	defer r.shared.Unlock()
	r.reach = func(context.Context) (link.Conn, error) {
		ours, theirs := link.Pipe()
		r.shared.Lock()
		defer r.shared.Unlock()
		r.conn = &conn{world: r.world, session: session.NewHub()}
		go r.node(theirs, answers) // it ends with the connection, which the agent ends
		return ours, nil
	}
}

func (r *running) node(c link.Conn, answers []protocol.Frame) {
	ctx := context.Background()
	for {
		message, err := c.Read(ctx)
		if err != nil {
			return
		}
		frame, err := protocol.DecodeFrame(message)
		r.must(err)
		down := answers
		if len(answers) == 0 {
			down = r.answer(frame)
		}
		for _, frame := range down {
			if c.Write(ctx, protocol.EncodeFrame(frame)) != nil {
				return
			}
		}
	}
}

// answer is what a hub has to say to a frame.
func (r *running) answer(frame protocol.Frame) (down []protocol.Frame) {
	r.shared.Lock()
	defer r.shared.Unlock()
	if bye, ok := frame.(*protocol.Bye); ok {
		r.bye = bye
	}
	r.conn.session.Receive(frame)
	r.conn.follow()
	for r.settle() || r.offer() {
	}
	down, r.conn.down = r.conn.down, nil
	return down
}

// attempts are the times at which it dialled.
func (r *running) attempts() []time.Duration {
	r.shared.Lock()
	defer r.shared.Unlock()
	return slices.Clone(r.dials)
}

// agree says that store and hub know the same.
func (r *running) agree() {
	r.t.Helper()
	r.look(func(*agent.Agent) {
		r.shared.Lock()
		defer r.shared.Unlock()
		r.same()
	})
}

func (r *running) sellOne() {
	r.t.Helper()
	if a, err := r.server.Record(context.Background(), r.request(sold("cup", 1))); err != nil || a.Err != nil {
		r.t.Error(err, a.Err)
	}
}
