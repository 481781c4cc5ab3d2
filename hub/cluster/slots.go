package cluster

import (
	"errors"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// slots counts the proposals that wait for an answer. Whoever closes the log
// takes all of them, and so knows that nothing is in flight nor will be.
type slots struct {
	taken  chan struct{}
	closed chan struct{} // closed by the first Close
}

func newSlots() slots {
	return slots{taken: make(chan struct{}, protocol.MaxLogProposals), closed: make(chan struct{})}
}

// take gets a slot for one proposal, or says why the entry was not proposed.
func (s slots) take(data []byte) error {
	if len(data) > protocol.MaxEntryBytes {
		return ErrTooLarge
	}
	select {
	case <-s.closed:
		return ErrNotLeader
	default:
	}
	select {
	case s.taken <- struct{}{}:
		return nil
	default:
		return ErrBusy
	}
}

// wait gets a slot for a caller who can wait.
func (s slots) wait(deadline <-chan time.Time) error {
	select {
	case <-s.closed:
		return ErrNotLeader
	default:
	}
	select {
	case s.taken <- struct{}{}:
		return nil
	case <-s.closed:
		return ErrNotLeader
	case <-deadline:
		return ErrUnknown
	}
}

func (s slots) give() { <-s.taken }

var (
	errClosedTwice = errors.New("the log was closed before")
	errUndrained   = errors.New("proposals still wait for an answer")
)

// drain lets nobody in any more and waits until all slots are given back.
func (s slots) drain(deadline <-chan time.Time) error {
	if !s.close() {
		return errClosedTwice
	}
	for range cap(s.taken) {
		select {
		case s.taken <- struct{}{}:
		case <-deadline:
			return errUndrained
		}
	}
	return nil
}

func (s slots) close() bool {
	select {
	case <-s.closed:
		return false
	default:
		close(s.closed)
		return true
	}
}

// refused is the answer to what was not proposed.
func refused(err error) <-chan Proposed {
	answer := make(chan Proposed, 1)
	answer <- Proposed{Err: err}
	return answer
}
