package stock

// LocationState says what a location promises.
type LocationState uint8

// Location states. Written into logs: add, never renumber.
const (
	Open   LocationState = 1 + iota
	Paused               // promises nothing new
	Closed               // promises nothing; its writer may still drain
)

var locationStates = []string{"", "open", "paused", "closed"}

func (s LocationState) String() string { return nameOf(locationStates, int(s)) }

// ParseLocationState is the inverse of String.
func ParseLocationState(name string) (LocationState, bool) {
	n, ok := numberOf(locationStates, name)
	return LocationState(n), ok
}

// LocationFacts is what central IT says of a location.
type LocationFacts struct {
	Code   string
	Name   string
	Region string
	GLN    string
	State  LocationState
}

// Watermark is how far an epoch's operations have been applied: the sequence of
// the last one and the chain that proves which history it ends.
type Watermark struct {
	Sequence uint64
	Chain    [32]byte
}

// Epoch is one unbroken history of a location's writer.
type Epoch struct {
	Name         string
	Installation string // the PC that wrote it
	Through      Watermark
	Changed      uint64 // index at which Through last moved
	Again        uint64 // a fork made its writer write operations up to this one again: they are here under another epoch
}

// Location is a shop or warehouse that holds stock, with all that the state
// knows of it. Read-only outside this package.
type Location struct {
	LocationFacts
	No           LocationNo
	Installation string   // of its writer; empty: no agent writes it
	Replaced     []string // installations that were its writer before, oldest first
	Epochs       []Epoch
	Outcomes     []Outcome // not yet acknowledged by the store, oldest first
	CaughtUp     int64     // hub time up to which everything is here, ms
	Turned       uint64    // index at which it last opened, paused or closed
	heard        uint64    // term of the last echo
	day, opened  int64     // hub day, and epochs opened on it

	generation uint64
	goods      pages[goods]
	margin     pages[margin]
	claims     pages[claimRef]
	nextClaim  uint32
	horizon    uint64            // last change of a claim forgotten since
	firstClaim pages[uint32]     // by item: a slot + 1 of its open claims
	links      pages[claimLink]  // by slot, of open claims
	held       []pages[Quantity] // by floor of the policy, by item: what its group's open claims hold

	tasks       pages[Task]
	nextTask    uint32
	openTasks   int
	taskHorizon uint64 // last time a task ended

	counted pages[uint32] // by item: number of its last count + 1
	forgot  countPlace    // the newest count that is no longer remembered

	transfers       pages[uint32]   // by slot: numbers of open transfers from, to or at here
	nextTransfer    uint32          // slot
	transferHorizon uint64          // last time one ended
	ahead           pages[Quantity] // by item: sellable goods that arrived elsewhere before the papers

	belowZero int                  // levels with an exception negative_stock
	receipts  [lastReceipts]uint64 // prints of the last receipts, in turn
	sold      uint64               // how many there were
	again     []uint64             // prints of what forks made it write again, oldest first
}

// unheardAge is the least age told for a location that no tick of this term has
// heard of, ms of hub time.
const unheardAge = 3600_000

// Age is how long ago, in hub time ms, everything the location did was here.
func (s *State) Age(l *Location) int64 {
	age := s.now - l.CaughtUp
	if l.heard != s.term || s.term == 0 {
		return max(age, unheardAge)
	}
	return age
}

// Epoch finds an epoch of the location by name.
func (l *Location) Epoch(name string) (Epoch, bool) {
	for i := range l.Epochs {
		if l.Epochs[i].Name == name {
			return l.Epochs[i], true
		}
	}
	return Epoch{}, false
}

// own returns the location for writing; what a frozen state shows is copied.
func (s *State) own(no LocationNo) *Location {
	slot := s.locations.edit(s.generation, uint32(no), s.index)
	if (*slot).generation != s.generation {
		own := **slot
		own.generation = s.generation
		own.Epochs = append([]Epoch(nil), own.Epochs...)
		own.Replaced = append([]string(nil), own.Replaced...)
		own.Outcomes = append([]Outcome(nil), own.Outcomes...)
		own.held = append([]pages[Quantity](nil), own.held...)
		*slot = &own
	}
	return *slot
}

// addLocation gives an unknown code its number.
func (s *State) addLocation(code string) *Location {
	no := s.nextLocation
	s.nextLocation++
	s.locationNo.put(s.generation, code, uint32(no))
	l := &Location{LocationFacts: LocationFacts{Code: code, State: Open}, No: no, generation: s.generation}
	*s.locations.edit(s.generation, uint32(no), s.index) = l
	s.note(uint64(no))
	s.noteText(code)
	return l
}

// Location finds a location by its code.
func (s *State) Location(code string) (*Location, bool) {
	no, ok := s.locationNo.get(code)
	if !ok {
		return nil, false
	}
	return s.LocationAt(LocationNo(no)), true
}

// LocationAt is the location with a number the log has given.
func (s *State) LocationAt(no LocationNo) *Location {
	l, _ := s.locations.get(uint32(no))
	return l
}

// PutLocations sets what central IT says of locations, new or known.
type PutLocations struct{ Locations []LocationFacts }

func (s *State) putLocations(c *PutLocations) Result {
	for _, facts := range c.Locations {
		l, ok := s.Location(facts.Code)
		if !ok {
			l = s.addLocation(facts.Code)
		}
		l = s.own(l.No)
		closes := facts.State == Closed && l.State != Closed
		if facts.State != l.State {
			l.Turned = s.index
		}
		l.LocationFacts = facts
		s.note(uint64(l.No), uint64(facts.State))
		s.noteText(facts.Name)
		s.noteText(facts.Region)
		s.noteText(facts.GLN)
		if closes {
			s.vacate(l)
		}
	}
	return Result{Code: Accepted}
}

// vacate lets every claim at a closed location give way that is not set aside.
func (s *State) vacate(l *Location) {
	for item, g := range l.goods.since(0) {
		if g.claims > 0 {
			s.touch(l.No, ItemNo(item))
		}
	}
	s.settle(Cause{Kind: ByClosing})
}

// maxReplaced bounds the installations of which a location knows that they wrote
// it: a PC a year for as long as any may lie in a drawer. What the oldest one
// beyond them holds can still go on with an epoch that has been here.
const maxReplaced = 32

// Writes reports whether an installation may bring operations of the location:
// its writer, or one that was, with what it had sold before.
func (l *Location) Writes(installation string) bool {
	return l.Installation == installation || installation != "" && oneOf(l.Replaced, installation)
}

// AssignWriter makes an installation the writer of a location. Where another
// writes already it is refused, unless Replace: what the replaced one wrote
// before may still enter. An empty installation leaves it to the hub's API.
type AssignWriter struct {
	Location     string
	Installation string
	Replace      bool
}

func (s *State) assignWriter(c *AssignWriter) Result {
	l, ok := s.Location(c.Location)
	switch {
	case ok && l.Installation == c.Installation:
		return Result{Code: Repeated}
	case ok && l.Installation != "" && !c.Replace:
		return Result{Code: WrongWriter}
	case !ok:
		l = s.addLocation(c.Location)
	}
	l = s.own(l.No)
	if l.Installation != "" && !oneOf(l.Replaced, l.Installation) {
		l.Replaced = append(l.Replaced, l.Installation)
		l.Replaced = l.Replaced[max(0, len(l.Replaced)-maxReplaced):]
	}
	l.Installation = c.Installation
	s.note(uint64(l.No))
	s.noteText(c.Installation)
	return Result{Code: Accepted}
}
