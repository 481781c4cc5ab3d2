// Package till is what a store's tills call over HTTP, and the store's own page.
//
// Promise. A POST is answered once its operation is durable in the ledger, or
// with a problem that names the field at fault and leaves the ledger as it was.
// A sale is never refused for stock or for a code nobody knows. The same key
// with the same body gets the first answer again, byte for byte.
//
// Owner. Nothing here is mutable but counters of metrics: ledger, view and link
// belong to the agent's loop, which is reached through [Store] alone.
//
// Flow.
//
//	body -> Validate -> lines (pure) -> Store.Record -> one durable commit
//	                                    \-> answer built on the owner's goroutine
//	GET  -> Store.Ask copies out what it needs -> JSON, events or the page
//	form -> the same calls as a till's, with a key of the form's own -> the page
//
// Invariants. The key of a request that sends one and the key made from till
// and receipt never meet. What decides about a request that was recorded is in
// the ledger, so a restart changes no answer.
package till
