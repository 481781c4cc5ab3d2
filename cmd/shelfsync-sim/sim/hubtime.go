package sim

import "github.com/shelfsync/shelfsync/protocol/stock"

// glass is a second account of hub time, kept from the ticks in the log: what the
// time is, who was heard in this term, and until when each cart holds.
type glass struct {
	now, began int64 // hub time, and that of the first tick of the term
	term       uint64
	heard      map[string]uint64 // by location: the last term of which it echoed a tick
	until      map[string]int64  // by reservation: when its held lines expire
}

const (
	longestTick = 10_000    // ms that one tick moves at most
	unheard     = 3_600_000 // ms that a location is silent at least until it is heard
)

func newGlass() *glass { return &glass{heard: map[string]uint64{}, until: map[string]int64{}} }

// turn takes one command by its result.
func (g *glass) turn(command stock.Command, result stock.Result) {
	switch c := command.(type) {
	case *stock.Tick:
		g.now += min(max(c.Elapsed, 0), longestTick)
		if c.Term != g.term {
			g.term, g.began = c.Term, g.now
		}
		g.hear(c.Echoes)
	case *stock.Echoes:
		if c.Term == g.term {
			g.hear(c.Echoes)
		}
	case *stock.Reserve:
		if result.Code == stock.Accepted {
			g.until[c.ID] = g.now + c.TTL
		}
	case *stock.Step:
		if result.Code == stock.Accepted && c.Action == stock.Extend {
			g.until[c.ID] = g.now + c.TTL
		}
	}
}

func (g *glass) hear(echoes []stock.Echo) {
	for _, e := range echoes {
		if e.Now >= g.began {
			g.heard[e.Location] = g.term
		}
	}
}

// compare holds the state's time against the ticks: only they move it, nobody is
// heard before a tick of the term came back from there, and carts end when they
// should.
func (g *glass) compare(w *World, state *stock.State, entries []*stock.Entry) {
	if state.Now() != g.now {
		w.fail("O5", "hub time is %d ms, the ticks in the log sum to %d", state.Now(), g.now)
	}
	for l := range state.Locations() {
		if g.heard[l.Code] != g.term && state.Age(l) < unheard {
			w.fail("O5", "%s counts as heard %d ms ago, and has echoed no tick of term %d", l.Code, state.Age(l), g.term)
		}
	}
	if !ticks(entries) {
		return
	}
	for _, p := range w.desk.promises {
		r, ok := state.Reservation(p.command.ID)
		if !ok {
			continue
		}
		for _, c := range r.Lines {
			if c.State == stock.Held && g.until[r.ID] <= g.now {
				w.fail("O4", "line %s of %s is held at %d ms, its term ended at %d", c.Line, r.ID, g.now, g.until[r.ID])
			}
		}
	}
}

func ticks(entries []*stock.Entry) bool {
	for _, e := range entries {
		for _, c := range e.Commands {
			if _, ok := c.(*stock.Tick); ok {
				return true
			}
		}
	}
	return false
}
