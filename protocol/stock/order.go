package stock

// SortKey is one key of the order in which claims give way.
type SortKey uint8

// Sort keys. Written into logs and snapshots: add, never renumber.
const (
	ByState    SortKey = 1 + iota // held before confirmed
	ByPriority                    // the lower first
	ByChannel                     // as its ranking lists them
	ByNewest                      // by place in the log
	ByOldest
	sortKeyCount
)

var sortKeyNames = []string{"", "state", "priority", "channel", "newest", "oldest"}

func (k SortKey) String() string { return nameOf(sortKeyNames, int(k)) }

// ParseSortKey is the inverse of String.
func ParseSortKey(name string) (SortKey, bool) {
	n, ok := numberOf(sortKeyNames, name)
	return SortKey(n), ok
}

// order is a ConflictOrder made ready to compare.
type order struct {
	keys []SortKey
	rank map[string]int // by channel, from 1; 0: after all that are ranked
}

// builtInOrder is a cart before an order, the lower priority first, then the
// newest by its place in the log. Claims backed by ceded units will stand before
// all keys of any order.
var builtInOrder = &order{keys: []SortKey{ByState, ByPriority, ByNewest}}

func orderOf(c *ConflictOrder) *order {
	o := &order{keys: c.Keys, rank: make(map[string]int, len(c.Ranking))}
	for i, channel := range c.Ranking {
		o.rank[channel] = i + 1
	}
	return o
}

// ranked is where a channel stands among those that give way.
func (o *order) ranked(channel string) int {
	if n := o.rank[channel]; n > 0 {
		return n
	}
	return MaxRanking + 1
}

// before is the table of the keys: whether a gives way before b, and whether b
// does before a; neither where the key does not tell them apart.
var before = [sortKeyCount]func(o *order, a, b yielder) bool{
	ByState: func(_ *order, a, b yielder) bool {
		return a.claim().State == Held && b.claim().State != Held
	},
	ByPriority: func(_ *order, a, b yielder) bool { return a.reservation.Priority < b.reservation.Priority },
	ByChannel: func(o *order, a, b yielder) bool {
		return o.ranked(a.reservation.Channel) < o.ranked(b.reservation.Channel)
	},
	ByNewest: func(_ *order, a, b yielder) bool { return a.reservation.Created > b.reservation.Created },
	ByOldest: func(_ *order, a, b yielder) bool { return a.reservation.Created < b.reservation.Created },
}

// weaker reports whether a gives way before b: by the order's keys, then by id
// and line, so that the order is total.
func (o *order) weaker(a, b yielder) bool {
	for _, key := range o.keys {
		switch {
		case before[key](o, a, b):
			return true
		case before[key](o, b, a):
			return false
		}
	}
	if a.reservation.ID != b.reservation.ID {
		return a.reservation.ID < b.reservation.ID
	}
	return a.line < b.line
}
