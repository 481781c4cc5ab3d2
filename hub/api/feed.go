package api

import (
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

// feedWrite bounds how long a reader may take for one page.
const feedWrite = 30 * time.Second

// streamFeed tells every value that changed after a position, then goes on as
// the board changes, until the reader leaves.
func (r routes) streamFeed(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	state := r.hub.Board().State()
	after := uint64(0)
	reset := ""
	if text := query.Get("after"); text != "" {
		incarnation, index, err := parsePosition(text)
		switch {
		case err != nil:
			serve.Fail(w, req, shapes.Invalid(shapes.FieldError{Path: "query.after", Message: err.Error()}))
			return
		case incarnation != state.Incarnation():
			reset = "the position belongs to another incarnation of the hub"
		default:
			after = index
		}
	}
	w.Header().Set("Content-Type", serve.NDJSON)
	out := json.NewEncoder(w)
	control := http.NewResponseController(w)
	if reset != "" {
		_ = out.Encode(shapes.FeedLine{Kind: "reset", Position: position(state), Reason: reset})
	}
	for {
		state, next := r.hub.Board().Next()
		_ = control.SetWriteDeadline(time.Now().Add(feedWrite))
		if err := feedPage(out, state, query.Get("location"), after); err != nil {
			return
		}
		if control.Flush() != nil {
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

func feedPage(out *json.Encoder, state *stock.State, only string, after uint64) error {
	at := position(state)
	for l := range state.LocationsSince(after) {
		if only != "" && only != l.Code {
			continue
		}
		for no, level := range l.LevelsSince(after) {
			shape := levelShape(state, l, no, level)
			if err := out.Encode(shapes.FeedLine{Kind: "level", Position: at, Level: &shape}); err != nil {
				return err
			}
		}
	}
	for _, reservation := range state.ReservationsSince(after) {
		if only != "" && !touches(state, reservation, only) {
			continue
		}
		shape := reservationShape(state, reservation, at)
		if err := out.Encode(shapes.FeedLine{Kind: "reservation", Position: at, Reservation: &shape}); err != nil {
			return err
		}
	}
	return out.Encode(shapes.FeedLine{Kind: "through", Position: at})
}

func touches(state *stock.State, r *stock.Reservation, location string) bool {
	for i := range r.Lines {
		if r.Lines[i].Placed && state.LocationAt(r.Lines[i].Location).Code == location {
			return true
		}
	}
	return false
}
