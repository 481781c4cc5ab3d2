package stock

import (
	"bytes"
	"strings"
)

// Exception is something that waits for a person. A parked line or a quarantined
// operation is kept with what is needed to take it up later; what tells of a
// level, a claim or a transfer ends by itself when its reason does. It is replaced,
// never changed: a frozen state shows it.
type Exception struct {
	Code        OutcomeCode // one that waits for a person, such as Parked
	Location    LocationNo
	Operation   OperationID // zero for a document
	Document    string
	Source      string // of a document: who speaks
	Line        Line   // parked: the line; else the item, quantity and claim
	Number      int    // its number in the operation, from 1
	Reverses    string // parked: of an operation that undoes this one
	Was         string // parked: of an operation that a fork made its writer write again
	Incarnation uint64 // parked: hub position that its writer had seen
	Seen        uint64
	Text        string // why
	Raw         []byte // quarantined: the bytes, as long as it is open
	Index       uint64

	Owner   string // who looks after it
	History []Care // what was done about it, oldest first
	Ended   int64  // hub time at which it ended, ms; 0: it is open
	slot    uint32 // its place among those that ended + 1
}

// Open reports whether somebody still has to look at it.
func (e *Exception) Open() bool { return e.Ended == 0 }

func (s *State) park(l *Location, op *Operation, i int) {
	s.except(Exception{Code: Parked, Location: l.No, Operation: op.ID, Document: op.Document, Source: op.Source, Line: op.Lines[i], Number: i + 1,
		Reverses: op.Reverses, Was: op.Was, Incarnation: op.Incarnation, Seen: op.Seen})
}

func (s *State) quarantine(l *Location, op *Operation, fault string) {
	s.except(Exception{Code: Quarantined, Location: l.No, Operation: op.ID, Document: op.Document, Text: fault, Raw: bytes.Clone(op.Raw)})
}

func (s *State) except(e Exception) (number uint32) {
	e.Index = s.index
	number = s.nextException
	*s.exceptions.edit(s.generation, number, s.index) = &e
	s.nextException++
	s.openExceptions[e.Code]++
	s.note(uint64(e.Code), uint64(e.Line.Quantity))
	return number
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

// agedAt says where a claim stands now that nobody collects.
func (s *State) agedAt(c *Claim, at LocationNo) {
	if e, ok := s.exceptions.get(c.aged - 1); ok {
		moved := *e
		moved.Location = at
		*s.exceptions.edit(s.generation, c.aged-1, s.index) = &moved
	}
}

// endAged ends the exception of a claim that is over, or leaves it to another
// part of its line that still waits: that one is told of by none of its own.
func (s *State) endAged(r *Reservation, i int) {
	c := &r.Lines[i]
	if c.aged == 0 {
		return
	}
	number := c.aged - 1
	c.aged = 0
	e, code := s.openException(number)
	line, _, _ := strings.Cut(c.Line, ".")
	for k := range r.Lines {
		part := &r.Lines[k]
		if code != Accepted || k == i || !part.State.Open() || !part.Aged || part.aged > 0 || !ofLine(part.Line, line) {
			continue
		}
		left := *e
		left.Location, left.Line.Quantity, left.Line.ReservationLine = part.Location, part.Quantity, part.Line
		*s.exceptions.edit(s.generation, number, s.index) = &left
		part.aged = number + 1
		s.note(uint64(number), uint64(k))
		return
	}
	s.overException(number)
}

// ExceptionCodes are the codes of what waits for a person.
func ExceptionCodes() []OutcomeCode {
	return []OutcomeCode{Parked, Quarantined, SetAsideMissing, AgedClaim, DuplicateArrival, AgedTransfer, Fork, NegativeStock, DuplicateReceipt}
}
