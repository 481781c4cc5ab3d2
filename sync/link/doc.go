// Package link carries frames over one connection until it dies.
//
// Promise. Frames arrive in order and whole or the link ends; whoever ends it
// first gives the reason, and everybody hears that one. A peer that is slow,
// silent or hostile costs its own link and no other: what waits to be written is
// bounded, writing has a deadline, reading waits for the owner.
//
// Owner. A [Link] owns its [Conn] and two goroutines, one that reads and one
// that writes. The loop that started it owns the decision what to send: Send,
// Idle and Close never block and may be called from anywhere.
//
// Flow.
//
//	Dial | Accept | Pipe --> Conn --> Start(ctx, conn, events) --> Link
//	Conn.Read  --> DecodeFrame --> events <- Event{Frame}     (blocks: backpressure)
//	Send --> EncodeFrame --> bounded queue --> Conn.Write --> events <- Event{Drained}
//	Close(bye) --> Bye is written if it can be --> Conn.Close --> events <- Event{Err}
//
// Invariants. Event{Err} is the last event of a link and comes exactly once,
// unless the context given to Start has ended. When Done is closed no goroutine
// of the link is left. websocket.go alone imports the WebSocket library.
package link
