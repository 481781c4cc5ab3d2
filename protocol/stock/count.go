package stock

// countPlace is where a count stands in its location's ledgers.
type countPlace struct {
	epoch    uint32 // place among the location's epochs + 1; 0: there is none
	sequence uint64
}

// lastCount is the last count of a level. Whatever was written before it and
// takes effect later is part of what was counted already.
type lastCount struct {
	location LocationNo
	item     ItemNo
	place    countPlace
	at       int64 // hub time, ms
}

// countMillis is how long the last count of a level is remembered, in hub time.
// History that is older than that and comes later goes to a person.
const countMillis = 90 * dayMillis

// count books a count's variance if nothing has moved that its writer did not
// know of; else nothing moves, and the store counts again.
func (s *State) count(l *Location, op *Operation, line *Line, item ItemNo) OutcomeCode {
	if s.closes(l, op, item) {
		return 0 // a later count has answered
	}
	level := l.Level(item)
	if level.Sellable != line.Expected || line.Quantity > 0 && level.InTransit > 0 && !line.Confirmed {
		s.addTask(l.No, Task{Kind: Recount, Item: line.Item, Quantity: max(line.Quantity, -line.Quantity)})
		return RecountNeeded
	}
	from, to, q := line.Legs(false)
	s.move(l, item, from, to, q)
	s.remember(lastCount{l.No, item, l.place(op), s.now})
	s.endRecount(l, line.Item)
	return 0
}

// place is where an operation stands among what its location has written.
func (l *Location) place(op *Operation) countPlace {
	for i := range l.Epochs {
		if l.Epochs[i].Name == op.ID.Epoch {
			return countPlace{uint32(i) + 1, op.ID.Sequence}
		}
	}
	return countPlace{}
}

// before reports whether an operation was written before a count. In one epoch
// the sequence says so. Epochs follow each other as they came here, but what a
// replaced PC wrote is older than anything of the present one. A document is
// written when it takes effect.
func (l *Location) before(op *Operation, count countPlace) bool {
	at := l.place(op)
	if at.epoch == 0 || at.epoch == count.epoch {
		return at.epoch != 0 && at.sequence < count.sequence
	}
	present := func(epoch uint32) bool { return l.Epochs[epoch-1].Installation == l.Installation }
	if present(at.epoch) != present(count.epoch) {
		return present(count.epoch)
	}
	return at.epoch < count.epoch
}

// closes reports whether the last count of a level was written after an
// operation that takes effect now.
func (s *State) closes(l *Location, op *Operation, item ItemNo) bool {
	no, ok := l.counted.get(uint32(item))
	if !ok {
		return false
	}
	last, _ := s.counts.get(no - 1)
	return l.before(op, last.place)
}

// standing is the account that a movement really changes: where a count has
// closed the past, sellable goods have been found or missed by it already.
func (s *State) standing(l *Location, op *Operation, item ItemNo, account Account) Account {
	if account == Sellable && (op.counted || s.closes(l, op, item)) {
		return Variance
	}
	return account
}

// remember keeps the last count of a level instead of the one before.
func (s *State) remember(c lastCount) {
	slot := s.own(c.location).counted.edit(s.generation, uint32(c.item), s.index)
	if *slot > 0 {
		s.counts.clear(s.generation, *slot-1)
	}
	*s.counts.edit(s.generation, s.nextCount, s.index) = c
	s.nextCount++
	*slot = s.nextCount
	s.note(uint64(c.location), uint64(c.item), uint64(c.place.epoch), c.place.sequence)
}

// forgetCounts drops those that are older than anybody's late history may be.
func (s *State) forgetCounts() {
	for ; s.oldestCount < s.nextCount; s.oldestCount++ {
		c, ok := s.counts.get(s.oldestCount)
		if !ok {
			continue // a later count took its place
		}
		if c.at+countMillis > s.now {
			return
		}
		l := s.own(c.location)
		l.counted.clear(s.generation, uint32(c.item))
		s.counts.clear(s.generation, s.oldestCount)
		if was := l.forgot; c.place.epoch > was.epoch || c.place.epoch == was.epoch && c.place.sequence > was.sequence {
			l.forgot = c.place
		}
		s.note(uint64(c.location), uint64(c.item))
	}
}
