package link

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/shelfsync/shelfsync/protocol"
)

// next is the next event of an owner, or the end of the test.
func next(t *testing.T, events <-chan Event) Event {
	t.Helper()
	select {
	case event := <-events:
		return event
	case <-within(t).Done():
		t.Fatal("nothing happened")
		return Event{}
	}
}

func gone(t *testing.T, links ...*Link) {
	t.Helper()
	for _, l := range links {
		select {
		case <-l.Done():
		case <-within(t).Done():
			t.Fatal("a link does not end")
		}
	}
}

func ack(n uint64) protocol.Frame { return &protocol.Ack{Through: protocol.Position{Sequence: n}} }

func TestFramesArriveInOrderInBothDirections(t *testing.T) {
	overEach(t, func(t *testing.T, a, b Conn) {
		up, down := make(chan Event), make(chan Event)
		agent, hub := Start(t.Context(), a, down), Start(t.Context(), b, up)
		for n := uint64(1); n <= 100; n++ {
			if !agent.Send(ack(n)) || !hub.Send(ack(n)) {
				t.Fatalf("frame %d was not queued", n)
			}
		}
		for _, events := range []chan Event{up, down} {
			for n := uint64(1); n <= 100; n++ {
				event := next(t, events)
				if got, ok := event.Frame.(*protocol.Ack); !ok || got.Through.Sequence != n {
					t.Fatalf("event %d is %+v", n, event)
				}
			}
		}
		agent.Close(protocol.Bye{Code: protocol.ByeShutdown})
		hub.Close(protocol.Bye{Code: protocol.ByeShutdown})
		for ended := 0; ended < 2; { // a Bye of the other may still come first
			select {
			case event := <-up:
				ended += count(event.Err != nil)
			case event := <-down:
				ended += count(event.Err != nil)
			}
		}
		gone(t, agent, hub)
	})
}

func count(happened bool) int {
	if happened {
		return 1
	}
	return 0
}

func TestTheFirstReasonWinsAndThePeerHearsIt(t *testing.T) {
	overEach(t, func(t *testing.T, a, b Conn) {
		up, down := make(chan Event, 2), make(chan Event, 2)
		agent, hub := Start(t.Context(), a, down), Start(t.Context(), b, up)
		first := protocol.Bye{Code: protocol.ByeWriter, Text: "another PC writes here", RetryMS: 7}
		hub.Close(first)
		hub.Close(protocol.Bye{Code: protocol.ByeSilent})
		if bye, ok := next(t, down).Frame.(*protocol.Bye); !ok || *bye != first {
			t.Errorf("the agent hears %+v", bye)
		}
		var ended *Ended
		if err := next(t, up).Err; !errors.As(err, &ended) || ended.Bye != first {
			t.Errorf("the hub's link ended by %v", err)
		}
		if err := next(t, down).Err; err == nil {
			t.Error("the agent's link lives on")
		}
		gone(t, agent, hub)
		if hub.Send(ack(1)) {
			t.Error("an ended link takes a frame")
		}
	})
}

func TestAByeWithoutACodeOnlyCloses(t *testing.T) {
	overEach(t, func(t *testing.T, a, b Conn) {
		events := make(chan Event, 2)
		agent, hub := Start(t.Context(), a, make(chan Event, 1)), Start(t.Context(), b, events)
		agent.Close(protocol.Bye{})
		if event := next(t, events); event.Err == nil {
			t.Errorf("the hub hears %+v", event.Frame)
		}
		gone(t, agent, hub)
	})
}

// TestHostileMessages: whatever a peer sends that is not a frame, its link ends
// with a reason and leaves nothing behind.
func TestHostileMessages(t *testing.T) {
	messages := map[string][]byte{
		"nothing":         {},
		"unknown type":    {200, 0x80},
		"cut short":       protocol.EncodeFrame(ack(9))[:6],
		"trailing bytes":  append(protocol.EncodeFrame(ack(9)), 1),
		"huge array":      {3, 0x81, 0xa1, 'o', 0xdd, 0xff, 0xff, 0xff, 0xff},
		"larger than any": make([]byte, protocol.MaxFrameBytes+2),
	}
	for name, message := range messages {
		t.Run(name, func(t *testing.T) {
			overEach(t, func(t *testing.T, a, b Conn) {
				events := make(chan Event)
				hub := Start(t.Context(), b, events)
				wrote := make(chan error, 1)
				go func() { wrote <- a.Write(t.Context(), message) }() // received below
				go drop(t.Context(), a)                                // ends with the connection
				if event := next(t, events); event.Err == nil || event.Link != hub {
					t.Errorf("the owner hears %+v", event)
				}
				gone(t, hub)
				<-wrote
			})
		})
	}
}

// drop reads and forgets until the connection ends.
func drop(ctx context.Context, conn Conn) {
	for {
		if _, err := conn.Read(ctx); err != nil {
			return
		}
	}
}

// TestASlowReaderCostsOnlyItsOwnLink: one peer reads nothing. Its queue fills to
// the bound and not beyond, the other link does not notice, and the write
// deadline ends it.
func TestASlowReaderCostsOnlyItsOwnLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slowConn, _ := Pipe()
		quickConn, far := Pipe()
		events := make(chan Event)
		slow, quick := Start(t.Context(), slowConn, events), Start(t.Context(), quickConn, events)
		round := &protocol.Append{Operations: [][]byte{bytes.Repeat([]byte("x"), protocol.MaxOperationBytes)}}
		sent := 0
		for slow.Send(round) {
			sent++
		}
		if most := protocol.MaxQueueBytes / protocol.MaxOperationBytes; sent == 0 || sent > most {
			t.Errorf("%d frames of 64 KiB were queued, at most %d fit", sent, most)
		}
		if slow.Idle() {
			t.Error("a full queue is idle")
		}
		if !quick.Send(ack(1)) {
			t.Error("the other link takes no frame")
		}
		if _, err := far.Read(t.Context()); err != nil {
			t.Errorf("the other peer reads nothing: %v", err)
		}
		if event := <-events; event.Link != slow || !errors.Is(event.Err, context.DeadlineExceeded) {
			t.Errorf("the owner hears %+v", event)
		}
		<-slow.Done()
		quick.Close(protocol.Bye{})
		<-events
		<-quick.Done()
	})
}

func TestManySmallFramesAreBoundedToo(t *testing.T) {
	conn, far := Pipe()
	l := Start(t.Context(), conn, make(chan Event, 1))
	sent := 0
	for l.Send(ack(1)) {
		sent++
	}
	if sent < protocol.MaxQueueFrames || sent > protocol.MaxQueueFrames+1 {
		t.Errorf("%d frames were queued, the bound is %d", sent, protocol.MaxQueueFrames)
	}
	_ = far.Close("enough")
	gone(t, l)
}

func TestDrainedFollowsABusyQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, far := Pipe()
		events := make(chan Event)
		l := Start(t.Context(), conn, events)
		if !l.Idle() {
			t.Error("a fresh link is busy")
		}
		for range 3 {
			l.Send(ack(1))
		}
		if l.Idle() {
			t.Error("three frames wait, and the link says idle")
		}
		go drop(t.Context(), far) // ends with the connection
		if event := <-events; !event.Drained || !l.Idle() {
			t.Errorf("the owner hears %+v", event)
		}
		l.Send(ack(1))
		synctest.Wait() // nobody asked, so nobody is told
		select {
		case event := <-events:
			t.Errorf("the owner hears %+v", event)
		default:
		}
		l.Close(protocol.Bye{})
		<-events
		<-l.Done()
	})
}

// TestAnOwnerThatIsBusyHoldsItsPeersBack: events are not taken; the reader
// waits, and still lets go when the link is closed or the context ends.
func TestAnOwnerThatIsBusyHoldsItsPeersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		conn, far := Pipe()
		l := Start(ctx, conn, make(chan Event))
		taken := 0
		for synctest.Wait(); ; taken++ {
			short, stop := context.WithTimeout(t.Context(), 1)
			err := far.Write(short, protocol.EncodeFrame(ack(1)))
			stop()
			if err != nil {
				break
			}
		}
		if taken != 1 {
			t.Errorf("%d frames were taken from a peer whose owner is busy", taken)
		}
		l.Close(protocol.Bye{})
		<-l.written
		cancel() // the owner never takes the last event
		<-l.Done()
	})
}

func TestTheEndOfTheContextEndsTheLink(t *testing.T) {
	overEach(t, func(t *testing.T, a, b Conn) {
		ctx, cancel := context.WithCancel(t.Context())
		l := Start(ctx, a, make(chan Event))
		cancel()
		gone(t, l)
		if _, err := b.Read(within(t)); err == nil {
			t.Error("the peer's connection lives on")
		}
	})
}

// TestASilentPeerCannotHoldAGoodbye: it reads nothing and answers nothing.
func TestASilentPeerCannotHoldAGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := Pipe()
		events := make(chan Event, 1)
		l := Start(t.Context(), conn, events)
		l.Close(protocol.Bye{Code: protocol.ByeSilent, Text: "nothing was heard"})
		if err := (<-events).Err; err == nil || !strings.Contains(err.Error(), "silent") {
			t.Errorf("the link ended by %v", err)
		}
		<-l.Done()
	})
}
