package linear

import "encoding/binary"

// shelf is the state of the model as a string, so that two are cheap to compare:
// the free units, then for each reservation its state and its quantity.
type shelf string

// States of a reservation on the shelf, and the step table: what a step leads to.
const (
	absent byte = iota
	held
	confirmed
	released
)

var stateNames = [...]string{"", "held", "confirmed", "released"}

// row of the step table: where a step leads from each state; absent is not allowed.
var steps = map[Kind][4]byte{
	Confirm: {held: confirmed, confirmed: confirmed},
	Release: {held: released, confirmed: released, released: released},
	Extend:  {held: held},
}

const head = 4 // bytes of the free units

func newShelf(opening, reservations int) shelf {
	b := binary.BigEndian.AppendUint32(nil, uint32(opening))
	return shelf(append(b, make([]byte, 2*reservations)...))
}

func (s shelf) free() int { return int(binary.BigEndian.Uint32([]byte(s[:head]))) }

func (s shelf) with(free, id int, state, quantity byte) shelf {
	b := []byte(s)
	binary.BigEndian.PutUint32(b, uint32(free))
	b[head+2*id], b[head+2*id+1] = state, quantity
	return shelf(b)
}

// step does a call. It reports whether what the client was answered is what the
// shelf would have said; whoever has no answer accepts every one.
func (s shelf) step(c *Call, ids map[string]int) (bool, any) {
	if c.Kind == Available {
		return c.Free == s.free(), s
	}
	id := ids[c.ID]
	state, quantity := s[head+2*id], s[head+2*id+1]
	said := func(outcome Outcome, state byte) bool {
		return c.Outcome == Unknown || c.Outcome == outcome && c.State == stateNames[state]
	}
	switch {
	case c.Kind == Reserve && state != absent:
		return said(Done, state), s
	case c.Kind == Reserve && s.free() < c.Quantity:
		return said(Short, absent) && (c.Outcome == Unknown || c.Free == s.free()), s
	case c.Kind == Reserve:
		return said(Done, held), s.with(s.free()-c.Quantity, id, held, byte(c.Quantity))
	case state == absent:
		return said(NotFound, absent), s
	case c.Kind == Get:
		return said(Done, state), s
	}
	next := steps[c.Kind][state]
	if next == absent {
		return said(NotAllowed, state), s
	}
	free := s.free()
	if next == released && state != released {
		free += int(quantity)
	}
	return said(Done, next), s.with(free, id, next, quantity)
}
