// Package protocol is every byte that two processes, or two versions of one,
// must agree on: operations, frames, log entries, snapshots, and every limit.
//
// Promise. Operation bytes are encoded once, by the agent that wrote them; the
// ledger, the frame, the log entry and the journal hold the same bytes. Decoding
// is a bounded walk: it allocates no more than a small multiple of its input,
// never recurses into what the input says, refuses duplicate keys and trailing
// bytes, and answers with an error, never a panic.
//
// Owner. Everything here is a pure function or a plain value.
//
// Flow.
//
//	Operation --EncodeOperation--> bytes --NextChain--> ledger
//	ledger --Append frame--> hub --BatchCommand--> command --EncodeEntry--> log
//	log --DecodeEntry--> stock.Entry --stock.State.Apply--> results
//	stock.State --WriteSnapshot--> file --ReadSnapshot--> stock.State
//
// Formats. All bodies are msgpack maps with one-letter keys: keys are added,
// never renamed or reused; a zero value is not written. Frames and entries begin
// with a version. Every format is pinned by a golden file in testdata.
package protocol
