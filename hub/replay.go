package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Errors of a look into the past.
var (
	// ErrBeyondHorizon: this node's journal and its images do not reach back so far.
	ErrBeyondHorizon = errors.New("this node's journal does not reach back so far")
	// ErrAhead: this node has not applied so much yet.
	ErrAhead = errors.New("this node has not reached the position")
	// ErrDiffers: what the journal leads to is not what this node has applied.
	ErrDiffers = errors.New("the journal leads to another state than the log did")
)

// replay is a state built from an image and the journal behind it.
type replay struct {
	image journal.Image
	state *stock.State
	// opened sees the image's state before the first entry; nil: nobody asks.
	opened func() error
	// entry sees each entry and has it applied; nil: it is only applied.
	entry func(index uint64, entry *stock.Entry, apply func() []stock.Result)
	// beside sees each entry's bytes first, for a second state; nil: there is none.
	beside func(index uint64, entry []byte) error
}

// replayBytes is how much of the journal a replay holds at once.
const replayBytes = 4 << 20

// Replay runs one replay at a time on a node, for it takes the memory of a whole
// state; others wait with their context.
func (s *Server) replay(ctx context.Context, r *replay, pick func(journal.Image) bool, to uint64) error {
	select {
	case s.replaying <- struct{}{}:
		defer func() { <-s.replaying }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.board.State().Index() < to {
		return ErrAhead
	}
	if s.Journal().Last() < to { // applied, and on its way to the journal
		if err := s.journal.flushed(); err != nil {
			return err
		}
	}
	horizon := s.Journal().Horizon()
	if err := s.openImage(r, pick); err != nil {
		return err
	}
	if r.opened != nil {
		if err := r.opened(); err != nil {
			return err
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := r.state.Index()
		records, err := s.Journal().Read(at, protocol.MaxPage, replayBytes)
		if err != nil {
			return err
		}
		if now := s.Journal().Horizon(); now != horizon && now > at+1 {
			return ErrBeyondHorizon // what comes next was dropped meanwhile
		}
		for _, record := range records {
			if record.Index > to {
				return nil
			}
			if err := r.take(record); err != nil {
				return err
			}
		}
		if len(records) == 0 {
			return nil
		}
	}
}

// openImage loads the newest image that will do; one that is damaged is named and
// the one before it is taken.
func (s *Server) openImage(r *replay, pick func(journal.Image) bool) error {
	images, err := s.Journal().Images()
	s.damaged(err)
	for _, image := range slices.Backward(images) {
		if !s.Journal().Reaches(image) || !pick(image) {
			continue
		}
		state, err := readImage(image)
		if err == nil {
			r.image, r.state = image, state
			return nil
		}
		s.damaged(fmt.Errorf("%s: %w", image.Name(), err))
	}
	return ErrBeyondHorizon
}

func readImage(image journal.Image) (*stock.State, error) {
	in, err := image.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close() // only read
	state, err := protocol.ReadSnapshot(in)
	if err == nil && state.Index() != image.Index {
		err = fmt.Errorf("its state is of %d", state.Index())
	}
	return state, err
}

func (s *Server) damaged(err error) {
	if err != nil {
		s.hub.config.Log.Error("an image of the state cannot be used, and the one before it is", "err", err)
	}
}

func (r *replay) take(record journal.Record) error {
	applied, err := protocol.DecodeApplied(record.Body)
	if err != nil {
		return fmt.Errorf("journal entry %d: %w", record.Index, err)
	}
	entry, err := protocol.DecodeEntry(applied.Entry)
	if err == nil && r.beside != nil {
		err = r.beside(record.Index, applied.Entry)
	}
	if err != nil {
		return fmt.Errorf("journal entry %d: %w", record.Index, err)
	}
	if r.entry == nil {
		r.state.Apply(record.Index, entry)
		return nil
	}
	r.entry(record.Index, entry, func() []stock.Result { return r.state.Apply(record.Index, entry) })
	return nil
}

// StateAt is the state as of a position of the past.
func (s *Server) StateAt(ctx context.Context, index uint64) (*stock.State, error) {
	r := &replay{}
	err := s.replay(ctx, r, func(i journal.Image) bool { return i.Index <= index }, index)
	return r.state, err
}

// Explained is a question for one level. Where neither From is set, the newest
// image is where the explanation begins.
type Explained struct {
	Location, Item string
	From           uint64    // begin at the last image at or before this index, or at the oldest
	FromTime       time.Time // or before this time
	To             uint64    // the index that it leads to
	Skip, Limit    int       // changes that the caller gets
}

// Explanation takes one level apart.
type Explanation struct {
	From             journal.Image
	Opening, Closing stock.Balance
	Before           stock.Balance // ahead of the first of Changes
	Changes          []Changed     // the caller's page of them
	Kinds            []KindTotal   // of all of them, in the order in which they first came
	Count            int           // of all of them
}

// KindTotal is what all changes of one kind came to.
type KindTotal struct {
	Kind    string
	Changes int
	By      stock.Balance
}

// Explain says what one level was at an image, what changed it since, and what it
// is at Explained.To. Opening plus all changes is closing, for every change is the
// difference of two states; where To is what this node stands at, the state is
// also compared with the node's own.
func (s *Server) Explain(ctx context.Context, q Explained) (*Explanation, error) {
	board := s.board.State()
	x := &explainer{Explained: q, of: &Explanation{}}
	r := &replay{}
	r.opened = func() error { return x.begin(r) }
	r.entry = x.entry
	err := s.replay(ctx, r, func(i journal.Image) bool { return x.wants(i) }, q.To)
	if errors.Is(err, ErrBeyondHorizon) && (q.From > 0 || !q.FromTime.IsZero()) {
		x.of = &Explanation{}
		err = s.replay(ctx, r, x.oldest(s), q.To)
	}
	if err != nil {
		return nil, err
	}
	if board.Index() == r.state.Index() && board.Hash() != r.state.Hash() {
		return nil, ErrDiffers
	}
	x.of.Closing = r.state.Balance(q.Location, q.Item)
	return x.of, nil
}
