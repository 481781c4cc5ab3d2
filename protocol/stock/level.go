package stock

// Level is what a (location, item) has, account by account, and what is claimed
// of it. All in thousandths of the item's unit; sellable may be negative.
type Level struct {
	Sellable      Quantity
	Damaged       Quantity
	ReturnPending Quantity
	InTransit     Quantity
	Claims        Quantity // open reservation lines here: held, confirmed, staged
	Staged        Quantity // the part of Claims that is set aside
}

// OnHand is what is physically there.
func (l Level) OnHand() Quantity { return l.Sellable + l.Damaged + l.ReturnPending }

// Available is what a channel may still claim, before it is clamped at 0.
func (l Level) Available() Quantity { return l.Sellable - l.Claims }

// goods and margin split a Level by how often a row is needed: most items have
// goods and claims, few have anything else, so margin's pages stay absent.
type goods struct{ sellable, claims Quantity }

type margin struct {
	damaged, returnPending, inTransit, staged Quantity
	missing                                   uint32 // number of the exception set_aside_missing + 1
	negative                                  uint32 // number of the exception negative_stock + 1
}

// Level is the level of an item at a location; zero where nothing ever was.
func (l *Location) Level(item ItemNo) Level {
	g, _ := l.goods.get(uint32(item))
	m, _ := l.margin.get(uint32(item))
	return Level{g.sellable, m.damaged, m.returnPending, m.inTransit, g.claims, m.staged}
}

// cell is the quantity of one account of a level, for writing. A change of the
// margin marks the goods row too, so that one walk finds every changed level.
func (s *State) cell(l *Location, item ItemNo, account Account) *Quantity {
	n := uint32(item)
	g := l.goods.edit(s.generation, n, s.index)
	if account == Sellable {
		return &g.sellable
	}
	m := l.margin.edit(s.generation, n, s.index)
	switch account {
	case Damaged:
		return &m.damaged
	case ReturnPending:
		return &m.returnPending
	case InTransit:
		return &m.inTransit
	}
	panic("stock: a level has no account " + account.String())
}

// move books one movement at a location: from one account to another, so that
// the sum over all accounts of the item stays zero.
func (s *State) move(l *Location, item ItemNo, from, to Account, q Quantity) {
	s.book(l, item, from, -q)
	s.book(l, item, to, q)
}

func (s *State) book(l *Location, item ItemNo, account Account, q Quantity) {
	if account.Inside() {
		*s.cell(l, item, account) += q
		if account == Sellable {
			s.touch(l.No, item)
		}
	} else {
		s.outside.edit(s.generation, uint32(item), s.index)[account-Supplier] += q
	}
	s.note(uint64(l.No), uint64(item), uint64(account), uint64(q))
}

// fits reports whether a whole operation can move goods at this level without
// leaving MaxLevel, whatever its other lines do.
func (s *State) fits(l *Location, item ItemNo) bool {
	const room = MaxLevel - 1000*MaxQuantity
	level := l.Level(item)
	far := func(q Quantity) bool { return q > room || q < -room }
	out, _ := s.outside.get(uint32(item))
	for _, q := range out {
		if far(q) {
			return false
		}
	}
	return !far(level.Sellable) && !far(level.Damaged) && !far(level.ReturnPending) && !far(level.InTransit)
}
