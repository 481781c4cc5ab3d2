package agent

import (
	"time"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Event is something a till or the store's page may want to know at once. Its
// id counts up from 1 since this program started.
type Event struct {
	ID        uint64
	At        time.Time
	Type      string // link, recorded, round, outcome
	Text      string
	Operation string
	Items     []string // items whose level changed
	Outcome   *stock.Outcome
}

// maxEvents bounds the events kept for readers that reconnect; one that is
// further behind reads the present state again.
const maxEvents = 1024

// events is a ring of the newest events; next closes when one is added.
type events struct {
	ring []Event
	last uint64
	next chan struct{}
}

func (e *events) add(event Event, now time.Time) {
	e.last++
	event.ID, event.At = e.last, now
	if len(e.ring) == maxEvents {
		e.ring = append(e.ring[:0], e.ring[maxEvents/2:]...)
	}
	e.ring = append(e.ring, event)
	if e.next != nil {
		close(e.next)
		e.next = nil
	}
}

// EventsSince returns the events after an id, whether some are no longer kept,
// and a channel that closes when there is another.
func (a *Agent) EventsSince(id uint64) (since []Event, missed bool, next <-chan struct{}) {
	e := &a.events
	if e.next == nil {
		e.next = make(chan struct{})
	}
	for i := range e.ring {
		if e.ring[i].ID > id {
			since = append(since, e.ring[i])
		}
	}
	missed = id > e.last || len(e.ring) > 0 && e.ring[0].ID > id+1
	return since, missed, e.next
}
