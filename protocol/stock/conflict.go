package stock

// Remedy is how a conflict was settled.
type Remedy uint8

// Remedies. Written into snapshots: add, never renumber.
const (
	Moved       Remedy = 1 + iota // the claim moved to another location
	MadeShort                     // the claim ended short
	PickedLate                    // goods left for a claim that had ended
	PickedAgain                   // goods left again for a claim already fulfilled
)

var remedies = []string{"", "move", "short", "late_pick", "picked_twice"}

func (r Remedy) String() string { return nameOf(remedies, int(r)) }

// CauseKind is what brought a conflict about.
type CauseKind uint8

// Causes. Written into snapshots: add, never renumber.
const (
	ByOperation  CauseKind = 1 + iota // a store's operation took the goods
	ByDocument                        // a document of the hub took them
	ByCannotPick                      // the store cannot find them
	ByClosing                         // the location was closed
)

var causes = []string{"", "operation", "document", "cannot_pick", "closed"}

func (k CauseKind) String() string { return nameOf(causes, int(k)) }

// reason is what the claim's line says of it.
func (k CauseKind) reason() string {
	if k == ByCannotPick || k == ByClosing {
		return k.String()
	}
	return "conflict"
}

// Cause is what brought a conflict about, and what its writer had seen.
type Cause struct {
	Kind        CauseKind
	Operation   OperationID // zero for a document and a closing
	Document    string
	Incarnation uint64 // hub position that the store had seen when it wrote
	Seen        uint64
}

func causeOf(op *Operation, kind CauseKind) Cause {
	return Cause{kind, op.ID, op.Document, op.Incarnation, op.Seen}
}

// Conflict is the record of one claim that gave way, or of goods that left for a
// claim that was over.
type Conflict struct {
	Index       uint64 // of the entry that settled it
	At          int64  // hub time, ms
	Location    LocationNo
	Item        ItemNo
	Reservation string
	Line        string
	Order       string
	Channel     string
	Quantity    Quantity
	State       ClaimState // of the claim before; 0 where none stood
	Priority    int64
	Remedy      Remedy
	To          LocationNo // Moved: where the claim stands now
	Cause       Cause
	Policy      uint64 // version of the policy that settled it
	Promised    uint64 // index at which the claim was accepted; 0: never known
}

const (
	// conflictMillis is how long a conflict is remembered, in hub time: as long
	// as a reservation that ended with it.
	conflictMillis = rememberMillis
	// MaxConflicts bounds the conflicts remembered, the oldest goes first: some
	// 30 MB, and a hundred a store where a thousand stores had a bad week.
	MaxConflicts = 100_000
)

// Totals count conflicts since the log began, for metrics.
type Totals struct {
	Conflicts   uint64 // claims that gave way
	Moved       uint64 // of these, moved
	Short       uint64 // of these, ended short
	LatePicks   uint64
	PickedTwice uint64
	LostCarts   Quantity // units of held claims that ended short
	Oversold    Quantity // units of confirmed and staged claims that ended short
}

// Totals counts conflicts since the log began.
func (s *State) Totals() Totals { return s.totals }

func conflictOf(r *Reservation, i int, cause Cause) Conflict {
	c := &r.Lines[i]
	return Conflict{Item: c.Item, Reservation: r.ID, Line: c.Line, Order: r.Order, Channel: r.Channel, Quantity: c.Quantity,
		Priority: r.Priority, Cause: cause, Promised: r.Created}
}

// conflict remembers a conflict and counts it.
func (s *State) conflict(c Conflict) {
	c.Index, c.At, c.Policy = s.index, s.now, s.policy.version
	if s.nextConflict-s.oldestConflict >= MaxConflicts {
		s.forgetConflict()
	}
	*s.conflicts.edit(s.generation, s.nextConflict, s.index) = c
	s.nextConflict++
	t := &s.totals
	switch c.Remedy {
	case PickedLate:
		t.LatePicks++
	case PickedAgain:
		t.PickedTwice++
	case Moved:
		t.Conflicts++
		t.Moved++
	case MadeShort:
		t.Conflicts++
		t.Short++
		if c.State == Held {
			t.LostCarts += c.Quantity
		} else {
			t.Oversold += c.Quantity
		}
	}
	s.note(uint64(c.Location), uint64(c.Item), uint64(c.Quantity), uint64(c.State), uint64(c.Remedy), uint64(c.To), uint64(c.Cause.Kind))
	s.noteText(c.Reservation)
	s.noteText(c.Line)
}

// forgetConflicts drops those that are as old as ended reservations may be.
func (s *State) forgetConflicts() {
	for s.oldestConflict < s.nextConflict {
		if c, _ := s.conflicts.get(s.oldestConflict); c.At+conflictMillis > s.now {
			return
		}
		s.forgetConflict()
	}
}

func (s *State) forgetConflict() {
	c, _ := s.conflicts.get(s.oldestConflict)
	s.horizon = max(s.horizon, c.Index)
	s.conflicts.clear(s.generation, s.oldestConflict)
	s.oldestConflict++
}
