package hub

import (
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a hub whose loop is the test: it decides when an entry is merged and
// when its answer is heard. The log, the machine and the journal are real.
type desk struct {
	*Hub
	t      testing.TB
	order  *cluster.Memory
	kept   *journal.Journal
	clock  time.Time
	flying []flight
	last   PeerID
	slow   bool // so are new connections
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	kept, err := journal.Open(t.TempDir(), journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, kept: kept, clock: time.Unix(1_700_000_000, 0)}
	config := Config{Now: func() time.Time { return d.clock }, Node: "n1", Program: "test", Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	keeper := newJournal(kept)
	go keeper.run() // the cleanup stops it
	machine := NewMachine(NewBoard(), keeper.keep(), config.Now)
	d.order = cluster.NewMemory(machine)
	d.Hub = New(config, machine)
	t.Cleanup(func() {
		if err := d.order.Close(); err != nil {
			t.Error(err)
		}
		keeper.stop()
		_ = kept.Close()
	})
	return d
}

// newReadyDesk has founded its cluster and applied a tick.
func newReadyDesk(t testing.TB) *desk {
	d := newDesk(t)
	d.tick()
	return d
}

// propose puts one merged entry on its way, if anything waits.
func (d *desk) propose() bool {
	merged, ok := d.Merge()
	if ok {
		d.flying = append(d.flying, flight{merged, d.order.Propose(merged.Entry)})
	}
	return ok
}

// land hears the answer to the oldest entry on its way.
func (d *desk) land() {
	d.Answered(d.flying[0].merged, <-d.flying[0].answer)
	d.flying = d.flying[1:]
}

// run works until nothing waits.
func (d *desk) run() {
	for d.propose() || len(d.flying) > 0 {
		if len(d.flying) > 0 {
			d.land()
		}
	}
}

func (d *desk) tick() {
	d.clock = d.clock.Add(time.Second)
	d.Tick(1, 77)
	d.run()
}

// do proposes a command and hears its result.
func (d *desk) do(command stock.Command) (got stock.Result) {
	d.t.Helper()
	answered := false
	d.Propose(command, func(result stock.Result, _ uint64, err error) {
		if err != nil {
			d.t.Fatal(err)
		}
		got, answered = result, true
	})
	d.run()
	if !answered {
		d.t.Fatal("no answer")
	}
	return got
}

func (d *desk) state() *stock.State { return d.board.State() }

func (d *desk) sellable(location, item string) stock.Quantity {
	d.t.Helper()
	l, ok := d.state().Location(location)
	if !ok {
		d.t.Fatalf("no location %s", location)
	}
	no, ok := d.state().ItemNo(item)
	if !ok {
		d.t.Fatalf("no item %s", item)
	}
	return l.Level(no).Sellable
}

// wire is a connection whose other end is the test.
type wire struct {
	sent []protocol.Frame
	bye  *protocol.Bye
	full bool // takes no frame
	slow bool // what was sent waits to be written until it is taken
}

func (w *wire) Send(frame protocol.Frame) bool {
	if w.full || w.bye != nil {
		return false
	}
	w.sent = append(w.sent, frame)
	return true
}

func (w *wire) Idle() bool { return !w.slow || len(w.sent) == 0 }

func (w *wire) Close(bye protocol.Bye) {
	if w.bye == nil {
		w.bye = &bye
	}
}

func (w *wire) Remote() string { return "test" }

// take empties what was sent.
func (w *wire) take() []protocol.Frame {
	sent := w.sent
	w.sent = nil
	return sent
}

func (w *wire) acks() (through []uint64) {
	for _, frame := range w.sent {
		if ack, ok := frame.(*protocol.Ack); ok {
			through = append(through, ack.Through.Sequence)
		}
	}
	return through
}

func (w *wire) rounds() (rounds []*protocol.Round) {
	for _, frame := range w.sent {
		if round, ok := frame.(*protocol.Round); ok && round.Hub != (protocol.HubPosition{}) {
			rounds = append(rounds, round)
		}
	}
	return rounds
}

// store is an agent's ledger: every operation it ever wrote.
type store struct {
	location, installation, epoch string
	at                            []protocol.Position // after 0, 1, 2, … operations
	operations                    [][]byte
}

func newStore(location, installation string) *store {
	return &store{location: location, installation: installation, epoch: "e1", at: make([]protocol.Position, 1)}
}

func (s *store) end() protocol.Position { return s.at[len(s.at)-1] }

// write records an operation of one line.
func (s *store) write(line stock.Line) {
	operation, err := protocol.EncodeOperation(&stock.Operation{Receipt: fmt.Sprint(len(s.operations)), Lines: []stock.Line{line}})
	if err != nil {
		panic(err)
	}
	s.operations = append(s.operations, operation)
	at := s.end()
	s.at = append(s.at, protocol.Position{Sequence: at.Sequence + 1, Chain: protocol.NextChain(at.Chain, operation)})
}

// deliver records n deliveries of one unit.
func (s *store) deliver(n int) {
	for range n {
		s.write(stock.Line{Kind: stock.Delivery, Scanned: "X", Quantity: stock.Unit})
	}
}

func (s *store) hello() *protocol.Hello {
	return &protocol.Hello{Version: protocol.FrameVersion, Role: protocol.RoleAgent, Agent: s.location, Installation: s.installation, Epoch: s.epoch,
		Position: s.end(), Feature: protocol.FeatureLevel, Program: "test"}
}

// batch is an Append of operations from+1 to to.
func (s *store) batch(from, to int) *protocol.Append {
	return &protocol.Append{After: s.at[from], Operations: s.operations[from:to], End: s.at[to]}
}

// line is one connection of a store to the desk.
type line struct {
	*wire
	d  *desk
	id PeerID
}

// dial connects; the Hello is said, its answer may have to wait for the log.
func (d *desk) dial(hello *protocol.Hello) *line {
	d.last++
	l := &line{&wire{slow: d.slow}, d, d.last}
	d.Connected(l.id, l.wire)
	l.say(hello)
	return l
}

// connect is dial with everything settled.
func (d *desk) connect(s *store) *line {
	l := d.dial(s.hello())
	d.run()
	return l
}

func (l *line) say(frame protocol.Frame) { l.d.Received(l.id, frame) }

func (l *line) drop() { l.d.Gone(l.id) }

// welcome is the Welcome among what was sent, or nil.
func (l *line) welcome() *protocol.Welcome {
	for _, frame := range l.sent {
		if w, ok := frame.(*protocol.Welcome); ok {
			return w
		}
	}
	return nil
}

func (l *line) byeCode() protocol.ByeCode {
	if l.bye == nil {
		return 0
	}
	return l.bye.Code
}
