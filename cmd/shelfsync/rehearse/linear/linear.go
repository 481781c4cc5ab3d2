// Package linear judges whether what clients were answered about reservations
// could have come from one hub that does one thing at a time.
//
// Promise. A history passes only if, item by item, every answer fits some order
// of all calls in which each takes effect between its beginning and its end. A
// call without an answer may have taken effect at any time after it began, or
// never. A check that does not end in time is not a pass.
//
// Owner. A history belongs to whoever recorded it; nothing here changes it.
//
// Flow. calls -> one history an item -> porcupine with the model of one shelf ->
// Result.
//
// The model is a shelf that nobody sells from: it opens with some units of an
// item, and only reservations take and give them back. So it is exact: a claim
// is refused only if the shelf, at that moment, had less than it asked for, and
// the refusal says how much that was.
package linear

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// Kind of call.
type Kind uint8

// The kinds of call.
const (
	Reserve Kind = iota
	Confirm
	Release
	Extend
	Get       // the record of one reservation
	Available // what is available to sell of the item
)

var kindNames = [...]string{"reserve", "confirm", "release", "extend", "get", "available"}

func (k Kind) String() string { return kindNames[k] }

// MarshalText writes the name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Outcome of a call.
type Outcome string

// The outcomes; Unknown is a call that nobody answered for good.
const (
	Unknown    Outcome = "unknown"
	Done       Outcome = "done" // the record is in State
	Short      Outcome = "short"
	NotAllowed Outcome = "not_allowed" // the record is in State
	NotFound   Outcome = "not_found"
)

// Call is one attempt of one client at one node. Quantities are whole units.
type Call struct {
	Client   int           `json:"client"`
	Node     int           `json:"node"`
	Kind     Kind          `json:"kind"`
	Item     string        `json:"item"`
	ID       string        `json:"id,omitempty"`
	Quantity int           `json:"quantity,omitempty"` // reserve
	Began    time.Duration `json:"began"`
	Ended    time.Duration `json:"ended"`
	Outcome  Outcome       `json:"outcome"`
	State    string        `json:"state,omitempty"` // of the reservation
	Free     int           `json:"free"`            // available, or short: what the claim could have had
}

// Result of a check.
type Result struct {
	Operations int  `json:"operations"`
	Known      int  `json:"known"`
	Items      int  `json:"items"`
	Timeouts   int  `json:"timeouts"`
	OK         bool `json:"ok"`

	Violated string `json:"violated,omitempty"` // the first item whose history no shelf could give
}

// Check judges a history of items that each opened with so many units, and
// takes at most a while for each item.
func Check(history []Call, opening int, most time.Duration) Result {
	r := Result{Operations: len(history), OK: true}
	items := map[string][]Call{}
	for _, c := range history {
		if c.Outcome != Unknown {
			r.Known++
		}
		items[c.Item] = append(items[c.Item], c)
	}
	r.Items = len(items)
	for _, item := range slices.Sorted(maps.Keys(items)) {
		calls := items[item]
		switch check(calls, opening, most) {
		case porcupine.Unknown:
			r.Timeouts++
			r.OK = false
		case porcupine.Illegal:
			r.Violated, r.OK = item, false
			return r // one is enough, and to find the next may take long
		}
	}
	return r
}

func check(calls []Call, opening int, most time.Duration) porcupine.CheckResult {
	ids := map[string]int{}
	for _, c := range calls {
		if _, ok := ids[c.ID]; c.ID != "" && !ok {
			ids[c.ID] = len(ids)
		}
	}
	var operations []porcupine.Operation
	for i := range calls {
		c := &calls[i]
		end := int64(c.Ended)
		if c.Outcome == Unknown {
			if c.Kind == Extend || c.Kind == Get || c.Kind == Available {
				continue // it changes nothing here and said nothing
			}
			end = latest(calls, c)
		}
		operations = append(operations, porcupine.Operation{ClientId: c.Client, Input: c, Call: int64(c.Began), Output: c, Return: end})
	}
	model := porcupine.Model{
		Init:  func() any { return newShelf(opening, len(ids)) },
		Step:  func(state, _, output any) (bool, any) { return state.(shelf).step(output.(*Call), ids) },
		Equal: func(a, b any) bool { return a.(shelf) == b.(shelf) },
	}
	return porcupine.CheckOperationsTimeout(model, operations, most)
}

// latest is when a call that nobody answered cannot change anything any more.
// Without a repetition that is never. Once the same step of the same reservation
// was answered, it finds its work done: a reservation never comes back to a state
// that it has left, so the call may as well have taken effect before that answer.
// An answer that left no trace (short, not found) proves nothing.
func latest(calls []Call, lost *Call) int64 {
	end := int64(math.MaxInt64)
	for i := range calls {
		c := &calls[i]
		if c.ID == lost.ID && c.Kind == lost.Kind && c.Began >= lost.Began && (c.Outcome == Done || c.Outcome == NotAllowed) {
			end = min(end, int64(c.Ended))
		}
	}
	return end
}
