package sim

import (
	"fmt"
	"math/rand/v2"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// desk is central IT and the business systems behind the hub.
type desk struct {
	promises  []*promise
	documents []*document
	aliases   int // how much of the catalogue's other codes is loaded
}

// document is one list of movements that the ERP sends.
type document struct {
	command *stock.Document
	at      uint64 // where it took effect, in this incarnation; 0: nobody told
	refused
}

// deskActions are what people at desks do, at whatever moment.
var deskActions = []action{
	{name: "a document", weight: 4, do: sendDocument},
	{name: "a document again", weight: 2, do: func(w *World, r *rand.Rand) bool {
		d := w.desk.documents
		return len(d) > 0 && w.send(r, d[r.IntN(len(d))])
	}},
	{name: "catalogue", weight: 2, do: func(w *World, r *rand.Rand) bool {
		w.desk.aliases = r.IntN(3)
		return w.propose(r, w.catalogue(r.IntN(3)), ignore)
	}},
	{name: "a location opened, paused or closed", weight: 2, do: func(w *World, r *rand.Rand) bool {
		s := w.stores[r.IntN(len(w.stores))]
		state := []stock.LocationState{stock.Open, stock.Open, stock.Paused, stock.Closed}[r.IntN(4)]
		return w.propose(r, &stock.PutLocations{Locations: []stock.LocationFacts{{Code: s.code, State: state}}}, ignore)
	}},
	{name: "a policy", weight: 3, do: func(w *World, r *rand.Rand) bool {
		return w.propose(r, &stock.SetPolicy{Replaces: []uint64{0, 0, 2}[r.IntN(3)], Policy: w.policy(r)}, ignore)
	}},
	{name: "map a code", weight: 3, do: func(w *World, r *rand.Rand) bool {
		return w.mapCode(r, []string{"mystery", "late-box"}[r.IntN(2)])
	}},
	{name: "care for an exception", weight: 4, do: care},
	{name: "end a transfer", weight: 1, do: func(w *World, r *rand.Rand) bool {
		if len(w.slips) == 0 {
			return false
		}
		return w.propose(r, &stock.EndTransfer{ID: w.slips[r.IntN(len(w.slips))].id, Reason: "lost"}, ignore)
	}},
	{name: "a leader elected", weight: 4, always: true, do: func(w *World, r *rand.Rand) bool { return w.order.leader < 0 && w.elect(r) }},
	{name: "a node started", weight: 4, always: true, do: startNode},
	{name: "a PC started", weight: 6, always: true, do: startPC},
	{name: "a snapshot", weight: 4, do: func(w *World, r *rand.Rand) bool {
		n := w.nodes[r.IntN(len(w.nodes))]
		if n.hub == nil {
			return false
		}
		n.write(w)
		return true
	}},
	{name: "a journal filled from another node", weight: 2, do: func(w *World, r *rand.Rand) bool {
		n, other := w.nodes[r.IntN(len(w.nodes))], w.nodes[r.IntN(len(w.nodes))]
		if n == other {
			return false
		}
		n.past.learn(other.past)
		return true
	}},
	{name: "quiet", weight: 6, always: true, do: func(w *World, r *rand.Rand) bool {
		w.settle(1 + r.IntN(6))
		return true
	}},
	{name: "a look around", weight: 3, always: true, do: lookAround},
	{name: "old operations pruned", weight: 1, do: func(w *World, r *rand.Rand) bool {
		p := w.running(r)
		if p == nil || w.order.incarnation > 1 {
			return false
		}
		w.pruned = true
		p.run(w, func() error {
			_, err := p.ledger.Prune(1 << 62)
			return err
		})
		return true
	}},
}

// forget: what an older incarnation answered binds the new one to nothing.
func (d *desk) forget() {
	for _, p := range d.promises {
		p.index = 0
	}
	for _, doc := range d.documents {
		doc.at = 0
	}
}

// lookAround waits until nothing has happened for a while, and looks whether stores
// that are online show what the hub has (O5).
func lookAround(w *World, _ *rand.Rand) bool {
	for _, n := range w.nodes {
		if n.hub == nil || n.paused > w.now || n.cutOff > w.now {
			return false
		}
	}
	for _, c := range w.wires {
		if c.stalled > w.now {
			return false
		}
	}
	if w.order.leader < 0 {
		w.elect(w.rand)
	}
	w.settle(quietSeconds)
	for _, p := range w.pcs {
		if p.agent == nil || p.foreign || !p.drained() || p.wire.node.applied < w.order.last() {
			continue
		}
		if text := w.differs(p); text != "" {
			w.fail("O5", "%s has been online and quiet for %d s and is not what the hub is: %s", p.name, quietSeconds, text)
		}
		w.reach("an online store compared")
	}
	return true
}

// quietSeconds is longer than either side of a connection waits for a word.
const quietSeconds = 14

func ignore(stock.Result, uint64, error) {}

// open loads what a company begins with.
func (d *desk) open(w *World) {
	w.settle(3)
	w.propose(w.rand, w.catalogue(0), ignore)
	var all stock.PutLocations
	for _, s := range w.stores {
		all.Locations = append(all.Locations, stock.LocationFacts{Code: s.code, State: stock.Open})
	}
	w.propose(w.rand, &all, ignore)
	for _, s := range w.stores {
		doc := &stock.Document{Source: "erp", Location: s.code, Operation: stock.Operation{Document: "opening-" + s.code}}
		for _, i := range w.items {
			doc.Operation.Lines = append(doc.Operation.Lines, stock.Line{Kind: stock.Adjust, Scanned: i.code, Quantity: 5*stock.Unit + units(w.rand, 40), Account: stock.Sellable, Reason: "opening"})
		}
		w.propose(w.rand, doc, ignore)
	}
	w.settle(2)
}

// catalogue is what the ERP knows: without the other codes, with them, or with one
// of them taken over by another item for a while.
func (w *World) catalogue(more int) *stock.PutItems {
	c := &stock.PutItems{}
	for _, i := range w.items {
		c.Items = append(c.Items, stock.Item{Code: i.code, Stocked: true, Class: i.class})
	}
	c.Items[0].Aliases = []stock.Alias{{Code: "six-cups", Factor: 6}}
	if more > 0 {
		c.Items[1].Aliases = []stock.Alias{{Code: "mystery", Factor: 1}}
	}
	if more > 1 {
		c.Items[2].Aliases = []stock.Alias{{Code: "late-box", Factor: 4}}
	}
	c.Items = append(c.Items, stock.Item{Code: "postage"})
	return c
}

func sendDocument(w *World, r *rand.Rand) bool {
	d := &w.desk
	c := &stock.Document{Source: "erp", Location: w.stores[r.IntN(len(w.stores))].code, Operation: stock.Operation{Document: fmt.Sprintf("D%d", len(d.documents)+1)}}
	kind := []stock.Kind{stock.Adjust, stock.Delivery, stock.Adjust, stock.Damage}[r.IntN(4)] // a store with an agent takes corrections only
	for range 1 + r.IntN(2) {
		l := stock.Line{Kind: kind, Scanned: w.items[r.IntN(len(w.items))].code, Quantity: units(r, 4)}
		if kind == stock.Adjust {
			l.Account, l.Reason = stock.Sellable, "an audit"
		}
		c.Operation.Lines = append(c.Operation.Lines, l)
	}
	doc := &document{command: c}
	d.documents = append(d.documents, doc)
	return w.send(r, doc)
}

func (w *World) send(r *rand.Rand, doc *document) bool {
	incarnation := w.order.incarnation
	doc.asked++
	return w.propose(r, doc.command, func(result stock.Result, index uint64, err error) {
		doc.told(err)
		if err == nil && incarnation == w.order.incarnation && (result.Code == stock.Accepted || result.Code == stock.Repeated) {
			doc.at = result.At
		}
	})
}

// mapCode says what a code means, as it really does.
func (w *World) mapCode(r *rand.Rand, code string) bool {
	m := w.codes[code]
	return w.propose(r, &stock.Map{Code: code, Item: m.item, Factor: m.factor, By: "clerk"}, ignore)
}

// care lets a person take an exception up: one that is quarantined is admitted if
// it did not take effect by another way, and else closed.
func care(w *World, r *rand.Rand) bool {
	var open []uint32
	state := w.nodes[r.IntN(len(w.nodes))].board.State()
	for number, e := range state.ExceptionsFrom(0) {
		if e.Open() {
			open = append(open, number)
		}
	}
	if len(open) == 0 {
		return false
	}
	number := open[r.IntN(len(open))]
	e, _ := state.Exception(number)
	switch {
	case r.IntN(3) == 0:
		return w.propose(r, &stock.Own{Exception: number, Owner: "ann", By: "ben"}, ignore)
	case e.Code == stock.Parked:
		return false
	case e.Code == stock.Quarantined:
		return w.judge(r, number, e)
	}
	return w.propose(r, &stock.Resolve{Exception: number, By: "ann", Note: "seen"}, ignore)
}

// judge decides about a quarantined operation as somebody would who knows what
// happened.
func (w *World) judge(r *rand.Rand, number uint32, e *stock.Exception) bool {
	op, err := protocol.DecodeOperation(e.Raw)
	if err != nil { // a person writes down what happened
		w.keys++
		op = stock.Operation{Correlation: fmt.Sprintf("k%d", w.keys), Lines: []stock.Line{{Kind: stock.Sale, Scanned: "cup", Item: "cup", Quantity: stock.Unit}}}
		return w.admit(r, number, op)
	}
	if seen := w.witness.seen[op.Correlation]; seen != nil && seen.taken > 0 {
		return w.propose(r, &stock.Resolve{Exception: number, By: "ann", Note: "it is there already"}, ignore)
	}
	op.Raw = e.Raw
	return w.admit(r, number, op)
}

// admit lets an operation out of quarantine; where it may not be, it is closed.
func (w *World) admit(r *rand.Rand, number uint32, op stock.Operation) bool {
	return w.propose(r, &stock.Admit{Exception: number, By: "ann", Operation: op}, func(result stock.Result, _ uint64, err error) {
		if err == nil && result.Code == stock.NotAllowed {
			w.propose(w.rand, &stock.Resolve{Exception: number, By: "ann", Note: result.Text}, ignore)
		}
	})
}

// policy is one that central IT might set.
func (w *World) policy(r *rand.Rand) stock.Policy {
	p := stock.Policy{CollectWithin: 1000 * r.Int64N(60)}
	if r.IntN(2) == 0 {
		p.Safety = []stock.SafetyStock{{Item: "cup", Location: w.stores[0].code, Quantity: units(r, 3)}, {Class: "b", Quantity: units(r, 2)}}
	}
	if r.IntN(2) == 0 {
		p.Thresholds = []stock.ChannelThreshold{{Channel: "market", Quantity: units(r, 3)}}
	}
	if r.IntN(2) == 0 {
		p.Groups = []stock.ChannelGroup{{Channel: "web", Group: "own"}, {Channel: "app", Group: "own"}, {Channel: "market", Group: "others"}}
		p.Allocation = []stock.Allocation{{Group: "own", Item: "cup", Protected: units(r, 3)}}
	}
	if r.IntN(3) == 0 {
		p.Exclusions = []stock.Exclusion{{Location: w.stores[len(w.stores)-1].code, Channel: "market"}}
	}
	if r.IntN(3) == 0 {
		p.Orders = []stock.ConflictOrder{{Keys: []stock.SortKey{stock.ByChannel, stock.ByOldest}, Ranking: []string{"market", "app"}}}
	}
	if r.IntN(3) == 0 {
		p.Remedies = []stock.RemedyRule{{Channel: "web", Moves: uint8(r.IntN(3))}}
	}
	if r.IntN(3) == 0 {
		p.Returns = []stock.ReturnRule{{Class: "a", To: stock.Sellable}}
	}
	if faults := p.Faults(); len(faults) > 0 {
		w.fail("sim", "a policy of the simulator's own has a fault: %s", faults[0])
	}
	return p
}
