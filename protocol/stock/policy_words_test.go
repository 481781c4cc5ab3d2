package stock_test

import (
	"slices"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// policy [replacing VERSION] CLAUSE, CLAUSE... replaces the whole policy:
//
//	nothing
//	keep QUANTITY GOODS [at LOCATION]                      safety stock
//	leave QUANTITY [of class CLASS] [by CHANNEL]           channel threshold
//	group GROUP CHANNEL...
//	protect QUANTITY GOODS [at LOCATION] for GROUP         allocation
//	exclude LOCATION for CHANNEL|group GROUP
//	candidates NAME LOCATION...
//	yield [of class CLASS] by KEY... [ranking CHANNEL...]
//	moves NUMBER [of class CLASS] [by CHANNEL]             remedy: 0 is short at once
//	returns [of class CLASS] to ACCOUNT
//	collect DURATION | age DAYS
//
// GOODS is an item, or "of class CLASS", or nothing.
func (w *world) policy(words []string) []string {
	c := &stock.SetPolicy{}
	if words[0] == "replacing" {
		c.Replaces, words = uint64(w.number(words[1])), words[2:]
	}
	for _, clause := range clauses(words) {
		add, ok := policyWords[clause[0]]
		if !ok {
			w.t.Fatalf("%s: a policy has no %q", w.place, clause[0])
		}
		add(w, &c.Policy, clause[1:])
	}
	answer := w.one(c)
	answer[0] += ", policy " + itoa(int(w.state.PolicyVersion()))
	return answer
}

var policyWords = map[string]func(w *world, p *stock.Policy, a []string){
	"nothing": func(*world, *stock.Policy, []string) {},
	"keep": func(w *world, p *stock.Policy, a []string) {
		p.Safety = append(p.Safety, stock.SafetyStock{Quantity: w.quantity(a[0]), Item: itemIn(a[1:]), Class: after(a, "class"), Location: after(a, "at")})
	},
	"leave": func(w *world, p *stock.Policy, a []string) {
		p.Thresholds = append(p.Thresholds, stock.ChannelThreshold{Quantity: w.quantity(a[0]), Class: after(a, "class"), Channel: after(a, "by")})
	},
	"group": func(_ *world, p *stock.Policy, a []string) {
		for _, channel := range a[1:] {
			p.Groups = append(p.Groups, stock.ChannelGroup{Channel: channel, Group: a[0]})
		}
	},
	"protect": func(w *world, p *stock.Policy, a []string) {
		p.Allocation = append(p.Allocation, stock.Allocation{Protected: w.quantity(a[0]), Item: itemIn(a[1:]), Class: after(a, "class"), Location: after(a, "at"),
			Group: after(a, "for")})
	},
	"exclude": func(_ *world, p *stock.Policy, a []string) {
		row := stock.Exclusion{Location: a[0], Channel: after(a, "for"), Group: after(a, "group")}
		if row.Group != "" {
			row.Channel = ""
		}
		p.Exclusions = append(p.Exclusions, row)
	},
	"candidates": func(_ *world, p *stock.Policy, a []string) {
		p.Candidates = append(p.Candidates, stock.CandidateGroup{Name: a[0], Locations: a[1:]})
	},
	"yield": func(_ *world, p *stock.Policy, a []string) {
		row := stock.ConflictOrder{Class: after(a, "class")}
		keys := a[slices.Index(a, "by")+1:]
		if at := slices.Index(keys, "ranking"); at >= 0 {
			keys, row.Ranking = keys[:at], keys[at+1:]
		}
		for _, word := range keys {
			key, ok := stock.ParseSortKey(word)
			if !ok {
				key = 99
			}
			row.Keys = append(row.Keys, key)
		}
		p.Orders = append(p.Orders, row)
	},
	"moves": func(w *world, p *stock.Policy, a []string) {
		p.Remedies = append(p.Remedies, stock.RemedyRule{Moves: uint8(w.number(a[0])), Class: after(a, "class"), Channel: after(a, "by")})
	},
	"returns": func(_ *world, p *stock.Policy, a []string) {
		to, _ := stock.ParseAccount(after(a, "to"))
		p.Returns = append(p.Returns, stock.ReturnRule{Class: after(a, "class"), To: to})
	},
	"collect": func(w *world, p *stock.Policy, a []string) { p.CollectWithin = w.duration(a[0]) },
	"age":     func(w *world, p *stock.Policy, a []string) { p.AgedTransferDays = w.number(a[0]) },
}

// itemIn is the item that a clause names: its first word, unless that begins
// what follows.
func itemIn(words []string) string {
	if len(words) == 0 || slices.Contains([]string{"of", "at", "for", "by"}, words[0]) {
		return ""
	}
	return words[0]
}
