package stock_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// TestTheMostSpecificRowDecides, in every order of rows: taken away one by one,
// the next of the table takes over.
func TestTheMostSpecificRowDecides(t *testing.T) {
	table := []stock.SafetyStock{{Item: "HEART", Location: "S1", Quantity: 6}, {Item: "HEART", Quantity: 5}, {Class: "default", Location: "S1", Quantity: 4},
		{Class: "default", Quantity: 3}, {Location: "S1", Quantity: 2}, {Quantity: 1}}
	for first := range table {
		for _, backwards := range []bool{false, true} {
			w := newStoreWorld(t)
			rows := append([]stock.SafetyStock{{Item: "STAR", Quantity: 9}, {Class: "gifts", Quantity: 9}, {Location: "S2", Quantity: 9}}, table[first:]...)
			if backwards {
				for i, k := 0, len(rows)-1; i < k; i, k = i+1, k-1 {
					rows[i], rows[k] = rows[k], rows[i]
				}
			}
			w.one(&stock.SetPolicy{Policy: stock.Policy{Safety: rows}})
			l, _ := w.state.Location("S1")
			no, _ := w.state.ItemNo("HEART")
			if got := w.state.Availability(l, no, "web").Safety; got != table[first].Quantity {
				t.Errorf("from row %d on, %s is kept, want %s", first, got, table[first].Quantity)
			}
		}
	}
}

// TestPoliciesAreBounded, with a sentence.
func TestPoliciesAreBounded(t *testing.T) {
	many := func(n int) (p stock.Policy) {
		for i := range n {
			p.Safety = append(p.Safety, stock.SafetyStock{Item: fmt.Sprint("I", i)})
		}
		return p
	}
	groups := func(n int) (p stock.Policy) {
		for i := range n {
			p.Groups = append(p.Groups, stock.ChannelGroup{Channel: fmt.Sprint("c", i), Group: fmt.Sprint("g", i)})
		}
		return p
	}
	locations := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprint("S", i))
		}
		return list
	}
	var returns []stock.ReturnRule
	for i := range stock.MaxReturnRules + 1 {
		returns = append(returns, stock.ReturnRule{Class: fmt.Sprint("k", i), To: stock.Sellable})
	}
	listed := stock.Policy{Safety: many(stock.MaxPolicyRows - 64).Safety, Candidates: []stock.CandidateGroup{{Name: "A", Locations: locations(64)}}}
	for name, c := range map[string]struct {
		policy stock.Policy
		says   string
	}{
		"rows":                   {many(stock.MaxPolicyRows), ""},
		"one row more":           {many(stock.MaxPolicyRows + 1), "5001 rows"},
		"listed locations count": {listed, "5001 rows"},
		"groups":                 {groups(stock.MaxChannelGroups), ""},
		"one group more":         {groups(stock.MaxChannelGroups + 1), "17, more than the 16"},
		"candidates":             {stock.Policy{Candidates: []stock.CandidateGroup{{Name: "A", Locations: locations(64)}}}, ""},
		"one candidate more":     {stock.Policy{Candidates: []stock.CandidateGroup{{Name: "A", Locations: locations(65)}}}, "65 entries"},
		"one rule more":          {stock.Policy{Returns: returns}, "256"},
		"a code that is none":    {stock.Policy{Exclusions: []stock.Exclusion{{Location: "S1\n", Channel: "web"}}}, "exclusions[0].location must have"},
		"nothing protected":      {stock.Policy{Groups: groups(1).Groups, Allocation: []stock.Allocation{{Group: "g0", Protected: -1}}}, "allocation[0].protected"},
		"days":                   {stock.Policy{JournalDays: stock.MaxPolicyDays + 1}, "journal_days"},
	} {
		told := ""
		if faults := c.policy.Faults(); len(faults) > 0 {
			told = faults[0].String()
		}
		if c.says == "" && told != "" || !strings.Contains(told, c.says) {
			t.Errorf("%s: told %q, want %q", name, told, c.says)
		}
	}
	wrong := stock.Policy{}
	for range 500 {
		wrong.Safety = append(wrong.Safety, stock.SafetyStock{Quantity: -1})
	}
	if n := len(wrong.Faults()); n != 100 {
		t.Errorf("%d faults are told of one policy", n)
	}
}

// TestWhatAStoreIsTold: the version and where returns go, once, and from the
// beginning to one that begins.
func TestWhatAStoreIsTold(t *testing.T) {
	w := newStoreWorld(t)
	w.run([]string{"items", "HEART", "class", "gifts", ",", "MILK", "class", "fresh"})
	l, _ := w.state.Location("S1")
	if p := w.state.PolicySince(0); p.Version != stock.PolicyBuiltIn || w.state.PolicySince(1).Version != 0 {
		t.Errorf("before there is a policy a store is told %+v", p)
	}
	w.run([]string{"policy", "returns", "of", "class", "gifts", "to", "sellable", ",", "returns", "to", "return_pending"})
	changed := w.state.PolicyChanged()
	if changed != w.index || w.state.Changed(l) != w.index {
		t.Errorf("the policy changed at %d, the store is told from %d, the log stands at %d", changed, w.state.Changed(l), w.index)
	}
	if w.state.PolicySince(changed-1).Version != 2 || w.state.PolicySince(changed).Version != 0 {
		t.Error("a store is told of a policy that it has, or not of one that it has not")
	}
	v := stock.NewView()
	for _, item := range w.state.ItemsSince(0) {
		v.SetItem(*item)
	}
	says := func(item string, to stock.Account, version uint64) {
		t.Helper()
		if account, n := v.ReturnsTo(item); account != to || n != version {
			t.Errorf("%s returns to %s by policy %d, want %s by %d", item, account, n, to, version)
		}
	}
	says("HEART", stock.ReturnPending, 0)
	v.SetPolicy(w.state.PolicySince(0))
	v.SetPolicy(stock.StorePolicy{}) // a round that says nothing of it
	says("HEART", stock.Sellable, 2)
	says("MILK", stock.ReturnPending, 2)
	says("NEVER HEARD OF", stock.ReturnPending, 2)
	w.run([]string{"policy", "returns", "to", "sellable"})
	v.SetPolicy(w.state.PolicySince(changed))
	says("MILK", stock.Sellable, 3)
}

// BenchmarkAvailability by what the policy has rows for.
func BenchmarkAvailability(b *testing.B) {
	for name, p := range map[string]stock.Policy{"empty": {}, "full": somePolicy()} {
		b.Run(name, func(b *testing.B) {
			s := claimed(1000)
			s.Apply(s.Index()+1, &stock.Entry{Commands: []stock.Command{&stock.SetPolicy{Policy: p}}})
			l, _ := s.Location("S1")
			no, _ := s.ItemNo("I1")
			b.ReportAllocs()
			for range b.N {
				s.Availability(l, no, "phone")
			}
		})
	}
}

// BenchmarkRegroup sets a policy that has to count open claims anew.
func BenchmarkRegroup(b *testing.B) {
	for _, claims := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(claims), func(b *testing.B) {
			s := claimed(claims)
			groups := []stock.Policy{{Groups: []stock.ChannelGroup{{Channel: "web", Group: "OWN"}}, Allocation: []stock.Allocation{{Group: "OWN", Protected: 1000}}},
				{Groups: []stock.ChannelGroup{{Channel: "web", Group: "OWN"}, {Channel: "app", Group: "OWN"}}, Allocation: []stock.Allocation{{Group: "OWN", Protected: 1000}}}}
			b.ResetTimer()
			for i := range b.N {
				s.Apply(s.Index()+1, &stock.Entry{Commands: []stock.Command{&stock.SetPolicy{Policy: groups[i%2]}}})
			}
		})
	}
}

// claimed is a state with open claims of web, twenty an item, at ten locations.
func claimed(claims int) *stock.State {
	s, index := stock.NewState(), uint64(0)
	apply := func(commands ...stock.Command) {
		index++
		s.Apply(index, &stock.Entry{Commands: commands})
	}
	for i := range 10 {
		apply(&stock.PutLocations{Locations: []stock.LocationFacts{{Code: fmt.Sprint("S", i), State: stock.Open}}})
	}
	for i := range claims {
		at, item := fmt.Sprint("S", i%10), fmt.Sprint("I", i/200)
		apply(&stock.Document{Source: "erp", Location: at, Operation: stock.Operation{Document: fmt.Sprint(i),
			Lines: []stock.Line{{Kind: stock.Adjust, Scanned: item, Quantity: 9000, Account: stock.Sellable}}}},
			&stock.Reserve{ID: fmt.Sprint("r", i), Channel: "web", Mode: stock.AllOrNothing, TTL: 1 << 40, Lines: []stock.ReserveLine{{Item: item, Quantity: 1000, Candidates: []string{at}}}})
	}
	return s
}

// TestAFrozenStateKeepsItsPolicy, and what groups held in it.
func TestAFrozenStateKeepsItsPolicy(t *testing.T) {
	w := newStoreWorld(t)
	w.run([]string{"policy", "group", "OWN", "web", ",", "protect", "5", "for", "OWN"})
	w.run([]string{"web", "reserves", "r1", "2", "HEART", "at", "S1"})
	frozen := w.state.Freeze()
	told := func() string {
		l, _ := frozen.Location("S1")
		no, _ := frozen.ItemNo("HEART")
		return fmt.Sprintf("%d %+v", frozen.PolicyVersion(), frozen.Availability(l, no, "phone"))
	}
	before := told()
	w.run([]string{"web", "reserves", "r2", "1", "HEART", "at", "S1"})
	w.run([]string{"policy", "group", "OWN", "web", ",", "protect", "1", "for", "OWN", ",", "keep", "1"})
	w.run([]string{"web", "releases", "r1"})
	if after := told(); after != before {
		t.Errorf("a frozen state said %s, says %s", before, after)
	}
	if err := frozen.Check(); err != nil {
		t.Error(err)
	}
}
