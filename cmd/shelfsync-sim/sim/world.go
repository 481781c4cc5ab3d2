package sim

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// World is everything there is in a simulation: nodes, stores, what is between
// them, and those who look at it. One goroutine owns it.
type World struct {
	plan Plan
	step int
	rand *rand.Rand // of this step
	now  int64      // ms since the beginning, as nobody's clock shows

	order    *order
	nodes    []*node
	stores   []*store
	pcs      []*pc
	couriers []*courier
	wires    []*wire
	machines int

	installed map[string]*pc // by installation: the first PC that had it
	items     []item
	codes     map[string]meaning
	slips     []*slip
	facts     map[string]*fact
	told      []*fact // in the order in which they were told
	keys      int
	desk      desk

	witness witness
	reached map[string]int
	faults  int
	pruned  bool // some ledger has given up operations
}

// item is one of the catalogue.
type item struct {
	code  string
	class string
}

// meaning is what a code stands for, whoever knows it by now.
type meaning struct {
	item    string
	factor  int64
	service bool
}

// means is what the quantity of a line counts.
func (w *World) means(line stock.Line) meaning {
	return w.codes[line.Code()]
}

// Violation is a promise that did not hold. Rule names it as domain.md does (O1 to
// O12), or says "panic".
type Violation struct {
	Rule string
	Text string
	Step int
}

func (v *Violation) Error() string { return fmt.Sprintf("%s at step %d: %s", v.Rule, v.Step, v.Text) }

// fail ends the simulation.
func (w *World) fail(rule, format string, args ...any) {
	panic(&Violation{rule, fmt.Sprintf(format, args...), w.step})
}

// tell is for whoever reads how a seed went.
func (w *World) tell(format string, args ...any) {
	if w.plan.Story != nil {
		w.plan.Story(fmt.Sprintf("%4d %7.1f s  ", w.step, float64(w.now)/1000) + fmt.Sprintf(format, args...))
	}
}

func (w *World) reach(name string) { w.reached[name]++ }

// Result is what came of one seed.
type Result struct {
	Steps, Faults int
	Reached       map[string]int
	Hash          uint64 // of the hub's state at the end: two runs of one plan agree
	Violation     *Violation
}

// Run plays a plan to its end, heals everything and asks whether all is well.
func Run(plan Plan) (result Result) {
	w := newWorld(plan)
	defer func() {
		result.Steps, result.Faults, result.Reached = w.step, w.faults, w.reached
		if cause := recover(); cause != nil {
			v, ours := cause.(*Violation)
			if !ours {
				v = &Violation{"panic", fmt.Sprintf("%v\n%s", cause, debug.Stack()), w.step}
			}
			result.Violation = v
		}
	}()
	w.set()
	for w.step = 1; w.goesOn(); w.step++ {
		w.rand = plan.dice(2 * w.step)
		if !plan.skipped(w.step) {
			w.act()
		}
		w.rand = plan.dice(2*w.step + 1)
		w.flow(1 + w.rand.IntN(plan.Pace))
	}
	w.rand = plan.dice(2 * w.step)
	w.heal()
	result.Hash = w.nodes[0].board.State().Hash()
	return result
}

// leastFaults is how many a seed plays, however few its dice would have.
const leastFaults = 40

// goesOn reports whether there is another step: until the plan's are played, and as
// many more as it takes to have enough faults. Chosen steps end with the last of them.
func (w *World) goesOn() bool {
	if n := len(w.plan.Only); n > 0 {
		return w.step <= w.plan.Only[n-1]
	}
	return w.step <= w.plan.Steps || w.faults < leastFaults && w.step <= 8*w.plan.Steps
}

func newWorld(plan Plan) *World {
	w := &World{plan: plan, rand: plan.dice(0), order: newOrder(), facts: map[string]*fact{}, reached: map[string]int{}, installed: map[string]*pc{}}
	w.witness.begin(w)
	w.order.twice = plan.Twice
	w.items = []item{{"cup", "a"}, {"tea", "b"}, {"rice", ""}}
	w.codes = map[string]meaning{"cup": {"cup", 1, false}, "tea": {"tea", 1, false}, "rice": {"rice", 1, false}, "six-cups": {"cup", 6, false},
		"mystery": {"tea", 1, false}, "late-box": {"rice", 4, false}, "postage": {"postage", 1, true}}
	return w
}

// set builds the hub and the stores, loads the catalogue and lets them meet.
func (w *World) set() {
	for i := range w.plan.Nodes {
		n := &node{no: i, past: &past{}}
		n.clock.offset = w.plan.offset(w.rand)
		w.nodes = append(w.nodes, n)
		n.start(w)
	}
	w.order.leader = 0
	for i := range w.plan.Stores {
		w.stores = append(w.stores, &store{code: fmt.Sprintf("S%d", i+1)})
	}
	w.desk.open(w)
	for _, s := range w.stores {
		w.install(s, nil)
	}
	w.settle(20)
}

// install puts a PC into a store and starts it.
func (w *World) install(s *store, d *disk) *pc {
	p := w.newPC(s, d)
	p.clock.offset = w.plan.offset(w.rand)
	if w.installed[p.disk.installation] == nil {
		w.installed[p.disk.installation] = p
	}
	p.start(w)
	return p
}

// act does what the step draws.
func (w *World) act() {
	a := w.plan.draw(w.rand)
	if !actions[a].do(w, w.rand) {
		return
	}
	if actions[a].fault {
		w.faults++
	}
	w.reached[actions[a].name]++
	w.tell("%s", actions[a].name)
}

// flow lets so many small things happen, in no order.
func (w *World) flow(most int) {
	for range most {
		switch w.rand.IntN(10) {
		case 0, 1, 2:
			w.carry()
		case 3:
			w.takeEntry(w.rand)
		case 4, 5:
			w.some(func(n *node) bool { return n.apply(w, 1+w.rand.IntN(3)) })
		case 6:
			w.some(func(n *node) bool { return n.work(w) })
		case 7:
			w.some(func(n *node) bool { return n.offer(w) })
		case 8:
			w.tasks()
		case 9:
			w.pass(int64(1 + w.rand.IntN(400)))
		}
	}
}

func (w *World) some(do func(*node) bool) bool {
	from := w.rand.IntN(len(w.nodes))
	for k := range w.nodes {
		if do(w.nodes[(from+k)%len(w.nodes)]) {
			return true
		}
	}
	return false
}

// carry moves one frame, on whatever wire has one.
func (w *World) carry() bool {
	if len(w.wires) == 0 {
		return false
	}
	from, up := w.rand.IntN(len(w.wires)), w.rand.IntN(2) == 0
	for k := range w.wires {
		c := w.wires[(from+k)%len(w.wires)]
		if up && (w.carryUp(c) || w.carryDown(c)) || !up && (w.carryDown(c) || w.carryUp(c)) {
			return true
		}
	}
	w.forget()
	return false
}

// tasks lets couriers dial.
func (w *World) tasks() {
	for _, c := range w.couriers {
		c.step(w)
	}
}

// pass lets time go by, with the beats that fall due.
func (w *World) pass(ms int64) {
	w.now += ms
	for _, n := range w.nodes {
		if n.beatAt <= w.now {
			n.beatAt = w.now + 1000
			n.beat(w)
		}
	}
	for _, p := range w.pcs {
		if p.agent != nil && p.beatAt <= w.now {
			p.beatAt = w.now + 1000
			p.beat(w)
		}
		if p.agent != nil && p.wire == nil && p.dialAt <= w.now {
			p.call(w)
		}
	}
}

// settle lets everything that can move do so, for so many seconds.
func (w *World) settle(seconds int) {
	for range seconds {
		w.drain()
		w.pass(1000)
	}
	w.drain()
}

// drain lets everything happen that is due at this moment.
func (w *World) drain() {
	for moved := true; moved; {
		moved = false
		w.tasks()
		for w.carry() {
			moved = true
		}
		for _, n := range w.nodes {
			moved = n.work(w) || moved
		}
		for w.takeEntry(w.rand) {
			moved = true
		}
		for _, n := range w.nodes {
			moved = n.apply(w, 64) || moved
			moved = n.work(w) || moved
			moved = n.offer(w) || moved
		}
	}
	w.forget()
}
