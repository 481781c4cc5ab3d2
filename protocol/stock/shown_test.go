package stock_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// shown is what the scripts have shown so far, so that none of it goes missing.
type shown struct {
	text   strings.Builder // what the scripts expect
	kinds  map[stock.Kind]bool
	turns  map[turn]bool
	played int
}

// turn is one change of a claim's state.
type turn struct{ from, to stock.ClaimState }

func (t turn) String() string { return t.from.String() + " to " + t.to.String() }

// turns are the changes of state that domain.md knows; there are no others.
var turns = []turn{
	{stock.Held, stock.Confirmed}, {stock.Held, stock.Fulfilled}, {stock.Held, stock.Released}, {stock.Held, stock.Expired}, {stock.Held, stock.Short},
	{stock.Confirmed, stock.Staged}, {stock.Confirmed, stock.Fulfilled}, {stock.Confirmed, stock.Released}, {stock.Confirmed, stock.Short},
	{stock.Staged, stock.Confirmed}, {stock.Staged, stock.Fulfilled}, {stock.Staged, stock.Released}, {stock.Staged, stock.Short},
}

// untold are the outcomes that no script can show at a readable length.
var untold = []stock.OutcomeCode{stock.Untracked} // needs a transfer of more than 2,000 lines: TestATransferIsBounded

// check reports what no script shows.
func (s *shown) check(t *testing.T) {
	for _, want := range turns {
		if !s.turns[want] {
			t.Errorf("no script takes a claim from %v", want)
		}
	}
	for got := range maps.Keys(s.turns) {
		if !slices.Contains(turns, got) {
			t.Errorf("a script takes a claim from %v, which nothing may", got)
		}
	}
	for kind := stock.NoKind + 1; int(kind) < stock.Kinds; kind++ {
		if !s.kinds[kind] {
			t.Errorf("no script has a %v", kind)
		}
	}
	named(t, s, " %s ", stock.Parked, untold...)
	named(t, s, " %s at ", stock.Held)
	named(t, s, ": %s", stock.Moved)
	named(t, s, ", by %s", stock.ByOperation)
	named(t, s, ": %s ", stock.Recount)
}

// named reports every name from first on that no script expects in its place.
func named[T interface {
	~uint8
	String() string
}](t *testing.T, s *shown, place string, first T, but ...T) {
	text := strings.NewReplacer("\n", " ", ": ", " : ").Replace(s.text.String())
	place = strings.ReplaceAll(place, ": ", " : ")
	for n := first; n.String() != "unknown"; n++ {
		if !slices.Contains(but, n) && !strings.Contains(text, fmt.Sprintf(place, n)) {
			t.Errorf("no script expects the %T %v", n, n)
		}
	}
}

// noteTurns notes how the claims that the script knows by name have changed.
func (w *world) noteTurns() {
	now := map[string]stock.ClaimState{}
	for _, id := range w.reserved {
		r, ok := w.state.Reservation(id)
		if !ok {
			continue
		}
		for i := range r.Lines {
			name := id + " " + r.Lines[i].Line
			now[name] = r.Lines[i].State
			before, ok := w.claimed[name]
			for parent := name; !ok && strings.Contains(parent, "."); { // split off just now
				parent = parent[:strings.LastIndex(parent, ".")]
				before, ok = w.claimed[parent]
			}
			if ok && before != now[name] && w.shown != nil {
				w.shown.turns[turn{before, now[name]}] = true
			}
		}
	}
	w.claimed = now
}
