package hub

import (
	"slices"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// waiting is one command on its way into the log, and whom to tell.
type waiting struct {
	command protocol.Command
	peer    *peer                                              // whose batch it is; nil for a caller's command
	answer  func(result stock.Result, index uint64, err error) // called once, by the hub loop
}

// Intake merges what waits into log entries: first commands of callers and
// batches of stores that are up to date, then, where none of these is left, a
// share of what draining stores sent, in the order it came. It is owned by the
// hub loop.
type Intake struct {
	live     []waiting
	draining []waiting // at most one window of each store: its session sees to it
	bytes    int
}

// drainingShare bounds the bytes that draining stores add to one entry, so that
// a caller behind them waits for a small entry, not for a large one.
const drainingShare = protocol.MaxEntryBytes / 4

// Add queues a command; false means that the intake is full and it was not taken.
func (q *Intake) Add(w waiting, live bool) bool {
	if q.bytes+len(w.command) > protocol.MaxIntakeBytes {
		return false
	}
	q.bytes += len(w.command)
	if live {
		q.live = append(q.live, w)
	} else {
		q.draining = append(q.draining, w)
	}
	return true
}

// Urge puts a command in front of everything, whatever waits: hub time has to
// move under any load, or the node stops serving.
func (q *Intake) Urge(w waiting) {
	q.bytes += len(w.command)
	q.live = slices.Insert(q.live, 0, w)
}

// Empty reports whether nothing waits.
func (q *Intake) Empty() bool { return len(q.live) == 0 && len(q.draining) == 0 }

// Take merges what waits, as far as one entry holds. While anything live is left
// over nothing draining is taken: it may be a later batch of the same store.
func (q *Intake) Take() []waiting {
	const room = protocol.MaxEntryBytes - 1<<10
	taken, size := take(&q.live, nil, room)
	if len(q.live) == 0 {
		var more int
		taken, more = take(&q.draining, taken, min(drainingShare, room-size))
		size += more
	}
	q.bytes -= size
	return taken
}

// Drop forgets what waits and matches, telling dropped of each.
func (q *Intake) Drop(match func(waiting) bool, dropped func()) {
	for _, queue := range []*[]waiting{&q.live, &q.draining} {
		kept := make([]waiting, 0, len(*queue))
		for _, w := range *queue {
			if match(w) {
				q.bytes -= len(w.command)
				dropped()
			} else {
				kept = append(kept, w)
			}
		}
		*queue = kept
	}
}

func take(queue *[]waiting, taken []waiting, room int) ([]waiting, int) {
	size := 0
	for len(*queue) > 0 && len(taken) < protocol.MaxCommands {
		next := (*queue)[0]
		if size+len(next.command) > room {
			break
		}
		size += len(next.command)
		taken = append(taken, next)
		*queue = (*queue)[1:]
	}
	return taken, size
}
