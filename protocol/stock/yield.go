package stock

import "container/heap"

// settled is the rule that this build settles levels by; a state of rule 0 is
// older, and its levels are settled when something touches them.
const settled = 1

// maxMoves bounds how often the rule moves one claim, whatever a policy says: an
// order that was sent to four stores in vain needs a person, not a fifth.
const maxMoves = 3

// touch notes that goods or claims of a level have changed, so that it is
// settled when the operation is whole.
func (s *State) touch(at LocationNo, item ItemNo) {
	if key := (placeKey{at, item}); len(s.touched) == 0 || s.touched[len(s.touched)-1] != key {
		s.touched = append(s.touched, key)
	}
}

// settle makes claims give way wherever they now exceed what a location has. It
// runs after each operation, document or command, when all of its lines have
// been booked: a pick takes goods and claim together, an exchange gives and
// takes. What a batch brings together has no meaning, so it waits for no batch.
func (s *State) settle(cause Cause) {
	for i := 0; i < len(s.touched); i++ { // a claim that moves touches another level
		s.settleLevel(s.touched[i], cause)
	}
	s.touched = s.touched[:0]
}

func (s *State) settleLevel(at placeKey, cause Cause) {
	l := s.LocationAt(at.location)
	if lacking := l.lacking(at.item); lacking > 0 {
		s.yield(at, lacking, cause)
	}
	s.watchSetAside(at)
	s.watchBelowZero(at)
}

// lacking is how many units have to give way: claims beyond what there is, but
// never those that are set aside. A closed location has nothing for claims.
func (l *Location) lacking(item ItemNo) Quantity {
	level := l.Level(item)
	loose := level.Claims - level.Staged
	if l.State == Closed {
		return loose
	}
	return min(loose, max(0, level.Claims-level.Sellable))
}

// yielder is an open claim that may have to give way.
type yielder struct {
	reservation *Reservation
	line        int
}

func (y yielder) claim() *Claim { return &y.reservation.Lines[y.line] }

// yielders are claims that may have to give way, as a heap with the weakest on
// top: of many claims on a hot item few give way at a time.
type yielders struct {
	list []yielder
	by   *order
}

func (y *yielders) Len() int           { return len(y.list) }
func (y *yielders) Less(i, k int) bool { return y.by.weaker(y.list[i], y.list[k]) }
func (y *yielders) Swap(i, k int)      { y.list[i], y.list[k] = y.list[k], y.list[i] }

// Push is for container/heap.
func (y *yielders) Push(x any) { y.list = append(y.list, x.(yielder)) }

// Pop is for container/heap.
func (y *yielders) Pop() any {
	last := len(y.list) - 1
	x := y.list[last]
	y.list = y.list[:last]
	return x
}

// yieldersAt are the claims of a level that are not set aside, in the order that
// the policy has for the item's class.
func (s *State) yieldersAt(at placeKey) *yielders {
	y := &yielders{by: s.policy.order(s.Item(at.item).Class)}
	s.LocationAt(at.location).eachClaim(at.item, func(ref claimRef) {
		r, _ := s.reservations.get(ref.reservation)
		if r.Lines[ref.line].State != Staged {
			y.list = append(y.list, yielder{r, int(ref.line)})
		}
	})
	heap.Init(y)
	return y
}

// yield takes lacking units from the weakest claims. Who gives way is decided
// first; then the strongest of them chooses another location first.
func (s *State) yield(at placeKey, lacking Quantity, cause Cause) {
	var giving []yielder
	for waiting := s.yieldersAt(at); lacking > 0 && waiting.Len() > 0; {
		y := heap.Pop(waiting).(yielder)
		r := s.ownReservation(y.reservation.no)
		i := y.line
		if lacking < r.Lines[i].Quantity && r.mayYield(i) {
			i = s.split(r, i, lacking)
		}
		lacking -= r.Lines[i].Quantity
		giving = append(giving, yielder{r, i})
	}
	for k := len(giving) - 1; k >= 0; k-- {
		s.giveWay(giving[k].reservation, giving[k].line, giving[k].reservation.Lines[giving[k].line].State, cause)
	}
}

// giveWay is the remedy for one claim: move it to the first other candidate that
// has enough, else it is short. before is the state it gave way from. The record
// says what happened.
func (s *State) giveWay(r *Reservation, i int, before ClaimState, cause Cause) {
	c := &r.Lines[i]
	record := conflictOf(r, i, cause)
	record.Location, record.State, record.Remedy = c.Location, before, MadeShort
	if to, ok := s.elsewhere(r, c); ok {
		record.Remedy, record.To = Moved, to
		s.relocate(r, i, to, cause.Kind.reason())
	} else {
		c.Reason = cause.Kind.reason()
		s.turn(r, i, Short)
	}
	s.conflict(record)
}

// elsewhere finds where a claim may move: an open candidate that it has not
// stood at before and that has enough for its channel.
func (s *State) elsewhere(r *Reservation, c *Claim) (LocationNo, bool) {
	if len(c.Left) >= s.policy.mayMove(s.Item(c.Item).Class, r.Channel) {
		return 0, false
	}
	for _, at := range c.Candidates {
		if !c.wasAt(at) && s.Availability(s.LocationAt(at), c.Item, r.Channel).Quantity() >= c.Quantity {
			return at, true
		}
	}
	return 0, false
}

// watchSetAside tells a person, once for as long as it lasts, that a location
// has less than it has set aside.
func (s *State) watchSetAside(at placeKey) {
	l := s.LocationAt(at.location)
	level := l.Level(at.item)
	m, _ := l.margin.get(uint32(at.item))
	missing := level.Staged > 0 && level.Sellable < level.Staged
	switch {
	case missing && m.missing == 0:
		l = s.own(l.No)
		code := s.Item(at.item).Code
		lacking := level.Staged - max(0, level.Sellable) // what the record lacks beyond that is negative stock
		n := s.except(Exception{Code: SetAsideMissing, Location: l.No, Line: Line{Item: code, Quantity: lacking},
			Text: level.Staged.String() + " set aside, " + level.Sellable.String() + " there"})
		l.margin.edit(s.generation, uint32(at.item), s.index).missing = n + 1
	case !missing && m.missing > 0:
		l = s.own(l.No)
		s.overException(m.missing - 1)
		l.margin.edit(s.generation, uint32(at.item), s.index).missing = 0
	}
}
