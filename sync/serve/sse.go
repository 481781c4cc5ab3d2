package serve

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// streamWrite bounds one write to a reader; one that takes longer is gone or stuck.
	streamWrite = 10 * time.Second
	// Heartbeat is how often a silent stream says that it lives: below the
	// minute after which proxies drop a silent connection.
	Heartbeat = 15 * time.Second
)

// ServerEvent is one server-sent event. ID and Event have no line breaks.
type ServerEvent struct {
	ID    string // what the client sends back as Last-Event-ID
	Event string
	Data  []byte
}

// Events writes server-sent events to one reader. It belongs to the
// goroutine of its request; every write is flushed and bounded in time.
type Events struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// StartEvents begins the answer and tells the reader how long to wait before
// it connects again.
func StartEvents(w http.ResponseWriter, retry time.Duration) (*Events, error) {
	e := &Events{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	return e, e.write([]byte("retry: " + strconv.FormatInt(retry.Milliseconds(), 10) + "\n\n"))
}

// Send writes one event.
func (e *Events) Send(event ServerEvent) error {
	if strings.ContainsAny(event.ID+event.Event, "\r\n\x00") {
		return errors.New("send an event: id or name has a line break")
	}
	var b bytes.Buffer
	if event.ID != "" {
		b.WriteString("id: " + event.ID + "\n")
	}
	if event.Event != "" {
		b.WriteString("event: " + event.Event + "\n")
	}
	for line := range bytes.SplitSeq(event.Data, []byte("\n")) {
		b.WriteString("data: ")
		b.Write(bytes.TrimSuffix(line, []byte("\r")))
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	return e.write(b.Bytes())
}

// Beat writes a comment, so that both sides notice a dead connection.
func (e *Events) Beat() error { return e.write([]byte(": beat\n\n")) }

func (e *Events) write(p []byte) error {
	// The deadline is the kernel's, so it goes by the real clock; a connection
	// without deadlines, as in tests, is written without one.
	_ = e.control.SetWriteDeadline(time.Now().Add(streamWrite))
	if _, err := e.w.Write(p); err != nil {
		return fmt.Errorf("write to an event stream: %w", err)
	}
	if err := e.control.Flush(); err != nil {
		return fmt.Errorf("flush an event stream: %w", err)
	}
	return nil
}

// Stream sends what arrives on events, with heartbeats between, until the
// reader leaves, the channel is closed or the server stops. The channel's
// owner bounds it and must not wait for it: a reader may be slow.
func Stream(w http.ResponseWriter, r *http.Request, retry time.Duration, events <-chan ServerEvent) error {
	e, err := StartEvents(w, retry)
	if err != nil {
		return err
	}
	beat := time.NewTicker(Heartbeat)
	defer beat.Stop()
	for err == nil {
		select {
		case event, open := <-events:
			if !open {
				return nil
			}
			err = e.Send(event)
		case <-beat.C:
			err = e.Beat()
		case <-Stopping(r.Context()):
			return nil
		case <-r.Context().Done():
			return nil
		}
	}
	return err
}
