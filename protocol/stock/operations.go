package stock

import (
	"strconv"
	"strings"
)

// Batch is a run of operations of one epoch: what follows After and ends at End.
// The receiving node has checked bounds, scope and chain; the writer's identity
// was made by its connection.
type Batch struct {
	Agent        string // the location's code
	Installation string
	Epoch        string
	After        Watermark
	End          Watermark
	Operations   []Operation
}

// OutcomeCode is what became of an operation or one of its lines, where that is
// not plain success. Written into logs: add, never renumber.
type OutcomeCode uint8

// Outcomes.
const (
	Parked           OutcomeCode = 1 + iota // nobody knows the item yet
	Quarantined                             // kept with its bytes, without effect
	Service                                 // not stock: recorded, without effect
	TooLate                                 // the claim had ended: put the goods back
	LatePick                                // goods left for a claim that had ended
	PickedTwice                             // goods left again for a claim already fulfilled
	NotConfirmed                            // set aside before an order stood behind it
	SetAsideMissing                         // exception only: less there than is set aside
	AgedClaim                               // exception only: nobody collects it
	RecountNeeded                           // a count that moved nothing: the store counts again
	UnknownLocation                         // goods left for a place that nobody knows: in transit where they left
	DuplicateArrival                        // goods arrived of a transfer that is over
	Untracked                               // a transfer too many or too large: booked as though it was closed
	AgedTransfer                            // exception only: nothing more arrives
	Fork                                    // exception only: a PC had written what another history has here
	NegativeStock                           // exception only: more has left than was there
	DuplicateReceipt                        // exception only: a till's slip that has come before
	Mapped                                  // a parked line has been applied
	Admitted                                // a quarantined operation has been applied
	outcomeCodes
)

var outcomeNames = []string{"", "parked", "quarantined", "service", "too_late", "late_pick", "picked_twice", "not_confirmed", "set_aside_missing", "aged_claim",
	"recount", "unknown_location", "duplicate_arrival", "untracked", "aged_transfer", "fork", "negative_stock", "duplicate_receipt", "mapped", "admitted"}

func (c OutcomeCode) String() string { return nameOf(outcomeNames, int(c)) }

// Outcome names an operation, the line (from 1; 0: all of it) and what became of it.
type Outcome struct {
	Epoch    string
	Sequence uint64
	Line     int
	Code     OutcomeCode
	Text     string
	Index    uint64
}

const (
	// maxEpochsADay bounds new epochs of one location in a day of hub time, so
	// that a PC restored in a loop cannot fill the state.
	maxEpochsADay = 24
	dayMillis     = 24 * 3600 * 1000
)

// applyBatch takes a batch whole if it continues its epoch exactly, and else
// ignores it whole: overlap, gap and lateness rewind the session.
func (s *State) applyBatch(b *Batch) Result {
	l, ok := s.Location(b.Agent)
	if !ok {
		return Result{Code: WrongWriter}
	}
	at, code := s.continues(l, b)
	if code != Accepted {
		var through Watermark
		if at >= 0 {
			through = l.Epochs[at].Through
		}
		return Result{Code: code, Through: through}
	}
	l = s.own(l.No)
	if at < 0 {
		s.watchEpoch(l, b)
		at = len(l.Epochs)
		l.Epochs = append(l.Epochs, Epoch{Name: b.Epoch, Installation: b.Installation})
		if day := s.now / dayMillis; l.day != day {
			l.day, l.opened = day, 0
		}
		l.opened++
		s.noteText(b.Epoch)
	}
	result := Result{Code: Accepted, Through: b.End}
	for i := range b.Operations {
		op := &b.Operations[i]
		op.ID = OperationID{b.Agent, b.Epoch, b.After.Sequence + uint64(i) + 1}
		told := len(result.Outcomes)
		s.applyOperation(l, op, &result)
		s.look(Change{Operation: op, Outcomes: result.Outcomes[told:]})
	}
	l.Epochs[at].Through, l.Epochs[at].Changed = b.End, s.index
	s.note(b.End.Sequence, chainWord(b.End.Chain))
	return result
}

// watchEpoch tells a person of a PC that begins another epoch without a fork: its
// ledger was restored, or could not vouch for its end. What it has lost, its own page
// says. After a fork the operation that was written again tells.
func (s *State) watchEpoch(l *Location, b *Batch) {
	for i := len(l.Epochs) - 1; i >= 0; i-- {
		e := &l.Epochs[i]
		if e.Installation != b.Installation || len(b.Operations) == 0 || b.Operations[0].Was != "" {
			continue
		}
		last := OperationID{b.Agent, e.Name, e.Through.Sequence}
		s.except(Exception{Code: Fork, Location: l.No, Operation: OperationID{b.Agent, b.Epoch, b.After.Sequence + 1},
			Text: "a new epoch after " + last.String() + ": the store's ledger was restored, or has lost its end; its page says more"})
		return
	}
}

// continues finds the epoch of a batch (-1: new) and whether the batch follows.
func (s *State) continues(l *Location, b *Batch) (at int, code Code) {
	for i := range l.Epochs {
		e := &l.Epochs[i]
		switch {
		case e.Name != b.Epoch:
			continue
		case e.Installation != b.Installation:
			return i, WrongWriter
		case b.After == e.Through:
			return i, Accepted
		case b.After.Sequence == e.Through.Sequence:
			return i, Forked
		}
		return i, Ignored
	}
	switch {
	case !l.Writes(b.Installation):
		return -1, WrongWriter
	case b.After != Watermark{}:
		return -1, Ignored
	case l.day == s.now/dayMillis && l.opened >= maxEpochsADay:
		return -1, TooMany
	}
	return -1, Accepted
}

func chainWord(chain [32]byte) (word uint64) {
	for _, b := range chain[:8] {
		word = word<<8 | uint64(b)
	}
	return word
}

// applyOperation books one operation; whatever is not plain success becomes an
// outcome for the store and the journal.
func (s *State) applyOperation(l *Location, op *Operation, result *Result) {
	if fault := s.faultAt(l, op); fault != "" {
		s.outcome(l, op, Outcome{Code: Quarantined, Text: fault}, result)
		s.quarantine(l, op, fault)
		return
	}
	if s.writtenBefore(l, op) {
		fault := "was written again before, under another epoch: a copy of the store's disk has brought it"
		s.outcome(l, op, Outcome{Code: Quarantined, Text: fault}, result)
		s.quarantine(l, op, fault)
		return
	}
	if op.Was != "" && op.ID.Sequence == 1 {
		s.except(Exception{Code: Fork, Location: l.No, Operation: op.ID, Text: "what was written from " + op.Was + " on came under a new epoch: the hub has another history there"})
	}
	s.watchAgain(l, op)
	s.watchReceipt(l, op)
	s.applyLines(l, op, result)
}

// applyLines books an operation that has no fault.
func (s *State) applyLines(l *Location, op *Operation, result *Result) {
	for i := range op.Lines {
		line := &op.Lines[i]
		code := OutcomeCode(0)
		if line.Kind.Moves() {
			code = s.applyMovement(l, op, i)
		} else {
			code = s.applyFact(l, op, line)
		}
		if code != 0 {
			s.outcome(l, op, Outcome{Line: i + 1, Code: code, Text: line.Code()}, result)
		}
	}
	s.endTransfers(op)
	s.settle(causeOf(op, ByOperation))
}

func (s *State) faultAt(l *Location, op *Operation) string {
	if fault := op.FaultOf(); fault != "" {
		return fault
	}
	if op.Was != "" && !strings.HasPrefix(op.Was, l.Code+".") {
		return "was names an operation of another location"
	}
	if l.forgot.epoch > 0 && !op.admitted && l.before(op, l.forgot) {
		return "written before a count that is no longer remembered"
	}
	for i := range op.Lines {
		no, ok := s.named(&op.Lines[i])
		if !ok {
			continue
		}
		to, elsewhere := s.Location(op.Lines[i].Location)
		if !s.fits(l, no) || elsewhere && !s.fits(to, no) {
			return "level out of range"
		}
	}
	return ""
}

func (s *State) applyMovement(l *Location, op *Operation, i int) OutcomeCode {
	line := &op.Lines[i]
	no, ok := s.resolve(line)
	if !ok {
		s.park(l, op, i)
		return Parked
	}
	line.Item = s.Item(no).Code
	if !s.Item(no).Stocked {
		return Service
	}
	switch {
	case line.Kind == Count:
		return s.count(l, op, line, no)
	case line.Kind.Transfers():
		return s.transfer(l, op, i, no)
	}
	from, to, q := line.Legs(op.Reverses != "")
	s.move(l, no, s.standing(l, op, no, from), s.standing(l, op, no, to), q)
	if line.Reservation == "" || op.Reverses != "" || line.Kind != Pick && line.Kind != Sale {
		return 0
	}
	return s.pick(l, op, line, no)
}

// outcome is told to the journal, and kept for the store until acknowledged.
func (s *State) outcome(l *Location, op *Operation, o Outcome, result *Result) {
	o.Epoch, o.Sequence, o.Index = op.ID.Epoch, op.ID.Sequence, s.index
	result.Outcomes = append(result.Outcomes, o)
	if o.Code != Service && op.ID.Epoch != "" {
		l.Outcomes = append(l.Outcomes, o)
	}
	s.note(op.ID.Sequence, uint64(o.Line), uint64(o.Code))
}

// Document is a list of movements that the hub itself writes for a location:
// facts of a place without an agent, ERP corrections, opening balances. Source
// and Document name it; repeated, it answers with where it first took effect.
type Document struct {
	Source    string
	Location  string
	Operation Operation // its Document is the id
}

// documentMillis is how long a document's id is remembered, in hub time.
const documentMillis = 35 * dayMillis

type documentRow struct {
	key   string
	index uint64
	at    int64
	print uint64 // of what it booked; 0 in rows of snapshots before version 2
}

// print tells two documents with one id apart by what they book. When a client
// repeats one, only its trace and its own clock may differ.
func (d *Document) print() uint64 {
	h := hashCode(d.Location)
	text := func(words ...string) {
		for _, w := range words {
			h = mix(h, hashCode(w))
		}
	}
	for i := range d.Operation.Lines {
		line := &d.Operation.Lines[i]
		h = mix(mix(mix(h, uint64(line.Kind)), uint64(line.Quantity)), uint64(line.Account))
		text(line.Scanned, line.Reason, line.Approved, line.Of, line.Reservation, line.ReservationLine, line.Location)
		if line.Location != "" {
			text(line.Location)
		}
	}
	return max(h, 1)
}

func (s *State) applyDocument(d *Document) Result {
	key := d.Source + "\x00" + d.Operation.Document
	if n, ok := s.documentNo.get(key); ok {
		row, _ := s.documents.get(n)
		if row.print != 0 && row.print != d.print() {
			return Result{Code: Reused, At: row.index}
		}
		return Result{Code: Repeated, At: row.index}
	}
	l, ok := s.Location(d.Location)
	if !ok {
		return Result{Code: NotFound}
	}
	if l.Installation != "" && l.Installation != d.Source && !d.corrects() {
		return Result{Code: WrongWriter}
	}
	if fault := d.fault(s, l); fault != "" {
		return Result{Code: Invalid, Text: fault}
	}
	l = s.own(l.No)
	d.Operation.Source = d.Source
	result := Result{Code: Accepted, At: s.index}
	for i := range d.Operation.Lines {
		line := &d.Operation.Lines[i]
		if _, known := s.ItemNo(line.Code()); !known && !s.closed {
			s.addItem(Item{Code: line.Code(), Class: defaultClass, Stocked: true})
		}
		if code := s.applyMovement(l, &d.Operation, i); code != 0 {
			s.outcome(l, &d.Operation, Outcome{Line: i + 1, Code: code, Text: line.Code()}, &result)
		}
	}
	s.endTransfers(&d.Operation)
	s.settle(causeOf(&d.Operation, ByDocument))
	s.documentNo.put(s.generation, key, s.nextDocument)
	*s.documents.edit(s.generation, s.nextDocument, s.index) = documentRow{key, s.index, s.now, d.print()}
	s.nextDocument++
	s.noteText(key)
	return result
}

// fault says why the document cannot be booked; claims are the business of a
// store's own operations, and who counts without a view of its own adjusts.
func (d *Document) fault(s *State, l *Location) string {
	for i := range d.Operation.Lines {
		if kind := d.Operation.Lines[i].Kind; kind < kinds && (!kind.Moves() || kind == Count) {
			return "line " + strconv.Itoa(i+1) + ": a document cannot " + kind.String()
		}
	}
	for i := range d.Operation.Lines {
		if d.Operation.Lines[i].Kind == Dispatch && len(d.Source)+len(d.Operation.Document) >= maxTransferID/3 {
			return "line " + strconv.Itoa(i+1) + ": source and document are too long to name a transfer"
		}
	}
	return s.faultAt(l, &d.Operation)
}

// corrects reports whether the document only adjusts: that may be added to what
// a store's own writer records, everything else is the writer's to say.
func (d *Document) corrects() bool {
	for i := range d.Operation.Lines {
		if d.Operation.Lines[i].Kind != Adjust {
			return false
		}
	}
	return true
}

func (s *State) forgetDocuments() {
	for ; s.oldestDocument < s.nextDocument; s.oldestDocument++ {
		row, _ := s.documents.get(s.oldestDocument)
		if row.at+documentMillis > s.now {
			return
		}
		s.documentNo.remove(s.generation, row.key)
		s.documents.clear(s.generation, s.oldestDocument)
	}
}
