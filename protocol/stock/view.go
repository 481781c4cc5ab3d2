package stock

import "sort"

// StoreClaim is a reservation line as its store sees it.
type StoreClaim struct {
	Reservation string
	Line        string
	Channel     string
	Order       string
	Item        string
	Quantity    Quantity
	State       ClaimState
	Gone        bool // moved elsewhere, or forgotten: drop it
}

// StoreLevel is a level as its store sees it, by item code.
type StoreLevel struct {
	Item  string
	Level Level
}

// View is what a till shows: what the hub last said, the base, plus what the
// store has done since, the pending operations, folded by the movement table.
// It is owned by the agent's loop.
type View struct {
	Here string // the store's own location

	items   map[string]Item
	aliases map[string]Alias // by scanned code; Code is the item's
	base    map[string]Level
	claims  map[claimKey]StoreClaim
	byID    map[string][]claimKey // open claims of a reservation, by line
	pending map[string]delta
	facts   map[claimKey][]claimFact
	tasks   map[uint32]StoreTask
	done    map[uint32]int // pending operations that say so
	policy  StorePolicy

	transfers map[string][]StoreTransfer         // lines of open ones, by id
	arriving  map[string]map[arrivalKey]Quantity // pending arrivals, by item
	closing   map[string]int                     // pending operations that close a transfer
	counting  map[string]int                     // pending counts, by item
}

type claimKey struct{ reservation, line string }

// delta is what pending operations do to a level.
type delta struct {
	level Level
	lines int // pending lines behind it; at 0 it is dropped
}

// claimFact is one pending line about a claim.
type claimFact struct {
	kind     Kind
	quantity Quantity
}

// NewView is an empty view.
func NewView() *View {
	return &View{items: map[string]Item{}, aliases: map[string]Alias{}, base: map[string]Level{}, claims: map[claimKey]StoreClaim{},
		byID: map[string][]claimKey{}, pending: map[string]delta{}, facts: map[claimKey][]claimFact{}, tasks: map[uint32]StoreTask{}, done: map[uint32]int{},
		transfers: map[string][]StoreTransfer{}, arriving: map[string]map[arrivalKey]Quantity{}, closing: map[string]int{}, counting: map[string]int{}}
}

// SetItem takes a catalogue row from the hub.
func (v *View) SetItem(item Item) {
	for _, alias := range v.items[item.Code].Aliases {
		if v.aliases[alias.Code].Code == item.Code { // not taken over by another item
			delete(v.aliases, alias.Code)
		}
	}
	for _, alias := range item.Aliases {
		v.aliases[alias.Code] = Alias{Code: item.Code, Factor: alias.Factor}
	}
	v.items[item.Code] = item
}

// SetLevel takes a level from the hub.
func (v *View) SetLevel(level StoreLevel) { v.base[level.Item] = level.Level }

// SetClaim takes a reservation line from the hub; an ended one is dropped.
func (v *View) SetClaim(c StoreClaim) {
	key := claimKey{c.Reservation, c.Line}
	if c.Gone || !c.State.Open() {
		v.dropClaim(key)
		return
	}
	if _, known := v.claims[key]; !known {
		keys := append(v.byID[c.Reservation], key)
		sort.Slice(keys, func(i, k int) bool { return keys[i].line < keys[k].line })
		v.byID[c.Reservation] = keys
	}
	v.claims[key] = c
}

func (v *View) dropClaim(key claimKey) {
	delete(v.claims, key)
	var left []claimKey
	for _, k := range v.byID[key.reservation] {
		if k != key {
			left = append(left, k)
		}
	}
	if v.byID[key.reservation] = left; len(left) == 0 {
		delete(v.byID, key.reservation)
	}
}

// Rebase forgets what an earlier incarnation of the hub said of levels, claims,
// tasks and transfers; the catalogue stays until the new one speaks.
func (v *View) Rebase() {
	v.base, v.claims, v.byID = map[string]Level{}, map[claimKey]StoreClaim{}, map[string][]claimKey{}
	v.DropTasks()
	v.DropTransfers()
}

// DropClaims forgets all claims: a round that starts over follows.
func (v *View) DropClaims() {
	v.claims, v.byID = map[claimKey]StoreClaim{}, map[string][]claimKey{}
}

// Resolve finds the item that a scanned code means, and how many base units one
// of it is. ok is false where the store's catalogue does not know it.
func (v *View) Resolve(scanned string) (item Item, factor int64, ok bool) {
	if item, ok = v.items[scanned]; ok {
		return item, 1, true
	}
	if alias, found := v.aliases[scanned]; found {
		return v.items[alias.Code], alias.Factor, true
	}
	return Item{}, 1, false
}

// Known reports whether the item has a level or a pending line here.
func (v *View) Known(item string) bool {
	_, base := v.base[item]
	_, pending := v.pending[item]
	return base || pending
}

// Level is base plus pending.
func (v *View) Level(item string) Level {
	b, p := v.base[item], v.pending[item].level
	if v.service(item) {
		p = Level{}
	} else {
		p.InTransit += v.transit(item)
	}
	return Level{b.Sellable + p.Sellable, b.Damaged + p.Damaged, b.ReturnPending + p.ReturnPending, b.InTransit + p.InTransit,
		max(0, b.Claims+p.Claims), max(0, b.Staged+p.Staged)}
}

// Levels are all items with a level here, by code.
func (v *View) Levels() []StoreLevel {
	var codes []string
	for code := range v.base {
		codes = append(codes, code)
	}
	for code := range v.pending {
		if _, ok := v.base[code]; !ok && !v.service(code) {
			codes = append(codes, code)
		}
	}
	sort.Strings(codes)
	levels := make([]StoreLevel, len(codes))
	for i, code := range codes {
		levels[i] = StoreLevel{code, v.Level(code)}
	}
	return levels
}

// Fold adds an operation that the hub has not applied yet.
func (v *View) Fold(op *Operation) { v.fold(op, 1) }

// Unfold takes away the oldest pending operation: the hub's base has it now.
func (v *View) Unfold(op *Operation) { v.fold(op, -1) }

func (v *View) fold(op *Operation, sign Quantity) {
	for i := range op.Lines {
		line := &op.Lines[i]
		if line.Kind.Moves() && (line.Item != "" || movements[line.Kind].creates) { // else it is parked: without effect
			from, to, q := line.Legs(op.Reverses != "")
			d := v.pending[line.Code()]
			if line.Kind.Transfers() { // where goods are in transit is asked when a level is read
				from, to = outOfTransit(from), outOfTransit(to)
			}
			d.level.book(from, -sign*q)
			d.level.book(to, sign*q)
			d.lines += int(sign)
			v.setPending(line.Code(), d)
			v.foldGoods(op, line, sign)
		}
		if line.Kind == CloseTransfer {
			add(v.closing, line.Of, int(sign))
		}
		if line.Kind == Done {
			v.foldDone(line, int(sign))
		}
		if line.Reservation != "" && op.Reverses == "" {
			v.foldClaim(line, sign)
		}
	}
}

// service is asked when a level is read, not when it is folded: the catalogue
// may change while an operation is pending.
func (v *View) service(code string) bool {
	item, known := v.items[code]
	return known && !item.Stocked
}

func (v *View) setPending(item string, d delta) {
	if d.lines == 0 {
		delete(v.pending, item)
	} else {
		v.pending[item] = d
	}
}

func (l *Level) book(account Account, q Quantity) {
	switch account {
	case Sellable:
		l.Sellable += q
	case Damaged:
		l.Damaged += q
	case ReturnPending:
		l.ReturnPending += q
	case InTransit:
		l.InTransit += q
	}
}

// foldClaim hides the units of a claim that a pending pick has handed over, and
// remembers a pending staging. Only the hub ends a reservation.
func (v *View) foldClaim(line *Line, sign Quantity) {
	key := claimKey{line.Reservation, line.ReservationLine}
	if sign < 0 {
		if facts := v.facts[key]; len(facts) > 1 {
			v.facts[key] = facts[1:]
		} else {
			delete(v.facts, key)
		}
	} else {
		v.facts[key] = append(v.facts[key], claimFact{line.Kind, line.Quantity})
	}
	d := v.pending[line.Code()]
	switch line.Kind {
	case Pick, Sale, CannotPick:
		d.level.Claims -= sign * line.Quantity
	case Stage:
		d.level.Staged += sign * line.Quantity
	case Unstage:
		d.level.Staged -= sign * line.Quantity
	}
	d.lines += int(sign)
	v.setPending(line.Code(), d)
}

// Claims are the claims of one reservation here as a till should see them, base
// plus pending; of every reservation where id is empty.
func (v *View) Claims(id string) []StoreClaim {
	var ids []string
	if id != "" {
		ids = []string{id}
	} else {
		for known := range v.byID {
			ids = append(ids, known)
		}
		sort.Strings(ids)
	}
	var claims []StoreClaim
	for _, id := range ids {
		for _, key := range v.byID[id] {
			if c := v.claim(key); c.Quantity > 0 {
				claims = append(claims, c)
			}
		}
	}
	return claims
}

func (v *View) claim(key claimKey) StoreClaim {
	c := v.claims[key]
	for _, fact := range v.facts[key] {
		switch fact.kind {
		case Pick, Sale, CannotPick:
			c.Quantity -= fact.quantity
		case Stage:
			c.State = Staged
		case Unstage:
			c.State = Confirmed
		}
	}
	return c
}
