// Command shelfsync-sim hunts for mistakes of the product with seeds.
//
// Promise. A seed is a company with its stores, hub nodes, channels and clerks, and
// everything that can go wrong between them; the same seed of the same source
// plays the same. What breaks a promise of domain.md (O1 to O12) is printed as one
// command that plays it again, and as a shorter one.
//
// Owner. Each worker owns one world at a time; nothing is shared between worlds.
//
// Flow.
//
//	seeds -> sim.NewPlan -> sim.Run -> Result -> total -> text or JSON
//	                                      '-> a violation -> shrink -> a command
//	--mutants: an edit laid over the source -> go build -> seeds until one fails
//
// Invariants. A mutant whose edit no longer fits the source fails. A run of 200
// seeds or more that never reached a rare path fails.
package main
