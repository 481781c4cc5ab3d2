package stock

// defaultClass is the class of an item that an open catalogue learnt by itself.
const defaultClass = "default"

type aliasRow struct {
	item   ItemNo
	factor int64
}

// PutItems loads catalogue rows. The first load closes the catalogue: from then
// on no movement creates an item by naming it.
type PutItems struct{ Items []Item }

func (s *State) putItems(c *PutItems) Result {
	s.closed = true
	reclassed := false
	for _, item := range c.Items {
		no, ok := s.ItemNo(item.Code)
		if !ok {
			no = s.addItem(item)
		}
		old, _ := s.items.get(uint32(no))
		for _, alias := range old.Aliases {
			if n, ok := s.aliasNo.get(alias.Code); ok && s.aliasItem(n) == no { // not taken over by another item
				s.aliasNo.remove(s.generation, alias.Code)
				s.aliases.clear(s.generation, n)
			}
		}
		reclassed = reclassed || ok && (old.Class != item.Class || old.Stocked != item.Stocked)
		*s.items.edit(s.generation, uint32(no), s.index) = item
		for _, alias := range item.Aliases {
			s.putAlias(no, alias)
		}
		s.note(uint64(no), uint64(item.Decimals), flag(item.Stocked))
		s.noteText(item.GTIN)
		s.noteText(item.Unit)
		s.noteText(item.Class)
	}
	if reclassed && s.policy.limits { // what the policy keeps back may have changed, and no level says so
		rules := *s.policy
		rules.changed = s.index
		s.policy = &rules
	}
	return Result{Code: Accepted}
}

// putAlias lets a code mean an item. One that meant another until now leaves that
// one's row: stores resolve by what they are told of items, in whatever order.
func (s *State) putAlias(no ItemNo, alias Alias) {
	if n, ok := s.aliasNo.get(alias.Code); ok {
		if other := s.aliasItem(n); other != no {
			s.withoutAlias(other, alias.Code)
		}
		s.aliases.clear(s.generation, n)
	}
	s.aliasNo.put(s.generation, alias.Code, s.nextAlias)
	*s.aliases.edit(s.generation, s.nextAlias, s.index) = aliasRow{no, alias.Factor}
	s.nextAlias++
	s.note(uint64(alias.Factor))
	s.noteText(alias.Code)
}

func (s *State) withoutAlias(no ItemNo, code string) {
	item := s.Item(no)
	item.Aliases = without(item.Aliases, code)
	*s.items.edit(s.generation, uint32(no), s.index) = item
	s.note(uint64(no), uint64(len(item.Aliases)))
}

// without is a list of its own: a frozen state may show the other.
func without(aliases []Alias, code string) (kept []Alias) {
	for _, alias := range aliases {
		if alias.Code != code {
			kept = append(kept, alias)
		}
	}
	return kept
}

// inUnits is a quantity of an alias in units of its item, if there is one so large.
func inUnits(q Quantity, factor int64) (Quantity, bool) {
	units := q * Quantity(factor)
	return units, units/Quantity(factor) == q && units <= MaxQuantity && units >= -MaxQuantity
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func (s *State) addItem(item Item) ItemNo {
	no := s.nextItem
	s.nextItem++
	s.itemNo.put(s.generation, item.Code, uint32(no))
	*s.items.edit(s.generation, uint32(no), s.index) = item
	s.note(uint64(no))
	s.noteText(item.Code)
	return no
}

// ItemNo finds the number of an item by its code.
func (s *State) ItemNo(code string) (ItemNo, bool) {
	no, ok := s.itemNo.get(code)
	return ItemNo(no), ok
}

// Item is the catalogue row with a number the log has given.
func (s *State) Item(no ItemNo) Item {
	item, _ := s.items.get(uint32(no))
	return item
}

func (s *State) aliasItem(n uint32) ItemNo {
	row, _ := s.aliases.get(n)
	return row.item
}

// named finds the item that a line's code or its alias means.
func (s *State) named(line *Line) (ItemNo, bool) {
	if no, ok := s.ItemNo(line.Code()); ok || line.Item != "" {
		return no, ok
	}
	n, ok := s.aliasNo.get(line.Scanned)
	return s.aliasItem(n), ok
}

// CatalogueClosed reports whether only the catalogue creates items.
func (s *State) CatalogueClosed() bool { return s.closed }

// resolve finds the item a line means and its quantity in base units. Where the
// writer resolved the code, its word stands.
func (s *State) resolve(line *Line) (ItemNo, bool) {
	if no, ok := s.ItemNo(line.Code()); ok {
		return no, true
	}
	if line.Item == "" {
		if n, ok := s.aliasNo.get(line.Scanned); ok {
			row, _ := s.aliases.get(n)
			if q, fits := inUnits(line.Quantity, row.factor); fits {
				line.Quantity = q
				return row.item, true
			}
			return 0, false
		}
	}
	if !s.closed && movements[line.Kind].creates {
		return s.addItem(Item{Code: line.Code(), Class: defaultClass, Stocked: true}), true
	}
	return 0, false
}
