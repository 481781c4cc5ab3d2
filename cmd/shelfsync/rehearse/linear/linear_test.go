package linear

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

const opening = 5

// at makes a call that takes the moments from..to.
func at(from, to int, c Call) Call {
	c.Item, c.Began, c.Ended = "A", time.Duration(from), time.Duration(to)
	return c
}

var histories = []struct {
	name  string
	calls []Call
	ok    bool
}{
	{"one after the other", []Call{
		at(1, 2, Call{Kind: Reserve, ID: "x", Quantity: 3, Outcome: Done, State: "held"}),
		at(3, 4, Call{Kind: Available, Outcome: Done, Free: 2}),
		at(5, 6, Call{Kind: Reserve, ID: "y", Quantity: 3, Outcome: Short, Free: 2}),
		at(7, 8, Call{Kind: Release, ID: "x", Outcome: Done, State: "released"}),
		at(9, 10, Call{Kind: Confirm, ID: "x", Outcome: NotAllowed, State: "released"}),
		at(11, 12, Call{Kind: Available, Outcome: Done, Free: 5}),
	}, true},
	{"one unit promised twice", []Call{
		at(1, 4, Call{Kind: Reserve, ID: "x", Quantity: 3, Outcome: Done, State: "held"}),
		at(2, 3, Call{Kind: Reserve, ID: "y", Quantity: 3, Outcome: Done, State: "held"}),
	}, false},
	{"a stale read", []Call{
		at(1, 2, Call{Kind: Reserve, ID: "x", Quantity: 1, Outcome: Done, State: "held"}),
		at(3, 4, Call{Kind: Confirm, ID: "x", Outcome: Done, State: "confirmed"}),
		at(5, 6, Call{Kind: Get, ID: "x", Outcome: Done, State: "held"}),
	}, false},
	{"a read beside the write", []Call{
		at(1, 4, Call{Kind: Reserve, ID: "x", Quantity: 1, Outcome: Done, State: "held"}),
		at(2, 3, Call{Kind: Get, ID: "x", Outcome: NotFound}),
	}, true},
	{"nobody answered, and it happened", []Call{
		at(1, 2, Call{Kind: Reserve, ID: "x", Quantity: 5, Outcome: Unknown}),
		at(3, 4, Call{Kind: Available, Outcome: Done, Free: 5}),
		at(5, 6, Call{Kind: Available, Outcome: Done, Free: 0}),
	}, true},
	{"nobody answered, and it never happened", []Call{
		at(1, 2, Call{Kind: Reserve, ID: "x", Quantity: 5, Outcome: Unknown}),
		at(3, 4, Call{Kind: Get, ID: "x", Outcome: NotFound}),
	}, true},
	{"nobody answered, and it happened twice", []Call{
		at(1, 2, Call{Kind: Reserve, ID: "x", Quantity: 2, Outcome: Unknown}),
		at(3, 4, Call{Kind: Reserve, ID: "x", Quantity: 2, Outcome: Done, State: "held"}),
		at(5, 6, Call{Kind: Available, Outcome: Done, Free: 1}),
	}, false},
	{"refused although there was enough", []Call{
		at(1, 2, Call{Kind: Reserve, ID: "x", Quantity: 2, Outcome: Short, Free: 1}),
	}, false},
	{"a claim that came back", []Call{
		at(1, 2, Call{Kind: Reserve, ID: "x", Quantity: 2, Outcome: Done, State: "held"}),
		at(3, 4, Call{Kind: Release, ID: "x", Outcome: Done, State: "released"}),
		at(5, 6, Call{Kind: Extend, ID: "x", Outcome: Done, State: "held"}),
	}, false},
}

func TestHistories(t *testing.T) {
	for _, h := range histories {
		t.Run(h.name, func(t *testing.T) {
			result := Check(h.calls, opening, time.Minute)
			if result.OK != h.ok || result.Timeouts != 0 {
				t.Fatalf("judged %+v, want ok %t", result, h.ok)
			}
		})
	}
}

// TestALongHistory makes calls that overlap, gives each the answer of one shelf
// at a moment within it, and forgets some answers. It must pass; with one answer
// changed it must not.
func TestALongHistory(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	ids := map[string]int{}
	for i := range 60 {
		ids[fmt.Sprint(i)] = i
	}
	state := newShelf(opening, len(ids))
	var calls []Call
	lastRead := -1
	for n := range 600 {
		moment := 100 * n
		c := at(moment-random.IntN(250), moment+random.IntN(60), Call{Kind: Kind(random.IntN(6)), ID: fmt.Sprint(random.IntN(len(ids))), Quantity: 1 + random.IntN(3)})
		answer(&c, &state, ids)
		if c.Kind == Available {
			c.ID = ""
		}
		if c.Kind == Available && c.Outcome == Done {
			lastRead = len(calls)
		}
		if traces := c.Outcome == Done || c.Outcome == NotAllowed; traces && random.IntN(10) == 0 && c.Kind != Available {
			c.Outcome, c.State = Unknown, ""
		}
		calls = append(calls, c)
		if c.Outcome == Unknown { // and is repeated until it is answered
			again := at(moment+61, moment+70, Call{Kind: c.Kind, ID: c.ID, Quantity: c.Quantity})
			answer(&again, &state, ids)
			calls = append(calls, again)
		}
	}
	if result := Check(calls, opening, time.Minute); !result.OK || result.Known == result.Operations {
		t.Fatalf("a true history was judged %+v", result)
	}
	calls[lastRead].Free += 7
	if result := Check(calls, opening, time.Minute); result.OK || result.Timeouts > 0 {
		t.Fatalf("a false answer was judged %+v", result)
	}
}

// answer finds the one answer that the shelf gives to a call.
func answer(c *Call, state *shelf, ids map[string]int) {
	for _, outcome := range []Outcome{Done, Short, NotAllowed, NotFound} {
		for _, name := range stateNames {
			for free := range opening + 1 {
				c.Outcome, c.State, c.Free = outcome, name, free
				if ok, next := state.step(c, ids); ok {
					*state = next.(shelf)
					return
				}
			}
		}
	}
	panic("no answer fits")
}
