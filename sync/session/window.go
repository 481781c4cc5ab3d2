package session

import "github.com/shelfsync/shelfsync/protocol"

// window is what a connection carried ahead of the acknowledgement. The agent
// sends by it, the hub holds the agent to it.
type window struct {
	limit      uint64            // operations, as the hub granted them
	acked, end protocol.Position // in flight is what lies between
	batches    []batch
	bytes      int
}

type batch struct {
	end   protocol.Position
	bytes int
}

func newWindow(granted uint64, at protocol.Position) window {
	if granted == 0 || granted > protocol.WindowOperations {
		granted = protocol.WindowOperations
	}
	return window{limit: granted, acked: at, end: at}
}

// room is how many operations, in one Append of MaxAppendBytes, may still go.
func (w *window) room() uint64 {
	if len(w.batches) >= protocol.WindowAppends || w.bytes+protocol.MaxAppendBytes > protocol.WindowBytes {
		return 0
	}
	return w.limit - (w.end.Sequence - w.acked.Sequence)
}

func (w *window) add(end protocol.Position, bytes int) {
	w.batches = append(w.batches, batch{end, bytes})
	w.bytes += bytes
	w.end = end
}

// ack moves the window up to through; it refuses a place where no batch in
// flight ends. The place it stands at already changes nothing.
func (w *window) ack(through protocol.Position) bool {
	if through == w.acked {
		return true
	}
	for i := range w.batches {
		if w.batches[i].end != through {
			continue
		}
		for _, b := range w.batches[:i+1] {
			w.bytes -= b.bytes
		}
		w.batches = w.batches[i+1:]
		w.acked = through
		return true
	}
	return false
}
