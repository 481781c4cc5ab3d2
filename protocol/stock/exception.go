package stock

import "bytes"

// Exception is something that waits for a person. A parked line or a quarantined
// operation is kept with what is needed to take it up later; units that are set
// aside and missing, and a claim that nobody collects, for as long as they last.
type Exception struct {
	Code      OutcomeCode // Parked, Quarantined, SetAsideMissing or AgedClaim
	Location  LocationNo
	Operation OperationID // zero for a document
	Document  string
	Line      Line   // parked: the line; else the item, quantity and claim
	Number    int    // its number in the operation, from 1
	Text      string // why
	Raw       []byte // quarantined: the bytes
	Index     uint64
}

func (s *State) park(l *Location, op *Operation, i int) {
	s.except(Exception{Code: Parked, Location: l.No, Operation: op.ID, Document: op.Document, Line: op.Lines[i], Number: i + 1})
}

func (s *State) quarantine(l *Location, op *Operation, fault string) {
	s.except(Exception{Code: Quarantined, Location: l.No, Operation: op.ID, Document: op.Document, Text: fault, Raw: bytes.Clone(op.Raw)})
}

func (s *State) except(e Exception) (number uint32) {
	e.Index = s.index
	number = s.nextException
	*s.exceptions.edit(s.generation, number, s.index) = e
	s.nextException++
	s.openExceptions++
	s.note(uint64(e.Code), uint64(e.Line.Quantity))
	return number
}

// endException drops one whose reason is over.
func (s *State) endException(number uint32) {
	s.exceptions.clear(s.generation, number)
	s.openExceptions--
	s.note(uint64(number))
}

// watchAge rings when a confirmed claim should have been collected.
func (s *State) watchAge(r *Reservation, c *Claim) {
	if r.CollectWithin > 0 && c.Confirmed > 0 && c.State.Open() && !c.Aged {
		s.timers.set(timer{c.Confirmed + r.CollectWithin, r.no})
	}
}

// age tells a person, once a claim, that nobody collects it. It never expires.
func (s *State) age(no uint32, due int64) {
	r, _ := s.reservations.get(no)
	for i := range r.Lines {
		c := &r.Lines[i]
		if r.CollectWithin <= 0 || c.Confirmed == 0 || !c.State.Open() || c.Aged || c.Confirmed+r.CollectWithin > due {
			continue
		}
		r = s.ownReservation(no)
		c = &r.Lines[i]
		c.Aged = true
		c.aged = 1 + s.except(Exception{Code: AgedClaim, Location: c.Location, Text: "order " + r.Order,
			Line: Line{Item: s.Item(c.Item).Code, Quantity: c.Quantity, Reservation: r.ID, ReservationLine: c.Line}})
	}
}

// endAged drops the exception of a claim that is over.
func (s *State) endAged(c *Claim) {
	if c.aged > 0 {
		s.endException(c.aged - 1)
		c.aged = 0
	}
}
