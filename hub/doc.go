// Package hub is one agreed order for everyone's operations, and one board
// everyone can read.
//
// Promise. What a store was told is applied is in the replicated log; every
// reader sees a state that some log index really had; a draining store delays
// nobody.
//
// Owner. [Hub] is a plain object owned by one goroutine, the loop of [Server]:
// the sessions with agents and the intake. [Machine] is owned by the log's
// goroutine and posts frozen states on the [Board], which anybody reads.
//
// Flow.
//
//	agent's Append -> session -> intake -\
//	channel's HTTP call --------> intake --> one log entry -> Machine.Apply
//	tick ----------------------> intake -/          |-> results, by channel
//	                                                |-> Board.Post -> rounds, readers
//	                                                '-> journal, by bounded channel
//
// Invariants. An acknowledgement is the watermark of applied state, nothing
// earlier. The journal holds every entry that a snapshot lets the log forget.
// The loop never waits for the log.
package hub
