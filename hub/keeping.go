package hub

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
)

// Retention is how much of the journal a node keeps, in whole segments and with
// their images: what is older, or beyond the bytes, goes. Zero: JournalDays and
// JournalBytes of protocol.
type Retention struct {
	Days  int64
	Bytes int64
}

// Retain says how much to keep from now on, where the policy says nothing of it.
// Any goroutine may call it.
func (s *Server) Retain(r Retention) {
	r.Days, r.Bytes = cmp.Or(r.Days, protocol.JournalDays), cmp.Or(r.Bytes, protocol.JournalBytes)
	s.retention.Store(&r)
}

// retains is what the policy says, and else how the node was configured.
func (s *Server) retains() Retention {
	r := *s.retention.Load()
	if days := s.board.State().Policy().JournalDays; days > 0 {
		r.Days = days
	}
	return r
}

// keepEvery is how often a node looks after its journal: whether a segment was
// sealed, a day is over, something is missing.
const keepEvery = 2 * time.Second

const dayMS = 24 * 3600 * 1000

// keep looks after the journal until ctx ends: everything that reads or writes
// more than one entry at a time happens here, beside apply and beside the
// journal's writer. What fails is said and tried again; a node serves without it.
func (s *Server) keep(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		more, err := s.keepOnce(ctx)
		if err != nil && ctx.Err() == nil {
			s.hub.config.Log.Warn("keep the journal", "err", err)
		}
		if more && err == nil && ctx.Err() == nil {
			continue
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// keepOnce does what is to be done now; more: there is more of it.
func (s *Server) keepOnce(ctx context.Context) (more bool, err error) {
	err = errors.Join(s.journal.kept.Index(ctx, journalKeys), s.retain(), s.imageOfDay(ctx))
	more, fault := s.fill(ctx)
	return more, errors.Join(err, fault)
}

// looked is what retention depends on; where none of it has changed, there is
// nothing to let go of.
type looked struct {
	segments [2]uint64
	day      int64
	by       Retention
}

// stamp is the day that days are counted from: the newest entry's, by the leader's
// clock, or this node's own where that is earlier. A node that was off for a year does
// not drop what it never showed, and a leader whose clock was wrong empties no journal.
func (s *Server) stamp() int64 { return min(s.journal.kept.LastAt(), s.Now().UnixMilli()) }

// retain lets go of what the retention no longer covers.
func (s *Server) retain() error {
	kept, r := s.journal.kept, s.retains()
	now := looked{kept.Segments(), s.stamp() / dayMS, r}
	if now == s.looked {
		return nil
	}
	s.looked = now
	index, err := kept.Beyond(s.stamp()-r.Days*dayMS, r.Bytes)
	if index > 0 {
		s.journal.change(func(j *journal.Journal) error { return j.Retain(index) })
	}
	return err
}

// imageOfDay writes the state into the journal once a day. It stands on the board
// frozen, and writing it costs the log nothing.
func (s *Server) imageOfDay(ctx context.Context) error {
	kept, state := s.journal.kept, s.board.State()
	at := s.stamp()
	if kept.Last() == 0 || state.Index() == 0 || s.imaged == at/dayMS {
		return nil
	}
	images, err := kept.Images()
	if n := len(images); n > 0 && images[n-1].At/dayMS >= at/dayMS && kept.Reaches(images[n-1]) {
		s.imaged = images[n-1].At / dayMS
		return err
	}
	err = errors.Join(err, kept.WriteImage(state.Index(), at, func(out io.Writer) error {
		return protocol.WriteSnapshot(untilDone{ctx, out}, state)
	}))
	if err == nil {
		s.imaged = at / dayMS
	}
	return err
}

// untilDone stops a long write where the node stops.
type untilDone struct {
	ctx context.Context
	out io.Writer
}

func (u untilDone) Write(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.out.Write(b)
}
