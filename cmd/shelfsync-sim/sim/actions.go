package sim

import (
	"math/rand/v2"
	"slices"
)

// action is one thing that may happen in a step. do reports false where there was
// nothing to do it with.
type action struct {
	name   string
	weight int  // how often, beside the others
	fault  bool // something breaks
	always bool // no seed leaves it out
	do     func(w *World, r *rand.Rand) bool
}

// actions are all of them. A seed's steps are drawn by place, so a new one goes to
// the end of its list and changes what every seed plays.
var actions = slices.Concat(tillActions, channelActions, deskActions, faultActions)

// NeverReached are the names of this table, and of what is listed beside it, that
// a run has not reached: a path that is never taken is never tested.
func NeverReached(reached map[string]int) (missing []string) {
	for _, a := range actions {
		if reached[a.name] == 0 {
			missing = append(missing, a.name)
		}
	}
	for _, name := range sometimes {
		if reached[name] == 0 {
			missing = append(missing, name)
		}
	}
	return missing
}

// sometimes are the rare paths that a run of some hundred seeds takes.
var sometimes = []string{
	"a fact recorded", "an online store compared", "a till asks again and gets its first answer", "a till told that nothing was recorded",
	"an entry ordered late, or again", "an answer lost of what was ordered", "an entry refused", "an entry ordered after its proposer gave up", "an entry lost",
	"disk full", "sync failed once", "power lost before the sync", "power lost after the sync", "a disk lost", "a PC replaced because its disk was damaged",
	"exception fork", "an old disk imported", "an import of a fork", "an import of a stranger refused", "an import that nobody can tell about", "an old disk run with --replace",
	"a PC that takes over again", "result ignored", "result wrong_writer", "result repeated", "result version", "result short",
	"outcome parked", "outcome mapped", "outcome quarantined", "outcome admitted", "outcome service", "outcome recount", "outcome too_late", "outcome late_pick",
	"outcome picked_twice", "outcome duplicate_arrival", "exception negative_stock", "exception aged_claim",
	"conflict move", "conflict short", "a conflict checked", "a promise checked",
}
