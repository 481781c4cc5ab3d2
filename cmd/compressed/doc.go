// Package compressed plays hours of a whole hub and its stores in seconds.
//
// Promise. Three hub nodes with the unmodified consensus library on real
// folders, real agents behind real WebSockets, tills, channels and a schedule of
// faults run in one testing/synctest bubble, where time moves whenever everybody
// waits. What was answered to a till or a channel is compared, from outside,
// with what every node holds in the end. A run that never met a situation it is
// there for fails as vacuous.
//
// Owner. A world owns network, nodes, stores and channels, and ends them all:
// the bubble refuses to end while a goroutine of it is left. Everything lives in
// tests; this file is all that a program could import.
//
// Flow.
//
//	schedule (seed) -> weather of the network, stops, crashes, wiped folders, late and repeated requests
//	tills -> agent -> link -> network -> hub node -> raft -> network -> other nodes
//	channels -> HTTP -> network -> any hub node
//	watchers -> what every node shows at every index, what every agent believes
//	heal -> converge -> audit
//
// Invariants. The seed draws the schedule, the goods and who asks what; it does
// not draw the order in which the Go scheduler runs goroutines, so a seed is a
// place to look and not a replay. A network delivers the bytes of a connection
// in order, or late, or ends it; it never invents one. A crash is what is in the
// folder when nobody writes, seen from a copy of it.
package compressed
