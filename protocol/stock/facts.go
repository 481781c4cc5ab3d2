package stock

import "strings"

// pick ends the claims whose goods a store has just handed over. The goods have
// moved already: a fact is never refused, only questioned.
func (s *State) pick(l *Location, op *Operation, line *Line, item ItemNo) OutcomeCode {
	no, ok := s.reservationNo.get(line.Reservation)
	if !ok {
		record := Conflict{Item: item, Reservation: line.Reservation, Line: line.ReservationLine, Quantity: line.Quantity}
		return s.questioned(l, op, record, PickedLate)
	}
	left := line.Quantity
	for left > 0 {
		r, _ := s.reservations.get(no)
		i := claimOf(r, line.ReservationLine, item, l.No)
		if i < 0 || left < r.Lines[i].Quantity && !r.divisible(i) {
			break
		}
		r = s.ownReservation(no)
		if left < r.Lines[i].Quantity {
			i = s.split(r, i, left)
		}
		c := &r.Lines[i]
		left -= c.Quantity
		if c.State == Staged && c.Location != l.No {
			s.addTask(c.Location, s.taskOf(PutBack, r, i, c.Quantity))
		}
		s.turn(r, i, Fulfilled)
	}
	if left > 0 {
		r, _ := s.reservations.get(no)
		return s.leftOver(l, op, line, r, left, item)
	}
	return 0
}

// leftOver questions the units of a pick that no open claim stood for. A basket
// may well be larger than the claim it names; but where units of that claim have
// ended otherwise, these are the ones that left.
func (s *State) leftOver(l *Location, op *Operation, line *Line, r *Reservation, left Quantity, item ItemNo) OutcomeCode {
	record := Conflict{Item: item, Reservation: r.ID, Line: line.ReservationLine, Order: r.Order, Channel: r.Channel, Priority: r.Priority,
		Quantity: left, Promised: r.Created}
	ended, fulfilled := Quantity(0), false
	for i := range r.Lines {
		switch c := &r.Lines[i]; {
		case c.Item != item || !ofLine(c.Line, line.ReservationLine) || c.State.Open():
		case c.State == Fulfilled:
			fulfilled = true
		default:
			ended += c.Quantity
			record.State = c.State
		}
	}
	switch {
	case left == line.Quantity && ended == 0 && fulfilled:
		record.State = Fulfilled
		return s.questioned(l, op, record, PickedAgain)
	case left == line.Quantity:
		return s.questioned(l, op, record, PickedLate)
	case ended > 0:
		record.Quantity = min(left, ended)
		return s.questioned(l, op, record, PickedLate)
	}
	return 0
}

// questioned records a pick that no claim stood for.
func (s *State) questioned(l *Location, op *Operation, record Conflict, remedy Remedy) OutcomeCode {
	kind := ByOperation
	if op.ID.Epoch == "" {
		kind = ByDocument
	}
	record.Location, record.Remedy, record.Cause = l.No, remedy, causeOf(op, kind)
	s.conflict(record)
	if remedy == PickedAgain {
		return PickedTwice
	}
	return LatePick
}

// ofLine reports whether a line is the one named or a part of it; every line is
// where none is named.
func ofLine(line, name string) bool {
	return name == "" || line == name || strings.HasPrefix(line, name+".")
}

// claimOf finds the open claim a store means: the line named before its parts,
// or else of that item, here before elsewhere. -1: none.
func claimOf(r *Reservation, name string, item ItemNo, here LocationNo) int {
	best, bestRank := -1, 0
	for i := range r.Lines {
		c := &r.Lines[i]
		if !c.State.Open() || c.Item != item || !ofLine(c.Line, name) {
			continue
		}
		rank := 1
		if c.Location == here {
			rank = 2
		}
		if c.Line == name {
			rank = 3
		}
		if rank > bestRank {
			best, bestRank = i, rank
		}
	}
	return best
}

// applyFact books what a store did without moving goods: about a claim, or that
// a task is done.
func (s *State) applyFact(l *Location, op *Operation, line *Line) OutcomeCode {
	if line.Kind == Done {
		s.taskDone(l, op, line)
		return 0
	}
	if line.Kind == CloseTransfer {
		s.closeTransfer(l, line)
		return 0
	}
	no, ok := s.reservationNo.get(line.Reservation)
	switch {
	case ok && line.Kind == CannotPick:
		return s.cannotPick(l, op, line, no)
	case ok:
		return s.setAside(l, line, no)
	case line.Kind == Stage:
		s.putBack(l, line, nil, line.Quantity)
	}
	return TooLate
}

// setAside books a stage or unstage of a claim here. What is set aside for
// nothing is put back.
func (s *State) setAside(l *Location, line *Line, no uint32) OutcomeCode {
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
		switch c.State {
		case to:
			code = 0
		case Held:
			code = NotConfirmed
		case from:
			return s.setAsideLine(l, line, no, i, to)
		}
	}
	if code == TooLate && line.Kind == Stage {
		s.putBack(l, line, r, line.Quantity)
	}
	return code
}

func (s *State) setAsideLine(l *Location, line *Line, no uint32, i int, to ClaimState) OutcomeCode {
	r := s.ownReservation(no)
	q := r.Lines[i].Quantity
	if line.Quantity > 0 && line.Quantity < q && r.divisible(i) {
		i = s.split(r, i, line.Quantity)
	}
	s.turn(r, i, to)
	if to == Staged && line.Quantity > q { // the rest had left the line before
		s.putBack(l, line, r, line.Quantity-q)
		return TooLate
	}
	return 0
}

// putBack asks the store to put back goods that it set aside for a claim that is
// over. Where its fact does not name the goods, the record does.
func (s *State) putBack(l *Location, line *Line, r *Reservation, q Quantity) {
	t := Task{Kind: PutBack, Item: line.Code(), Quantity: q, Reservation: line.Reservation, Line: line.ReservationLine}
	if r != nil {
		t.Order = r.Order
		for i := range r.Lines {
			c := &r.Lines[i]
			if !c.Placed || !c.wasAt(l.No) || t.Line != "" && t.Line != c.Line {
				continue
			}
			t.Line = c.Line
			if t.Item == "" {
				t.Item = s.Item(c.Item).Code
			}
			if t.Quantity == 0 {
				t.Quantity = c.Quantity
			}
			break
		}
	}
	if t.Item != "" {
		s.addTask(l.No, t)
	}
}

// cannotPick lets a claim give way whose goods the store cannot find: to another
// location, never back to this one, or short. The item is to be counted here.
func (s *State) cannotPick(l *Location, op *Operation, line *Line, no uint32) OutcomeCode {
	r, _ := s.reservations.get(no)
	for i := range r.Lines {
		c := &r.Lines[i]
		if c.Location != l.No || !c.State.Open() || line.ReservationLine != "" && c.Line != line.ReservationLine {
			continue
		}
		r = s.ownReservation(no)
		if line.Quantity > 0 && line.Quantity < c.Quantity && r.divisible(i) {
			i = s.split(r, i, line.Quantity)
		}
		before := r.Lines[i].State
		if before == Staged {
			s.turn(r, i, Confirmed)
		}
		s.addTask(l.No, s.taskOf(Recount, r, i, r.Lines[i].Quantity))
		s.giveWay(r, i, before, causeOf(op, ByCannotPick))
		return 0
	}
	return TooLate
}
