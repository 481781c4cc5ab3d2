package stock

// claimRef points from a location to a reservation line that is or was there.
type claimRef struct {
	reservation uint32
	line        uint16
	gone        bool // the claim moved elsewhere
}

// claimLink threads the open claims of one item at one location, so that what
// settles a level costs its claims and not those of the whole location. It is
// derived from the claims and not in an image; nothing depends on its order.
type claimLink struct{ before, after uint32 } // a slot + 1; 0: none

// link adds a slot to the open claims of an item.
func (s *State) link(l *Location, item ItemNo, slot uint32) {
	first := l.firstClaim.edit(s.generation, uint32(item), s.index)
	*l.links.edit(s.generation, slot, s.index) = claimLink{after: *first}
	if *first > 0 {
		l.links.edit(s.generation, *first-1, s.index).before = slot + 1
	}
	*first = slot + 1
}

// unlink takes a slot out of the open claims of an item.
func (s *State) unlink(l *Location, item ItemNo, slot uint32) {
	at, _ := l.links.get(slot)
	if at.after > 0 {
		l.links.edit(s.generation, at.after-1, s.index).before = at.before
	}
	switch {
	case at.before > 0:
		l.links.edit(s.generation, at.before-1, s.index).after = at.after
	case at.after > 0:
		*l.firstClaim.edit(s.generation, uint32(item), s.index) = at.after
	default:
		l.firstClaim.clear(s.generation, uint32(item))
	}
	l.links.clear(s.generation, slot)
}

// eachClaim visits the open claims of an item, in no order.
func (l *Location) eachClaim(item ItemNo, visit func(claimRef)) {
	next, _ := l.firstClaim.get(uint32(item))
	for next > 0 {
		ref, _ := l.claims.get(next - 1)
		link, _ := l.links.get(next - 1)
		visit(ref)
		next = link.after
	}
}

// place puts a claim at its location and counts it there.
func (s *State) place(r *Reservation, i int) {
	c := &r.Lines[i]
	if !c.Placed {
		return
	}
	l := s.own(c.Location)
	c.slot = l.nextClaim
	l.nextClaim++
	*l.claims.edit(s.generation, c.slot, s.index) = claimRef{reservation: r.no, line: uint16(i)}
	if c.State.Open() {
		s.link(l, c.Item, c.slot)
	}
	s.tally(l, r, c, 1)
}

// tally adds (sign 1) or takes away (-1) an open claim from its level.
func (s *State) tally(l *Location, r *Reservation, c *Claim, sign Quantity) {
	if !c.State.Open() {
		return
	}
	l.goods.edit(s.generation, uint32(c.Item), s.index).claims += sign * c.Quantity
	if c.State == Staged {
		l.margin.edit(s.generation, uint32(c.Item), s.index).staged += sign * c.Quantity
	}
	s.hold(l, r.Channel, c.Item, sign*c.Quantity)
	s.touch(l.No, c.Item)
	s.note(uint64(l.No), uint64(c.Item), uint64(c.State), uint64(sign*c.Quantity))
}

// turn moves a claim to another state, and ends its reservation with the last.
func (s *State) turn(r *Reservation, i int, to ClaimState) {
	c := &r.Lines[i]
	l := s.own(c.Location)
	l.claims.edit(s.generation, c.slot, s.index)
	s.tally(l, r, c, -1)
	if c.State.Open() && !to.Open() {
		s.unlink(l, c.Item, c.slot)
		s.endAged(r, i)
	}
	c.State, c.Since = to, s.now
	s.tally(l, r, c, 1)
	if to == Confirmed && c.Confirmed == 0 {
		c.Confirmed = max(s.now, 1)
		s.watchAge(r, c)
	}
	s.note(uint64(r.no), uint64(i), uint64(to))
	s.end(r)
}

// Stay is a place that a claim has left.
type Stay struct {
	Location LocationNo
	Slot     uint32 // in that location's claims, where its store reads that the claim has gone
	Index    uint64 // of the entry that moved it
	Reason   string // as Claim.Reason
}

// relocate takes an open claim to another location; goods stay where they are.
func (s *State) relocate(r *Reservation, i int, to LocationNo, reason string) {
	c := &r.Lines[i]
	l := s.own(c.Location)
	s.unlink(l, c.Item, c.slot)
	s.tally(l, r, c, -1)
	l.claims.edit(s.generation, c.slot, s.index).gone = true
	stays := make([]Stay, len(c.Left), len(c.Left)+1) // a part split off shares what it was made of
	copy(stays, c.Left)
	c.Left = append(stays, Stay{c.Location, c.slot, s.index, reason})
	c.Location = to
	s.place(r, i)
	if c.aged > 0 {
		s.agedAt(c, to)
	}
	s.note(uint64(r.no), uint64(i), uint64(to), uint64(c.slot))
}

// wasAt reports whether the claim stands at a location or has left it before.
func (c *Claim) wasAt(at LocationNo) bool {
	for i := range c.Left {
		if c.Left[i].Location == at {
			return true
		}
	}
	return c.Location == at
}
