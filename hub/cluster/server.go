package cluster

import "github.com/hashicorp/raft"

// serve starts the loop of a log in memory.
func (m *Memory) serve() {
	go m.loop() // Close waits for it through done
}

// serve starts what runs beside the library.
func (r *Raft) serve() {
	go r.barrierLoop() // ends with stopped
	if network, ok := r.transport.(*filtered); ok {
		go network.loop(r.stale, r.raft.CurrentTerm) // ends with the transport
	}
}

// answer sends what became of a proposal and gives its slot back.
func (r *Raft) answer(future raft.ApplyFuture) <-chan Proposed {
	answer := make(chan Proposed, 1)
	go func() { // Close waits for it by taking its slot
		defer r.slots.give()
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
