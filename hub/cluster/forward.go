package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// forwardWithin bounds the wait of a node that does not lead for an entry it
// passed on; past it the outcome is unknown.
const forwardWithin = 10 * time.Second

// forward passes an entry on to the leader, behind what was passed on before.
// The result does not travel: this node applies the same entry to the same
// state, so it knows the result as soon as it has come as far.
func (r *Raft) forward(data []byte) <-chan Proposed {
	leader, _ := r.raft.LeaderWithID()
	if leader == "" || leader == r.transport.LocalAddr() {
		r.slots.give()
		return refused(ErrNotLeader)
	}
	p := r.driver.results.pass(data) // before it can come back
	at, q, err := r.streams.ask(string(leader), protocol.PeerMessage{Kind: protocol.PeerPropose, Entry: data})
	if err != nil {
		r.driver.results.forget(p)
		r.slots.give()
		return refused(err)
	}
	return r.whenLanded(p, at, q)
}

// landed waits for the leader's answer, and then until the entry is applied here.
func (r *Raft) landed(p *passed, at *stream, q *question) Proposed {
	defer r.driver.results.forget(p)
	answer, err := at.wait(q, r.stopped, forwardWithin)
	if errors.Is(err, errUnsent) { // a leader that has just died: nothing was done
		return Proposed{Err: fmt.Errorf("%w: %w", ErrNotLeader, err)}
	}
	if err != nil {
		return Proposed{Err: fmt.Errorf("%w: %w", ErrUnknown, err)}
	}
	if err := meant(answer); err != nil {
		return Proposed{Err: err}
	}
	result, err := r.driver.results.wait(p, answer.Index, r.stopped, forwardWithin)
	if err != nil {
		return Proposed{Err: err}
	}
	return Proposed{Result: result, Index: answer.Index}
}

// meant is the error that an answer of another node stands for.
func meant(answer *protocol.PeerMessage) error {
	switch answer.Code {
	case protocol.PeerDone:
		return nil
	case protocol.PeerNotLeader:
		return ErrNotLeader
	case protocol.PeerBusy:
		return ErrBusy
	case protocol.PeerTooLarge:
		return ErrTooLarge
	case protocol.PeerRefused:
		return fmt.Errorf("%w: %s", ErrRefused, answer.Text)
	}
	return ErrUnknown
}

// codeOf is the inverse of meant.
func codeOf(err error) protocol.PeerCode {
	switch {
	case err == nil:
		return protocol.PeerDone
	case errors.Is(err, ErrNotLeader):
		return protocol.PeerNotLeader
	case errors.Is(err, ErrBusy):
		return protocol.PeerBusy
	case errors.Is(err, ErrTooLarge):
		return protocol.PeerTooLarge
	case errors.Is(err, ErrRefused):
		return protocol.PeerRefused
	}
	return protocol.PeerUnknown
}

// behind asks the leader how far everything is that is committed now, and waits
// until this node is as far.
func (r *Raft) behind(within time.Duration) error {
	leader, _ := r.raft.LeaderWithID()
	if leader == "" {
		return ErrNotLeader
	}
	answer, err := r.streams.call(string(leader), protocol.PeerMessage{Kind: protocol.PeerBarrier}, within)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if err := meant(answer); err != nil {
		return err
	}
	return r.driver.results.reach(answer.Index, r.stopped, within)
}

// talk answers the questions of another node on one connection.
func (r *Raft) talk(conn net.Conn) {
	defer r.port.drop(conn)
	out := make(chan *protocol.PeerMessage, protocol.MaxPeerCalls)
	ended := make(chan struct{})
	defer close(ended)
	r.answers(conn, out, ended)
	for {
		m, err := readMessage(conn, conn)
		if err != nil {
			return
		}
		r.hear(m, func(answer protocol.PeerMessage) {
			answer.Kind, answer.ID = protocol.PeerAnswer, m.ID
			if answer.Code == protocol.PeerNotLeader {
				leader, _ := r.raft.LeaderWithID()
				answer.Leader = string(leader)
			}
			select {
			case out <- &answer:
			case <-ended:
			}
		})
	}
}

// hear takes one question. Entries are offered to the log here, in the order in
// which they came; whoever waits does it elsewhere.
func (r *Raft) hear(m *protocol.PeerMessage, answer func(protocol.PeerMessage)) {
	failed := func(err error) {
		text := ""
		if err != nil {
			text = cutText(err.Error())
		}
		answer(protocol.PeerMessage{Code: codeOf(err), Text: text})
	}
	switch m.Kind {
	case protocol.PeerMarked:
		mark := r.mark()
		mark.Stranger = mark.Role == roleLeader && !r.isMember(m.Mark.ID)
		answer(protocol.PeerMessage{Code: protocol.PeerDone, Mark: mark})
	case protocol.PeerPropose:
		r.offer(m.Entry, answer, failed)
	case protocol.PeerBarrier:
		r.apart(func() {
			err := r.barrierHere(forwardWithin)
			answer(protocol.PeerMessage{Code: codeOf(err), Index: r.driver.applied.Load()})
		})
	case protocol.PeerAdmit:
		r.apart(func() { failed(r.admit(m.Server, m.Address, m.Index)) })
	case protocol.PeerAdd:
		r.apart(func() { failed(r.AddAt(m.Address)) })
	case protocol.PeerRemove:
		r.apart(func() { failed(r.Remove(m.Server)) })
	case protocol.PeerAsk:
		r.apart(func() { r.reply(m.Entry, answer, failed) })
	default:
		failed(fmt.Errorf("%w: this node does not know the question %d", ErrRefused, m.Kind))
	}
}

func (r *Raft) reply(question []byte, answer func(protocol.PeerMessage), failed func(error)) {
	if r.replies == nil {
		failed(fmt.Errorf("%w: this node answers no questions", ErrRefused))
		return
	}
	reply, err := r.replies(question)
	if err != nil || len(reply) > protocol.MaxEntryBytes {
		failed(fmt.Errorf("%w: the question cannot be answered: %v", ErrRefused, err))
		return
	}
	answer(protocol.PeerMessage{Code: protocol.PeerDone, Entry: reply})
}

// Ask implements [Members].
func (r *Raft) Ask(address string, question []byte, within time.Duration) ([]byte, error) {
	answer, err := r.streams.call(address, protocol.PeerMessage{Kind: protocol.PeerAsk, Entry: question}, within)
	if err != nil {
		return nil, err
	}
	return answer.Entry, meant(answer)
}

func cutText(text string) string { return text[:min(len(text), protocol.MaxPeerText)] }

// offer proposes an entry of another node, if this one leads: it is not passed
// on a second time.
func (r *Raft) offer(entry []byte, answer func(protocol.PeerMessage), failed func(error)) {
	if _, leads := r.Leader(); !leads || r.fuse.blown() != nil {
		failed(ErrNotLeader)
		return
	}
	if err := r.slots.take(entry); err != nil {
		failed(err)
		return
	}
	proposed := r.answer(r.raft.Apply(entry, 0))
	r.apart(func() {
		p := <-proposed
		if p.Err != nil {
			failed(p.Err)
			return
		}
		answer(protocol.PeerMessage{Code: protocol.PeerDone, Index: p.Index})
	})
}

// results are how far this node has applied, and what became of the entries that
// it passed on and has not heard of yet.
type results struct {
	mutex   sync.Mutex // guards the rest: the log's goroutine writes, waiting callers read
	passed  []*passed
	applied uint64
	moved   chan struct{} // closed when applied has grown
}

// passed is one entry on its way to the leader. It is known by its bytes when it
// comes back, for its index is known only from the answer; twins come back twice.
type passed struct {
	data  []byte
	found map[uint64]any // results by index
}

func newResults() *results { return &results{moved: make(chan struct{})} }

// pass begins to watch for an entry; forget ends it.
func (r *results) pass(data []byte) *passed {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	p := &passed{data, map[uint64]any{}}
	r.passed = append(r.passed, p)
	return p
}

func (r *results) forget(p *passed) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.passed = slices.DeleteFunc(r.passed, func(other *passed) bool { return other == p })
}

// note takes the results of consecutive entries.
func (r *results) note(entries []Entry, made []any) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for i, e := range entries {
		for _, p := range r.passed {
			if bytes.Equal(p.data, e.Data) {
				p.found[e.Index] = made[i]
			}
		}
	}
	r.advance(entries[len(entries)-1].Index)
}

// restored notes that a snapshot came: the entries inside it have no results here.
func (r *results) restored(index uint64) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.advance(index)
}

func (r *results) advance(index uint64) {
	r.applied = index
	close(r.moved)
	r.moved = make(chan struct{})
}

// reach returns once index is applied here.
func (r *results) reach(index uint64, stop <-chan struct{}, within time.Duration) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		r.mutex.Lock()
		applied, moved := r.applied, r.moved
		r.mutex.Unlock()
		if applied >= index {
			return nil
		}
		select {
		case <-moved:
		case <-stop:
			return ErrUnknown
		case <-timer.C:
			return ErrUnknown
		}
	}
}

// wait returns the result of a passed entry that the leader put at index.
func (r *results) wait(p *passed, index uint64, stop <-chan struct{}, within time.Duration) (any, error) {
	if err := r.reach(index, stop, within); err != nil {
		return nil, err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if result, ok := p.found[index]; ok {
		return result, nil
	}
	return nil, ErrUnknown // a snapshot came in between
}
