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
	Reason     string

	slot uint32 // in the location's claims
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

// place puts a new claim at its location and counts it there.
func (s *State) place(r *Reservation, i int) {
	c := &r.Lines[i]
	if !c.Placed {
		return
	}
	l := s.own(c.Location)
	c.slot = l.nextClaim
	l.nextClaim++
	*l.claims.edit(s.generation, c.slot, s.index) = claimRef{reservation: r.no, line: uint16(i)}
	s.count(l, c, 1)
}

// count adds (sign 1) or takes away (-1) an open claim from its level.
func (s *State) count(l *Location, c *Claim, sign Quantity) {
	if !c.State.Open() {
		return
	}
	l.goods.edit(s.generation, uint32(c.Item), s.index).claims += sign * c.Quantity
	if c.State == Staged {
		l.margin.edit(s.generation, uint32(c.Item), s.index).staged += sign * c.Quantity
	}
	s.note(uint64(l.No), uint64(c.Item), uint64(c.State), uint64(sign*c.Quantity))
}

// turn moves a claim to another state, and ends its reservation with the last.
func (s *State) turn(r *Reservation, i int, to ClaimState) {
	c := &r.Lines[i]
	l := s.own(c.Location)
	l.claims.edit(s.generation, c.slot, s.index)
	s.count(l, c, -1)
	c.State, c.Since = to, s.now
	s.count(l, c, 1)
	s.note(uint64(r.no), uint64(i), uint64(to))
	s.end(r)
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
	part.Quantity = q
	l := s.own(part.Location)
	s.count(l, &r.Lines[i], -1)
	r.Lines[i].Quantity -= q
	s.count(l, &r.Lines[i], 1)
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
		if c := &r.Lines[i]; c.Placed {
			l := s.own(c.Location)
			l.horizon = max(l.horizon, l.claims.changedAt(c.slot))
			l.claims.clear(s.generation, c.slot)
		}
	}
	s.reservationNo.remove(s.generation, r.ID)
	s.reservations.clear(s.generation, no)
	s.note(uint64(no))
}
