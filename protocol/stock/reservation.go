package stock

import "strconv"

// ClaimState is the state of one reservation line.
type ClaimState uint8

// Claim states. The last four are ends: reached once, never left.
// Written into logs: add, never renumber.
const (
	Held      ClaimState = 1 + iota // a cart or checkout; the only one that expires
	Confirmed                       // an order stands behind it
	Staged                          // set aside in the store; never yields
	Fulfilled
	Released
	Expired
	Short
)

var claimStates = []string{"", "held", "confirmed", "staged", "fulfilled", "released", "expired", "short"}

func (c ClaimState) String() string { return nameOf(claimStates, int(c)) }

// Open reports whether a line in this state claims units.
func (c ClaimState) Open() bool { return c >= Held && c <= Staged }

// Mode is the rule of acceptance of a request.
type Mode uint8

// Modes. Written into logs: add, never renumber.
const (
	AllOrNothing Mode = 1 + iota
	Partial           // the rest is recorded as short lines
)

// Reservation is a claim of one channel on units, line by line.
type Reservation struct {
	ID            string
	Channel       string
	Order         string
	Mode          Mode
	Priority      int64
	CollectWithin int64 // hub time ms from confirmation; 0: no limit
	Created       uint64
	Deadline      int64 // hub time ms at which held lines expire
	Ended         int64 // hub time ms at which the last line ended; open: 0
	Lines         []Claim

	no         uint32
	generation uint64
}

// Claim is one line of a reservation: units of one item at one location.
type Claim struct {
	Line       string // "2"; a part split off it is "2.1"
	Item       ItemNo
	Quantity   Quantity
	State      ClaimState
	Location   LocationNo
	Placed     bool // false: short from the start, Location means nothing
	Candidates []LocationNo
	Since      int64 // hub time ms of the last change of State
	Confirmed  int64 // hub time ms of its confirmation; 0: never
	Reason     string
	Left       []Stay // where it stood before, oldest first
	Aged       bool   // told to be waiting longer than CollectWithin

	slot uint32 // in the location's claims
	aged uint32 // number of its exception + 1; a part split off it has none
}

// Open reports whether any line still claims units.
func (r *Reservation) Open() bool {
	for i := range r.Lines {
		if r.Lines[i].State.Open() {
			return true
		}
	}
	return false
}

func (r *Reservation) clone() *Reservation {
	own := *r
	own.Lines = append([]Claim(nil), r.Lines...)
	return &own
}

// ownReservation returns it for writing; what a frozen state shows is copied.
func (s *State) ownReservation(no uint32) *Reservation {
	slot := s.reservations.edit(s.generation, no, s.index)
	if (*slot).generation != s.generation {
		*slot = (*slot).clone()
		(*slot).generation = s.generation
	}
	return *slot
}

// Reservation finds a reservation by its id, for reading.
func (s *State) Reservation(id string) (*Reservation, bool) {
	no, ok := s.reservationNo.get(id)
	if !ok {
		return nil, false
	}
	r, _ := s.reservations.get(no)
	return r, true
}

// end notes when the last line of a reservation ended. Before the first tick
// that is told as 1 ms, for 0 means open.
func (s *State) end(r *Reservation) {
	if r.Ended == 0 && !r.Open() {
		r.Ended = max(s.now, 1)
		s.timers.set(timer{r.Ended + rememberMillis, r.no})
	}
}

const (
	// maxClaims bounds the lines that a reservation can be split into: far more
	// than an order has parcels, far less than a line's number can count.
	maxClaims = 1024
	// maxLineName bounds the name of a part of a part.
	maxLineName = 64
)

// divisible reports whether a part may still be split off line i.
func (r *Reservation) divisible(i int) bool {
	return len(r.Lines) < maxClaims && len(r.Lines[i].Line) < maxLineName
}

// mayYield reports whether the conflict rule may still split a part off line i.
// It has room of its own, so that no channel's parts make a whole line yield
// where some of its units are lacking.
func (r *Reservation) mayYield(i int) bool {
	return len(r.Lines) < 2*maxClaims && len(r.Lines[i].Line) < 2*maxLineName
}

// split cuts q units off line i as a line of its own and returns its place, so
// that a partial step is a whole step of a smaller line.
func (s *State) split(r *Reservation, i int, q Quantity) int {
	part := r.Lines[i]
	parts := 1
	for k := range r.Lines {
		if parent, _, ok := cutLast(r.Lines[k].Line); ok && parent == part.Line {
			parts++
		}
	}
	part.Line += "." + strconv.Itoa(parts)
	part.Quantity, part.aged = q, 0
	l := s.own(part.Location)
	s.tally(l, r, &r.Lines[i], -1)
	r.Lines[i].Quantity -= q
	s.tally(l, r, &r.Lines[i], 1)
	l.claims.edit(s.generation, r.Lines[i].slot, s.index)
	r.Lines = append(r.Lines, part)
	s.place(r, len(r.Lines)-1)
	s.note(uint64(r.no), uint64(i), uint64(q))
	return len(r.Lines) - 1
}

// cutLast splits "2.1.3" into "2.1" and "3".
func cutLast(line string) (parent, part string, ok bool) {
	for i := len(line) - 1; i >= 0; i-- {
		if line[i] == '.' {
			return line[:i], line[i+1:], true
		}
	}
	return line, "", false
}

// rememberMillis is how long an ended reservation is remembered, in hub time.
const rememberMillis = 7 * dayMillis

// forget drops a reservation that ended long ago from every location.
func (s *State) forget(no uint32, r *Reservation) {
	for i := range r.Lines {
		c := &r.Lines[i]
		for _, stay := range c.Left {
			s.forgetClaim(stay.Location, stay.Slot)
		}
		if c.Placed {
			s.forgetClaim(c.Location, c.slot)
		}
	}
	s.horizon = max(s.horizon, s.reservations.changedAt(no))
	s.reservationNo.remove(s.generation, r.ID)
	s.reservations.clear(s.generation, no)
	s.note(uint64(no))
}

func (s *State) forgetClaim(at LocationNo, slot uint32) {
	l := s.own(at)
	l.horizon = max(l.horizon, l.claims.changedAt(slot))
	l.claims.clear(s.generation, slot)
}
