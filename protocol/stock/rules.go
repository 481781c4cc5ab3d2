package stock

// selected are the rows of one list, by what they select: goods, and a place or
// a channel. The most specific row that fits decides, goods before places:
//
//	rank  a row that names         place: a location, or a channel
//	0     an item and a place
//	1     an item
//	2     a class and a place
//	3     a class
//	4     a place
//	5     nothing: everything else
type selected[T any] [6]map[[2]string]T

func (s *selected[T]) put(item, class, place string, value T) {
	goods, rank := "", 4
	if item != "" {
		goods, rank = item, 0
	} else if class != "" {
		goods, rank = class, 2
	}
	if place == "" {
		rank++
	}
	if s[rank] == nil {
		s[rank] = map[[2]string]T{}
	}
	s[rank][[2]string{goods, place}] = value
}

// get finds what holds for an item of a class at a place. What has no class is
// in none, and no row names the place "".
func (s *selected[T]) get(item, class, place string) (value T, ok bool) {
	for rank := range s {
		if len(s[rank]) == 0 {
			continue
		}
		key := [2]string{[...]string{item, class, ""}[rank/2], place}
		if rank%2 == 1 {
			key[1] = ""
		}
		if value, ok = s[rank][key]; ok {
			return value, true
		}
	}
	return value, false
}

// rules is a policy made ready to be asked. It is never changed, so that frozen
// states share it.
type rules struct {
	version, changed uint64
	policy           *Policy

	safety     selected[Quantity]
	thresholds selected[Quantity]
	groupOf    map[string]string // by channel
	floors     []floor           // of the groups that something is protected for
	floorOf    map[string]int    // by channel: place of its group in floors
	excluded   map[[2]string]bool
	closedTo   map[[2]string]bool // likewise, by group and location
	candidates map[string][]string
	orders     map[string]*order // by class; "" for all others
	moves      selected[uint8]
	agedAfter  int64 // ms
	limits     bool  // false: nothing in it makes a channel have less than another
}

// floor is what is protected for one group.
type floor struct {
	group string
	rows  selected[Quantity]
}

var builtIn = rulesOf(&Policy{}, PolicyBuiltIn, 0)

func rulesOf(p *Policy, version, changed uint64) *rules {
	r := &rules{version: version, changed: changed, policy: p, groupOf: map[string]string{}, floorOf: map[string]int{}, excluded: map[[2]string]bool{},
		closedTo: map[[2]string]bool{}, candidates: map[string][]string{}, orders: map[string]*order{"": builtInOrder}, agedAfter: agedMillis}
	for _, row := range p.Safety {
		r.safety.put(row.Item, row.Class, row.Location, row.Quantity)
	}
	for _, row := range p.Thresholds {
		r.thresholds.put("", row.Class, row.Channel, row.Quantity)
	}
	for _, row := range p.Exclusions {
		if row.Channel != "" {
			r.excluded[[2]string{row.Channel, row.Location}] = true
		} else {
			r.closedTo[[2]string{row.Group, row.Location}] = true
		}
	}
	for _, row := range p.Candidates {
		r.candidates[row.Name] = row.Locations
	}
	for i := range p.Orders {
		r.orders[p.Orders[i].Class] = orderOf(&p.Orders[i])
	}
	for _, row := range p.Remedies {
		r.moves.put("", row.Class, row.Channel, row.Moves)
	}
	if p.AgedTransferDays > 0 {
		r.agedAfter = p.AgedTransferDays * dayMillis
	}
	r.allocate(p)
	r.limits = len(p.Safety)+len(p.Thresholds)+len(p.Exclusions)+len(r.floors) > 0
	return r
}

func (r *rules) allocate(p *Policy) {
	at := map[string]int{}
	for _, row := range p.Allocation {
		n, ok := at[row.Group]
		if !ok {
			n = len(r.floors)
			at[row.Group] = n
			r.floors = append(r.floors, floor{group: row.Group})
		}
		r.floors[n].rows.put(row.Item, row.Class, row.Location, row.Protected)
	}
	for _, row := range p.Groups {
		r.groupOf[row.Channel] = row.Group
		if n, ok := at[row.Group]; ok {
			r.floorOf[row.Channel] = n
		}
	}
}

// excludes reports whether a channel may have nothing of a location.
func (r *rules) excludes(channel, location string) bool {
	return r.excluded[[2]string{channel, location}] || r.closedTo[[2]string{r.groupOf[channel], location}]
}

// order is in which order claims on items of a class give way.
func (r *rules) order(class string) *order {
	if o, ok := r.orders[class]; ok {
		return o
	}
	return r.orders[""]
}

// mayMove is how often the rule may move a claim of a channel.
func (r *rules) mayMove(class, channel string) int {
	if n, ok := r.moves.get("", class, channel); ok {
		return int(n)
	}
	return maxMoves
}

// candidatesOf are the locations that a line is tried at, in order.
func (r *rules) candidatesOf(line *ReserveLine) []string {
	if line.Group != "" {
		return r.candidates[line.Group]
	}
	return line.Candidates
}

// candidatesFault says why a line names no candidates, or is empty.
func (r *rules) candidatesFault(line *ReserveLine) string {
	_, known := r.candidates[line.Group]
	switch {
	case line.Group == "":
		return ""
	case len(line.Candidates) > 0:
		return "names candidates and a group of them"
	case !known:
		return "the policy has no candidate group " + line.Group
	}
	return ""
}
