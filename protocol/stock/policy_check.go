package stock

import (
	"strconv"
	"strings"
)

// PolicyFault is one thing wrong with a policy, with the path of its field as the
// hub's API names it: safety_stock[2].quantity.
type PolicyFault struct{ Path, Message string }

func (f PolicyFault) String() string { return f.Path + " " + f.Message }

// maxPolicyFaults bounds the faults told of one policy: enough to mend it.
const maxPolicyFaults = 100

// policyCheck gathers faults row by row.
type policyCheck struct {
	faults []PolicyFault
	list   string
	row    int
	seen   map[string]int // rows by what they select
	groups map[string]bool
}

// Faults are why the policy cannot be set, at most 100 of them. What its codes
// name may be unknown: that is no fault. What was once without fault stays so:
// logs and snapshots hold it.
func (p *Policy) Faults() []PolicyFault {
	c := &policyCheck{seen: map[string]int{}, groups: map[string]bool{}}
	if n := p.rows(); n > MaxPolicyRows {
		return []PolicyFault{{"policy", "has " + strconv.Itoa(n) + " rows, more than the " + strconv.Itoa(MaxPolicyRows) + " allowed"}}
	}
	for i, r := range p.Groups {
		c.begin("channel_groups", i)
		c.code("channel", r.Channel)
		c.code("group", r.Group)
		c.once(r.Channel)
		c.groups[r.Group] = true
	}
	if len(c.groups) > MaxChannelGroups {
		c.add("group", "is one of "+strconv.Itoa(len(c.groups))+", more than the "+strconv.Itoa(MaxChannelGroups)+" allowed")
	}
	c.quantities(p)
	c.places(p)
	c.conflicts(p)
	c.stores(p)
	return c.faults
}

// rows counts what a policy lists.
func (p *Policy) rows() int {
	n := len(p.Safety) + len(p.Thresholds) + len(p.Groups) + len(p.Allocation) + len(p.Exclusions) + len(p.Remedies) + len(p.Returns)
	for i := range p.Candidates {
		n += 1 + len(p.Candidates[i].Locations)
	}
	for i := range p.Orders {
		n += 1 + len(p.Orders[i].Keys) + len(p.Orders[i].Ranking)
	}
	return n
}

func (c *policyCheck) begin(list string, row int) { c.list, c.row = list, row }

func (c *policyCheck) add(field, message string) {
	if len(c.faults) >= maxPolicyFaults {
		return
	}
	path := c.list + "[" + strconv.Itoa(c.row) + "]"
	if field != "" {
		path += "." + field
	}
	c.faults = append(c.faults, PolicyFault{path, message})
}

func (c *policyCheck) code(field, code string) {
	if !ValidCode(code) {
		c.add(field, "must have 1 to "+strconv.Itoa(MaxCode)+" printable characters")
	}
}

func (c *policyCheck) optional(field, code string) {
	if code != "" {
		c.code(field, code)
	}
}

func (c *policyCheck) goods(item, class string) {
	c.optional("item", item)
	c.optional("class", class)
	if item != "" && class != "" {
		c.add("class", "stands beside an item: a row names one of them")
	}
}

func (c *policyCheck) quantity(field string, q Quantity) {
	if q < 0 || q > MaxQuantity {
		c.add(field, "must be between 0 and "+MaxQuantity.String())
	}
}

func (c *policyCheck) group(group string) {
	if group != "" && !c.groups[group] {
		c.add("group", "is "+group+", and no channel is in it")
	}
}

// once refuses two rows of a list that select the same.
func (c *policyCheck) once(selects ...string) {
	key := c.list
	for _, s := range selects {
		key += "\x00" + s
	}
	if first, ok := c.seen[key]; ok {
		c.add("", "selects what "+c.list+"["+strconv.Itoa(first)+"] selects already")
		return
	}
	c.seen[key] = c.row
}

// codes checks a list inside a row.
func (c *policyCheck) codes(field string, codes []string, most int) {
	if len(codes) > most {
		c.add(field, "has "+strconv.Itoa(len(codes))+" entries, more than the "+strconv.Itoa(most)+" allowed")
		return
	}
	named := map[string]bool{}
	for i, code := range codes {
		at := field + "[" + strconv.Itoa(i) + "]"
		c.code(at, code)
		if named[code] {
			c.add(at, "is named twice")
		}
		named[code] = true
	}
}

func (c *policyCheck) quantities(p *Policy) {
	for i, r := range p.Safety {
		c.begin("safety_stock", i)
		c.goods(r.Item, r.Class)
		c.optional("location", r.Location)
		c.quantity("quantity", r.Quantity)
		c.once(r.Item, r.Class, r.Location)
	}
	for i, r := range p.Thresholds {
		c.begin("channel_thresholds", i)
		c.optional("channel", r.Channel)
		c.optional("class", r.Class)
		c.quantity("quantity", r.Quantity)
		c.once(r.Channel, r.Class)
	}
	for i, r := range p.Allocation {
		c.begin("allocation", i)
		c.code("group", r.Group)
		c.group(r.Group)
		c.goods(r.Item, r.Class)
		c.optional("location", r.Location)
		c.quantity("protected", r.Protected)
		c.once(r.Group, r.Item, r.Class, r.Location)
	}
}

func (c *policyCheck) places(p *Policy) {
	for i, r := range p.Exclusions {
		c.begin("exclusions", i)
		c.code("location", r.Location)
		c.optional("channel", r.Channel)
		c.optional("group", r.Group)
		c.group(r.Group)
		if (r.Channel == "") == (r.Group == "") {
			c.add("channel", "or group must be named, and not both")
		}
		c.once(r.Location, r.Channel, r.Group)
	}
	for i, r := range p.Candidates {
		c.begin("candidate_groups", i)
		c.code("name", r.Name)
		if len(r.Locations) == 0 {
			c.add("locations", "must not be empty")
		}
		c.codes("locations", r.Locations, MaxCandidates)
		c.once(r.Name)
	}
}

func (c *policyCheck) conflicts(p *Policy) {
	for i, r := range p.Orders {
		c.begin("conflict_order", i)
		c.optional("class", r.Class)
		c.codes("ranking", r.Ranking, MaxRanking)
		c.once(r.Class)
		c.keys(&r)
	}
	for i, r := range p.Remedies {
		c.begin("remedies", i)
		c.optional("class", r.Class)
		c.optional("channel", r.Channel)
		if r.Moves > maxMoves {
			c.add("max_moves", "must be between 0 and "+strconv.Itoa(maxMoves))
		}
		c.once(r.Class, r.Channel)
	}
}

func (c *policyCheck) keys(r *ConflictOrder) {
	var named [sortKeyCount]bool
	if len(r.Keys) == 0 {
		c.add("keys", "must not be empty")
	}
	for i, key := range r.Keys {
		field := "keys[" + strconv.Itoa(i) + "]"
		if key == 0 || key >= sortKeyCount {
			c.add(field, "must be one of "+strings.Join(sortKeyNames[1:], ", "))
			continue
		}
		if named[key] {
			c.add(field, "is named twice")
		}
		named[key] = true
	}
	if named[ByNewest] && named[ByOldest] {
		c.add("keys", "cannot be newest and oldest at once")
	}
	if named[ByChannel] != (len(r.Ranking) > 0) {
		c.add("ranking", "belongs to the key channel: both or none")
	}
}

func (c *policyCheck) stores(p *Policy) {
	for i, r := range p.Returns {
		c.begin("returns", i)
		c.optional("class", r.Class)
		if r.To != ReturnPending && r.To != Sellable {
			c.add("disposition", "must be inspect or sellable")
		}
		c.once(r.Class)
	}
	if len(p.Returns) > MaxReturnRules {
		c.faults = append(c.faults, PolicyFault{"returns", "has more than the " + strconv.Itoa(MaxReturnRules) + " rows allowed"})
	}
	for _, age := range []struct {
		path        string
		value, most int64
	}{
		{"collect_within_s", p.CollectWithin, maxCollectWithin},
		{"aged_transfer_days", p.AgedTransferDays, MaxPolicyDays},
		{"journal_days", p.JournalDays, MaxPolicyDays},
	} {
		if age.value < 0 || age.value > age.most {
			c.faults = append(c.faults, PolicyFault{age.path, "is out of range"})
		}
	}
}
