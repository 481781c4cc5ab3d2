package link

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// Conn carries whole messages of at most protocol.MaxFrameBytes in both
// directions. One goroutine reads while another writes. A context that ends
// during Read or Write ends the connection: half a message cannot be mended.
type Conn interface {
	Read(ctx context.Context) ([]byte, error)
	Write(ctx context.Context, message []byte) error
	// Close tells the peer the reason, if it still listens, and frees
	// everything. It waits at most protocol.GoodbyeTimeoutMS for its answer.
	Close(reason string) error
	Remote() string
}

// Event is what a link tells its owner: a frame came, or the queue that Idle
// found busy is empty, or the link has ended and why.
type Event struct {
	Link    *Link
	Frame   protocol.Frame
	Drained bool
	Err     error
}

// Ended is the reason of a link that Close ended.
type Ended struct{ Bye protocol.Bye }

func (e *Ended) Error() string {
	if e.Bye.Code == 0 {
		return "closed"
	}
	return "bye " + e.Bye.Code.String() + ": " + e.Bye.Text
}

// Link is one connection at work.
type Link struct {
	conn    Conn
	events  chan<- Event
	queue   chan []byte
	queued  atomic.Int64 // bytes in the queue or being written
	wanted  atomic.Bool  // Idle said no: a Drained event is owed
	life    context.Context
	end     context.CancelCauseFunc // the first cause is the reason
	written chan struct{}           // closed when the writer has gone
	done    chan struct{}
}

// Start puts a connection to work. Its events go to events until Event{Err}; the
// owner must take them, or end ctx, which cuts the connection without a Bye.
func Start(ctx context.Context, conn Conn, events chan<- Event) *Link {
	l := &Link{conn: conn, events: events, queue: make(chan []byte, protocol.MaxQueueFrames),
		written: make(chan struct{}), done: make(chan struct{})}
	l.life, l.end = context.WithCancelCause(ctx)
	go l.write(ctx) // read waits for it, on written
	go l.read(ctx)  // the owner waits for it, on Done or by its last event
	return l
}

// Send queues a frame. It is false if the queue is full or the link has ended.
func (l *Link) Send(frame protocol.Frame) bool {
	if l.life.Err() != nil {
		return false
	}
	message := protocol.EncodeFrame(frame)
	if l.queued.Add(int64(len(message))) <= protocol.MaxQueueBytes {
		select {
		case l.queue <- message:
			return true
		default:
		}
	}
	l.queued.Add(-int64(len(message)))
	return false
}

// Idle says that nothing waits to be written. After a no, Event{Drained} follows
// when it does.
func (l *Link) Idle() bool {
	l.wanted.Store(true) // before looking, so that the writer cannot miss it
	if l.queued.Load() > 0 {
		return false
	}
	l.wanted.Store(false)
	return true
}

// Close ends the link with a reason, unless it has one. The Bye is sent in front
// of what is queued; a peer that takes nothing does not hear it. A Bye without a
// code is not sent: the peer said its own.
func (l *Link) Close(bye protocol.Bye) { l.end(&Ended{bye}) }

// Done is closed when the link has ended and its goroutines are gone.
func (l *Link) Done() <-chan struct{} { return l.done }

// Remote names the peer.
func (l *Link) Remote() string { return l.conn.Remote() }

// read hands frames to the owner; it waits as long as the owner does. Once the
// link has ended it reads on until the connection has, so that the peer's answer
// to the goodbye is heard.
func (l *Link) read(ctx context.Context) {
	defer close(l.done)
	for {
		message, err := l.conn.Read(ctx)
		if err != nil {
			l.end(fmt.Errorf("read from %s: %w", l.Remote(), err))
			break
		}
		if l.life.Err() != nil {
			continue
		}
		frame, err := protocol.DecodeFrame(message)
		if err != nil {
			l.Close(protocol.Bye{Code: protocol.ByeProtocol, Text: err.Error()})
			continue
		}
		l.tell(Event{Link: l, Frame: frame})
	}
	<-l.written
	select {
	case l.events <- Event{Link: l, Err: context.Cause(l.life)}:
	case <-ctx.Done():
	}
}

// write empties the queue until the link ends, then says goodbye.
func (l *Link) write(ctx context.Context) {
	defer close(l.written)
	for l.life.Err() == nil {
		select {
		case message := <-l.queue:
			if err := l.put(ctx, message); err != nil {
				l.end(fmt.Errorf("write to %s: %w", l.Remote(), err))
			} else if l.queued.Add(-int64(len(message))) == 0 && l.wanted.Swap(false) {
				l.tell(Event{Link: l, Drained: true})
			}
		case <-l.life.Done():
		}
	}
	reason := context.Cause(l.life)
	if ended := (*Ended)(nil); errors.As(reason, &ended) && ended.Bye.Code != 0 {
		_ = l.put(ctx, protocol.EncodeFrame(&ended.Bye)) // as far as it goes
	}
	_ = l.conn.Close(reason.Error()) // a peer that has gone is no news
}

func (l *Link) put(ctx context.Context, message []byte) error {
	ctx, cancel := context.WithTimeout(ctx, protocol.WriteTimeoutMS*time.Millisecond)
	defer cancel()
	return l.conn.Write(ctx, message)
}

// tell hands an event to the owner unless the link ends first.
func (l *Link) tell(event Event) {
	select {
	case l.events <- event:
	case <-l.life.Done():
	}
}
