// Package volume is the disk that a store's ledger is on: whether a ledger may be
// there at all, how much room is left, and what the store still does with so much.
//
// Promise. Room runs out in stages, each with a sentence, and the last of them
// refuses an operation before the disk does: then nothing has failed, and the store
// goes on when there is room again. A ballast, given back in time, is what there is
// to finish with.
//
// Owner. The agent's loop owns a [Watch], and looks once a beat.
//
// Flow.
//
//	start -> Refuse -> Watch -> Look -> Stage -> what the agent still does
//
// Invariants. Only the file "ballast" is ever written here, and only where there is
// room for much more.
package volume
