package main

import "slices"

// found are the bugs that the simulator found in the product, as they were: each is
// planted again, so that it stays able to find them. docs/campaigns.md tells of them.
var found = []mutant{
	{"a code taken for an item is mapped as single units", "parked lines count in the units of their code", []edit{{"protocol/stock/mapping.go",
		"	line.Quantity, line.Counted, line.Item = q, counted, c.Item\n",
		"	if line.Item == \"\" {\n		line.Quantity, line.Counted = q, counted\n	}\n	line.Item = c.Item\n"}}},
	{"a Welcome that comes twice answers the next question", "F4: where a fork began is searched, not guessed", []edit{{"sync/session/search.go",
		"	if w.Asked != s.asked {\n",
		"	if w.Asked != s.asked && w.Asked == 0 {\n"}}},
	{"a lost last round goes unnoticed", "F12: what comes down is whole", []edit{{"sync/session/agent.go",
		"		case part.Since > a.rounds.taken:\n",
		"		case part.Since > a.rounds.taken && part.Now < 0:\n"}}},
	{"copies of a disk bring twice to a hub that was set back", "F26: after a restored hub every operation takes effect once", []edit{{"protocol/stock/state.go",
		"		s.incarnation, s.restored = c.Incarnation, c.Restored\n",
		"		s.incarnation = c.Incarnation\n"}}},
}

// allMutants are all bugs that --mutants plants.
func allMutants() []mutant { return slices.Concat(mutants, found) }
