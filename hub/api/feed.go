package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func (r routes) feed(s *serve.Server) {
	s.Raw("GET /v1/feed", http.HandlerFunc(r.streamFeed))
	s.Describe(serve.Route{Method: "GET", Path: "/v1/feed", Tag: "feed", Summary: "Changed levels and reservations after a position, as they happen",
		Detail: "Query: after, location. Each page ends with a line of kind through; a slow reader gets the newest values, never a queue."},
		"", serve.NDJSON, shapes.FeedLine{})
}

// feedPause gathers changes for a moment, so that a busy level is told once.
const feedPause = 10 * time.Millisecond

// feedWrite bounds how long a reader may take for feedStretch lines.
const feedWrite = 30 * time.Second

// streamFeed tells every value that changed after a position, then goes on as
// the board changes, until the reader leaves.
func (r routes) streamFeed(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	after, reset, err := r.feedStart(req.Context(), query.Get("after"))
	if err != nil {
		serve.Fail(w, req, err)
		return
	}
	w.Header().Set("Content-Type", serve.NDJSON)
	out := &feedLines{encoder: json.NewEncoder(w), control: http.NewResponseController(w)}
	if reset != "" {
		_ = out.write(shapes.FeedLine{Kind: "reset", Position: position(r.hub.Board().State()), Reason: reset}) // the page after it meets the same error
	}
	for {
		state, next := r.hub.Board().Next()
		if feedPage(out, state, query.Get("location"), after) != nil || out.control.Flush() != nil {
			return
		}
		after = state.Index()
		select {
		case <-next:
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

// feedStart is the index after which a reader has to be told, and why everything
// is told anew, if it is.
func (r routes) feedStart(ctx context.Context, after string) (index uint64, reset string, err error) {
	state := r.hub.Board().State()
	if state.Incarnation() == 0 {
		return 0, "", unread()
	}
	if after == "" {
		return 0, "", nil
	}
	incarnation, index, err := parsePosition(after)
	switch {
	case err != nil:
		return 0, "", shapes.Invalid(shapes.FieldError{Path: "query.after", Message: err.Error()})
	case incarnation != state.Incarnation():
		return 0, "the position belongs to another incarnation of the hub", nil
	}
	if state, err = r.reach(ctx, index); err != nil {
		return 0, "", err // a feed never goes backwards
	}
	for l := range state.Locations() {
		if l.ClaimsHorizon() > index {
			return 0, "reservations that ended after the position are forgotten", nil
		}
	}
	return index, "", nil
}

// feedLines writes to one reader and gives it time anew every so many lines: the
// first page of a large hub takes longer than a dead reader may.
type feedLines struct {
	encoder *json.Encoder
	control *http.ResponseController
	lines   int
}

const feedStretch = 1000

func (f *feedLines) write(line shapes.FeedLine) error {
	if f.lines%feedStretch == 0 {
		// The kernel's deadline, so by the real clock; in tests there is none.
		_ = f.control.SetWriteDeadline(time.Now().Add(feedWrite))
	}
	f.lines++
	return f.encoder.Encode(line)
}

func feedPage(out *feedLines, state *stock.State, only string, after uint64) error {
	out.lines = 0 // a new page has new time
	at := position(state)
	for l := range state.LocationsSince(after) {
		if only != "" && only != l.Code {
			continue
		}
		for no, level := range l.LevelsSince(after) {
			shape := levelShape(state, l, no, level)
			if err := out.write(shapes.FeedLine{Kind: "level", Position: at, Level: &shape}); err != nil {
				return err
			}
		}
	}
	for _, reservation := range state.ReservationsSince(after) {
		if only != "" && !touches(state, reservation, only) {
			continue
		}
		shape := reservationShape(state, reservation, at)
		if err := out.write(shapes.FeedLine{Kind: "reservation", Position: at, Reservation: &shape}); err != nil {
			return err
		}
	}
	return out.write(shapes.FeedLine{Kind: "through", Position: at})
}

func touches(state *stock.State, r *stock.Reservation, location string) bool {
	for i := range r.Lines {
		if r.Lines[i].Placed && state.LocationAt(r.Lines[i].Location).Code == location {
			return true
		}
	}
	return false
}
