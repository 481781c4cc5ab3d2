package stock

import "container/heap"

// Tick moves hub time. Elapsed is by the leader's monotonic clock since its
// process last applied a tick, 0 if none since it started.
type Tick struct {
	Elapsed int64 // ms
	Term    uint64
	Echoes  []Echo
}

// Echo is what a connected agent without a backlog last read: hub time, and the
// index of the base it has stored.
type Echo struct {
	Location string
	Now      int64
	Base     uint64
}

// Echoes are what a node that is not the leader heard since it told last. They
// count as a tick's do, but move no hub time. Those of another term than the
// state's are ignored: the node tells anew.
type Echoes struct {
	Term   uint64
	Echoes []Echo
}

func (s *State) echoes(c *Echoes) Result {
	if c.Term != s.term {
		return Result{Code: Ignored}
	}
	s.hear(c.Echoes)
	return Result{Code: Accepted}
}

// maxElapsed bounds one tick: a leader frozen for a night must not expire the
// morning's carts at once.
const maxElapsed = 10_000

func (s *State) tick(c *Tick) Result {
	s.now += min(max(c.Elapsed, 0), maxElapsed)
	if c.Term != s.term {
		s.term, s.termBegan = c.Term, s.now
	}
	s.note(uint64(s.now), s.term)
	s.hear(c.Echoes)
	for len(s.timers) > 0 && s.timers[0].at <= s.now {
		s.ring(heap.Pop(&s.timers).(timer))
	}
	s.forgetDocuments()
	s.forgetConflicts()
	s.forgetCounts()
	s.forgetExceptions()
	s.ageTransfers()
	return Result{Code: Accepted}
}

func (s *State) hear(echoes []Echo) {
	for _, echo := range echoes {
		if l, ok := s.Location(echo.Location); ok {
			s.echo(s.own(l.No), echo)
		}
	}
}

// echo notes how far a location has caught up. It is heard in this term once it
// echoes a tick of this term: an echo of an older one may have been on its way
// for as long as the hub was down.
func (s *State) echo(l *Location, echo Echo) {
	l.CaughtUp = max(l.CaughtUp, min(echo.Now, s.now))
	if echo.Now >= s.termBegan {
		l.heard = s.term
	}
	for len(l.Outcomes) > 0 && l.Outcomes[0].Index <= echo.Base {
		l.Outcomes = l.Outcomes[1:]
	}
	s.note(uint64(l.No), uint64(l.CaughtUp), l.heard, uint64(len(l.Outcomes)))
}

// ring does what is due for a reservation; a timer that was overtaken finds
// nothing to do. It asks for the timer's moment, not for now: a state built from
// an image has no overtaken timers, and has to act in the same order.
func (s *State) ring(due timer) {
	no := due.reservation
	r, ok := s.reservations.get(no)
	switch {
	case !ok:
	case r.Ended != 0:
		if r.Ended+rememberMillis <= due.at {
			s.forget(no, r)
		}
	default:
		s.expire(no, due.at)
		s.age(no, due.at)
	}
}

func (s *State) expire(no uint32, due int64) {
	r, _ := s.reservations.get(no)
	for i := range r.Lines {
		if r.Lines[i].State == Held && r.Deadline <= due {
			r = s.ownReservation(no)
			s.turn(r, i, Expired)
		}
	}
}

// timer is a moment of hub time at which a reservation wants attention.
type timer struct {
	at          int64
	reservation uint32
}

// timers is a heap by moment, then number: the same order on every node,
// whatever order they were set in.
type timers []timer

func (t *timers) set(next timer) { heap.Push(t, next) }

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	return t[i].at < t[j].at || t[i].at == t[j].at && t[i].reservation < t[j].reservation
}
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push is for container/heap.
func (t *timers) Push(x any) { *t = append(*t, x.(timer)) }

// Pop is for container/heap.
func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	*t = (*t)[:last]
	return x
}
