package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// policy is one policy and where it came into force.
type policy struct {
	index uint64
	rules *api.PolicyRules
}

// inForce are the policies of the day by version, the one that is built in first.
func (a *auditor) inForce() []policy {
	all := []policy{{0, &api.PolicyRules{}}}
	answers, where := a.decided("policy")
	for i, answer := range answers {
		all = append(all, policy{indexOf(a.journal[where[i]].Position), answer.Policy})
		if want := uint64(len(all)); answer.Version != want {
			a.report.fail(fmt.Sprintf("policy: the change that was answered at %s made version %d, by the journal it is %d", answer.Position, answer.Version, want))
		}
		a.report.Operators.Policies++
	}
	return all
}

// policyAt is what a store that had seen a position goes by.
func (a *auditor) policyAt(seen uint64) *api.PolicyRules {
	rules := a.policies[0].rules
	for _, p := range a.policies {
		if p.index <= seen {
			rules = p.rules
		}
	}
	return rules
}

// versionsAt are the versions that may have settled something in the entry at a
// position: it may have changed within.
func (a *auditor) versionsAt(index uint64) (least, most uint64) {
	for _, p := range a.policies {
		if p.index < index {
			least++
		}
		if p.index <= index {
			most++
		}
	}
	return max(least, 1), most
}

// returnsTo is where a policy lets returned goods go that the till says nothing of.
func returnsTo(rules *api.PolicyRules, class string) string {
	to := "return_pending"
	for _, row := range rules.Returns {
		if row.Class == "" || row.Class == class {
			if to = "return_pending"; row.Disposition == "sellable" {
				to = "sellable"
			}
			if row.Class != "" {
				break
			}
		}
	}
	return to
}

// fitting is how specific a row is that names these goods and this place: an item
// before a class before everything, and of these one with a place first. -1: it
// is about something else.
func fitting(item, class, place string, of [3]string) int {
	if item != "" && item != of[0] || item == "" && class != "" && class != of[1] || place != "" && place != of[2] {
		return -1
	}
	rank := 0
	switch {
	case item != "":
		rank = 4
	case class != "":
		rank = 2
	}
	if place != "" {
		rank++
	}
	return rank
}

// kept is what a policy keeps of a level from a channel, without what it protects.
func (b *book) kept(level account, channel string) (q int64) {
	class := b.auditor.run.class(level.item)
	best := -1
	for _, row := range b.rules.SafetyStock {
		if rank := fitting(row.Item, row.Class, row.Location, [3]string{level.item, class, level.location}); rank > best {
			best, q = rank, int64(row.Quantity.Stock())
		}
	}
	best, threshold := -1, int64(0)
	for _, row := range b.rules.ChannelThresholds {
		if rank := fitting("", row.Class, row.Channel, [3]string{"", class, channel}); rank > best {
			best, threshold = rank, int64(row.Quantity.Stock())
		}
	}
	return q + threshold
}

// group is the group that a channel is in.
func (b *book) group(channel string) string {
	for _, row := range b.rules.ChannelGroups {
		if row.Channel == channel {
			return row.Group
		}
	}
	return ""
}

// protected is what is kept for other groups than the channel's, at least and at
// most: what a vague claim holds may be held or not.
func (b *book) protected(level account, channel string) (least, most int64) {
	class, own := b.auditor.run.class(level.item), b.group(channel)
	floors, best := map[string]int64{}, map[string]int{}
	for _, row := range b.rules.Allocation {
		rank := 1 + fitting(row.Item, row.Class, row.Location, [3]string{level.item, class, level.location})
		if row.Group != own && rank > best[row.Group] {
			best[row.Group], floors[row.Group] = rank, int64(row.Protected.Stock())
		}
	}
	for group, floor := range floors {
		var sure, all int64
		for _, c := range b.claims[level] {
			if b.group(b.channels[c.order]) == group {
				all += c.quantity
				if !b.vague[c.order] {
					sure += c.quantity
				}
			}
		}
		least, most = least+max(0, floor-all), most+max(0, floor-sure)
	}
	return least, most
}

// ahead is what arrived elsewhere before the papers said that it left a level.
func (b *book) ahead(level account) (q int64) {
	for _, t := range b.goods.transfers {
		for _, w := range t.lines {
			if t.open && t.from == level.location && w.item == level.item && w.account == "sellable" && w.q < 0 {
				q -= w.q
			}
		}
	}
	return q
}

// free is what a channel may claim at a level, at least and at most.
func (b *book) free(level account, channel string) (least, most int64) {
	if b.states[level.location] != "" || slices.ContainsFunc(b.rules.Exclusions, func(row api.Exclusion) bool {
		return row.Location == level.location && (row.Channel != "" && row.Channel == channel || row.Group != "" && row.Group == b.group(channel))
	}) {
		return 0, 0
	}
	var sure, all int64
	for _, c := range b.claims[level] {
		all += c.quantity
		if !b.vague[c.order] {
			sure += c.quantity
		}
	}
	rest := b.goods.sums[account{level.location, level.item, "sellable"}] - b.ahead(level) - b.kept(level, channel)
	few, many := b.protected(level, channel)
	return max(0, rest-all-many), max(0, rest-sure-few)
}

// promises checks that goods were there, by the policy in force, for a claim that
// comes to a level.
func (b *book) promises(what string, level account, order string, q int64) {
	if _, most := b.free(level, b.channels[order]); q > most {
		b.auditor.report.fail(fmt.Sprintf("promised: %s claims %d thousandths of %s at %s for channel %s, by goods, claims and policy there are %d", what, q, level.item, level.location, b.channels[order], most))
	}
}

// refused checks that a request was short for a reason: where every line by itself
// has a place with enough for all that is asked of its item, it was not.
func (b *book) refused(order string) {
	answer := b.refusals[order]
	if answer == nil {
		return
	}
	asked := map[string]int64{}
	for _, want := range answer.Wants {
		asked[want.Item] += int64(want.Quantity.Stock())
	}
	enough, byPolicy := true, false
	for _, want := range answer.Wants {
		enough = enough && slices.ContainsFunc(b.candidates(&want), func(location string) bool {
			least, _ := b.free(at(location, want.Item), answer.Channel)
			return least >= asked[want.Item] && !b.lateItems[want.Item]
		})
		byPolicy = byPolicy || slices.ContainsFunc(b.candidates(&want), func(location string) bool {
			rules := b.rules
			b.rules = &api.PolicyRules{}
			least, _ := b.free(at(location, want.Item), answer.Channel)
			b.rules = rules
			return least >= asked[want.Item]
		})
	}
	if enough {
		b.auditor.report.fail(fmt.Sprintf("refused: order %s was short, although by goods, claims and policy there was enough of every line", order))
	}
	if byPolicy {
		b.auditor.report.Operators.ShortByPolicy++
	}
}

// candidates are the locations that a line may be served from.
func (b *book) candidates(want *api.ReservationWant) []string {
	for _, row := range b.rules.CandidateGroups {
		if row.Name == want.Group {
			return row.Locations
		}
	}
	return want.Candidates
}

// relocates books a claim that gave way to another place: goods have to be there
// by the policy, which also says how often a claim may move.
func (b *book) relocates(c *conflict, part *claimed) {
	to := at(c.To, c.Item)
	if !b.late[c.Reservation] {
		b.promises("conflict "+c.ID+" that moved order "+c.Reservation, to, c.Reservation, part.quantity)
		if most := b.mayMove(c.Item, c.Channel); len(part.left) >= most {
			b.auditor.report.fail(fmt.Sprintf("conflict %s moved line %s of order %s, which had moved %d times: by the policy it may %d times", c.ID, c.Line, c.Reservation, len(part.left), most))
		}
	}
	part.left = append(slices.Clone(part.left), c.Location)
	b.claims[to] = append(b.claims[to], part)
}

// stranded checks that a claim ended short for a reason: it had moved as often as
// it may, or no other candidate that it has not stood at had enough.
func (b *book) stranded(c *conflict, part *claimed) {
	line, _, _ := strings.Cut(part.line, ".")
	n, _ := strconv.Atoi(line)
	if n < 1 || n > len(b.options[c.Reservation]) || b.late[c.Reservation] || b.lateItems[c.Item] || len(part.left) >= b.mayMove(c.Item, c.Channel) {
		return
	}
	for _, candidate := range b.options[c.Reservation][n-1] {
		if candidate == c.Location || slices.Contains(part.left, candidate) {
			continue
		}
		if least, _ := b.free(at(candidate, c.Item), c.Channel); least >= part.quantity {
			b.auditor.report.fail(fmt.Sprintf("conflict %s left line %s of order %s short of %d thousandths of %s, which %s could have served with %d", c.ID, c.Line, c.Reservation, part.quantity, c.Item, candidate, least))
			return
		}
	}
}

// mayMove is how often the rule may move a claim.
func (b *book) mayMove(item, channel string) (moves int) {
	best, moves := -1, 3
	for _, row := range b.rules.Remedies {
		if rank := fitting("", row.Class, row.Channel, [3]string{"", b.auditor.run.class(item), channel}); rank > best {
			best, moves = rank, int(row.MaxMoves)
		}
	}
	return moves
}

// keys are the order in which claims on an item give way.
func (b *book) keys(item string) (order api.ConflictOrder) {
	order.Keys = []string{"state", "priority", "newest"}
	for _, class := range []string{"", b.auditor.run.class(item)} {
		for _, row := range b.rules.ConflictOrder {
			if row.Class == class {
				order = row
			}
		}
	}
	return order
}

// before reports whether one claim gives way before another.
func (b *book) before(order *api.ConflictOrder, x, y *claimed) bool {
	rank := func(c *claimed) int {
		if i := slices.Index(order.Ranking, b.channels[c.order]); i >= 0 {
			return i
		}
		return len(order.Ranking)
	}
	held := func(c *claimed) int {
		if c.state == "held" {
			return 0
		}
		return 1
	}
	for _, key := range order.Keys {
		by := map[string]int{"state": held(x) - held(y), "priority": int(b.priorities[x.order] - b.priorities[y.order]), "channel": rank(x) - rank(y),
			"newest": b.reserved[y.order] - b.reserved[x.order], "oldest": b.reserved[x.order] - b.reserved[y.order]}[key]
		if by != 0 {
			return by < 0
		}
	}
	return x.order < y.order
}

// inOrder checks that of the claims at a level those gave way whose turn it was.
func (b *book) inOrder(level account, gave []claimed, cause string) {
	order := b.keys(level.item)
	for i := range gave {
		y := &gave[i]
		for _, c := range b.claims[level] {
			if c.order == y.order || c.state == "staged" || b.vague[c.order] || b.vague[y.order] {
				continue
			}
			if b.auditor.report.Operators.Compared++; b.before(&order, c, y) {
				b.auditor.report.fail(fmt.Sprintf("order of yielding: by %s line %s of order %s gave way at %s before order %s, whose turn came first by %v", cause, y.line, y.order, level.location, c.order, order.Keys))
			}
		}
	}
}

// rulesAt compares what every node says of the policy with what was set last.
func (a *auditor) rulesAt(ctx context.Context) error {
	want := a.policies[len(a.policies)-1].rules
	return a.everywhere(ctx, "/v1/policy", func(text []byte) string {
		var now api.Policy
		if err := json.Unmarshal(text, &now); err != nil {
			return err.Error()
		}
		if now.Version != uint64(len(a.policies)) || rulesWords(&now.PolicyRules) != rulesWords(want) {
			return fmt.Sprintf("version %d of the policy is %s, last set was %d: %s", now.Version, rulesWords(&now.PolicyRules), len(a.policies), rulesWords(want))
		}
		return ""
	})
}
