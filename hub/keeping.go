package hub

import (
	"context"
	"errors"
	"time"
)

// keepEvery is how often a node looks after its journal: whether a segment was
// sealed, a day is over, something is missing.
const keepEvery = 5 * time.Second

// keep looks after the journal until ctx ends: everything that reads or writes
// more than one entry at a time happens here, beside apply and beside the
// journal's writer. What fails is said and tried again; a node serves without it.
func (s *Server) keep(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		if err := s.keepOnce(ctx); err != nil && ctx.Err() == nil {
			s.hub.config.Log.Warn("keep the journal", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) keepOnce(ctx context.Context) error {
	return errors.Join(s.journal.kept.Index(ctx, journalKeys))
}
