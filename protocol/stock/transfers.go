package stock

import "iter"

// openTransfer returns a transfer for writing, new where none is open. nil: there
// are too many.
func (s *State) openTransfer(id string) *Transfer {
	if no, ok := s.transferNo.get(id); ok {
		return s.ownTransfer(no)
	}
	if s.transferNo.size >= MaxTransfers {
		return nil
	}
	t := &Transfer{ID: id, Since: s.now, Index: s.index, no: s.nextTransfer, generation: s.generation}
	s.nextTransfer++
	s.transferNo.put(s.generation, id, t.no)
	*s.transfers.edit(s.generation, t.no, s.index) = t
	s.note(uint64(t.no))
	s.noteText(id)
	return t
}

// ownTransfer returns it for writing and marks it changed wherever it is told.
func (s *State) ownTransfer(no uint32) *Transfer {
	slot := s.transfers.edit(s.generation, no, s.index)
	if (*slot).generation != s.generation {
		own := **slot
		own.generation = s.generation
		own.Lines = append([]InTransitLine(nil), own.Lines...)
		own.parties = append([]party(nil), own.parties...)
		*slot = &own
	}
	for _, p := range (*slot).parties {
		s.own(p.location).transfers.edit(s.generation, p.slot, s.index)
	}
	return *slot
}

// dropTransfer forgets one that is over.
func (s *State) dropTransfer(t *Transfer) {
	for _, p := range t.parties {
		l := s.own(p.location)
		l.transfers.clear(s.generation, p.slot)
		l.transferHorizon = s.index
	}
	if t.aged > 0 {
		s.overException(t.aged - 1)
	}
	s.transferNo.remove(s.generation, t.ID)
	s.transfers.clear(s.generation, t.no)
	s.note(uint64(t.no))
}

// sentFrom says where the goods of a transfer come from.
func (s *State) sentFrom(t *Transfer, from LocationNo) {
	if t.FromKnown && t.From == from {
		return
	}
	for i := range t.Lines {
		s.sendAhead(t, &t.Lines[i], min(0, t.Lines[i].Quantity))
	}
	t.From, t.FromKnown = from, true
	for i := range t.Lines {
		s.sendAhead(t, &t.Lines[i], -min(0, t.Lines[i].Quantity))
	}
	s.involve(t, from)
	s.note(uint64(t.no), uint64(from))
}

// involve tells a location of a transfer from now on.
func (s *State) involve(t *Transfer, at LocationNo) {
	if t.Concerns(at) {
		return
	}
	l := s.own(at)
	t.parties = append(t.parties, party{at, l.nextTransfer})
	*l.transfers.edit(s.generation, l.nextTransfer, s.index) = t.no
	l.nextTransfer++
}

// Concerns reports whether a location is told of the transfer.
func (t *Transfer) Concerns(at LocationNo) bool {
	for _, p := range t.parties {
		if p.location == at {
			return true
		}
	}
	return false
}

// standAt adds to what stands in transit at a location, or refuses a line too many.
func (s *State) standAt(t *Transfer, line InTransitLine) bool {
	q := line.Quantity
	for i := range t.Lines {
		if p := &t.Lines[i]; p.At == line.At && p.Item == line.Item && p.Account == line.Account {
			s.stand(t, i, q)
			return true
		}
	}
	if len(t.Lines) >= maxInTransitLines {
		return false
	}
	line.Quantity = 0
	t.Lines = append(t.Lines, line)
	s.involve(t, line.At)
	s.stand(t, len(t.Lines)-1, q)
	return true
}

// stand changes what stands in transit on a line, and its level with it.
func (s *State) stand(t *Transfer, i int, q Quantity) {
	p := &t.Lines[i]
	before := min(0, p.Quantity)
	p.Quantity += q
	s.book(s.own(p.At), p.Item, InTransit, q)
	s.sendAhead(t, p, before-min(0, p.Quantity))
	s.note(uint64(t.no), uint64(i), uint64(p.Account))
}

// sendAhead counts sellable goods that have left their origin as its papers will
// say: nobody can be promised them there.
func (s *State) sendAhead(t *Transfer, p *InTransitLine, q Quantity) {
	if q == 0 || !t.FromKnown || p.Account != Sellable {
		return
	}
	l, n := s.own(t.From), uint32(p.Item)
	l.goods.edit(s.generation, n, s.index) // what is available there has changed
	ahead := l.ahead.edit(s.generation, n, s.index)
	if *ahead += q; *ahead == 0 {
		l.ahead.clear(s.generation, n)
	}
}

// Ahead is how many sellable units have arrived elsewhere before this location's
// papers said that they left.
func (l *Location) Ahead(item ItemNo) Quantity {
	q, _ := l.ahead.get(uint32(item))
	return q
}

// Available is what a channel may still claim of an item, before it is clamped at 0.
func (l *Location) Available(item ItemNo) Quantity { return l.Level(item).Available() - l.Ahead(item) }

// Transfer finds an open transfer by its id, for reading.
func (s *State) Transfer(id string) (*Transfer, bool) {
	no, ok := s.transferNo.get(id)
	if !ok {
		return nil, false
	}
	t, _ := s.transfers.get(no)
	return t, true
}

// TransfersFrom yields the open transfers from a number on, oldest first.
func (s *State) TransfersFrom(from uint32) iter.Seq2[uint32, *Transfer] {
	return func(yield func(uint32, *Transfer) bool) {
		for n, t := range s.transfers.from(from) {
			if !yield(n, *t) {
				return
			}
		}
	}
}

// TransfersSince yields the open transfers from, to or at a location that changed
// after index. Where one ended since then (TransfersHorizon), a reader has to
// start over from 0.
func (s *State) TransfersSince(l *Location, index uint64) iter.Seq[*Transfer] {
	return func(yield func(*Transfer) bool) {
		for _, no := range l.transfers.since(index) {
			if t, ok := s.transfers.get(*no); ok && !yield(t) {
				return
			}
		}
	}
}

// TransfersHorizon is the last time that a transfer of the location ended.
func (l *Location) TransfersHorizon() uint64 { return l.transferHorizon }

// Aged reports whether a person was told that the transfer stays open.
func (t *Transfer) Aged() bool { return t.aged > 0 }

// StoreTransfer is one line of an open transfer as a store sees it: what stands
// in transit somewhere.
type StoreTransfer struct {
	ID         string
	From       string // empty: nobody knows
	Dispatched bool   // its papers are here
	Since      int64  // hub time of its first leg, ms
	At         string
	Item       string
	Account    Account
	Quantity   Quantity // negative: they arrived there ahead of their papers
}

// StoreTransfers are the lines of a transfer, in codes.
func (s *State) StoreTransfers(t *Transfer) []StoreTransfer {
	lines := make([]StoreTransfer, len(t.Lines))
	for i, p := range t.Lines {
		lines[i] = StoreTransfer{t.ID, "", t.Dispatched, t.Since, s.LocationAt(p.At).Code, s.Item(p.Item).Code, p.Account, p.Quantity}
		if t.FromKnown {
			lines[i].From = s.LocationAt(t.From).Code
		}
	}
	return lines
}
