package stock

// CareAction is what a person, or the end of its reason, did about an exception.
type CareAction uint8

// Care actions. Written into snapshots: add, never renumber.
const (
	TakenOver   CareAction = 1 + iota // it has an owner, named in Text
	Resolved                          // a person closed it
	WasMapped                         // its line has been applied
	WasAdmitted                       // its operation has been applied
	WasOver                           // its reason ended by itself
)

var careActions = []string{"", "owned", "resolved", "mapped", "admitted", "over"}

func (a CareAction) String() string { return nameOf(careActions, int(a)) }

// Care is one thing that was done about an exception.
type Care struct {
	Action CareAction
	By     string // who did it; empty: nobody
	Text   string // the owner, or why
	At     int64  // hub time, ms
	Index  uint64
}

const (
	// maxCare bounds the history of one exception; past it the one before the last
	// is overwritten: how it began and how it ended is what is asked.
	maxCare = 16
	// endedMillis is how long an exception that ended is remembered, in hub time: as
	// long as an ended reservation. The journal has it for longer.
	endedMillis = rememberMillis
	// maxEnded bounds those remembered, the oldest goes first.
	maxEnded = 100_000
)

// Own gives an open exception an owner.
type Own struct {
	Exception uint32
	Owner, By string
}

// Resolve closes an exception by hand: nothing that it is about moves.
type Resolve struct {
	Exception uint32
	By, Note  string
}

func (s *State) ownException(c *Own) Result {
	e, code := s.openException(c.Exception)
	if code != Accepted {
		return Result{Code: code}
	}
	if e.Owner == c.Owner {
		return Result{Code: Repeated}
	}
	owned := *e
	owned.Owner = c.Owner
	s.care(c.Exception, owned, Care{Action: TakenOver, By: c.By, Text: c.Owner})
	return Result{Code: Accepted}
}

func (s *State) resolveException(c *Resolve) Result {
	_, code := s.openException(c.Exception)
	if code != Accepted {
		return Result{Code: code}
	}
	s.endException(c.Exception, Care{Action: Resolved, By: c.By, Text: c.Note})
	return Result{Code: Accepted}
}

// openException finds one that is open, for reading. One that ended answers that
// this has been done before.
func (s *State) openException(number uint32) (*Exception, Code) {
	e, ok := s.exceptions.get(number)
	switch {
	case !ok:
		return nil, NotFound
	case !e.Open():
		return nil, Repeated
	}
	return e, Accepted
}

// Exception is one by its number, open or ended and still remembered.
func (s *State) Exception(number uint32) (*Exception, bool) { return s.exceptions.get(number) }

// overException ends one whose reason is over, unless a person did before.
func (s *State) overException(number uint32) {
	if _, code := s.openException(number); code == Accepted {
		s.endException(number, Care{Action: WasOver})
	}
}

// endException keeps one that ended for a while.
func (s *State) endException(number uint32, last Care) {
	open, _ := s.exceptions.get(number)
	e := *open
	e.Ended, e.Raw, e.slot = max(s.now, 1), nil, s.nextEnded+1
	s.care(number, e, last)
	*s.ended.edit(s.generation, s.nextEnded, s.index) = number
	s.nextEnded++
	s.openExceptions[e.Code]--
	if s.nextEnded-s.oldestEnded > maxEnded {
		s.forgetEnded()
	}
}

// care puts what was done into the exception's history.
func (s *State) care(number uint32, e Exception, c Care) {
	c.At, c.Index = s.now, s.index
	keep := min(len(e.History), maxCare-1)
	e.History = append(append([]Care(nil), e.History[:keep]...), c)
	*s.exceptions.edit(s.generation, number, s.index) = &e
	s.note(e.Index, uint64(c.Action))
	s.noteText(c.By)
	s.noteText(c.Text)
}

func (s *State) forgetExceptions() {
	for s.oldestEnded < s.nextEnded {
		number, _ := s.ended.get(s.oldestEnded)
		if e, _ := s.exceptions.get(number); e.Ended+endedMillis > s.now {
			return
		}
		s.forgetEnded()
	}
}

func (s *State) forgetEnded() {
	number, _ := s.ended.get(s.oldestEnded)
	s.exceptions.clear(s.generation, number)
	s.ended.clear(s.generation, s.oldestEnded)
	s.oldestEnded++
	s.note(uint64(number))
}

// maxBelowZero bounds the open exceptions that tell of negative stock, one a level:
// who sells what was never booked in has one reason for all of them.
const maxBelowZero = 1000

// watchBelowZero tells a person, once for as long as it lasts, that more has left
// a location than was there. It is a record error, and has moved nothing.
func (s *State) watchBelowZero(at placeKey) {
	l := s.LocationAt(at.location)
	g, _ := l.goods.get(uint32(at.item))
	if g.sellable >= 0 && l.belowZero == 0 {
		return
	}
	m, _ := l.margin.get(uint32(at.item))
	switch {
	case g.sellable < 0 && m.negative == 0 && l.belowZero < maxBelowZero:
		l = s.own(l.No)
		n := s.except(Exception{Code: NegativeStock, Location: l.No, Line: Line{Item: s.Item(at.item).Code, Quantity: -g.sellable}})
		l.margin.edit(s.generation, uint32(at.item), s.index).negative = n + 1
		l.belowZero++
	case g.sellable >= 0 && m.negative > 0:
		l = s.own(l.No)
		s.overException(m.negative - 1)
		l.margin.edit(s.generation, uint32(at.item), s.index).negative = 0
		l.belowZero--
	}
}

// lastReceipts is how many receipts of a location are remembered: what its tills
// may have been repeating when its PC was restored, and forgot that it had them.
const lastReceipts = 16

// watchReceipt tells a person of a slip that has come before in another operation.
// Both are booked: which of them happened, nobody here can know.
func (s *State) watchReceipt(l *Location, op *Operation) {
	if op.Receipt == "" || op.Reverses != "" || op.ID.Epoch == "" || op.Lines[0].Kind != Sale {
		return
	}
	print := max(mix(hashCode(op.Till), hashCode(op.Receipt)), 1)
	for _, before := range l.receipts {
		if before == print {
			s.except(Exception{Code: DuplicateReceipt, Location: l.No, Operation: op.ID, Line: op.Lines[0], Number: 1,
				Text: "receipt " + op.Receipt + " of till " + op.Till + " has come before"})
			return
		}
	}
	l.receipts[l.sold%lastReceipts] = print
	l.sold++
}

// watchAgain notes how far an epoch has been written again: what names one of these
// operations, a slip above all, names one that is here.
func (s *State) watchAgain(l *Location, op *Operation) {
	if op.Was == "" {
		return
	}
	_, epoch, sequence := splitID(op.Was)
	at, named := -1, 0
	for i := range l.Epochs {
		if l.Epochs[i].Name == epoch {
			at = i
		}
		if l.Epochs[i].Through.Sequence == 0 {
			named++
		}
	}
	if at < 0 && named < maxNamed { // a hub that was set back may never have seen it
		writer, _ := l.Epoch(op.ID.Epoch)
		at = len(l.Epochs)
		l.Epochs = append(l.Epochs, Epoch{Name: epoch, Installation: writer.Installation, Changed: s.index})
		s.noteText(epoch)
	}
	if at >= 0 && sequence > max(l.Epochs[at].Again, l.Epochs[at].Through.Sequence) {
		l.Epochs[at].Again = sequence
		s.note(sequence)
	}
}

// maxNamed bounds the epochs of a location that are known by name only: a PC forks
// from one history at a time.
const maxNamed = 32

// maxAgain bounds the operations of a location that are remembered so, the oldest goes first: more than a PC sells in a day of two backups.
const maxAgain = 1024

// writtenBefore remembers what a fork made a location write again, by its first
// bytes. Two copies of a disk may find out differently from where on, and then write
// the same operation into two epochs: it is applied once, and a person looks at the
// other. Where a hub was set back to a backup a copy may also bring the first, before
// or after: such a state remembers every operation for a while.
func (s *State) writtenBefore(l *Location, op *Operation) bool {
	if op.Raw == nil || op.Was == "" && !s.restored && len(l.again) == 0 {
		return false
	}
	first := op.Raw
	if op.Was != "" {
		first = op.First
	}
	print := hashCode(string(first))
	for _, before := range l.again {
		if before == print {
			return true
		}
	}
	if op.Was == "" && !s.restored {
		return false
	}
	l.again = append(l.again[max(0, len(l.again)-maxAgain+1):len(l.again):len(l.again)], print) // a frozen state keeps its own
	s.note(print)
	return false
}
