package stock

// Action is what a channel or central IT does to a reservation.
type Action uint8

// Actions. Written into logs: add, never renumber.
const (
	Confirm Action = 1 + iota
	Release
	Extend
	Fulfil // the pick of a location whose writer is not an agent
	Move   // to a location that the channel names
)

var actions = []string{"", "confirm", "release", "extend", "fulfil", "move"}

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
	Move:    {from: []ClaimState{Held, Confirmed}},
}

// Step acts on a reservation: on all its lines, on one, or on a part of one.
// It is idempotent by state.
type Step struct {
	ID       string
	Action   Action
	Line     string   // empty: every line
	Quantity Quantity // 0: all of the line
	TTL      int64    // extend: hub time ms from now
	To       string   // move: the location's code
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
	if code := s.hinders(r, c, todo); code != Accepted {
		return Result{Code: code, Reservation: r.clone()}
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
		s.act(r, i, c)
	}
	return Result{Code: Accepted, Reservation: r.clone()}
}

// act takes one whole line through a step.
func (s *State) act(r *Reservation, i int, c *Step) {
	line := &r.Lines[i]
	switch {
	case c.Action == Move:
		to, _ := s.Location(c.To)
		s.relocate(r, i, to.No, movedByChannel)
		return
	case c.Action == Fulfil:
		s.move(s.own(line.Location), line.Item, Sellable, Customer, line.Quantity)
	case c.Action == Release && line.State == Staged:
		s.addTask(line.Location, s.taskOf(PutBack, r, i, line.Quantity))
	}
	s.turn(r, i, transitions[c.Action].to)
}

// hinders says why a step cannot be taken, or Accepted. A step is taken whole.
func (s *State) hinders(r *Reservation, c *Step, todo []int) Code {
	for _, i := range todo {
		if c.Action == Fulfil && s.LocationAt(r.Lines[i].Location).Installation != "" {
			return WrongWriter
		}
		if c.Quantity > 0 && c.Quantity < r.Lines[i].Quantity && !r.divisible(i) {
			return TooMany
		}
	}
	if c.Action == Move {
		return s.hindersMove(r, c, todo)
	}
	return Accepted
}

const (
	movedByChannel = "channel"
	// maxStays bounds the places that one claim has left: far more moves than the
	// rule makes, and a channel that needs them releases and reserves anew.
	maxStays = 16
)

// hindersMove: the place must be open, have enough for all lines together, and
// not be one where the goods of the claim could not be found.
func (s *State) hindersMove(r *Reservation, c *Step, todo []int) Code {
	to, ok := s.Location(c.To)
	if !ok {
		return NotFound
	}
	p := &placing{state: s, channel: r.Channel, taken: map[placeKey]Quantity{}}
	for _, i := range todo {
		line := &r.Lines[i]
		q := line.Quantity
		if c.Quantity > 0 {
			q = c.Quantity
		}
		if len(line.Left) >= maxStays {
			return TooMany
		}
		for _, stay := range line.Left {
			if stay.Location == to.No && stay.Reason == ByCannotPick.reason() {
				return NotAllowed
			}
		}
		if p.free(to.No, line.Item) < q {
			return ShortOf
		}
		p.taken[placeKey{to.No, line.Item}] += q
	}
	return Accepted
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
		case c.Action == Move && in(row.from, line.State) && s.LocationAt(line.Location).Code == c.To:
			done = true
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
