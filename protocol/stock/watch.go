package stock

// Change is what one operation, or one command that is no batch, did to a level
// that is watched.
type Change struct {
	Operation     *Operation // of a batch; nil: the whole command
	Command       Command    // nil where Operation is set
	Outcomes      []Outcome
	Before, After Balance
}

// Balance is a level together with what its location holds back of the item for
// papers that are late.
type Balance struct {
	Level
	Ahead Quantity
}

// watch is a level that somebody wants explained.
type watch struct {
	location, item string
	balance        Balance
	see            func(Change)
}

// Watch tells see of everything that changes a level from now on, in the order of
// the log, and returns what it is now. It is for a state of one's own that a
// journal is applied to; a frozen state sees nothing. The item and the location
// may still be unknown.
func (s *State) Watch(location, item string, see func(Change)) Balance {
	s.watch = &watch{location, item, s.Balance(location, item), see}
	return s.watch.balance
}

// Balance is what a location has of an item; zero where nobody knows them.
func (s *State) Balance(location, item string) Balance {
	l, ok := s.Location(location)
	no, known := s.ItemNo(item)
	if !ok || !known {
		return Balance{}
	}
	return Balance{l.Level(no), l.Ahead(no)}
}

// look tells the watcher what has just been done, if it changed the level.
func (s *State) look(c Change) {
	w := s.watch
	if w == nil {
		return
	}
	c.Before, c.After = w.balance, s.Balance(w.location, w.item)
	if c.Before != c.After {
		w.balance = c.After
		w.see(c)
	}
}
