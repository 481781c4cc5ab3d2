package stock

// Code is how the state took a command.
type Code uint8

// Codes. Written into journals: add, never renumber.
const (
	Accepted     Code = 1 + iota
	Repeated          // done before: the answer is the present record
	ShortOf           // a reservation asked for more than there is
	NotFound          // no such reservation, line or location
	NotAllowed        // the record's state does not allow the step
	WrongWriter       // somebody else writes this location
	Ignored           // a batch that does not continue its epoch: nothing happened
	Forked            // same sequence, another history
	TooMany           // a bound of the state was reached
	Invalid           // the hub's own API let something through that apply will not
	Reused            // a document's id was used before, for something else
	OtherVersion      // the policy is no longer the one that was to be replaced
)

var codes = []string{"", "accepted", "repeated", "short", "not_found", "not_allowed", "wrong_writer", "ignored", "forked", "too_many", "invalid", "reused", "version"}

func (c Code) String() string { return nameOf(codes, int(c)) }

// Result is the answer to one command. Fields are set where they mean something.
type Result struct {
	Code        Code
	Text        string
	Through     Watermark    // batch: the epoch's watermark now
	At          uint64       // document: index at which it took effect
	Available   []Quantity   // reserve: what each line could have
	Reservation *Reservation // reserve, step: the record as it stood then
	Outcomes    []Outcome    // batch, document, map, admit: what was not plain success
	Lines       int          // map: how many parked lines were applied
	Next        uint32       // map: the exception to go on from; 0: that was all
	Version     uint64       // set policy: the version in force now
}

// Entry is one replicated log entry: the commands of many callers, merged.
type Entry struct {
	Wall     int64 // leader's clock, unix ms, for people; never used to decide
	Commands []Command
}

// Command is one of *Found, *Tick, *Batch, *Document, *Reserve, *Step,
// *PutItems, *PutLocations, *AssignWriter, *Echoes, *EndTransfer, *Own, *Resolve,
// *Map, *Admit, *SetPolicy.
type Command any

// Found gives a new cluster its incarnation. Later ones are ignored.
type Found struct {
	Incarnation uint64
	Restored    bool // what follows is the log of another incarnation, up to some place
}

// State is all the stock there is, as of one log index. It is owned by the
// goroutine that applies the log; Freeze makes what others read.
type State struct {
	generation  uint64
	index       uint64
	incarnation uint64
	restored    bool // it began as a backup of another incarnation
	hash        uint64
	term        uint64
	termBegan   int64  // hub time of the first tick of the term
	now         int64  // hub time, ms
	closed      bool   // only the catalogue creates items
	rule        uint64 // the conflict rule that every level has been settled by
	horizon     uint64 // last change of anything forgotten since

	items    pages[Item]
	itemNo   trie
	nextItem ItemNo

	aliases   pages[aliasRow]
	aliasNo   trie
	nextAlias uint32

	outside pages[[4]Quantity] // by item: supplier, customer, scrap, variance

	locations    pages[*Location]
	locationNo   trie
	nextLocation LocationNo

	reservations    pages[*Reservation]
	reservationNo   trie
	nextReservation uint32

	documents                    pages[documentRow]
	documentNo                   trie
	oldestDocument, nextDocument uint32

	exceptions             pages[*Exception]
	nextException          uint32
	openExceptions         [outcomeCodes]int // by code
	ended                  pages[uint32]     // exceptions that ended, in that order
	oldestEnded, nextEnded uint32

	conflicts                    pages[Conflict]
	oldestConflict, nextConflict uint32
	totals                       Totals

	transfers    pages[*Transfer]
	transferNo   trie
	nextTransfer uint32
	nextAged     uint32 // transfers before it are aged or over

	counts                 pages[lastCount]
	oldestCount, nextCount uint32

	policy *rules // what is in force, made ready to be asked; shared, never changed

	timers  timers
	touched []placeKey // levels to settle; empty between commands
	watch   *watch     // who explains a level; nil where the log is only applied
}

// NewState is the state before the first entry of a log.
func NewState() *State { return &State{rule: settled, policy: builtIn} }

// Apply takes the entry at index and gives one result for each of its commands.
// It panics on a command it does not know: a node that cannot understand the
// log must stop, never guess.
func (s *State) Apply(index uint64, entry *Entry) []Result {
	if index <= s.index {
		panic("stock: the log went backwards")
	}
	s.index = index
	s.note(index)
	results := make([]Result, len(entry.Commands))
	for i, command := range entry.Commands {
		results[i] = s.apply(command)
		s.settle(Cause{}) // nothing but an operation, a document or a closing leaves claims uncovered
		s.note(uint64(results[i].Code))
		s.look(Change{Command: command, Outcomes: results[i].Outcomes})
	}
	return results
}

func (s *State) apply(command Command) Result {
	switch c := command.(type) {
	case *Batch:
		return s.applyBatch(c)
	case *Reserve:
		return s.reserve(c)
	case *Step:
		return s.step(c)
	case *Tick:
		return s.tick(c)
	case *Document:
		return s.applyDocument(c)
	case *PutItems:
		return s.putItems(c)
	case *PutLocations:
		return s.putLocations(c)
	case *AssignWriter:
		return s.assignWriter(c)
	case *Echoes:
		return s.echoes(c)
	case *EndTransfer:
		return s.endTransfer(c)
	case *Own:
		return s.ownException(c)
	case *Resolve:
		return s.resolveException(c)
	case *Map:
		return s.mapCode(c)
	case *Admit:
		return s.admit(c)
	case *SetPolicy:
		return s.setPolicy(c)
	case *Found:
		if s.incarnation != 0 {
			return Result{Code: Repeated}
		}
		s.incarnation, s.restored = c.Incarnation, c.Restored
		s.note(c.Incarnation)
		return Result{Code: Accepted}
	}
	panic("stock: unknown command")
}

// Freeze returns the state as it is now, for anybody to read and nobody to
// write. It costs a copied header; pages are copied later, when they change.
func (s *State) Freeze() *State {
	frozen := *s
	frozen.timers, frozen.touched, frozen.watch = nil, nil, nil
	s.generation++
	return &frozen
}

// Index is the log index of the last applied entry.
func (s *State) Index() uint64 { return s.index }

// Incarnation tells histories of the hub apart; 0 before it is founded.
func (s *State) Incarnation() uint64 { return s.incarnation }

// Hash is the rolling hash over every change since the log began.
func (s *State) Hash() uint64 { return s.hash }

// Now is hub time in ms: the sum of all ticks.
func (s *State) Now() int64 { return s.now }

// Term is the term of the last tick.
func (s *State) Term() uint64 { return s.term }

// Horizon is the last change of a reservation or conflict that is forgotten: who
// asks for changes since before it has to start over.
func (s *State) Horizon() uint64 { return s.horizon }

// Sizes counts what the state holds, for metrics and pages.
type Sizes struct{ Items, Locations, Reservations, Documents, Exceptions, Conflicts, Transfers int }

// Sizes counts what the state holds.
func (s *State) Sizes() Sizes {
	return Sizes{int(s.nextItem), int(s.nextLocation), s.reservationNo.size, s.documentNo.size, s.open(), int(s.nextConflict - s.oldestConflict),
		s.transferNo.size}
}

// OpenExceptions counts those of one code that wait for a person.
func (s *State) OpenExceptions(code OutcomeCode) int { return s.openExceptions[code] }

func (s *State) open() (n int) {
	for _, some := range s.openExceptions {
		n += some
	}
	return n
}
