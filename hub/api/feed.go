package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) feed(s *serve.Server) {
	s.Raw("GET /v1/feed", http.HandlerFunc(r.streamFeed))
	s.Describe(serve.Route{Method: "GET", Path: "/v1/feed", Tag: "feed", Summary: "Changed levels, reservations and conflicts after a position, as they happen",
		Detail: "Query: after, location, channel, wait_s. NDJSON, or server-sent events where Accept asks for text/event-stream (Last-Event-ID goes before after). " +
			"Each page is of one position and ends with a line of kind through, whose position is the next after on any node; a slow reader gets the newest values, never a queue. " +
			"With wait_s (0 to 30) one page is answered as soon as there is something to tell, or an empty one after that many seconds. " +
			"Who names a channel is told besides the levels what is available to it. Where the hub has forgotten what ended after the position, the position is of another incarnation, or the policy changed what is available to a channel, a line of kind reset says so and every value follows."},
		"", serve.NDJSON, shapes.FeedLine{})
}

// feedPause gathers changes for a moment, so that a busy level is told once.
const feedPause = 10 * time.Millisecond

// feedWrite bounds how long a reader may take for feedStretch lines.
const feedWrite = 30 * time.Second

// feedReader is one reader: what it asked for, and how far it has been told.
type feedReader struct {
	location, channel string
	poll              bool          // one page, then the answer ends
	wait              time.Duration // poll: how long for something to tell
	events            bool          // server-sent events

	incarnation, after uint64
	reset              string // why everything is told anew
	hub                Hub
}

// streamFeed tells every value that changed after a position, then goes on as
// the board changes, until the reader leaves.
func (r routes) streamFeed(w http.ResponseWriter, req *http.Request) {
	reader, err := r.feedReader(req)
	if err != nil {
		serve.Fail(w, req, err)
		return
	}
	out := reader.answer(w)
	var deadline <-chan time.Time // a stream has none
	if reader.poll {
		deadline = time.After(reader.wait)
	}
	for {
		state, next := r.hub.Board().Next()
		told, err := reader.page(out, state)
		if err != nil || reader.poll && told > 0 {
			return
		}
		select {
		case <-next:
		case <-deadline:
			_ = out.through(reader.through()) // a reader that left needs no answer
			return
		case <-time.After(serve.Heartbeat):
		case <-req.Context().Done():
			return
		case <-serve.Stopping(req.Context()):
			return
		}
		select {
		case <-time.After(feedPause):
		case <-req.Context().Done():
			return
		}
	}
}

// feedReader reads what is asked for. It waits for the board to reach the
// position: a feed never goes backwards.
func (r routes) feedReader(req *http.Request) (*feedReader, error) {
	query := req.URL.Query()
	reader := &feedReader{location: query.Get("location"), channel: query.Get("channel"), hub: r.hub,
		events: strings.Contains(req.Header.Get("Accept"), "text/event-stream")}
	if text := query.Get("wait_s"); text != "" {
		seconds, err := strconv.ParseUint(text, 10, 16)
		if err != nil || seconds > protocol.MaxFeedWaitSeconds {
			return nil, shapes.Invalid(shapes.FieldError{Path: "query.wait_s", Message: "must be from 0 to " + strconv.Itoa(protocol.MaxFeedWaitSeconds)})
		}
		reader.poll, reader.wait, reader.events = true, time.Duration(seconds)*time.Second, false
	}
	after := query.Get("after")
	if last := req.Header.Get("Last-Event-ID"); reader.events && last != "" {
		after = last
	}
	return reader, r.startFeed(req.Context(), reader, after)
}

func (r routes) startFeed(ctx context.Context, reader *feedReader, after string) error {
	state := r.hub.Board().State()
	if state.Incarnation() == 0 {
		return unread()
	}
	reader.incarnation = state.Incarnation()
	if after == "" {
		return nil
	}
	incarnation, index, err := parsePosition(after)
	switch {
	case err != nil:
		return shapes.Invalid(shapes.FieldError{Path: "query.after", Message: err.Error()})
	case incarnation != state.Incarnation():
		reader.incarnation = incarnation // the first page finds that it is another
		return nil
	}
	reader.after = index
	_, err = r.reach(ctx, index)
	return err
}

const forgotten = "reservations or conflicts that ended after the position are forgotten"

// page tells what changed up to a state and says how many lines that took,
// besides the last: through. A poll that finds nothing has no last line yet.
func (f *feedReader) page(out feedAnswer, state *stock.State) (told int, err error) {
	switch {
	case state.Incarnation() != f.incarnation:
		f.incarnation, f.after, f.reset = state.Incarnation(), 0, "the position belongs to another incarnation of the hub"
	case f.after > 0 && f.after < state.Horizon():
		f.after, f.reset = 0, forgotten
	case f.after > 0 && f.channel != "" && f.after < state.PolicyChanged():
		f.after, f.reset = 0, "the policy has changed"
	}
	at := position(state)
	tell := func(line shapes.FeedLine) error {
		told++
		line.Position = at
		return out.line(line)
	}
	if f.reset != "" {
		if err := tell(shapes.FeedLine{Kind: "reset", Reason: f.reset}); err != nil {
			return told, err
		}
	}
	if err := f.changes(state, tell); err != nil {
		return told, err
	}
	f.after, f.reset = state.Index(), ""
	if f.poll && told == 0 {
		return 0, nil
	}
	return told, out.through(f.through())
}

func (f *feedReader) through() string { return positionAt(f.incarnation, f.after) }

// changes tells the values that changed and that the reader asked for.
func (f *feedReader) changes(state *stock.State, tell func(shapes.FeedLine) error) error {
	now := moment{state, position(state), f.hub.TickAge().Milliseconds()}
	for l := range state.LocationsSince(f.after) {
		if f.location != "" && f.location != l.Code {
			continue
		}
		if err := f.levels(now, l, tell); err != nil {
			return err
		}
	}
	at := position(state)
	for _, reservation := range state.ReservationsSince(f.after) {
		if f.channel != "" && f.channel != reservation.Channel || f.location != "" && !touches(state, reservation, f.location) {
			continue
		}
		shape := reservationShape(state, reservation, at)
		if err := tell(shapes.FeedLine{Kind: "reservation", Reservation: &shape}); err != nil {
			return err
		}
	}
	for no, conflict := range state.ConflictsSince(f.after) {
		if f.channel != "" && f.channel != conflict.Channel || f.location != "" && !conflictAt(state, conflict, f.location) {
			continue
		}
		shape := conflictShape(state, no, conflict)
		if err := tell(shapes.FeedLine{Kind: "conflict", Conflict: &shape}); err != nil {
			return err
		}
	}
	return nil
}

// levels tells what changed at a location, and to who speaks for a channel what is
// available to it: of every level where the location has opened, paused or closed.
func (f *feedReader) levels(now moment, l *stock.Location, tell func(shapes.FeedLine) error) error {
	for no, level := range l.LevelsSince(f.after) {
		shape := levelShape(now.State, l, no, level)
		if err := tell(shapes.FeedLine{Kind: "level", Level: &shape}); err != nil {
			return err
		}
	}
	if f.channel == "" {
		return nil
	}
	since := f.after
	if l.Turned > since {
		since = 0
	}
	for no := range l.LevelsSince(since) {
		line := now.line(now.Item(no).Code, l.Code, f.channel)
		if err := tell(shapes.FeedLine{Kind: "availability", Availability: &line}); err != nil {
			return err
		}
	}
	return nil
}

// touches reports whether a reservation is or was at a location: who follows it
// has to hear that a claim left.
func touches(state *stock.State, r *stock.Reservation, location string) bool {
	for i := range r.Lines {
		c := &r.Lines[i]
		if c.Placed && state.LocationAt(c.Location).Code == location {
			return true
		}
		for _, stay := range c.Left {
			if state.LocationAt(stay.Location).Code == location {
				return true
			}
		}
	}
	return false
}

// feedAnswer is where a feed is written.
type feedAnswer interface {
	line(shapes.FeedLine) error
	through(position string) error // ends a page
}

func (f *feedReader) answer(w http.ResponseWriter) feedAnswer {
	if f.events {
		events, err := serve.StartEvents(w, feedRetry)
		return &feedEvents{events, err}
	}
	w.Header().Set("Content-Type", serve.NDJSON)
	return &feedLines{encoder: json.NewEncoder(w), control: http.NewResponseController(w)}
}

// feedLines writes to one reader and gives it time anew every so many lines: the
// first page of a large hub takes longer than a dead reader may.
type feedLines struct {
	encoder *json.Encoder
	control *http.ResponseController
	lines   int
}

const feedStretch = 1000

func (f *feedLines) line(line shapes.FeedLine) error {
	if f.lines%feedStretch == 0 {
		// The kernel's deadline, so by the real clock; in tests there is none.
		_ = f.control.SetWriteDeadline(time.Now().Add(feedWrite))
	}
	f.lines++
	return f.encoder.Encode(line)
}

func (f *feedLines) through(position string) error {
	if err := f.line(shapes.FeedLine{Kind: "through", Position: position}); err != nil {
		return err
	}
	f.lines = 0 // a new page has new time
	return f.control.Flush()
}

// feedRetry is how long a reader of events waits before it connects again.
const feedRetry = 2 * time.Second

// feedEvents names the place only where a page ends: a reader that is cut within
// a page hears the page again.
type feedEvents struct {
	events *serve.Events
	err    error
}

func (f *feedEvents) line(line shapes.FeedLine) error { return f.send(line, "") }

func (f *feedEvents) through(position string) error {
	return f.send(shapes.FeedLine{Kind: "through", Position: position}, position)
}

func (f *feedEvents) send(line shapes.FeedLine, id string) error {
	if f.err != nil {
		return f.err
	}
	data, err := json.Marshal(line)
	if err != nil {
		return err
	}
	return f.events.Send(serve.ServerEvent{ID: id, Event: line.Kind, Data: data})
}
