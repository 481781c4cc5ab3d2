package api

import (
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Policy is the policy in force.
type Policy struct {
	Version  uint64 `json:"version" doc:"Counts policies up; 1 is built in" example:"4"`
	Position string `json:"position" example:"7.918273"`
	PolicyRules
	Trial *PolicyTrial `json:"trial,omitempty" doc:"Only of a dry run: nothing was set"`
}

// PolicyTrial is what happened since an image of the past, and what would have with
// the policy tried. Stores and channels do in both what they did.
type PolicyTrial struct {
	From    string      `json:"from" doc:"Position of the image it begins at" example:"7.900000"`
	Wall    time.Time   `json:"wall" doc:"When that was"`
	Entries int64       `json:"entries" doc:"Log entries since"`
	Really  PolicyTally `json:"really"`
	With    PolicyTally `json:"with"`
}

// PolicyTally counts what a hub could keep of what it was asked.
type PolicyTally struct {
	Accepted    int64    `json:"accepted" doc:"Reservations"`
	Short       int64    `json:"short"`
	Promised    Quantity `json:"promised" doc:"Units of those accepted"`
	Missing     Quantity `json:"missing" doc:"Units that were short at once"`
	Conflicts   int64    `json:"conflicts" doc:"Claims that gave way"`
	Moved       int64    `json:"moved"`
	MadeShort   int64    `json:"made_short"`
	LatePicks   int64    `json:"late_picks"`
	PickedTwice int64    `json:"picked_twice"`
	Oversold    Quantity `json:"oversold" doc:"Units of orders that ended short"`
	LostCarts   Quantity `json:"lost_carts" doc:"Units of carts that did"`
}

// PolicyChange replaces the whole policy. The same content again changes nothing.
type PolicyChange struct {
	Replaces uint64 `json:"replaces,omitempty" doc:"The version it was made from: another answers 409 policy_version; absent: whichever stands" example:"3"`
	PolicyRules
}

// PolicyRules are the rows of a policy. What they name may be unknown: a row takes
// effect when it comes. Of rows that fit, the most specific one decides: an item
// before its class before everything, and of these one with a location or channel.
type PolicyRules struct {
	SafetyStock       []SafetyStock      `json:"safety_stock,omitempty" doc:"Kept from every channel"`
	ChannelThresholds []ChannelThreshold `json:"channel_thresholds,omitempty" doc:"The last units that a channel leaves to others"`
	ChannelGroups     []ChannelGroup     `json:"channel_groups,omitempty"`
	Allocation        []Allocation       `json:"allocation,omitempty" doc:"Protected for the channels of a group as far as it holds less: a floor, not a budget"`
	Exclusions        []Exclusion        `json:"exclusions,omitempty" doc:"Locations that a channel may have nothing of"`
	CandidateGroups   []CandidateGroup   `json:"candidate_groups,omitempty" doc:"Lists of locations that reservations may name"`
	ConflictOrder     []ConflictOrder    `json:"conflict_order,omitempty" doc:"Who gives way first; staged never does, and the id decides last"`
	Remedies          []Remedy           `json:"remedies,omitempty" doc:"How often a claim that gives way may move before it ends short; absent: 3"`
	Returns           []ReturnRule       `json:"returns,omitempty" doc:"Where returned goods go, as stores resolve it; absent: inspect"`
	CollectSeconds    int64              `json:"collect_within_s,omitempty" doc:"For reservations that name none; 0: no limit" example:"172800"`
	AgedTransferDays  int64              `json:"aged_transfer_days,omitempty" doc:"When a person is told of an open transfer; 0: after 7 days" example:"7"`
	JournalDays       int64              `json:"journal_days,omitempty" doc:"How long nodes keep the journal; 0: as they are configured" example:"400"`
}

// SafetyStock names an item or a class, a location, any of them or nothing.
type SafetyStock struct {
	Item     string   `json:"item,omitempty" example:"85123A"`
	Class    string   `json:"class,omitempty" example:"gifts"`
	Location string   `json:"location,omitempty" example:"S014"`
	Quantity Quantity `json:"quantity" example:"2"`
}

// ChannelThreshold names a channel, a class, both or nothing.
type ChannelThreshold struct {
	Channel  string   `json:"channel,omitempty" example:"market"`
	Class    string   `json:"class,omitempty" example:"gifts"`
	Quantity Quantity `json:"quantity" example:"1"`
}

// ChannelGroup puts a channel into a group; it is in one at most.
type ChannelGroup struct {
	Channel string `json:"channel" example:"web"`
	Group   string `json:"group" example:"own"`
}

// Allocation protects units at each location that it fits.
type Allocation struct {
	Group     string   `json:"group" example:"own"`
	Item      string   `json:"item,omitempty" example:"85123A"`
	Class     string   `json:"class,omitempty" example:"gifts"`
	Location  string   `json:"location,omitempty" example:"S014"`
	Protected Quantity `json:"protected" example:"4"`
}

// Exclusion names a channel or a group.
type Exclusion struct {
	Location string `json:"location" example:"OUTLET"`
	Channel  string `json:"channel,omitempty" example:"market"`
	Group    string `json:"group,omitempty" example:"partners"`
}

// CandidateGroup is a named list of locations, in order of preference.
type CandidateGroup struct {
	Name      string   `json:"name" example:"nearby"`
	Locations []string `json:"locations" example:"[\"S014\",\"S022\"]"`
}

// ConflictOrder is for claims on items of a class, or of every class without one.
type ConflictOrder struct {
	Class   string   `json:"class,omitempty" example:"fresh"`
	Keys    []string `json:"keys" doc:"state (held before confirmed), priority (lower first), channel (as ranked), newest or oldest" example:"[\"state\",\"priority\",\"newest\"]"`
	Ranking []string `json:"ranking,omitempty" doc:"With key channel: channels in the order in which they give way; others come after them" example:"[\"market\"]"`
}

// Remedy names a class, a channel, both or nothing.
type Remedy struct {
	Class    string `json:"class,omitempty" example:"gifts"`
	Channel  string `json:"channel,omitempty" example:"market"`
	MaxMoves int64  `json:"max_moves" doc:"0: short at once" minimum:"0" maximum:"3" example:"0"`
}

// ReturnRule names a class, or nothing: every class without a rule of its own.
type ReturnRule struct {
	Class       string `json:"class,omitempty" example:"gifts"`
	Disposition string `json:"disposition" enum:"inspect,sellable" example:"inspect"`
}

// returnsTo are the dispositions of returned goods.
var returnsTo = map[string]stock.Account{"inspect": stock.ReturnPending, "sellable": stock.Sellable}

// Validate lists every fault.
func (c PolicyChange) Validate() []FieldError {
	var f faults
	quantity := func(path string, q Quantity) {
		if q.Fault() != "" {
			f.add(path, q.Fault())
		}
	}
	for i, row := range c.SafetyStock {
		quantity(at("safety_stock", i, "quantity"), row.Quantity)
	}
	for i, row := range c.ChannelThresholds {
		quantity(at("channel_thresholds", i, "quantity"), row.Quantity)
	}
	for i, row := range c.Allocation {
		quantity(at("allocation", i, "protected"), row.Protected)
	}
	p := c.Stock()
	for _, fault := range p.Faults() {
		f.add(fault.Path, fault.Message)
	}
	return f
}

// Stock is the policy as the state keeps it. What no policy may say, an unknown
// key or a number out of range, stays so: Faults tells of it.
func (r PolicyRules) Stock() stock.Policy {
	p := stock.Policy{CollectWithin: -1, AgedTransferDays: r.AgedTransferDays, JournalDays: r.JournalDays}
	if s := r.CollectSeconds; s >= 0 && s <= protocol.MaxCollectSeconds {
		p.CollectWithin = s * 1000
	}
	for _, row := range r.SafetyStock {
		p.Safety = append(p.Safety, stock.SafetyStock{Item: row.Item, Class: row.Class, Location: row.Location, Quantity: row.Quantity.Stock()})
	}
	for _, row := range r.ChannelThresholds {
		p.Thresholds = append(p.Thresholds, stock.ChannelThreshold{Channel: row.Channel, Class: row.Class, Quantity: row.Quantity.Stock()})
	}
	for _, row := range r.ChannelGroups {
		p.Groups = append(p.Groups, stock.ChannelGroup(row))
	}
	for _, row := range r.Allocation {
		p.Allocation = append(p.Allocation, stock.Allocation{Group: row.Group, Item: row.Item, Class: row.Class, Location: row.Location, Protected: row.Protected.Stock()})
	}
	for _, row := range r.Exclusions {
		p.Exclusions = append(p.Exclusions, stock.Exclusion(row))
	}
	for _, row := range r.CandidateGroups {
		p.Candidates = append(p.Candidates, stock.CandidateGroup(row))
	}
	for _, row := range r.ConflictOrder {
		order := stock.ConflictOrder{Class: row.Class, Ranking: row.Ranking}
		for _, name := range row.Keys {
			key, _ := stock.ParseSortKey(name)
			order.Keys = append(order.Keys, key)
		}
		p.Orders = append(p.Orders, order)
	}
	for _, row := range r.Remedies {
		p.Remedies = append(p.Remedies, stock.RemedyRule{Class: row.Class, Channel: row.Channel, Moves: uint8(min(uint64(row.MaxMoves), 255))})
	}
	for _, row := range r.Returns {
		p.Returns = append(p.Returns, stock.ReturnRule{Class: row.Class, To: returnsTo[row.Disposition]})
	}
	return p
}

// PolicyOf shows a policy.
func PolicyOf(p *stock.Policy) PolicyRules {
	r := PolicyRules{CollectSeconds: p.CollectWithin / 1000, AgedTransferDays: p.AgedTransferDays, JournalDays: p.JournalDays}
	for _, row := range p.Safety {
		r.SafetyStock = append(r.SafetyStock, SafetyStock{Item: row.Item, Class: row.Class, Location: row.Location, Quantity: Of(row.Quantity)})
	}
	for _, row := range p.Thresholds {
		r.ChannelThresholds = append(r.ChannelThresholds, ChannelThreshold{Channel: row.Channel, Class: row.Class, Quantity: Of(row.Quantity)})
	}
	for _, row := range p.Groups {
		r.ChannelGroups = append(r.ChannelGroups, ChannelGroup(row))
	}
	for _, row := range p.Allocation {
		r.Allocation = append(r.Allocation, Allocation{Group: row.Group, Item: row.Item, Class: row.Class, Location: row.Location, Protected: Of(row.Protected)})
	}
	for _, row := range p.Exclusions {
		r.Exclusions = append(r.Exclusions, Exclusion(row))
	}
	for _, row := range p.Candidates {
		r.CandidateGroups = append(r.CandidateGroups, CandidateGroup(row))
	}
	for _, row := range p.Orders {
		order := ConflictOrder{Class: row.Class, Ranking: row.Ranking}
		for _, key := range row.Keys {
			order.Keys = append(order.Keys, key.String())
		}
		r.ConflictOrder = append(r.ConflictOrder, order)
	}
	for _, row := range p.Remedies {
		r.Remedies = append(r.Remedies, Remedy{Class: row.Class, Channel: row.Channel, MaxMoves: int64(row.Moves)})
	}
	for _, row := range p.Returns {
		rule := ReturnRule{Class: row.Class, Disposition: "inspect"}
		if row.To == stock.Sellable {
			rule.Disposition = "sellable"
		}
		r.Returns = append(r.Returns, rule)
	}
	return r
}
