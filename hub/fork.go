package hub

import (
	"context"
	"errors"
	"sort"
	"time"

	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// chainQuestion asks for the chain of an epoch at one of its operations, which
// was applied after an index of the log.
type chainQuestion struct {
	location, epoch string
	sequence        uint64
	after           uint64
	answer          func(protocol.Answer, [32]byte, error) // called once, by the hub loop
}

// chainPatience bounds one question, below an agent's WelcomeBeats. What was found
// until then is kept: the next question goes on from there.
const chainPatience = 10 * time.Second

// A page of the journal, as it is read.
const (
	chainPageEntries = 2000
	chainPageBytes   = 4 << 20
)

var errSearching = errors.New("the journal is being searched for where the fork began: come back")

// Past is the applied log as it is read again: a [journal.Journal], but for
// simulators.
type Past interface {
	Read(after uint64, entries, bytes int) ([]journal.Record, error)
	Horizon() uint64
}

// LookInto lets a hub that no [Server] runs answer where a history was, from past
// and at once.
func (h *Hub) LookInto(past Past) {
	r := newRecall(past, func() error { return nil }, h.config.Now)
	h.recall = func(q chainQuestion) {
		answer, chain, err := r.find(&q)
		q.answer(answer, chain, err)
	}
}

// recall looks a chain up in the journal, away from the hub's loop.
type recall struct {
	questions chan chainQuestion
	kept      Past
	flushed   func() error
	now       func() time.Time
	walks     []*chainWalk // the newest first; owned by run
}

// chainWalk is what was read of one history.
type chainWalk struct {
	location, epoch string
	from, reached   uint64 // indices: what lies between was read
	horizon         uint64 // of the journal when it began: older segments may come from another node
	marks           []chainMark
}

// chainMark is a batch of the history that the state accepted.
type chainMark struct {
	index      uint64
	after, end protocol.Position
}

func newRecall(kept Past, flushed func() error, now func() time.Time) *recall {
	return &recall{questions: make(chan chainQuestion, protocol.MaxChainQuestions), kept: kept, flushed: flushed, now: now}
}

// run answers until done; say brings an answer to the hub's loop.
func (r *recall) run(done <-chan struct{}, say func(func(*Hub))) {
	for {
		select {
		case q := <-r.questions:
			answer, chain, err := r.find(&q)
			say(func(*Hub) { q.answer(answer, chain, err) })
		case <-done:
			return
		}
	}
}

// ask queues a question; the loop never waits for it.
func (r *recall) ask(q chainQuestion) {
	select {
	case r.questions <- q:
	default:
		q.answer(0, [32]byte{}, errSearching)
	}
}

// find reads on in the history's walk until the operation has come, or until
// patience ends: the next question goes on from there.
func (r *recall) find(q *chainQuestion) (protocol.Answer, [32]byte, error) {
	if err := r.flushed(); err != nil { // what the state holds is there to be read
		return 0, [32]byte{}, err
	}
	w, deadline := r.walk(q), r.now().Add(chainPatience)
	for len(w.marks) == 0 || w.marks[len(w.marks)-1].end.Sequence < q.sequence {
		if r.now().After(deadline) {
			return 0, [32]byte{}, errSearching
		}
		read, err := w.read(r.kept)
		if err != nil {
			return 0, [32]byte{}, err
		}
		if !read {
			return protocol.AnswerUnknown, [32]byte{}, nil
		}
	}
	return w.chainAt(r.kept, q.sequence)
}

// walk is the one of a history, begun where it is new.
func (r *recall) walk(q *chainQuestion) *chainWalk {
	for i, w := range r.walks {
		if w.location == q.location && w.epoch == q.epoch && w.from <= q.after && w.horizon <= r.kept.Horizon() {
			copy(r.walks[1:i+1], r.walks[:i])
			r.walks[0] = w
			return w
		}
	}
	w := &chainWalk{location: q.location, epoch: q.epoch, from: q.after, reached: q.after, horizon: r.kept.Horizon()}
	r.walks = append([]*chainWalk{w}, r.walks[:min(len(r.walks), protocol.MaxChainWalks-1)]...)
	return w
}

// read takes one page of the journal; false at its end.
func (w *chainWalk) read(kept Past) (bool, error) {
	records, err := kept.Read(w.reached, chainPageEntries, chainPageBytes)
	if err != nil || len(records) == 0 {
		return false, err
	}
	for i := range records {
		err := w.batches(records[i], func(b *stock.Batch) bool {
			w.marks = append(w.marks, chainMark{records[i].Index, b.After, b.End})
			return true
		})
		if err != nil {
			return false, err
		}
		w.reached = records[i].Index
	}
	if len(w.marks) > protocol.MaxChainMarks { // the newest stays: it says how far the walk has come
		thin := w.marks[:0]
		for i := range w.marks {
			if i%2 == 0 || i == len(w.marks)-1 {
				thin = append(thin, w.marks[i])
			}
		}
		w.marks = thin
	}
	return true, nil
}

// batches visits the accepted batches of the history in one record until visit
// has what it wants.
func (w *chainWalk) batches(record journal.Record, visit func(*stock.Batch) bool) error {
	applied, err := protocol.DecodeApplied(record.Body)
	if err != nil {
		return err
	}
	entry, err := protocol.DecodeEntry(applied.Entry)
	if err != nil {
		return err
	}
	for i, command := range entry.Commands {
		b, ok := command.(*stock.Batch)
		if ok && i < len(applied.Results) && applied.Results[i].Code == stock.Accepted && b.Agent == w.location && b.Epoch == w.epoch && !visit(b) {
			break
		}
	}
	return nil
}

// chainAt reads the batch that holds an operation once more. Where none does, the
// journal has a gap there: nobody can tell.
func (w *chainWalk) chainAt(kept Past, sequence uint64) (answer protocol.Answer, chain [32]byte, err error) {
	at := sort.Search(len(w.marks), func(i int) bool { return w.marks[i].end.Sequence >= sequence })
	switch mark := w.marks[at]; sequence {
	case mark.end.Sequence:
		return protocol.AnswerChain, mark.end.Chain, nil
	case mark.after.Sequence:
		return protocol.AnswerChain, mark.after.Chain, nil
	}
	if sequence < w.marks[0].after.Sequence { // before the journal's horizon
		return protocol.AnswerUnknown, chain, nil
	}
	from, to := w.from, w.marks[at].index
	if at > 0 {
		from = w.marks[at-1].index - 1
	}
	answer = protocol.AnswerUnknown
	for from < to && answer == protocol.AnswerUnknown {
		records, err := kept.Read(from, chainPageEntries, chainPageBytes)
		if err != nil || len(records) == 0 {
			return protocol.AnswerUnknown, chain, err
		}
		for i := range records {
			if from = records[i].Index; from > to || answer == protocol.AnswerChain {
				break
			}
			err := w.batches(records[i], func(b *stock.Batch) bool {
				if b.After.Sequence >= sequence || b.End.Sequence < sequence {
					return true
				}
				answer, chain = protocol.AnswerChain, b.After.Chain
				for k := range b.Operations[:sequence-b.After.Sequence] {
					chain = protocol.NextChain(chain, b.Operations[k].Raw)
				}
				return false
			})
			if err != nil {
				return 0, chain, err
			}
		}
	}
	return answer, chain, nil
}

// answer answers the question of a Hello. What the state tells by itself, that
// it holds less, needs no journal.
func (h *Hub) answer(p *peer, through protocol.Position, welcome protocol.Welcome) {
	ask := p.hello.Ask
	if ask.Epoch != p.hello.Epoch || ask.Sequence >= through.Sequence {
		welcome.Answer = protocol.AnswerUnknown
		if ask.Epoch == p.hello.Epoch && ask.Sequence == through.Sequence {
			welcome.Answer, welcome.Chain = protocol.AnswerChain, through.Chain
		}
		p.session.Admit(welcome)
		h.follow(p)
		return
	}
	q := chainQuestion{location: p.hello.Agent, epoch: ask.Epoch, sequence: ask.Sequence}
	if p.hello.Base.Incarnation == welcome.Hub.Incarnation {
		q.after = p.hello.Base.Index // the agent knows what its base holds
	}
	q.answer = func(answer protocol.Answer, chain [32]byte, err error) {
		switch {
		case p.closed:
		case err != nil:
			h.refuse(p, protocol.ByeNotReady, err.Error())
		default:
			welcome.Answer, welcome.Chain = answer, chain
			p.session.Admit(welcome)
			h.follow(p)
		}
	}
	if h.recall == nil {
		q.answer(protocol.AnswerUnknown, [32]byte{}, nil)
		return
	}
	h.recall(q)
}

// say runs f on the loop, or not at all where it has ended.
func (s *Server) say(f func(*Hub)) { _ = s.call(context.Background(), f) }
