package stock

import (
	"errors"
	"strconv"
)

// Check walks the whole state and returns the first invariant that does not
// hold: for tests, and for an image before it is trusted.
func (s *State) Check() error {
	claims := map[placeKey][2]Quantity{} // open, staged; looked up only
	for no, at := range s.reservations.since(0) {
		if err := s.checkReservation(no, *at, claims); err != nil {
			return err
		}
	}
	sums := make([]Quantity, s.nextItem)
	for n, out := range s.outside.since(0) {
		if n >= uint32(s.nextItem) {
			return errors.New("outside account of unknown item " + strconv.Itoa(int(n)))
		}
		for _, q := range out {
			sums[n] += q
		}
	}
	for l := range s.Locations() {
		for _, ref := range l.claims.since(0) {
			if r, ok := s.reservations.get(ref.reservation); !ok || int(ref.line) >= len(r.Lines) {
				return errors.New("a claim at " + l.Code + " belongs to no reservation")
			}
		}
		for item, level := range l.LevelsSince(0) {
			if item >= s.nextItem {
				return errors.New("level of unknown item " + strconv.Itoa(int(item)) + " at " + l.Code)
			}
			sums[item] += level.OnHand() + level.InTransit
			key := placeKey{l.No, item}
			if want := claims[key]; level.Claims != want[0] || level.Staged != want[1] {
				return errors.New("claims of " + s.Item(item).Code + " at " + l.Code + " are " + level.Claims.String() + ", open lines sum to " + want[0].String())
			}
			delete(claims, key)
		}
	}
	if err := s.checkSettled(); err != nil {
		return err
	}
	if err := s.checkTransfers(); err != nil {
		return err
	}
	if err := s.checkExceptions(); err != nil {
		return err
	}
	if err := s.checkHeld(); err != nil {
		return err
	}
	if len(claims) > 0 {
		return errors.New("an open claim stands at a level that does not exist")
	}
	for n, sum := range sums {
		if sum != 0 {
			return errors.New("movements of " + s.Item(ItemNo(n)).Code + " sum to " + sum.String() + ", not zero")
		}
	}
	return nil
}

// checkSettled: nothing that is not set aside stands uncovered, and the open
// claims of a level are those that it counts.
func (s *State) checkSettled() error {
	for l := range s.Locations() {
		for item, level := range l.LevelsSince(0) {
			if lacking := l.lacking(item); lacking > 0 && s.rule >= settled {
				return errors.New("claims of " + lacking.String() + " " + s.Item(item).Code + " at " + l.Code + " stand uncovered and have not given way")
			}
			linked := Quantity(0)
			l.eachClaim(item, func(ref claimRef) {
				if r, ok := s.reservations.get(ref.reservation); ok && int(ref.line) < len(r.Lines) && r.Lines[ref.line].State.Open() && !ref.gone {
					linked += r.Lines[ref.line].Quantity
				}
			})
			if linked != level.Claims {
				return errors.New("the open claims of " + s.Item(item).Code + " at " + l.Code + " sum to " + linked.String() + ", its level says " + level.Claims.String())
			}
		}
	}
	return nil
}

func (s *State) checkReservation(no uint32, r *Reservation, claims map[placeKey][2]Quantity) error {
	if (r.Ended == 0) != r.Open() {
		return errors.New("reservation " + r.ID + " is open and ended at once")
	}
	for i := range r.Lines {
		c := &r.Lines[i]
		if !c.Placed {
			continue
		}
		l := s.LocationAt(c.Location)
		if l == nil || c.Item >= s.nextItem {
			return errors.New("reservation " + r.ID + " line " + c.Line + " stands nowhere")
		}
		ref, ok := l.claims.get(c.slot)
		if !ok || ref != (claimRef{no, uint16(i), false}) {
			return errors.New("reservation " + r.ID + " line " + c.Line + " is not among the claims of " + l.Code)
		}
		if c.State.Open() {
			key := placeKey{l.No, c.Item}
			sum := claims[key]
			sum[0] += c.Quantity
			if c.State == Staged {
				sum[1] += c.Quantity
			}
			claims[key] = sum
		}
	}
	return nil
}

// checkTransfers: each stands where its locations say, and what has arrived
// ahead of papers is what origins hold back.
func (s *State) checkTransfers() error {
	ahead := map[placeKey]Quantity{} // looked up only
	for no, at := range s.transfers.since(0) {
		t := *at
		for _, p := range t.Lines {
			if t.FromKnown && p.Account == Sellable && p.Quantity < 0 {
				ahead[placeKey{t.From, p.Item}] -= p.Quantity
			}
			if !t.Concerns(p.At) || t.Dispatched && p.Quantity <= 0 || !t.Dispatched && p.Quantity >= 0 {
				return transferFault(t, "stands wrongly in transit")
			}
		}
		for _, p := range t.parties {
			l := s.LocationAt(p.location)
			if l == nil {
				return transferFault(t, "concerns no location")
			}
			if n, ok := l.transfers.get(p.slot); !ok || n != no {
				return transferFault(t, "is not told at "+l.Code)
			}
		}
		if len(t.Lines) == 0 {
			return transferFault(t, "is open and over at once")
		}
	}
	for l := range s.Locations() {
		for item, q := range l.ahead.since(0) {
			if *q != ahead[placeKey{l.No, ItemNo(item)}] {
				return errors.New(l.Code + " holds back " + q.String() + " for papers that are not late")
			}
			delete(ahead, placeKey{l.No, ItemNo(item)})
		}
	}
	if len(ahead) > 0 {
		return errors.New("goods arrived ahead of papers that nobody holds back for")
	}
	return nil
}

func transferFault(t *Transfer, what string) error {
	return errors.New("transfer " + t.ID + " " + what)
}

// checkExceptions: those that are open are counted, those that ended are listed,
// and a level tells of its own.
func (s *State) checkExceptions() error {
	var open [outcomeCodes]int
	for no, at := range s.exceptions.since(0) {
		e := *at
		if e.Open() {
			open[e.Code]++
		} else if n, ok := s.ended.get(e.slot - 1); !ok || n != no {
			return errors.New("exception " + strconv.Itoa(int(no)) + " ended and is not among those that did")
		}
	}
	if open != s.openExceptions {
		return errors.New("the exceptions that are open are not those that are counted")
	}
	for l := range s.Locations() {
		below := 0
		for item, m := range l.margin.since(0) {
			if m.negative > 0 {
				below++
				if g, _ := l.goods.get(item); g.sellable >= 0 {
					return errors.New(s.Item(ItemNo(item)).Code + " at " + l.Code + " is told to be below zero")
				}
			}
		}
		if below != l.belowZero {
			return errors.New(l.Code + " counts its levels below zero wrongly")
		}
	}
	return nil
}
