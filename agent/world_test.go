package agent_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/session"
)

// world is one store and one hub node with nothing between them but two queues
// of frames, which the story moves on, or loses, at will.
type world struct {
	t       rapid.TB
	now     time.Time
	ledger  ledger.Ledger
	agent   *agent.Agent
	keys    int
	conn    *conn
	nodes   int    // of the hub, as the store knows
	address string // of the one it dials
	*central
}

// central is the hub behind its node; several worlds may share one.
type central struct {
	hub     *stock.State
	entries [][]protocol.Command // of the hub's log
	applied [][]byte             // operations of the store in the hub, in order
	epochs  []string             // of each of them
	journal map[ledger.Place][32]byte
	drawn   int    // names of epochs
	forgets uint64 // up to here the journal no longer tells
	past    map[protocol.HubPosition]*stock.State
}

func newCentral() *central {
	return &central{hub: stock.NewState(), past: map[protocol.HubPosition]*stock.State{}, journal: map[ledger.Place][32]byte{}}
}

// conn is one connection, seen from both of its ends.
type conn struct {
	world   *world
	session *session.Hub
	up      []protocol.Frame
	down    []protocol.Frame
	batches []*protocol.Append // taken, not yet in the log
	hello   protocol.Hello
	base    protocol.HubPosition
	open    bool
	bye     protocol.Bye // with which the agent closed it
	closed  bool
}

const here = "S014"

func newWorld(t rapid.TB, l ledger.Ledger) *world {
	w := &world{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), ledger: l, central: newCentral(), address: "hub:7420"}
	w.order(protocol.EncodeCommand(&stock.Found{Incarnation: 1}))
	w.restart()
	return w
}

// restart opens the store's program again on what its ledger holds.
func (w *world) restart() {
	w.t.Helper()
	w.conn = nil
	a, err := agent.Open(agent.Config{Location: here, Ledger: w.ledger, Now: func() time.Time { return w.now }, Program: "test", Nodes: w.nodes,
		Epoch: func() (string, error) {
			w.drawn++
			return fmt.Sprint("drawn", w.drawn), nil
		}})
	if err != nil {
		w.t.Fatalf("open: %v", err)
	}
	w.agent = a
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// order gives commands a place in the hub's log.
func (w *world) order(commands ...protocol.Command) []stock.Result {
	w.t.Helper()
	w.entries = append(w.entries, commands)
	entry, err := protocol.DecodeEntry(protocol.EncodeEntry(0, commands))
	w.must(err)
	results := w.hub.Apply(uint64(len(w.entries)), entry)
	for i, command := range entry.Commands {
		if b, ok := command.(*stock.Batch); ok && results[i].Code == stock.Accepted {
			chain := b.After.Chain
			for k := range b.Operations {
				w.applied = append(w.applied, b.Operations[k].Raw)
				w.epochs = append(w.epochs, b.Epoch)
				chain = protocol.NextChain(chain, b.Operations[k].Raw)
				w.journal[ledger.Place{Epoch: b.Epoch, Sequence: b.After.Sequence + uint64(k) + 1}] = chain
			}
		}
	}
	w.past[w.position()] = w.hub.Freeze()
	return results
}

// rebuild gives the hub another incarnation, which holds only the first n
// entries of its log, as a cluster restored from a backup does.
func (w *world) rebuild(n int, incarnation uint64) {
	w.cut(false)
	entries := w.entries[1:n]
	w.hub, w.entries, w.applied, w.epochs, w.journal = stock.NewState(), nil, nil, nil, map[ledger.Place][32]byte{}
	w.order(protocol.EncodeCommand(&stock.Found{Incarnation: incarnation}))
	for _, commands := range entries {
		w.order(commands...)
	}
}

// items loads the hub's catalogue.
func (w *world) items(items ...stock.Item) {
	w.order(protocol.EncodeCommand(&stock.PutItems{Items: items}))
}

// correct books a hub document: what the ERP says is there too.
func (w *world) correct(item string, quantity stock.Quantity) {
	w.keys++
	w.order(protocol.EncodeCommand(&stock.Document{Source: "erp", Location: here, Operation: stock.Operation{Document: fmt.Sprint("D", w.keys),
		Lines: []stock.Line{{Kind: stock.Adjust, Scanned: item, Quantity: quantity, Account: stock.Sellable, Reason: "opening"}}}}))
}

// stockElsewhere gives another location goods, so that claims may move there.
func (w *world) stockElsewhere(item string) {
	w.keys++
	w.order(protocol.EncodeCommand(&stock.PutLocations{Locations: []stock.LocationFacts{{Code: elsewhere, State: stock.Open}}}),
		protocol.EncodeCommand(&stock.Document{Source: "erp", Location: elsewhere, Operation: stock.Operation{Document: fmt.Sprint("D", w.keys),
			Lines: []stock.Line{{Kind: stock.Adjust, Scanned: item, Quantity: 2 * stock.Unit, Account: stock.Sellable, Reason: "opening"}}}}))
}

const elsewhere = "W1"

// reserve lets a channel claim units here, and confirm them.
func (w *world) reserve(id, item string, quantity stock.Quantity) bool {
	r := w.order(protocol.EncodeCommand(&stock.Reserve{ID: id, Channel: "web", Order: "O-" + id, Mode: stock.AllOrNothing, TTL: 1 << 40,
		Lines: []stock.ReserveLine{{Item: item, Quantity: quantity, Candidates: []string{here, elsewhere}}}}))
	w.order(protocol.EncodeCommand(&stock.Step{ID: id, Action: stock.Confirm}))
	return r[0].Code == stock.Accepted
}

// connect begins a connection; nothing has moved on it yet.
func (w *world) connect() {
	w.t.Helper()
	w.cut(false)
	w.conn = &conn{world: w, session: session.NewHub()}
	w.must(w.agent.Connected(w.conn, w.address))
}

// Send is the agent's end of the connection: what it says passes through bytes.
func (c *conn) Send(frame protocol.Frame) bool {
	decoded, err := protocol.DecodeFrame(protocol.EncodeFrame(frame))
	c.world.must(err)
	c.up = append(c.up, decoded)
	return true
}

func (c *conn) Close(bye protocol.Bye) { c.bye, c.closed = bye, true }

// cut ends the connection; what the hub has taken may still reach its log.
func (w *world) cut(settle bool) {
	c := w.conn
	if c == nil {
		return
	}
	for settle && len(c.batches) > 0 {
		w.settle()
	}
	w.agent.Disconnected(errors.New("cut"))
	w.conn = nil
}

// hear lets the hub take the next frame of the store.
func (w *world) hear() bool {
	c := w.conn
	if c == nil || len(c.up) == 0 {
		return false
	}
	frame := c.up[0]
	c.up = c.up[1:]
	c.session.Receive(frame)
	c.follow()
	return true
}

func (c *conn) follow() {
	for action, ok := c.session.Next(); ok; action, ok = c.session.Next() {
		switch do := action.(type) {
		case session.Greeted:
			c.greet(do.Hello)
		case session.Take:
			c.batches = append(c.batches, do.Append)
		case session.Send:
			c.down = append(c.down, do.Frame)
		case session.Close:
			if !do.Received {
				bye := do.Bye
				c.down = append(c.down, &bye)
			}
		}
	}
}

func (c *conn) greet(hello protocol.Hello) {
	w := c.world
	l, ok := w.hub.Location(here)
	if !ok || l.Installation == "" {
		w.order(protocol.EncodeCommand(&stock.AssignWriter{Location: here, Installation: hello.Installation}))
		l, _ = w.hub.Location(here)
	}
	epoch, _ := l.Epoch(hello.Epoch)
	at := hello.Position
	welcome := protocol.Welcome{Hub: w.position(), Through: epoch.Through, Feature: protocol.FeatureLevel, Now: w.hub.Now(), Window: 64,
		Forked: epoch.Through.Sequence > at.Sequence || epoch.Through.Sequence == at.Sequence && epoch.Through.Chain != at.Chain}
	if hello.Ask != (protocol.Question{}) {
		welcome.Answer = protocol.AnswerUnknown
		if chain, ok := w.journal[ledger.Place(hello.Ask)]; ok && hello.Ask.Sequence > w.forgets {
			welcome.Answer, welcome.Chain = protocol.AnswerChain, chain
		}
	}
	c.hello, c.base, c.open = hello, hello.Base, !welcome.Forked && hello.Ask == protocol.Question{}
	c.session.Admit(welcome)
}

func (w *world) position() protocol.HubPosition {
	return protocol.HubPosition{Incarnation: w.hub.Incarnation(), Index: w.hub.Index()}
}

// settle gives the next batch that was taken its place in the log.
func (w *world) settle() bool {
	c := w.conn
	if c == nil || len(c.batches) == 0 {
		return false
	}
	b := c.batches[0]
	c.batches = c.batches[1:]
	r := w.order(protocol.BatchCommand(&protocol.BatchBytes{Agent: here, Installation: c.hello.Installation, Epoch: c.hello.Epoch,
		After: b.After, End: b.End, Operations: b.Operations}))[0]
	if r.Code == stock.Accepted {
		c.session.Acked(r.Through)
	} else {
		c.session.Ignored(r.Through)
	}
	c.follow()
	return true
}

// offer sends what changed for the store since its last round.
func (w *world) offer() bool {
	c := w.conn
	if c == nil || !c.open || c.base == w.position() {
		return false
	}
	c.session.Offer(w.round(c.base, c.hello.Epoch))
	for c.session.Offering() {
		c.session.Drained()
	}
	c.base = w.position()
	c.follow()
	return true
}

func (w *world) round(base protocol.HubPosition, epoch string) *protocol.Round {
	round := &protocol.Round{Hub: w.position(), Now: w.hub.Now()}
	since := base.Index
	if base.Incarnation != w.hub.Incarnation() {
		since = 0
	}
	l, _ := w.hub.Location(here)
	if e, ok := l.Epoch(epoch); ok {
		round.Through = e.Through
	}
	round.Policy = w.hub.PolicySince(since)
	for _, item := range w.hub.ItemsSince(since) {
		round.Items = append(round.Items, *item)
	}
	for no, level := range l.LevelsSince(since) {
		round.Levels = append(round.Levels, stock.StoreLevel{Item: w.hub.Item(no).Code, Level: level})
	}
	for r, at := range w.hub.ClaimsSince(l, since) {
		round.Claims = append(round.Claims, stock.StoreClaim{Reservation: r.ID, Line: at.Line, Channel: r.Channel, Order: r.Order,
			Item: w.hub.Item(at.Item).Code, Quantity: at.Quantity, State: at.State, Gone: at.Gone})
	}
	renewSince := since
	if since < max(l.TasksHorizon(), l.TransfersHorizon()) {
		renewSince, round.Renew = 0, true
	}
	for task := range l.TasksSince(renewSince) {
		round.Tasks = append(round.Tasks, task)
	}
	for t := range w.hub.TransfersSince(l, renewSince) {
		round.Transfers = append(round.Transfers, w.hub.StoreTransfers(t)...)
	}
	for _, o := range l.Outcomes {
		if o.Index > since {
			round.Outcomes = append(round.Outcomes, o)
		}
	}
	return round
}

// read lets the store take the next frame of the hub.
func (w *world) read() bool {
	w.t.Helper()
	c := w.conn
	if c == nil || len(c.down) == 0 || c.closed {
		return false
	}
	frame, err := protocol.DecodeFrame(protocol.EncodeFrame(c.down[0]))
	w.must(err)
	c.down = c.down[1:]
	w.must(w.agent.Receive(frame))
	return true
}

// drain lets everything reach its end.
func (w *world) drain() {
	w.t.Helper()
	if w.conn == nil || w.conn.closed {
		w.connect()
	}
	for w.hear() || w.settle() || w.offer() || w.read() {
	}
}

// meet brings store and hub to the same knowledge and says so if it failed.
func (w *world) meet() {
	w.t.Helper()
	w.drain()
	w.same()
}

// request is an operation of a till with a key of its own.
func (w *world) request(lines ...stock.Line) *agent.Request {
	w.keys++
	key := fmt.Sprint("key-", w.keys)
	kind := "claim"
	if len(lines) > 0 {
		kind = lines[0].Kind.String()
	}
	return &agent.Request{Kind: kind, Key: key, Fingerprint: [32]byte{1}, Operation: stock.Operation{Receipt: "R" + key, Till: "1", Lines: lines}, Answer: body}
}

// body words what a till learns.
func body(r agent.Recorded) []byte {
	text := r.Operation.String()
	for _, l := range r.Lines {
		text += fmt.Sprintf("; %s %s %s, left %s", l.Line.Kind, l.Line.Code(), l.Line.Quantity, l.Level.Sellable)
		if l.Parked {
			text += ", parked"
		}
		if len(l.Warnings) > 0 {
			text += ", " + strings.Join(l.Warnings, "+")
		}
	}
	return []byte(text)
}

func sold(item string, units stock.Quantity) stock.Line {
	return stock.Line{Kind: stock.Sale, Scanned: item, Quantity: units * stock.Unit}
}

// record records one request alone.
func (w *world) record(r *agent.Request) agent.Answer {
	w.t.Helper()
	answer := w.agent.Record([]*agent.Request{r})[0]
	w.must(w.agent.Follow())
	return answer
}

// sell records what must be taken, and returns what the till learns after the id.
func (w *world) sell(lines ...stock.Line) string {
	w.t.Helper()
	answer := w.record(w.request(lines...))
	w.must(answer.Err)
	_, text, _ := strings.Cut(string(answer.Body), "; ")
	return text
}

// last is the id of the newest operation.
func (w *world) last() string {
	h := w.ledger.Head()
	return fmt.Sprintf("%s.%s.%d", here, h.Epoch, h.Position.Sequence)
}
