package stock

import (
	"strconv"
	"strings"
)

// Transfer is goods on their way from one location to another, as long as one
// of its legs is missing or does not agree with the other.
type Transfer struct {
	ID         string // the dispatch's operation, or source/document
	From       LocationNo
	FromKnown  bool   // false: an arrival named a place that nobody knows
	Dispatched bool   // the papers are here
	Since      int64  // hub time of the first leg, ms
	Index      uint64 // of its entry
	Lines      []InTransitLine

	no         uint32
	aged       uint32 // number of its exception + 1
	parties    []party
	generation uint64
}

// InTransitLine is what stands in transit at a location for a transfer.
type InTransitLine struct {
	At       LocationNo
	Item     ItemNo
	Account  Account  // where the goods came from and will go to
	Quantity Quantity // negative: they arrived ahead of their papers
}

// party is a location that is told of a transfer, and its slot there.
type party struct {
	location LocationNo
	slot     uint32
}

const (
	// agedMillis is how long a transfer may be open before a person is told, where
	// the policy says nothing: a truck that goes once a week has been there.
	agedMillis = 7 * dayMillis
	// MaxTransfers bounds the open transfers: a hundred a store of a thousand.
	// Past it goods are booked from and to variance, as though it was closed.
	MaxTransfers = 100_000
	// maxInTransitLines bounds the lines of one: a dispatch has at most a thousand,
	// and arrivals ahead of it as many again.
	maxInTransitLines = 2000
)

// transferID names the transfer that an operation or document dispatches.
func transferID(op *Operation) string {
	switch {
	case op.Was != "":
		return op.Was // the slip on the pallet says so
	case op.ID.Epoch != "":
		return op.ID.String()
	}
	return DocumentTransfer(op.Source, op.Document)
}

// DocumentTransfer names the transfer that a document dispatches.
func DocumentTransfer(source, document string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F").Replace(source) + "/" + document
}

// maxTransferID bounds a transfer's id in bytes: an arrival has to name it.
const maxTransferID = 256

// transfer books one leg of a transfer. Whoever undoes a dispatch has the goods
// back home.
func (s *State) transfer(l *Location, op *Operation, i int, item ItemNo) OutcomeCode {
	line := op.Lines[i]
	switch {
	case line.Kind == Arrive:
		return s.arrive(l, op, &line, op.skipped+i+1, item)
	case op.Reverses != "":
		line.Kind, line.Of, line.Location = Arrive, op.Reverses, l.Code
		return s.arrive(l, op, &line, op.skipped+i+1, item)
	}
	return s.dispatch(l, op, &line, item)
}

// dispatch writes what left in transit: first where goods of the transfer have
// arrived already, the rest at the destination.
func (s *State) dispatch(l *Location, op *Operation, line *Line, item ItemNo) OutcomeCode {
	code := OutcomeCode(0)
	to, ok := s.Location(line.Location)
	if !ok {
		to, code = l, UnknownLocation
	}
	s.book(l, item, s.standing(l, op, item, line.Account), -line.Quantity)
	t := s.openTransfer(transferID(op))
	if t == nil {
		s.book(l, item, Variance, line.Quantity)
		return Untracked
	}
	s.sentFrom(t, l.No)
	t.Dispatched = true
	left := line.Quantity
	for i := range t.Lines {
		if p := &t.Lines[i]; left > 0 && p.Item == item && p.Account == line.Account && p.Quantity < 0 {
			q := min(left, -p.Quantity)
			s.stand(t, i, q)
			left -= q
		}
	}
	if left > 0 && !s.standAt(t, InTransitLine{to.No, item, line.Account, left}) {
		s.book(l, item, Variance, left)
		return Untracked
	}
	return code
}

// arrive takes goods out of transit where the dispatch wrote them, here first.
// Where the papers are still to come, they are in transit below zero here; what
// a known dispatch cannot have brought is found.
func (s *State) arrive(l *Location, op *Operation, line *Line, number int, item ItemNo) OutcomeCode {
	s.book(l, item, s.standing(l, op, item, line.Account), line.Quantity)
	_, open := s.transferNo.get(line.Of)
	if !open && s.dispatchKnown(line.Of, op) {
		s.book(l, item, Variance, -line.Quantity)
		s.except(Exception{Code: DuplicateArrival, Location: l.No, Operation: op.ID, Document: op.Document, Line: *line, Number: number,
			Text: "transfer " + line.Of + " is over"})
		return DuplicateArrival
	}
	t := s.openTransfer(line.Of)
	if t == nil {
		s.book(l, item, Variance, -line.Quantity)
		return Untracked
	}
	if from, ok := s.Location(line.Location); ok && !t.FromKnown {
		s.sentFrom(t, from.No)
	}
	if t.Dispatched {
		s.book(l, item, Variance, -s.take(t, l.No, item, line.Account, line.Quantity))
	} else if !s.standAt(t, InTransitLine{l.No, item, line.Account, -line.Quantity}) {
		s.book(l, item, Variance, -line.Quantity)
		return Untracked
	}
	return 0
}

// take takes goods out of transit, here before elsewhere, and returns what no
// dispatch has sent.
func (s *State) take(t *Transfer, here LocationNo, item ItemNo, account Account, left Quantity) Quantity {
	for _, local := range []bool{true, false} {
		for i := range t.Lines {
			p := &t.Lines[i]
			if q := min(left, p.Quantity); q > 0 && p.Item == item && p.Account == account && (p.At == here) == local {
				s.stand(t, i, -q)
				left -= q
			}
		}
	}
	return left
}

// dispatchKnown reports whether an id names an operation that has been applied
// before this one, or a document that is remembered.
func (s *State) dispatchKnown(id string, op *Operation) bool {
	if source, document, ok := strings.Cut(id, "/"); ok {
		source = strings.NewReplacer("%2F", "/", "%25", "%").Replace(source)
		_, known := s.documentNo.get(source + "\x00" + document)
		return known
	}
	agent, epoch, sequence := splitID(id)
	if sequence == 0 {
		return false
	}
	l, ok := s.Location(agent)
	if !ok {
		return false
	}
	e, ok := l.Epoch(epoch)
	through := e.Through.Sequence
	if op.ID.Agent == agent && op.ID.Epoch == epoch {
		through = op.ID.Sequence - 1 // its batch may not be whole yet
	}
	return ok && sequence <= max(through, e.Again)
}

// splitID reads what OperationID.String writes; sequence 0: it is no such text.
func splitID(id string) (agent, epoch string, sequence uint64) {
	rest, number, _ := cutLast(id)
	agent, epoch, _ = cutLast(rest)
	sequence, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return agent, epoch, 0
	}
	return agent, epoch, sequence
}

// endTransfers ends what an operation has made whole. Of a dispatched transfer
// nothing is ahead of its papers any more: what is, was found.
func (s *State) endTransfers(op *Operation) {
	for i := range op.Lines {
		id := op.Lines[i].Of
		switch {
		case !op.Lines[i].Kind.Transfers():
			continue
		case op.Reverses != "":
			id = op.Reverses
		case op.Lines[i].Kind == Dispatch:
			id = transferID(op)
		}
		if no, ok := s.transferNo.get(id); ok {
			s.finishTransfer(no)
		}
	}
}

func (s *State) finishTransfer(no uint32) {
	t, _ := s.transfers.get(no)
	if !t.Dispatched {
		return
	}
	t = s.ownTransfer(no)
	left := t.Lines[:0:0]
	for i := range t.Lines {
		if t.Lines[i].Quantity < 0 {
			s.toVariance(t, i)
		}
		if t.Lines[i].Quantity != 0 {
			left = append(left, t.Lines[i])
		}
	}
	if t.Lines = left; len(left) == 0 {
		s.dropTransfer(t)
	}
}

// EndTransfer books what is still in transit to variance: nothing more is to come.
type EndTransfer struct {
	ID     string
	Reason string
}

func (s *State) endTransfer(c *EndTransfer) Result {
	no, ok := s.transferNo.get(c.ID)
	if !ok {
		return Result{Code: NotFound}
	}
	s.closeOne(s.ownTransfer(no))
	return Result{Code: Accepted}
}

// closeTransfer does so for a store that goods left or were sent to.
func (s *State) closeTransfer(l *Location, line *Line) {
	no, ok := s.transferNo.get(line.Of)
	if !ok {
		return // over already
	}
	if t, _ := s.transfers.get(no); t.Concerns(l.No) {
		s.closeOne(s.ownTransfer(no))
	}
}

func (s *State) closeOne(t *Transfer) {
	for i := range t.Lines {
		s.toVariance(t, i)
	}
	s.dropTransfer(t)
}

func (s *State) toVariance(t *Transfer, i int) {
	p := t.Lines[i]
	s.stand(t, i, -p.Quantity)
	s.book(s.own(p.At), p.Item, Variance, p.Quantity)
}

// ageTransfers tells a person of transfers that stay open. Their numbers follow
// their first legs.
func (s *State) ageTransfers() {
	for ; s.nextAged < s.nextTransfer; s.nextAged++ {
		t, ok := s.transfers.get(s.nextAged)
		if !ok {
			continue
		}
		if t.Since+s.policy.agedAfter > s.now {
			return
		}
		t = s.ownTransfer(s.nextAged)
		p := t.Lines[0]
		t.aged = 1 + s.except(Exception{Code: AgedTransfer, Location: p.At, Line: Line{Item: s.Item(p.Item).Code, Quantity: p.Quantity, Account: p.Account, Of: t.ID},
			Text: "transfer " + t.ID + ", lines in transit: " + strconv.Itoa(len(t.Lines))})
	}
}
