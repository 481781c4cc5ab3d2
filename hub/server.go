package hub

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/link"
)

// Server runs a Hub: one loop that owns it, one writer of the journal, and the
// log behind them. Everybody else reaches the Hub through the loop's channels.
type Server struct {
	hub     *Hub
	board   *Board
	machine *Machine
	order   cluster.Order
	journal *Journal
	calls   chan func(*Hub)
	events  chan link.Event
	arrived chan link.Conn
	done    chan struct{}
	failed  error // the loop's; free after done

	stopKeeping context.CancelFunc
	keeping     chan struct{} // closed when nobody looks after the journal any more
	retention   atomic.Pointer[Retention]
	replaying   chan struct{} // holds one: whoever looks into the past
	looked      looked        // the keeper's, and so is the rest
	imaged      int64         // day of the newest image
	filling     filling
	recall      *recall
}

// flight is an entry on its way into the log.
type flight struct {
	merged Merged
	answer <-chan cluster.Proposed
}

// roundPause gathers changes for a moment, so that a busy level is sent once.
const roundPause = 5 * time.Millisecond

// Start opens the log through open, which is handed the machine it drives, and
// runs the hub until ctx ends. Wait tells when everything has stopped.
func Start(ctx context.Context, config Config, kept *journal.Journal, open func(cluster.Machine) (cluster.Order, error)) (*Server, error) {
	board := NewBoard()
	keeper := newJournal(kept)
	machine := NewMachine(board, keeper.keep(), config.Now)
	s := &Server{board: board, machine: machine, journal: keeper, calls: make(chan func(*Hub), 256), events: make(chan link.Event, 256),
		arrived: make(chan link.Conn), done: make(chan struct{}), replaying: make(chan struct{}, 1)}
	machine.answer = func(question []byte) ([]byte, error) { return s.answer(config.Now, question) }
	machine.horizon = kept.Horizon
	go keeper.run() // stop waits for it, after the log has ended
	order, err := open(machine)
	if err != nil {
		keeper.stop()
		return nil, fmt.Errorf("open the log: %w", err)
	}
	s.order, s.hub = order, New(config, machine)
	s.recall = newRecall(keeper.kept, keeper.flushed, config.Now)
	s.hub.recall = s.recall.ask
	go s.recall.run(s.done, s.say) // it ends after the loop has
	s.Retain(config.Retain)
	aside, cancel := context.WithCancel(ctx)
	s.stopKeeping, s.keeping = cancel, make(chan struct{})
	go func() { // stop waits
		defer close(s.keeping)
		s.keep(aside)
	}()
	go s.loop(ctx) // Wait waits
	return s, nil
}

// Wait returns when the hub has stopped: nil after ctx ended, else why.
func (s *Server) Wait() error {
	<-s.done
	return s.failed
}

// loop owns the Hub.
func (s *Server) loop(ctx context.Context) {
	defer close(s.done)
	defer s.stop()
	links := newLinks(ctx)
	defer func() {
		s.hub.Stop()
		links.drain(s.events)
	}()
	beat := time.NewTicker(protocol.BeatMS * time.Millisecond)
	defer beat.Stop()
	var flying []flight // in the order of the log: answers are given in it
	_, posted := s.board.Next()
	var pause, look <-chan time.Time
	for {
		var landed <-chan cluster.Proposed
		if len(flying) > 0 {
			landed = flying[0].answer
		}
		select {
		case <-ctx.Done():
			return
		case s.failed = <-s.journal.broken:
			return
		case call := <-s.calls:
			call(s.hub)
		case conn := <-s.arrived:
			links.start(conn, s.events, s.hub)
		case event := <-s.events:
			links.take(event, s.hub)
		case proposed := <-landed:
			s.hub.Answered(flying[0].merged, proposed)
			flying = flying[1:]
		case <-posted:
			_, posted = s.board.Next()
			if pause == nil {
				pause = time.After(roundPause)
			}
		case <-pause:
			pause = nil
			s.hub.Offer()
		case <-beat.C:
			s.beat()
		case <-look:
		}
		look = nil
		for len(flying) < protocol.MaxProposals && !s.hub.Idle() {
			if leader, _ := s.order.Leader(); leader == "" {
				look = time.After(leaderLook)
				break
			}
			merged, _ := s.hub.Merge()
			flying = append(flying, flight{merged, s.order.Propose(merged.Entry)})
		}
	}
}

const (
	// leaderLook is how soon a node whose callers wait looks again for a leader.
	leaderLook = 20 * time.Millisecond
	// leaderPatience is how long callers wait for an election: two of them fit.
	leaderPatience = 5 * time.Second
)

func (s *Server) beat() {
	status := s.order.Status()
	if status.Leads {
		s.hub.Tick(status.Term, newIncarnation())
	} else if status.LeaderID != "" {
		s.hub.Echo(status.Term)
	}
	s.hub.Led(status.LeaderID != "")
	s.hub.Beat()
}

// newIncarnation is a random number that no other history of a hub has.
func newIncarnation() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: it stops the program instead
	return binary.BigEndian.Uint64(b[:])>>32 | 1
}

// stop ends the log first, then the journal, which holds all it applied.
func (s *Server) stop() {
	s.stopKeeping()
	<-s.keeping
	if err := s.order.Close(); err != nil {
		s.hub.config.Log.Error("close the log", "err", err)
	}
	s.journal.stop()
}

// links keeps the loop's connections: their ids and ports. They outlive the
// loop's context, or nobody would hear why the node goes.
type links struct {
	life   context.Context
	cut    context.CancelFunc
	byLink map[*link.Link]PeerID
	last   PeerID
}

func newLinks(ctx context.Context) *links {
	life, cut := context.WithCancel(context.WithoutCancel(ctx))
	return &links{life: life, cut: cut, byLink: map[*link.Link]PeerID{}}
}

func (l *links) start(conn link.Conn, events chan<- link.Event, hub *Hub) {
	l.last++
	started := link.Start(l.life, conn, events)
	l.byLink[started] = l.last
	hub.Connected(l.last, started)
}

func (l *links) take(event link.Event, hub *Hub) {
	id := l.byLink[event.Link]
	switch {
	case event.Err != nil:
		delete(l.byLink, event.Link)
		hub.Gone(id)
	case event.Drained:
		hub.Drained(id)
	default:
		hub.Received(id, event.Frame)
	}
}

// farewell is how long a node that stops waits for its links to say so.
const farewell = 2 * time.Second

// drain lets every link say its goodbye, cuts those that take too long, and
// returns when all have ended.
func (l *links) drain(events <-chan link.Event) {
	late := time.AfterFunc(farewell, l.cut)
	defer late.Stop()
	for at := range l.byLink {
		for ended := false; !ended; {
			select {
			case <-events:
			case <-at.Done():
				ended = true
			}
		}
	}
	l.cut()
}

// Sync answers GET /sync: the WebSocket of an agent.
func (s *Server) Sync(w http.ResponseWriter, r *http.Request) {
	conn, err := link.Accept(w, r)
	if err != nil {
		return // Accept has answered
	}
	select {
	case s.arrived <- conn:
	case <-s.done:
		_ = conn.Close("the hub node stops")
	}
}

// call runs f on the loop.
func (s *Server) call(ctx context.Context, f func(*Hub)) error {
	select {
	case s.calls <- f:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return ErrUnknown
	}
}

// Do puts commands into the log and waits for their results; the index is where
// the last took effect. The board shows that index or later.
func (s *Server) Do(ctx context.Context, commands ...stock.Command) ([]stock.Result, uint64, error) {
	type answer struct {
		i      int
		result stock.Result
		index  uint64
		err    error
	}
	answers := make(chan answer, len(commands))
	err := s.call(ctx, func(h *Hub) {
		for i, command := range commands {
			h.Propose(command, func(result stock.Result, index uint64, err error) { answers <- answer{i, result, index, err} })
		}
	})
	if err != nil {
		return nil, 0, err
	}
	results := make([]stock.Result, len(commands))
	var last uint64
	for range commands {
		select {
		case a := <-answers:
			if a.err != nil {
				return nil, 0, a.err
			}
			results[a.i], last = a.result, max(last, a.index)
		case <-ctx.Done():
			return nil, 0, ErrUnknown
		case <-s.done:
			return nil, 0, ErrUnknown
		}
	}
	return results, last, nil
}

// barrierWait bounds a linearizable read.
const barrierWait = 5 * time.Second

// Barrier returns once everything committed before the call is on the board.
func (s *Server) Barrier(ctx context.Context) error {
	wait := barrierWait
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline))
	}
	return s.order.Barrier(wait)
}

// peersElsewhere asks all other nodes at once.
func (s *Server) peersElsewhere(codes []string) (peers []Peer) {
	members, ok := s.Members()
	if !ok || len(codes) == 0 {
		return nil
	}
	question, here, asked := protocol.EncodeCodes(codes), s.Status().ID, 0
	answers := make(chan []Peer)
	for _, node := range members.Nodes() {
		if node.ID == here {
			continue
		}
		asked++
		go func() { answers <- s.peersAt(members, node.Address, question) }() // received below
	}
	for range asked {
		peers = append(peers, <-answers...)
	}
	return peers
}

// Board is where readers look.
func (s *Server) Board() *Board { return s.board }

// Status is how the log stands on this node.
func (s *Server) Status() cluster.Status { return s.order.Status() }

// Members are the nodes of the hub; false where the log can have only one.
func (s *Server) Members() (cluster.Members, bool) {
	members, ok := s.order.(cluster.Members)
	return members, ok
}

// TickAge is how long ago this node applied a tick.
func (s *Server) TickAge() time.Duration { return s.hub.TickAge() }

// Journal is the applied log kept longer, for reading.
func (s *Server) Journal() *journal.Journal { return s.journal.kept }

// Now is the hub's clock.
func (s *Server) Now() time.Time { return s.hub.config.Now() }

// Ready reports whether this node may speak for the hub.
func (s *Server) Ready() bool { return s.hub.Ready() }
