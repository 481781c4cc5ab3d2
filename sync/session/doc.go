// Package session is the conversation between an agent and a hub node: given
// where both logs stand, it decides the next frame.
//
// Promise. Whatever is cut, and wherever, operations reach the hub in order,
// none lost and none twice; a round is handed over whole or not at all; a peer
// that breaks the rules is told which and where. What is held is bounded by
// protocol's limits. The bytes of an operation are opaque here.
//
// Owner. [Agent] belongs to the agent's loop and lives across connections; one
// [Hub] belongs to the hub's loop and lives as long as its connection. Both are
// plain values: no clock, no network, no goroutine. The owner gives an input,
// then carries out what Next asks for until it asks for nothing:
//
//	for action, ok := s.Next(); ok; action, ok = s.Next() {
//		switch a := action.(type) { ... }
//	}
//
// Inputs that come before a connection or after its end are ignored. After
// [Close] nothing more is asked for.
//
// Flow.
//
//	agent                                                        hub node
//	Start(hello)      --- Hello: log end, base ----------------> Greeted{Hello}
//	[Rebase] Applied  <-- Welcome: resume after Through -------- Admit(welcome) | Refuse(bye)
//	Read -> Supply    --- Append(after, operations, end) ------> Heard, Take{Append}
//	Applied           <-- Ack(through) ------------------------- Acked(through)
//	Store -> Stored   <-- Round, in parts ---------------------- Offer(round), Drained()
//	Beat              --- empty Append: echo, base, backlog ---> Heard
//	                  <-- empty Round: hub time, last round ---- Beat
//	Recall -> Recalled -- Hello: chain at a sequence? ---------> Greeted{Hello}
//	Forked -> Begin   <-- Welcome: that chain, or unknown ------ Admit(welcome)
//	Close             <-- Bye ---------------------------------> Close
//
// Agent: Start, Stop, Receive, Grew, Supply, Stored, Recalled, Begin, Suspect,
// Beat; it asks with Send, Read, Store, Applied, Rebase, Recall, Forked, Close.
//
// Hub: Receive, Admit, Refuse, Acked, Ignored, Offer, Drained, Beat; it asks with
// Greeted, Heard, Take, Send, Close.
//
// Invariants. An Append follows exactly what the connection carried before, and
// no more is ahead of the acknowledgement than the window. Acks alone move the
// window; a stored round alone moves the base. See DESIGN.md one folder up.
package session
