// Package sim is a company in one goroutine: stores, hub nodes, channels, clerks and
// everything between them that can break, drawn from a seed.
//
// Promise. [Run] of one [Plan] plays the same every time, whatever else the machine
// does. What runs is the product's own: agent, courier, session, hub, intake, state
// machine, snapshots and bytes. What is replaced: consensus ([order], as unkind as its
// promise allows), connections ([wire]), disks ([disk], by transactions and not by
// pages), clocks, and the servers' loops.
//
// Owner. The [World], and it alone; nothing here runs beside it.
//
// Flow.
//
//	Plan.draw -> action: till, channel, desk or fault       one a step
//	flow      -> a frame carried, an entry ordered, applied, answered, offered; time   some a step, in no order
//	apply     -> witness: the book, State.Check, claims, conflicts, hashes             at every entry, once
//	heal      -> faults end; people do what only they can; everything drains; verify
//
// Invariants. Each step has dice of its own, so that leaving one out changes nothing
// of the others but what follows from it. A map is never walked where its order could
// be seen. The [book] shares nothing with the state machine but the log and the
// outcomes it told.
package sim
