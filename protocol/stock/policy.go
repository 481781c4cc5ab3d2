package stock

// Policy is what central IT decides about promises, as data: replicated, kept
// whole, replaced whole. Codes in it may name items, locations and channels that
// nobody knows yet; their rows take effect when they come. Where several rows of
// a list fit, the most specific one decides (see selected).
type Policy struct {
	Safety     []SafetyStock
	Thresholds []ChannelThreshold
	Groups     []ChannelGroup // a channel is in one group at most
	Allocation []Allocation
	Exclusions []Exclusion
	Candidates []CandidateGroup
	Orders     []ConflictOrder
	Remedies   []RemedyRule
	Returns    []ReturnRule

	CollectWithin    int64 // hub time ms, for reservations that name none; 0: no limit
	AgedTransferDays int64 // days until a person is told of an open transfer; 0: 7
	JournalDays      int64 // days that a node keeps the journal; 0: as it was configured
}

// SafetyStock keeps units back from every channel. It names an item or a class,
// a location, any of them or nothing.
type SafetyStock struct {
	Item, Class, Location string
	Quantity              Quantity
}

// ChannelThreshold leaves the last units to others. It names a channel, a class,
// both or nothing.
type ChannelThreshold struct {
	Channel, Class string
	Quantity       Quantity
}

// ChannelGroup puts a channel into a group.
type ChannelGroup struct{ Channel, Group string }

// Allocation protects units at each location for the channels of a group, as
// far as the group does not hold as many already: a floor, not a budget.
type Allocation struct {
	Group                 string
	Item, Class, Location string
	Protected             Quantity
}

// Exclusion keeps a location from a channel, or from the channels of a group.
type Exclusion struct{ Location, Channel, Group string }

// CandidateGroup is a list of locations that reservations may name.
type CandidateGroup struct {
	Name      string
	Locations []string // in order of preference
}

// ConflictOrder is in which order claims on items of a class give way; of every
// class without one of its own where it names none. What is set aside never
// does, and after all keys the id decides.
type ConflictOrder struct {
	Class   string
	Keys    []SortKey
	Ranking []string // for ByChannel: channels in the order in which they give way; others come after them
}

// RemedyRule is how often the rule may move a claim that gives way before it
// ends short. It names a class, a channel, both or nothing.
type RemedyRule struct {
	Class, Channel string
	Moves          uint8 // 0: it ends short at once
}

// ReturnRule is where returned goods of a class go, of every class without a
// rule of its own where it names none. The store resolves it.
type ReturnRule struct {
	Class string
	To    Account // ReturnPending, to be inspected, or Sellable
}

const (
	// PolicyBuiltIn is the version of the policy that is built in: no row, claims
	// give way by state, priority and newest, and may move three times.
	PolicyBuiltIn = 1
	// MaxPolicyRows bounds the rows of a policy, listed locations, channels and
	// keys included: people read it, and as JSON it fits the bounds of one body.
	MaxPolicyRows = 5000
	// MaxChannelGroups bounds the groups of channels: what is available to one
	// asks what each other one holds.
	MaxChannelGroups = 16
	// MaxCandidates bounds the locations that one reservation line is tried at.
	MaxCandidates = 64
	// MaxRanking bounds the channels of one ranking: far more than a retailer has.
	MaxRanking = 64
	// MaxReturnRules bounds the rules for returns, so that all of them fit one part
	// of a round with the longest class codes.
	MaxReturnRules = 256
	// MaxPolicyDays bounds the days in a policy: ten years.
	MaxPolicyDays = 3650
	// maxCollectWithin bounds how long an order may wait, as the hub's API does, ms.
	maxCollectWithin = 90 * dayMillis
)

// SetPolicy replaces the whole policy.
type SetPolicy struct {
	Replaces uint64 // the version that it was made from; 0: whichever stands
	Policy   Policy
}

// setPolicy takes effect for what is asked and settled from now on: claims that
// stand are not judged anew. The same content again changes nothing, so that a
// client that lost the answer may repeat itself.
func (s *State) setPolicy(c *SetPolicy) Result {
	version, print := s.policy.version, c.Policy.print()
	switch faults := c.Policy.Faults(); {
	case print == s.policy.policy.print():
		return Result{Code: Repeated, Version: version}
	case c.Replaces != 0 && c.Replaces != version:
		return Result{Code: OtherVersion, Version: version}
	case len(faults) > 0:
		return Result{Code: Invalid, Text: faults[0].String(), Version: version}
	}
	before := s.policy
	s.policy = rulesOf(&c.Policy, version+1, s.index)
	if !s.policy.countsAs(before) {
		s.recountHeld()
	}
	s.note(s.policy.version, print)
	return Result{Code: Accepted, Version: s.policy.version}
}

// Policy is the policy in force, for reading.
func (s *State) Policy() *Policy { return s.policy.policy }

// PolicyVersion counts the policies there have been; PolicyBuiltIn is the first.
func (s *State) PolicyVersion() uint64 { return s.policy.version }

// PolicyChanged is the index at which the policy last changed, 0 where never: what
// is available anywhere may have changed with it, and no level says so.
func (s *State) PolicyChanged() uint64 { return s.policy.changed }

// StorePolicy is what a store needs of the policy.
type StorePolicy struct {
	Version uint64 // 0: nothing is said of it
	Returns []ReturnRule
}

// PolicySince is what a store that stands at index should be told of the policy;
// its zero value where nothing has changed.
func (s *State) PolicySince(index uint64) (p StorePolicy) {
	if index == 0 || s.policy.changed > index {
		p = StorePolicy{s.policy.version, s.policy.policy.Returns}
	}
	return p
}

// print tells two policies apart by their content.
func (p *Policy) print() uint64 {
	h := mix(mix(mix(0, uint64(p.CollectWithin)), uint64(p.AgedTransferDays)), uint64(p.JournalDays))
	number := func(n int64) { h = mix(h, uint64(n)) }
	text := func(words ...string) {
		number(int64(len(words)))
		for _, w := range words {
			h = mix(h, hashCode(w))
		}
	}
	number(int64(len(p.Safety)))
	for _, r := range p.Safety {
		text(r.Item, r.Class, r.Location)
		number(int64(r.Quantity))
	}
	number(int64(len(p.Thresholds)))
	for _, r := range p.Thresholds {
		text(r.Channel, r.Class)
		number(int64(r.Quantity))
	}
	number(int64(len(p.Groups)))
	for _, r := range p.Groups {
		text(r.Channel, r.Group)
	}
	number(int64(len(p.Allocation)))
	for _, r := range p.Allocation {
		text(r.Group, r.Item, r.Class, r.Location)
		number(int64(r.Protected))
	}
	number(int64(len(p.Exclusions)))
	for _, r := range p.Exclusions {
		text(r.Location, r.Channel, r.Group)
	}
	number(int64(len(p.Candidates)))
	for _, r := range p.Candidates {
		text(r.Name)
		text(r.Locations...)
	}
	number(int64(len(p.Orders)))
	for _, r := range p.Orders {
		text(r.Class)
		text(r.Ranking...)
		number(int64(len(r.Keys)))
		for _, key := range r.Keys {
			number(int64(key))
		}
	}
	number(int64(len(p.Remedies)))
	for _, r := range p.Remedies {
		text(r.Class, r.Channel)
		number(int64(r.Moves))
	}
	number(int64(len(p.Returns)))
	for _, r := range p.Returns {
		text(r.Class)
		number(int64(r.To))
	}
	return h
}
