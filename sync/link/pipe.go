package link

import (
	"context"
	"errors"
	"fmt"

	"github.com/shelfsync/shelfsync/protocol"
)

// Pipe is two ends of one connection in memory, the twin of a WebSocket. A Write
// waits until the other end reads.
func Pipe() (Conn, Conn) {
	up, down := make(chan []byte), make(chan []byte)
	e := &ending{first: make(chan struct{}, 1), closed: make(chan struct{})}
	return &pipe{in: down, out: up, ending: e, remote: "pipe:b"}, &pipe{in: up, out: down, ending: e, remote: "pipe:a"}
}

type pipe struct {
	in     <-chan []byte
	out    chan<- []byte
	ending *ending
	remote string
}

// ending is shared by both ends; whoever puts into first may set the reason.
type ending struct {
	first  chan struct{}
	closed chan struct{}
	reason error // read after closed
}

func (e *ending) close(reason error) {
	select {
	case e.first <- struct{}{}:
		e.reason = reason
		close(e.closed)
	default:
	}
}

func (p *pipe) Read(ctx context.Context) ([]byte, error) {
	select {
	case message := <-p.in:
		if len(message) > protocol.MaxFrameBytes {
			p.ending.close(fmt.Errorf("a message of %d bytes, at most %d are read", len(message), protocol.MaxFrameBytes))
			break
		}
		return message, nil
	case <-p.ending.closed:
	case <-ctx.Done():
		p.ending.close(ctx.Err())
	}
	<-p.ending.closed
	return nil, p.ending.reason
}

func (p *pipe) Write(ctx context.Context, message []byte) error {
	message = append([]byte(nil), message...) // the caller may use its own again
	select {
	case p.out <- message:
		return nil
	case <-p.ending.closed:
	case <-ctx.Done():
		p.ending.close(ctx.Err())
	}
	<-p.ending.closed
	return p.ending.reason
}

func (p *pipe) Close(reason string) error {
	p.ending.close(errors.New("closed: " + reason))
	return nil
}

func (p *pipe) Remote() string { return p.remote }
