package till

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// Event is the data of one server-sent event. The event's name says what is
// there: stock (items whose levels changed), status, outcome; reset has nothing.
type Event struct {
	api.Event
	At        time.Time    `json:"at,omitzero"`
	Operation string       `json:"operation,omitempty" doc:"stock: the operation recorded here that changed them"`
	Outcome   *api.Outcome `json:"outcome,omitempty" doc:"outcome: what became of an operation"`
}

// eventNames are the agent's own words for what happened, as readers see them.
var eventNames = map[string]string{"recorded": "stock", "round": "stock", "link": "status", "outcome": "outcome"}

// news is what one look at the agent brought.
type news struct {
	events []agent.Event
	missed bool
	last   uint64
	next   <-chan struct{}
	status *api.Status // where the link changed
}

// events sends what happens until the reader leaves or the agent ends. A reader
// starts now, or after the event it saw last.
func (t *till) events(w http.ResponseWriter, r *http.Request) {
	last, resumed := t.lastSeen(r.Header.Get("Last-Event-ID"))
	seen, err := t.look(r, last, !resumed)
	if err != nil {
		serve.Fail(w, r, err)
		return
	}
	stream, err := serve.StartEvents(w, protocol.EventRetryMS*time.Millisecond)
	beat := time.NewTicker(serve.Heartbeat)
	defer beat.Stop()
	for err == nil {
		if err = t.send(stream, seen); err != nil {
			return // the reader has gone
		}
		select {
		case <-seen.next:
			seen, err = t.look(r, seen.last, false)
		case <-beat.C:
			seen = news{last: seen.last, next: seen.next}
			err = stream.Beat()
		case <-serve.Stopping(r.Context()):
			return
		case <-t.Store.Stopping():
			return
		case <-r.Context().Done():
			return
		}
	}
}

// lost is the place of a reader whose last event was of another run.
const lost = ^uint64(0)

// lastSeen reads run.number; resumed is false for a new reader.
func (t *till) lastSeen(id string) (last uint64, resumed bool) {
	if id == "" {
		return 0, false
	}
	run, number, _ := strings.Cut(id, ".")
	last, err := strconv.ParseUint(number, 10, 64)
	if run != t.run || err != nil {
		return lost, true
	}
	return last, true
}

// look copies out what happened after an event; a new reader gets only the place.
func (t *till) look(r *http.Request, after uint64, place bool) (news, error) {
	var n news
	err := t.ask(r.Context(), func(a *agent.Agent) error {
		n.events, n.missed, n.next = a.EventsSince(after)
		if n.missed && len(n.events) == 0 {
			n.events, _, n.next = a.EventsSince(0)
		}
		n.last = after
		if len(n.events) > 0 {
			n.last = n.events[len(n.events)-1].ID
		} else if n.missed {
			n.last = 0
		}
		if place {
			n.events, n.missed = nil, false
		}
		if n.missed {
			n.events = nil
		}
		for i := range n.events {
			if n.events[i].Type == "link" && n.status == nil {
				status := t.statusOf(a)
				n.status = &status
			}
		}
		return nil
	})
	return n, err
}

func (t *till) send(stream *serve.Events, n news) error {
	if n.missed {
		return stream.Send(serve.ServerEvent{ID: t.eventID(n.last), Event: "reset", Data: []byte("{}")})
	}
	for i := range n.events {
		e := &n.events[i]
		data := Event{Event: api.Event{Items: e.Items}, At: e.At.UTC(), Operation: e.Operation}
		switch e.Type {
		case "link", "fork":
			data.Status = n.status
		case "outcome":
			outcome := outcomeOf(t.Location, e.Outcome)
			data.Outcome = &outcome
		}
		text, err := json.Marshal(data)
		if err != nil {
			return err
		}
		if err := stream.Send(serve.ServerEvent{ID: t.eventID(e.ID), Event: eventNames[e.Type], Data: text}); err != nil {
			return err
		}
	}
	return nil
}

func (t *till) eventID(number uint64) string { return t.run + "." + strconv.FormatUint(number, 10) }
