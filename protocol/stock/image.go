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
		NextTransfer, NextAged                    uint32
		NextCount, OldestCount                    uint32
		NextEnded, OldestEnded                    uint32
		Restored                                  bool
	}
	// PolicyRow is the policy in force, where one was set.
	PolicyRow struct {
		Version, Changed uint64
		Policy           Policy
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

		NextTransfer    uint32
		TransferHorizon uint64
		Replaced        []string
		ForgotEpoch     uint32 // place of the newest count that is forgotten; 0: none
		ForgotSequence  uint64
		Receipts        []uint64 // prints of the last ones, in turn
		Sold            uint64
		Turned          uint64
		Again           []uint64 // prints of what forks made it write again
	}
	// LevelRow is one level.
	LevelRow struct {
		Location, Item uint32
		Level          Level
		Missing        uint32 // number of its exception set_aside_missing + 1
		Negative       uint32 // number of its exception negative_stock + 1
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
	// TransferRow is one open transfer; Parties are the locations that it
	// concerns, each with its slot there.
	TransferRow struct {
		No       uint32
		Transfer Transfer
		Aged     uint32 // number of its exception + 1
		Parties  []PartyRow
		Changed  uint64
	}
	// PartyRow is one location that a transfer concerns.
	PartyRow struct{ Location, Slot uint32 }
	// CountRow is the last count of one level.
	CountRow struct {
		No, Location, Item uint32
		Epoch              uint32 // place among the location's epochs, from 1
		Sequence           uint64
		At                 int64
	}
	// ExceptionRow is one exception; Slot is its place among those that ended + 1.
	ExceptionRow struct {
		No        uint32
		Exception Exception
		Slot      uint32
	}
)

// Rows yields a frozen state, row by row.
func (s *State) Rows() iter.Seq[any] {
	return func(yield func(any) bool) {
		header := HeaderRow{s.index, s.incarnation, s.hash, s.term, s.now, s.closed, uint32(s.nextItem), uint32(s.nextLocation),
			s.nextReservation, s.nextDocument, s.oldestDocument, s.nextException, s.nextConflict, s.oldestConflict, s.termBegan, s.horizon,
			s.rule, s.totals, s.nextTransfer, s.nextAged, s.nextCount, s.oldestCount, s.nextEnded, s.oldestEnded, s.restored}
		_ = yield(header) && s.policyRow(yield) && s.catalogueRows(yield) && s.locationRows(yield) && s.reservationRows(yield) && s.goodsRows(yield) && s.otherRows(yield)
	}
}

func (s *State) policyRow(yield func(any) bool) bool {
	return s.policy.version == PolicyBuiltIn || yield(PolicyRow{s.policy.version, s.policy.changed, *s.policy.policy})
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
			l.nextClaim, l.horizon, l.nextTask, l.taskHorizon, s.locations.changedAt(no),
			l.nextTransfer, l.transferHorizon, l.Replaced, l.forgot.epoch, l.forgot.sequence, l.receipts[:min(l.sold, lastReceipts)], l.sold, l.Turned, l.again}
		if !yield(row) {
			return false
		}
		for item := range l.goods.since(0) {
			m, _ := l.margin.get(item)
			if !yield(LevelRow{no, item, l.Level(ItemNo(item)), m.missing, m.negative, l.goods.changedAt(item)}) {
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

func (s *State) goodsRows(yield func(any) bool) bool {
	for no, at := range s.transfers.since(0) {
		t := *at
		parties := make([]PartyRow, len(t.parties))
		for i, p := range t.parties {
			parties[i] = PartyRow{uint32(p.location), p.slot}
		}
		if !yield(TransferRow{no, *t, t.aged, parties, s.transfers.changedAt(no)}) {
			return false
		}
	}
	for no, c := range s.counts.since(0) {
		if !yield(CountRow{no, uint32(c.location), uint32(c.item), c.place.epoch, c.place.sequence, c.at}) {
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
		if !yield(ExceptionRow{no, **e, (*e).slot}) {
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
