package stock

import "errors"

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
		b.header, s.policy = true, builtIn
		s.restored = h.Restored
		s.index, s.incarnation, s.hash, s.term, s.now, s.closed = h.Index, h.Incarnation, h.Hash, h.Term, h.Now, h.Closed
		s.nextItem, s.nextLocation, s.nextReservation = ItemNo(h.NextItem), LocationNo(h.NextLocation), h.NextReservation
		s.nextDocument, s.oldestDocument, s.nextException = h.NextDocument, h.OldestDocument, h.NextExcepts
		s.nextConflict, s.oldestConflict, s.termBegan, s.horizon, s.rule, s.totals = h.NextConflict, h.OldestConflict, h.TermBegan, h.Horizon, h.Rule, h.Totals
		s.nextTransfer, s.nextAged, s.nextCount, s.oldestCount = h.NextTransfer, h.NextAged, h.NextCount, h.OldestCount
		s.nextEnded, s.oldestEnded = h.NextEnded, h.OldestEnded
		return nil
	}
	if !b.header {
		return ErrImage
	}
	switch r := row.(type) {
	case PolicyRow:
		if s.policy != builtIn || r.Version <= PolicyBuiltIn || s.reservationNo.size > 0 || len(r.Policy.Faults()) > 0 {
			return ErrImage
		}
		s.policy = rulesOf(&r.Policy, r.Version, r.Changed)
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
		*s.documents.edit(0, r.No, 0) = documentRow{r.Key, r.Index, r.At, r.Print}
		s.documentNo.put(0, r.Key, r.No)
	case ExceptionRow:
		return b.exception(r)
	case TaskRow:
		l := s.LocationAt(LocationNo(r.Location))
		if l == nil || r.No >= l.nextTask {
			return ErrImage
		}
		*l.tasks.edit(0, r.No, r.Changed) = r.Task
		l.openTasks++
	case TransferRow:
		return b.transfer(r)
	case CountRow:
		return b.count(r)
	case ConflictRow:
		if r.No < s.oldestConflict || r.No >= s.nextConflict {
			return ErrImage
		}
		*s.conflicts.edit(0, r.No, r.Conflict.Index) = r.Conflict
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
	*s.locations.edit(0, r.No, r.Changed) = &Location{LocationFacts: r.Facts, No: LocationNo(r.No), Installation: r.Installation, Replaced: r.Replaced, Turned: r.Turned, again: r.Again,
		Epochs: r.Epochs, Outcomes: r.Outcomes, CaughtUp: r.CaughtUp, heard: r.Heard, day: r.Day, opened: r.Opened,
		nextClaim: r.NextClaim, horizon: r.Horizon, nextTask: r.NextTask, taskHorizon: r.TaskHorizon,
		nextTransfer: r.NextTransfer, transferHorizon: r.TransferHorizon, forgot: countPlace{r.ForgotEpoch, r.ForgotSequence}}
	l := s.LocationAt(LocationNo(r.No))
	l.sold = r.Sold
	copy(l.receipts[:], r.Receipts)
	if r.ForgotEpoch > uint32(len(r.Epochs)) || len(r.Receipts) > lastReceipts {
		return ErrImage
	}
	s.horizon = max(s.horizon, r.Horizon) // an older image has none of its own
	s.locationNo.put(0, r.Facts.Code, r.No)
	return nil
}

func (b *Loader) level(r LevelRow) error {
	l := b.state.LocationAt(LocationNo(r.Location))
	if l == nil || r.Item >= uint32(b.state.nextItem) {
		return ErrImage
	}
	*l.goods.edit(0, r.Item, r.Changed) = goods{r.Level.Sellable, r.Level.Claims}
	if m := (margin{r.Level.Damaged, r.Level.ReturnPending, r.Level.InTransit, r.Level.Staged, r.Missing, r.Negative}); m != (margin{}) {
		*l.margin.edit(0, r.Item, r.Changed) = m
	}
	if r.Negative > 0 {
		l.belowZero++
	}
	return nil
}

func (b *Loader) reservation(row ReservationRow) error {
	s := &b.state
	if row.No >= s.nextReservation || len(row.Slots) != len(row.Reservation.Lines) || len(row.Aged) != len(row.Slots) {
		return ErrImage
	}
	r := row.Reservation.clone()
	r.no = row.No
	for i := range r.Lines {
		c := &r.Lines[i]
		c.slot, c.aged = row.Slots[i], row.Aged[i]
		if c.Confirmed == 0 && (c.State == Confirmed || c.State == Staged) {
			c.Confirmed = max(c.Since, 1) // an older image knows no better
		}
		s.watchAge(r, c)
		if !c.Placed || !c.State.Open() {
			continue
		}
		l := s.LocationAt(c.Location)
		if l == nil || c.Item >= s.nextItem {
			return ErrImage
		}
		if ref, ok := l.claims.get(c.slot); !ok || ref != (claimRef{row.No, uint16(i), false}) {
			return ErrImage
		}
		if _, twice := l.links.get(c.slot); twice {
			return ErrImage
		}
		s.link(l, c.Item, c.slot)
		s.hold(l, r.Channel, c.Item, c.Quantity)
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

func (b *Loader) transfer(row TransferRow) error {
	s := &b.state
	t := row.Transfer
	t.no, t.aged = row.No, row.Aged
	if row.No >= s.nextTransfer || t.FromKnown && s.LocationAt(t.From) == nil {
		return ErrImage
	}
	for _, p := range row.Parties {
		l := s.LocationAt(LocationNo(p.Location))
		if l == nil || p.Slot >= l.nextTransfer {
			return ErrImage
		}
		t.parties = append(t.parties, party{l.No, p.Slot})
		*l.transfers.edit(0, p.Slot, row.Changed) = row.No
	}
	for i := range t.Lines {
		p := &t.Lines[i]
		if p.Item >= s.nextItem {
			return ErrImage
		}
		if t.FromKnown && p.Account == Sellable && p.Quantity < 0 {
			*s.LocationAt(t.From).ahead.edit(0, uint32(p.Item), row.Changed) -= p.Quantity
		}
	}
	*s.transfers.edit(0, row.No, row.Changed) = &t
	s.transferNo.put(0, t.ID, row.No)
	return nil
}

func (b *Loader) count(row CountRow) error {
	s := &b.state
	l := s.LocationAt(LocationNo(row.Location))
	if l == nil || row.Item >= uint32(s.nextItem) || row.No < s.oldestCount || row.No >= s.nextCount || row.Epoch == 0 || row.Epoch > uint32(len(l.Epochs)) {
		return ErrImage
	}
	*l.counted.edit(0, row.Item, s.index) = row.No + 1
	*s.counts.edit(0, row.No, s.index) = lastCount{l.No, ItemNo(row.Item), countPlace{row.Epoch, row.Sequence}, row.At}
	return nil
}

func (b *Loader) exception(row ExceptionRow) error {
	s := &b.state
	e := row.Exception
	e.slot = row.Slot
	if row.No >= s.nextException || e.Code >= outcomeCodes || e.Open() != (row.Slot == 0) || row.Slot > 0 && (row.Slot <= s.oldestEnded || row.Slot > s.nextEnded) {
		return ErrImage
	}
	changed := e.Index
	if e.Open() {
		s.openExceptions[e.Code]++
	} else {
		*s.ended.edit(0, row.Slot-1, 0) = row.No
		changed = e.History[len(e.History)-1].Index
	}
	*s.exceptions.edit(0, row.No, changed) = &e
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
