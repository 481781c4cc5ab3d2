package stock_test

import (
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

var (
	someChannels = []string{"web", "web", "market", "phone"}
	someClasses  = []string{"", "default", "gifts"}
	somePlaces   = []string{"", "S1", "S2", "X9"}
)

// somePolicy has a row in every list.
func somePolicy() stock.Policy {
	return stock.Policy{
		Safety:     []stock.SafetyStock{{Class: "default", Location: "S1", Quantity: 1000}, {Item: "STAR", Quantity: 500}},
		Thresholds: []stock.ChannelThreshold{{Channel: "market", Quantity: 1500}},
		Groups:     []stock.ChannelGroup{{Channel: "web", Group: "OWN"}, {Channel: "market", Group: "THEIRS"}},
		Allocation: []stock.Allocation{{Group: "OWN", Protected: 2000}, {Group: "THEIRS", Item: "HEART", Protected: 1000}},
		Exclusions: []stock.Exclusion{{Location: "S2", Channel: "market"}, {Location: "W1", Group: "THEIRS"}},
		Candidates: []stock.CandidateGroup{{Name: "SHOPS", Locations: []string{"S1", "S2", "X9"}}},
		Orders: []stock.ConflictOrder{{Keys: []stock.SortKey{stock.ByChannel, stock.ByState, stock.ByOldest}, Ranking: []string{"market", "web"}},
			{Class: "gifts", Keys: []stock.SortKey{stock.ByPriority, stock.ByNewest}}},
		Remedies:      []stock.RemedyRule{{Channel: "market"}, {Class: "default", Moves: 2}},
		Returns:       []stock.ReturnRule{{Class: "gifts", To: stock.Sellable}, {To: stock.ReturnPending}},
		CollectWithin: 60_000, AgedTransferDays: 3, JournalDays: 400,
	}
}

// decide sets another policy, or tries to: parts of a full one, with rows that
// select more or less, out of order, for an earlier version, or faulty.
func (h *history) decide() {
	full := somePolicy()
	c := &stock.SetPolicy{Replaces: h.state.PolicyVersion()}
	p := &c.Policy
	if h.next(3) == 0 { // a free hand to all, and no candidates with a name
		p.Orders, p.Remedies = full.Orders[:1], full.Remedies[1:]
		h.apply(protocol.EncodeCommand(c))
		return
	}
	if h.next(2) == 0 {
		p.Safety = append(full.Safety[h.next(2):], stock.SafetyStock{Class: one(h.next, someClasses), Location: one(h.next, somePlaces), Quantity: stock.Quantity(h.next(4)) * 500})
	}
	if h.next(2) == 0 {
		p.Thresholds = append(full.Thresholds, stock.ChannelThreshold{Class: one(h.next, someClasses), Quantity: stock.Quantity(h.next(3)) * 500})
	}
	if h.next(3) > 0 {
		p.Groups = full.Groups
		if h.next(3) == 0 {
			p.Groups = []stock.ChannelGroup{{Channel: "web", Group: "THEIRS"}, {Channel: "market", Group: "THEIRS"}, {Channel: "phone", Group: "OWN"}}
		}
		p.Allocation = append(full.Allocation[h.next(2):], stock.Allocation{Group: "OWN", Class: one(h.next, someClasses[1:]), Location: one(h.next, somePlaces),
			Protected: stock.Quantity(h.next(9)-1) * 500})
	}
	if len(p.Groups) > 0 && h.next(2) == 0 {
		p.Exclusions = full.Exclusions
	}
	if h.next(3) > 0 {
		p.Candidates = append(full.Candidates, stock.CandidateGroup{Name: "ALL", Locations: []string{"W1", one(h.next, []string{"S1", "X9"}), "S2"}})
	}
	if h.next(2) == 0 {
		p.Orders, p.Remedies = full.Orders[:1+h.next(2)], full.Remedies[h.next(2):]
	}
	p.CollectWithin, p.AgedTransferDays = int64(h.next(2))*30_000, int64(h.next(9))
	if h.next(8) == 0 {
		c.Replaces = uint64(h.next(4))
	}
	h.apply(protocol.EncodeCommand(c))
}

// limited counts the levels where the policy leaves less to a channel than there is.
func (h *history) limited() (n int) {
	for l := range h.state.Locations() {
		for item := range l.LevelsSince(0) {
			if a := h.state.Availability(l, item, "market"); a.Protected > 0 && a.Protected < 2000 || a.Safety > 0 && a.Threshold > 0 {
				n++
			}
		}
	}
	return n
}
