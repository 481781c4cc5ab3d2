package stock

import "iter"

// LevelsSince yields the levels of a location that changed after index.
func (l *Location) LevelsSince(index uint64) iter.Seq2[ItemNo, Level] {
	return func(yield func(ItemNo, Level) bool) {
		for n := range l.goods.since(index) {
			if !yield(ItemNo(n), l.Level(ItemNo(n))) {
				return
			}
		}
	}
}

// LevelsFrom yields the levels of a location from an item number on.
func (l *Location) LevelsFrom(from ItemNo) iter.Seq2[ItemNo, Level] {
	return func(yield func(ItemNo, Level) bool) {
		for n := range l.goods.from(uint32(from)) {
			if !yield(ItemNo(n), l.Level(ItemNo(n))) {
				return
			}
		}
	}
}

// LocationsSince yields the locations where anything changed after index.
func (s *State) LocationsSince(index uint64) iter.Seq[*Location] {
	return func(yield func(*Location) bool) {
		for _, l := range s.locations.since(index) {
			if !yield(*l) {
				return
			}
		}
	}
}

// ReservationsSince yields the reservations that changed after index, by number.
func (s *State) ReservationsSince(index uint64) iter.Seq2[uint32, *Reservation] {
	return func(yield func(uint32, *Reservation) bool) {
		for n, r := range s.reservations.since(index) {
			if !yield(n, *r) {
				return
			}
		}
	}
}

// ClaimAt is a reservation line as its location sees it.
type ClaimAt struct {
	*Claim
	Gone bool // it moved to another location
}

// ClaimsSince yields the claims of a location that changed after index, open and
// ended. Where something was forgotten since then (ClaimsHorizon), a reader has
// to start over from index 0.
func (s *State) ClaimsSince(l *Location, index uint64) iter.Seq2[*Reservation, ClaimAt] {
	return func(yield func(*Reservation, ClaimAt) bool) {
		for _, ref := range l.claims.since(index) {
			r, ok := s.reservations.get(ref.reservation)
			if ok && !yield(r, ClaimAt{&r.Lines[ref.line], ref.gone}) {
				return
			}
		}
	}
}

// ClaimsHorizon is the last change that ClaimsSince can no longer tell of.
func (l *Location) ClaimsHorizon() uint64 { return l.horizon }

// ConflictsSince yields the conflicts that were settled after index, oldest
// first, with their numbers.
func (s *State) ConflictsSince(index uint64) iter.Seq2[uint32, *Conflict] {
	return s.conflicts.since(index)
}

// ConflictsFrom yields the remembered conflicts from a number on, oldest first.
func (s *State) ConflictsFrom(from uint32) iter.Seq2[uint32, *Conflict] {
	return s.conflicts.from(from)
}

// ItemsSince yields the catalogue rows that changed after index.
func (s *State) ItemsSince(index uint64) iter.Seq2[ItemNo, *Item] {
	return func(yield func(ItemNo, *Item) bool) {
		for n, item := range s.items.since(index) {
			if !yield(ItemNo(n), item) {
				return
			}
		}
	}
}

// Changed is the index of the last change that a round to this location tells.
func (s *State) Changed(l *Location) uint64 {
	newest := max(l.goods.newest, l.claims.newest, l.tasks.newest, l.taskHorizon, l.transfers.newest, l.transferHorizon, s.items.newest, s.policy.changed)
	for i := range l.Epochs {
		newest = max(newest, l.Epochs[i].Changed)
	}
	return newest
}

// Locations yields every location, by number.
func (s *State) Locations() iter.Seq[*Location] { return s.LocationsSince(0) }

// Reservations yields every remembered reservation after a number, oldest first,
// with its number.
func (s *State) Reservations(after uint32) iter.Seq2[uint32, *Reservation] {
	return func(yield func(uint32, *Reservation) bool) {
		for n := after; n < s.nextReservation; n++ {
			if r, ok := s.reservations.get(n); ok && !yield(n+1, r) {
				return
			}
		}
	}
}

// ExceptionsFrom yields what waits for a person, or did and is remembered, from a
// number on, oldest first.
func (s *State) ExceptionsFrom(from uint32) iter.Seq2[uint32, *Exception] {
	return func(yield func(uint32, *Exception) bool) {
		for n, e := range s.exceptions.from(from) {
			if !yield(n, *e) {
				return
			}
		}
	}
}
