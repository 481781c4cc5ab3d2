package stock

import (
	"errors"
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
		Changed      uint64
	}
	// LevelRow is one level.
	LevelRow struct {
		Location, Item uint32
		Level          Level
		Changed        uint64
	}
	// ReservationRow is one reservation; Slots are its lines' places in their
	// locations' claims.
	ReservationRow struct {
		No          uint32
		Reservation Reservation
		Slots       []uint32
		Changed     uint64
	}
	// ClaimRow is one place in a location's claims.
	ClaimRow struct {
		Location, Slot, Reservation uint32
		Line                        uint16
		Gone                        bool
		Changed                     uint64
	}
	// DocumentRow is one remembered document id.
	DocumentRow struct {
		No    uint32
		Key   string
		Index uint64
		At    int64
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
			s.nextReservation, s.nextDocument, s.oldestDocument, s.nextException}
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
			l.nextClaim, l.horizon, s.locations.changedAt(no)}
		if !yield(row) {
			return false
		}
		for item := range l.goods.since(0) {
			if !yield(LevelRow{no, item, l.Level(ItemNo(item)), l.goods.changedAt(item)}) {
				return false
			}
		}
		for slot, ref := range l.claims.since(0) {
			if !yield(ClaimRow{no, slot, ref.reservation, ref.line, ref.gone, l.claims.changedAt(slot)}) {
				return false
			}
		}
	}
	return true
}

func (s *State) reservationRows(yield func(any) bool) bool {
	for no, at := range s.reservations.since(0) {
		r := *at
		slots := make([]uint32, len(r.Lines))
		for i := range r.Lines {
			slots[i] = r.Lines[i].slot
		}
		if !yield(ReservationRow{no, *r, slots, s.reservations.changedAt(no)}) {
			return false
		}
	}
	return true
}

func (s *State) otherRows(yield func(any) bool) bool {
	for no, row := range s.documents.since(0) {
		if !yield(DocumentRow{no, row.key, row.index, row.at}) {
			return false
		}
	}
	for no, e := range s.exceptions.since(0) {
		if !yield(ExceptionRow{no, *e}) {
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

// ErrImage says that the rows of an image do not make a state.
var ErrImage = errors.New("stock: image is not whole")

// Loader builds a state aside from the rows of an image.
type Loader struct {
	state  State
	header bool
}

// Add takes the next row, in the order of Rows.
func (b *Loader) Add(row any) error {
	s := &b.state
	if h, ok := row.(HeaderRow); ok && !b.header {
		b.header = true
		s.index, s.incarnation, s.hash, s.term, s.now, s.closed = h.Index, h.Incarnation, h.Hash, h.Term, h.Now, h.Closed
		s.nextItem, s.nextLocation, s.nextReservation = ItemNo(h.NextItem), LocationNo(h.NextLocation), h.NextReservation
		s.nextDocument, s.oldestDocument, s.nextException = h.NextDocument, h.OldestDocument, h.NextExcepts
		return nil
	}
	if !b.header {
		return ErrImage
	}
	switch r := row.(type) {
	case ItemRow:
		return b.item(r)
	case AliasRow:
		*s.aliases.edit(0, s.nextAlias, 0) = aliasRow{ItemNo(r.Item), r.Factor}
		s.aliasNo.put(0, r.Code, s.nextAlias)
		s.nextAlias++
	case LocationRow:
		return b.location(r)
	case LevelRow:
		return b.level(r)
	case ClaimRow:
		l := s.LocationAt(LocationNo(r.Location))
		if l == nil || r.Slot >= l.nextClaim {
			return ErrImage
		}
		*l.claims.edit(0, r.Slot, r.Changed) = claimRef{r.Reservation, r.Line, r.Gone}
	case ReservationRow:
		return b.reservation(r)
	case DocumentRow:
		*s.documents.edit(0, r.No, 0) = documentRow{r.Key, r.Index, r.At}
		s.documentNo.put(0, r.Key, r.No)
	case ExceptionRow:
		*s.exceptions.edit(0, r.No, r.Exception.Index) = r.Exception
	default:
		return ErrImage
	}
	return nil
}

func (b *Loader) item(r ItemRow) error {
	s := &b.state
	if r.No >= uint32(s.nextItem) {
		return ErrImage
	}
	*s.items.edit(0, r.No, r.Changed) = r.Item
	s.itemNo.put(0, r.Item.Code, r.No)
	if r.Outside != [4]Quantity{} {
		*s.outside.edit(0, r.No, r.Changed) = r.Outside
	}
	return nil
}

func (b *Loader) location(r LocationRow) error {
	s := &b.state
	if r.No >= uint32(s.nextLocation) {
		return ErrImage
	}
	*s.locations.edit(0, r.No, r.Changed) = &Location{LocationFacts: r.Facts, No: LocationNo(r.No), Installation: r.Installation,
		Epochs: r.Epochs, Outcomes: r.Outcomes, CaughtUp: r.CaughtUp, heard: r.Heard, day: r.Day, opened: r.Opened,
		nextClaim: r.NextClaim, horizon: r.Horizon}
	s.locationNo.put(0, r.Facts.Code, r.No)
	return nil
}

func (b *Loader) level(r LevelRow) error {
	l := b.state.LocationAt(LocationNo(r.Location))
	if l == nil || r.Item >= uint32(b.state.nextItem) {
		return ErrImage
	}
	*l.goods.edit(0, r.Item, r.Changed) = goods{r.Level.Sellable, r.Level.Claims}
	if m := (margin{r.Level.Damaged, r.Level.ReturnPending, r.Level.InTransit, r.Level.Staged}); m != (margin{}) {
		*l.margin.edit(0, r.Item, r.Changed) = m
	}
	return nil
}

func (b *Loader) reservation(row ReservationRow) error {
	s := &b.state
	if row.No >= s.nextReservation || len(row.Slots) != len(row.Reservation.Lines) {
		return ErrImage
	}
	r := row.Reservation.clone()
	r.no = row.No
	for i, slot := range row.Slots {
		r.Lines[i].slot = slot
	}
	*s.reservations.edit(0, row.No, row.Changed) = r
	s.reservationNo.put(0, r.ID, row.No)
	if r.Ended != 0 {
		s.timers.set(timer{r.Ended + rememberMillis, row.No})
	} else {
		s.timers.set(timer{r.Deadline, row.No})
	}
	return nil
}

// Finish returns the state, if its rows make one that could have been applied.
func (b *Loader) Finish() (*State, error) {
	if !b.header {
		return nil, ErrImage
	}
	if err := b.state.Check(); err != nil {
		return nil, err
	}
	return &b.state, nil
}
