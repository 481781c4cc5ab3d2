package stock

import (
	"iter"
	"sort"
)

// The rows of a state's image, in the order in which Rows yields them. A row
// holds exactly what the state cannot derive from the others.
type (
	// HeaderRow comes first.
	HeaderRow struct {
		Index, Incarnation, Hash, Term            uint64
		Now                                       int64
		Closed                                    bool
		NextItem, NextLocation, NextReservation   uint32
		NextDocument, OldestDocument, NextExcepts uint32
		NextConflict, OldestConflict              uint32
		TermBegan                                 int64
		Horizon                                   uint64
		Rule                                      uint64 // 0: from before levels were settled
		Totals                                    Totals
	}
	// ItemRow is one catalogue row and the outside accounts of its item.
	ItemRow struct {
		No      uint32
		Item    Item
		Outside [4]Quantity
		Changed uint64
	}
	// AliasRow is one alias as it stands; a later item may have taken it over.
	AliasRow struct {
		Code   string
		Item   uint32
		Factor int64
	}
	// LocationRow is a location without its levels and claims.
	LocationRow struct {
		No           uint32
		Facts        LocationFacts
		Installation string
		Epochs       []Epoch
		Outcomes     []Outcome
		CaughtUp     int64
		Heard        uint64
		Day, Opened  int64
		NextClaim    uint32
		Horizon      uint64
		NextTask     uint32
		TaskHorizon  uint64
		Changed      uint64
	}
	// LevelRow is one level.
	LevelRow struct {
		Location, Item uint32
		Level          Level
		Missing        uint32 // number of its exception + 1
		Changed        uint64
	}
	// ReservationRow is one reservation; Slots are its lines' places in their
	// locations' claims, Aged the numbers of their exceptions + 1.
	ReservationRow struct {
		No          uint32
		Reservation Reservation
		Slots, Aged []uint32
		Changed     uint64
	}
	// ClaimRow is one place in a location's claims.
	ClaimRow struct {
		Location, Slot, Reservation uint32
		Line                        uint16
		Gone                        bool
		Changed                     uint64
	}
	// TaskRow is one open task of a location.
	TaskRow struct {
		Location, No uint32
		Task         Task
		Changed      uint64
	}
	// ConflictRow is one remembered conflict.
	ConflictRow struct {
		No       uint32
		Conflict Conflict
	}
	// DocumentRow is one remembered document id.
	DocumentRow struct {
		No    uint32
		Key   string
		Index uint64
		At    int64
		Print uint64 // of what it booked
	}
	// ExceptionRow is one exception.
	ExceptionRow struct {
		No        uint32
		Exception Exception
	}
)

// Rows yields a frozen state, row by row.
func (s *State) Rows() iter.Seq[any] {
	return func(yield func(any) bool) {
		header := HeaderRow{s.index, s.incarnation, s.hash, s.term, s.now, s.closed, uint32(s.nextItem), uint32(s.nextLocation),
			s.nextReservation, s.nextDocument, s.oldestDocument, s.nextException, s.nextConflict, s.oldestConflict, s.termBegan, s.horizon,
			s.rule, s.totals}
		_ = yield(header) && s.catalogueRows(yield) && s.locationRows(yield) && s.reservationRows(yield) && s.otherRows(yield)
	}
}

func (s *State) catalogueRows(yield func(any) bool) bool {
	for no, item := range s.items.since(0) {
		outside, _ := s.outside.get(no)
		if !yield(ItemRow{no, *item, outside, s.items.changedAt(no)}) {
			return false
		}
	}
	aliases := s.aliasNo.entries()
	for _, e := range aliases {
		row, _ := s.aliases.get(e.value)
		if !yield(AliasRow{e.key, uint32(row.item), row.factor}) {
			return false
		}
	}
	return true
}

func (s *State) locationRows(yield func(any) bool) bool {
	for no, at := range s.locations.since(0) {
		l := *at
		row := LocationRow{no, l.LocationFacts, l.Installation, l.Epochs, l.Outcomes, l.CaughtUp, l.heard, l.day, l.opened,
			l.nextClaim, l.horizon, l.nextTask, l.taskHorizon, s.locations.changedAt(no)}
		if !yield(row) {
			return false
		}
		for item := range l.goods.since(0) {
			m, _ := l.margin.get(item)
			if !yield(LevelRow{no, item, l.Level(ItemNo(item)), m.missing, l.goods.changedAt(item)}) {
				return false
			}
		}
		for slot, ref := range l.claims.since(0) {
			if !yield(ClaimRow{no, slot, ref.reservation, ref.line, ref.gone, l.claims.changedAt(slot)}) {
				return false
			}
		}
		for n, task := range l.tasks.since(0) {
			if !yield(TaskRow{no, n, *task, l.tasks.changedAt(n)}) {
				return false
			}
		}
	}
	return true
}

func (s *State) reservationRows(yield func(any) bool) bool {
	for no, at := range s.reservations.since(0) {
		r := *at
		slots, aged := make([]uint32, len(r.Lines)), make([]uint32, len(r.Lines))
		for i := range r.Lines {
			slots[i], aged[i] = r.Lines[i].slot, r.Lines[i].aged
		}
		if !yield(ReservationRow{no, *r, slots, aged, s.reservations.changedAt(no)}) {
			return false
		}
	}
	return true
}

func (s *State) otherRows(yield func(any) bool) bool {
	for no, row := range s.documents.since(0) {
		if !yield(DocumentRow{no, row.key, row.index, row.at, row.print}) {
			return false
		}
	}
	for no, e := range s.exceptions.since(0) {
		if !yield(ExceptionRow{no, *e}) {
			return false
		}
	}
	for no, c := range s.conflicts.since(0) {
		if !yield(ConflictRow{no, *c}) {
			return false
		}
	}
	return true
}

// entries are a trie's entries, by key.
func (t *trie) entries() []trieEntry {
	entries := make([]trieEntry, 0, t.size)
	var walk func(*trieNode)
	walk = func(n *trieNode) {
		if n == nil {
			return
		}
		entries = append(entries, n.leaf...)
		if n.kids != nil {
			for _, kid := range n.kids {
				walk(kid)
			}
		}
	}
	walk(t.root)
	sort.Slice(entries, func(i, k int) bool { return entries[i].key < entries[k].key })
	return entries
}
