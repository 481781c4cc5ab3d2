// Package stock is what operations mean: the same log gives the same state,
// everywhere.
//
// Promise. [State.Apply] is a pure function of the state and one log entry. It
// has no clock, no randomness, no map order, no third party and no effect but
// the state itself, so two nodes that applied the same entries hold the same
// levels, the same reservations and the same rolling hash.
//
// Owner. One goroutine owns a State and is the only one to call Apply. Anybody
// may read what [State.Freeze] returns: it is immutable and costs a handful of
// copied headers, whatever the size of the stock.
//
// Flow. A store writes operations into its ledger; the hub orders batches of
// them, together with its own commands, into one log; Apply gives each command
// one result. [View] folds a store's own unsent operations over what the hub
// last said, with the same movement table.
//
// Invariants. Movements are double entry: for every item the levels of all
// locations and the outside accounts sum to zero. A movement is a fact and is
// never refused; a reservation is a claim and may be short. Claims at a level
// equal the open reservation lines there. [State.Check] states them all.
//
// # Words
//
//	item         what is counted: the retailer's code, compared exactly
//	location     a shop or warehouse that holds stock
//	level        what a (location, item) has, account by account
//	account      sellable, damaged, return_pending, in_transit; outside: supplier,
//	             customer, scrap, variance
//	on hand      sellable + damaged + return_pending
//	movement     a fact that takes a quantity from one account to another
//	reservation  a claim on units: held, confirmed, staged, then ended once
//	conflict     claims exceed what a location has; settled by rule
//	yield        to give way in a conflict: move, else be short
//	policy       what central IT decides about promises, as data with a version
//	safety stock units kept from every channel; threshold: those that one channel
//	             leaves to others
//	group        of channels; protected: units kept for it as far as it holds less
//	move         what a claim does; goods transfer
//	task         what a store should do: recount, put back
//	exception    what needs a person
//	pick         the fact that a claim's goods left; fulfilled is the state
//	operation    what one store did at one moment: a basket, a delivery, a staging
//	sequence     an operation's place in its epoch; chain proves which history
//	writer       who may write a location's physical facts
//	outcome      what became of an operation, when it is not plain success
//	parked       a line whose item nobody knows yet: kept, without effect
//	quarantined  an operation kept with its bytes, without effect
//	tick         the replicated step of hub time; the session counts beats
//	position     a place in a log, nothing else
//	negative     stock below zero: a record error, never clamped; not oversold
//	oversold     units of a promise that was broken
//
// Reading order: quantity.go, movement.go, operation.go, reservation.go, state.go.
package stock
