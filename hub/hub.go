package hub

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Config is what a Hub is made of. All of it is handed in.
type Config struct {
	Now     func() time.Time // wall and monotonic clock; any goroutine may call it
	Node    string           // this node's name, for people
	Program string           // version, for agents
	Log     *slog.Logger
	Retain  Retention // how much of the journal is kept; zero: the limits of the product
}

// Hub is one node's sessions and intake. It is owned by one goroutine.
type Hub struct {
	config  Config
	board   *Board
	machine *Machine
	intake  Intake
	peers   map[PeerID]*peer
	agents  map[writer]*peer // the newest connection of each writer
	echoes  map[string]stock.Echo
	echoed  string    // where the next tick's echoes begin
	whole   int       // rounds of everything on their way
	line    []*peer   // who waits for one, in order
	ticking bool      // a tick, or echoes, are on their way into the log
	led     time.Time // when a leader was last known
	born    time.Time
	recall  func(chainQuestion) // nil: there is no journal to ask
}

// New makes a hub that reads what machine posts.
func New(config Config, machine *Machine) *Hub {
	return &Hub{config: config, board: machine.board, machine: machine, peers: map[PeerID]*peer{}, agents: map[writer]*peer{},
		echoes: map[string]stock.Echo{}, led: config.Now(), born: config.Now()}
}

// Errors a caller of Propose may get.
var (
	ErrBusy      = errors.New("too much waits for the log: come back")
	ErrNotLeader = errors.New("no node is known to lead the log")
	ErrUnknown   = errors.New("outcome unknown: repeat with the same id")
)

// Propose queues one command; answer is called once, on the hub's goroutine.
func (h *Hub) Propose(command stock.Command, answer func(stock.Result, uint64, error)) {
	encoded := protocol.EncodeCommand(command)
	if err := protocol.CheckCommand(encoded); err != nil {
		answer(stock.Result{Code: stock.Invalid, Text: err.Error()}, h.board.State().Index(), nil)
		return
	}
	h.enqueue(waiting{command: encoded, answer: answer}, true)
}

func (h *Hub) enqueue(w waiting, live bool) {
	if !h.intake.Add(w, live) {
		w.answer(stock.Result{}, 0, ErrBusy)
	}
}

// Idle reports whether nothing waits for the log.
func (h *Hub) Idle() bool { return h.intake.Empty() }

// Led notes on each beat whether a leader is known. What waits for one is held
// for the time of an election, so that a caller sees a slow answer and not a
// failure; after that it is told that nothing was done.
func (h *Hub) Led(known bool) {
	now := h.config.Now()
	if known {
		h.led = now
	}
	if now.Sub(h.led) < leaderPatience {
		return
	}
	for !h.intake.Empty() {
		for _, w := range h.intake.Take() {
			w.answer(stock.Result{}, 0, ErrNotLeader)
		}
	}
}

// Merged is one log entry and the callers whose commands it carries.
type Merged struct {
	Entry   []byte
	waiting []waiting
}

// Merge takes what waits into one entry; false if nothing waits.
func (h *Hub) Merge() (Merged, bool) {
	if h.intake.Empty() {
		return Merged{}, false
	}
	taken := h.intake.Take()
	commands := make([]protocol.Command, len(taken))
	for i := range taken {
		commands[i] = taken[i].command
	}
	return Merged{protocol.EncodeEntry(h.config.Now().UnixMilli(), commands), taken}, true
}

// Answered gives every caller of a merged entry its own result.
func (h *Hub) Answered(m Merged, p cluster.Proposed) {
	results, ok := p.Result.([]stock.Result)
	err := p.Err
	switch {
	case errors.Is(err, cluster.ErrNotLeader):
		err = ErrNotLeader
	case errors.Is(err, cluster.ErrBusy):
		err = ErrBusy
	case err != nil || !ok || len(results) != len(m.waiting):
		err = ErrUnknown
	}
	for i, w := range m.waiting {
		if err != nil {
			w.answer(stock.Result{}, 0, err)
		} else {
			w.answer(results[i], p.Index, nil)
		}
	}
}

// maxTickAge is how long a node may have applied no tick before it stops
// serving: it may be cut off from the others.
const maxTickAge = 5 * time.Second

// TickAge is how long ago this node applied a tick.
func (h *Hub) TickAge() time.Duration {
	at, ok := h.machine.Ticked()
	if !ok {
		at = h.born
	}
	return h.config.Now().Sub(at)
}

// Ready reports whether this node may speak for the hub.
func (h *Hub) Ready() bool {
	_, ticked := h.machine.Ticked()
	return ticked && h.TickAge() < maxTickAge && h.board.State().Incarnation() != 0
}

// Tick proposes the next step of hub time; the leader's loop calls it once a
// second. A new cluster is founded first.
func (h *Hub) Tick(term, incarnation uint64) {
	if h.ticking {
		return
	}
	if h.board.State().Incarnation() == 0 {
		h.Propose(&stock.Found{Incarnation: incarnation}, func(stock.Result, uint64, error) {})
	}
	tick := &stock.Tick{Term: term, Echoes: h.takeEchoes()}
	if at, ok := h.machine.Ticked(); ok {
		tick.Elapsed = h.config.Now().Sub(at).Milliseconds()
	}
	h.ticking = true
	h.intake.Urge(waiting{command: protocol.EncodeCommand(tick), answer: func(stock.Result, uint64, error) { h.ticking = false }})
}

// Echo proposes what agents here have read; the loop of a node that does not lead
// calls it once a second. A leader's echoes go with its ticks.
func (h *Hub) Echo(term uint64) {
	if h.ticking || len(h.echoes) == 0 {
		return
	}
	h.ticking = true
	echoes := &stock.Echoes{Term: term, Echoes: h.takeEchoes()}
	h.intake.Urge(waiting{command: protocol.EncodeCommand(echoes), answer: func(stock.Result, uint64, error) { h.ticking = false }})
}

// echoBytes is what an echo takes in a tick besides its location's code.
const echoBytes = 32

// takeEchoes is as many echoes as one tick holds, in turn by code; the rest is for
// the next.
func (h *Hub) takeEchoes() (echoes []stock.Echo) {
	room := protocol.MaxCommandBytes / 2
	codes := slices.Sorted(maps.Keys(h.echoes))
	from, _ := slices.BinarySearch(codes, h.echoed)
	for _, code := range slices.Concat(codes[from:], codes[:from]) {
		if room -= echoBytes + len(code); room < 0 || len(echoes) == protocol.MaxEchoes {
			break
		}
		echoes = append(echoes, h.echoes[code])
		delete(h.echoes, code)
		h.echoed = code + "\x00"
	}
	return echoes
}
