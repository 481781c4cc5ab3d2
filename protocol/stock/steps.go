package stock

// Action is what a channel or central IT does to a reservation.
type Action uint8

// Actions. Written into logs: add, never renumber.
const (
	Confirm Action = 1 + iota
	Release
	Extend
	Fulfil // the pick of a location whose writer is not an agent
)

var actions = []string{"", "confirm", "release", "extend", "fulfil"}

func (a Action) String() string { return nameOf(actions, int(a)) }

// ParseAction is the inverse of String.
func ParseAction(name string) (Action, bool) {
	n, ok := numberOf(actions, name)
	return Action(n), ok
}

// transition is one row of the step table: the states an action leaves from,
// where it leads, and where it has been done already.
type transition struct {
	from, done []ClaimState
	to         ClaimState
}

var transitions = map[Action]transition{
	Confirm: {from: []ClaimState{Held}, done: []ClaimState{Confirmed, Staged, Fulfilled}, to: Confirmed},
	Release: {from: []ClaimState{Held, Confirmed, Staged}, done: []ClaimState{Released}, to: Released},
	Extend:  {from: []ClaimState{Held}, to: Held},
	Fulfil:  {from: []ClaimState{Held, Confirmed, Staged}, done: []ClaimState{Fulfilled}, to: Fulfilled},
}

// Step acts on a reservation: on all its lines, on one, or on a part of one.
// It is idempotent by state.
type Step struct {
	ID       string
	Action   Action
	Line     string   // empty: every line
	Quantity Quantity // 0: all of the line
	TTL      int64    // extend: hub time ms from now
}

func (s *State) step(c *Step) Result {
	no, ok := s.reservationNo.get(c.ID)
	if !ok {
		return Result{Code: NotFound}
	}
	r, _ := s.reservations.get(no)
	todo, done, found := s.stepLines(r, c)
	switch {
	case !found:
		return Result{Code: NotFound, Reservation: r.clone()}
	case len(todo) == 0 && !done:
		return Result{Code: NotAllowed, Reservation: r.clone()}
	case len(todo) == 0:
		return Result{Code: Repeated, Reservation: r.clone()}
	}
	if c.Action == Fulfil {
		for _, i := range todo {
			if s.LocationAt(r.Lines[i].Location).Installation != "" {
				return Result{Code: WrongWriter, Reservation: r.clone()}
			}
		}
	}
	for _, i := range todo {
		if c.Quantity > 0 && c.Quantity < r.Lines[i].Quantity && !r.divisible(i) {
			return Result{Code: TooMany, Reservation: r.clone()}
		}
	}
	r = s.ownReservation(no)
	if c.Action == Extend {
		r.Deadline = s.now + c.TTL
		s.timers.set(timer{r.Deadline, no})
		s.note(uint64(no), uint64(r.Deadline))
		return Result{Code: Accepted, Reservation: r.clone()}
	}
	for _, i := range todo {
		if c.Quantity > 0 && c.Quantity < r.Lines[i].Quantity {
			i = s.split(r, i, c.Quantity)
		}
		if c.Action == Fulfil {
			s.move(s.own(r.Lines[i].Location), r.Lines[i].Item, Sellable, Customer, r.Lines[i].Quantity)
		}
		s.turn(r, i, transitions[c.Action].to)
	}
	return Result{Code: Accepted, Reservation: r.clone()}
}

func (s *State) stepLines(r *Reservation, c *Step) (todo []int, done, found bool) {
	row := transitions[c.Action]
	for i := range r.Lines {
		line := &r.Lines[i]
		if c.Line != "" && c.Line != line.Line {
			continue
		}
		found = true
		switch {
		case c.Quantity > line.Quantity:
		case in(row.from, line.State):
			todo = append(todo, i)
		case in(row.done, line.State):
			done = true
		}
	}
	return todo, done, found
}

func in(set []ClaimState, state ClaimState) bool {
	for _, s := range set {
		if s == state {
			return true
		}
	}
	return false
}

// pick ends a claim whose goods a store has just handed over. The goods have
// moved already: a fact is never refused, only questioned.
func (s *State) pick(l *Location, line *Line, item ItemNo) OutcomeCode {
	no, ok := s.reservationNo.get(line.Reservation)
	if !ok {
		return LatePick
	}
	r, _ := s.reservations.get(no)
	if i := claimOf(r, line.ReservationLine, item, l.No); i >= 0 && (line.Quantity >= r.Lines[i].Quantity || r.divisible(i)) {
		r = s.ownReservation(no)
		if line.Quantity < r.Lines[i].Quantity {
			i = s.split(r, i, line.Quantity)
		}
		s.turn(r, i, Fulfilled)
		return 0
	}
	for i := range r.Lines {
		if r.Lines[i].Item == item && r.Lines[i].State == Fulfilled && (line.ReservationLine == "" || line.ReservationLine == r.Lines[i].Line) {
			return PickedTwice
		}
	}
	return LatePick
}

// claimOf finds the open line a store means: named, or else of that item, here
// before elsewhere. -1: none.
func claimOf(r *Reservation, name string, item ItemNo, here LocationNo) int {
	best := -1
	for i := range r.Lines {
		c := &r.Lines[i]
		if !c.State.Open() || c.Item != item || name != "" && name != c.Line {
			continue
		}
		if c.Location == here {
			return i
		}
		if best < 0 {
			best = i
		}
	}
	return best
}

// applyClaimFact books what a store did about a claim without moving goods.
func (s *State) applyClaimFact(l *Location, line *Line) OutcomeCode {
	no, ok := s.reservationNo.get(line.Reservation)
	if !ok {
		return TooLate
	}
	from, to := Confirmed, Staged
	if line.Kind == Unstage {
		from, to = Staged, Confirmed
	}
	r, _ := s.reservations.get(no)
	code := TooLate
	for i := range r.Lines {
		c := &r.Lines[i]
		if c.Location != l.No || line.ReservationLine != "" && c.Line != line.ReservationLine {
			continue
		}
		switch {
		case line.Kind == CannotPick && c.State.Open():
			s.cannotPick(no, i)
			return 0
		case c.State == to:
			code = 0
		case c.State == Held:
			code = NotConfirmed
		case c.State == from:
			r = s.ownReservation(no)
			k := i
			if line.Quantity > 0 && line.Quantity < c.Quantity && r.divisible(i) {
				k = s.split(r, i, line.Quantity)
			}
			s.turn(r, k, to)
			return 0
		}
	}
	return code
}

// cannotPick ends a claim whose goods the store cannot find: it is short, and
// never comes back to this location.
func (s *State) cannotPick(no uint32, i int) {
	r := s.ownReservation(no)
	r.Lines[i].Reason = "cannot_pick"
	s.turn(r, i, Short)
}
