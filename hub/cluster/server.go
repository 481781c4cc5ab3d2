package cluster

import (
	"net"
	"time"

	"github.com/hashicorp/raft"

	"github.com/shelfsync/shelfsync/protocol"
)

// serve starts the loop of a log in memory.
func (m *Memory) serve() {
	go m.loop() // Close waits for it through done
}

// serve starts what runs beside the library. Close waits for all of it.
func (r *Raft) serve(seeds []string, founds bool) {
	r.apart(r.barrierLoop)
	network, ok := r.transport.(*filtered)
	if !ok {
		return
	}
	network.votes = r.votes
	go network.loop(r.stale, r.keptAway(), r.raft.CurrentTerm) // ends with the transport
	r.apart(r.talkLoop)
	r.apart(func() { r.joinLoop(seeds, founds) })
	r.apart(r.watchLoop)
}

// gather takes a snapshot whole before anybody looks at it; it ends with the
// connection that the snapshot comes on.
func (f *filtered) gather(rpc raft.RPC) {
	go func() {
		rpc, err := readWhole(rpc)
		if err != nil {
			rpc.Respond(nil, err)
			return
		}
		select {
		case f.gathered <- rpc:
		case <-f.stopped:
		}
	}()
}

// apart runs f beside the caller. Close waits for it, so f ends with stopped.
func (r *Raft) apart(f func()) {
	r.beside.Add(1)
	go func() { // Close waits
		defer r.beside.Done()
		f()
	}()
}

// talkLoop answers other nodes, each connection by itself.
func (r *Raft) talkLoop() {
	for {
		select {
		case conn := <-r.port.ours:
			r.apart(func() { r.talk(conn) }) // the port's end cuts it
		case <-r.stopped:
			return
		}
	}
}

// answers writes what is answered on one connection until that has ended.
func (r *Raft) answers(conn net.Conn, out <-chan *protocol.PeerMessage, ended <-chan struct{}) {
	r.apart(func() {
		for {
			select {
			case answer := <-out:
				if writeMessage(conn, answer) != nil {
					_ = conn.Close() // the reader ends with it
					return
				}
			case <-ended:
				return
			}
		}
	})
}

// joinLoop asks until this node is a voter.
func (r *Raft) joinLoop(seeds []string, founds bool) {
	for len(seeds) > 0 && !r.settled() {
		if err := r.join(seeds, founds); err != nil && !r.closing() {
			_ = r.fuse.blow(err)
			return
		}
		if !r.pause(joinEvery) {
			return
		}
	}
}

// watchLoop keeps an eye on the other members.
func (r *Raft) watchLoop() {
	for r.pause(watchEvery) {
		r.watch()
	}
}

// pause waits; false: the node has stopped.
func (r *Raft) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.stopped:
		return false
	}
}

// closing reports whether Close has come as far as the library.
func (r *Raft) closing() bool {
	select {
	case <-r.stopped:
		return true
	default:
		return false
	}
}

// serve accepts connections until the listener ends.
func (p *port) serve() {
	go func() { // ends with the listener, which Close ends
		for {
			conn, err := p.listener.Accept()
			if err != nil {
				return
			}
			go p.take(conn) // ends within greetWithin or with the port
		}
	}()
}

// begin starts one stream; it ends with its connection or with the node.
func (s *streams) begin(at *stream, address string) { go s.carry(at, address) }

// listen reads answers beside the stream that asks; it ends with conn.
func (s *stream) listen(conn net.Conn, answers chan<- *protocol.PeerMessage, failed chan<- error, ended <-chan struct{}) {
	go func() { failed <- hear(conn, answers, ended) }()
}

// whenLanded answers a proposal that was passed on and gives its slot back.
func (r *Raft) whenLanded(p *passed, at *stream, q *question) <-chan Proposed {
	answer := make(chan Proposed, 1)
	r.apart(func() {
		defer r.slots.give()
		answer <- r.landed(p, at, q)
	})
	return answer
}

// answer sends what became of a proposal and gives its slot back.
func (r *Raft) answer(future raft.ApplyFuture) <-chan Proposed {
	answer := make(chan Proposed, 1)
	go func() { // Close waits for it by taking its slot
		defer r.slots.give()
		stall := r.guardCommit()
		defer stall.Stop()
		if err := meaning(r.await(future)); err != nil {
			answer <- Proposed{Err: err}
			return
		}
		if _, ok := future.Response().(notApplied); ok {
			answer <- Proposed{Err: meaning(r.fuse.blown())}
			return
		}
		answer <- Proposed{Result: future.Response(), Index: future.Index()}
	}()
	return answer
}

// await waits for the end of a future, or of the library: it leaves futures
// unanswered that it had not looked at when it stopped.
func (r *Raft) await(future raft.Future) error {
	ended := make(chan error, 1)
	go func() { // ends with the future; with one that never does, the process
		ended <- future.Error()
	}()
	select {
	case err := <-ended:
		return err
	case <-r.stopped:
		return ErrUnknown
	}
}
