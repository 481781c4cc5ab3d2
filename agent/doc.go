// Package agent is the store's own truth: never lose a sale, never wait for the
// network.
//
// Promise. A till is answered once its operation is durable in the ledger, and
// for no other reason. What a till sees is what the hub last said plus what the
// store has done since, so it goes on selling for weeks without a hub.
//
// Owner. [Agent] is a plain object, owned by one goroutine: the loop of
// [Server]. Tills, the link and the clock reach it through that loop's channels.
// A simulator drives an Agent directly.
//
// Flow.
//
//	till -> Server.Record -> (all that wait at once) -> Agent.Record
//	        one ledger commit, then every caller is answered
//	Agent.Record -> session.Grew -> Append frames -> hub
//	hub -> Welcome: forked -> session.Forked -> a new epoch in one commit
//	ledger in doubt -> a new epoch at open; the old one's tail goes up first
//	hub -> Round -> session.Store -> Agent keeps it in one transaction -> view
//
// Invariants. An operation is in the ledger before its till is answered; after a
// storage error nothing is answered any more and the program ends. The view is
// always base + pending: an operation leaves pending in the same transaction
// that brings the base that holds it.
package agent
