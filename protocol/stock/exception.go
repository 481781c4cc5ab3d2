package stock

import "bytes"

// Exception is something that waits for a person: a parked line or a
// quarantined operation, kept with what is needed to take it up later.
type Exception struct {
	Code      OutcomeCode // Parked or Quarantined
	Location  LocationNo
	Operation OperationID // zero for a document
	Document  string
	Line      Line   // parked: the line
	Number    int    // its number in the operation, from 1
	Text      string // quarantined: why
	Raw       []byte // quarantined: the bytes
	Index     uint64
}

func (s *State) park(l *Location, op *Operation, i int) {
	s.except(Exception{Code: Parked, Location: l.No, Operation: op.ID, Document: op.Document, Line: op.Lines[i], Number: i + 1})
}

func (s *State) quarantine(l *Location, op *Operation, fault string) {
	s.except(Exception{Code: Quarantined, Location: l.No, Operation: op.ID, Document: op.Document, Text: fault, Raw: bytes.Clone(op.Raw)})
}

func (s *State) except(e Exception) {
	e.Index = s.index
	*s.exceptions.edit(s.generation, s.nextException, s.index) = e
	s.nextException++
	s.note(uint64(e.Code), uint64(e.Line.Quantity))
}
