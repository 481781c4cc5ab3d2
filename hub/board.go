package hub

import (
	"context"
	"sync/atomic"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Board is where every reader sees the newest applied state. The state on it is
// frozen, so readers never ask its owner. Only the machine posts.
type Board struct {
	posted atomic.Pointer[posting]
}

// posting is one posted state; next is closed when a newer one is up.
type posting struct {
	state *stock.State
	next  chan struct{}
}

// NewBoard shows the state before the first log entry.
func NewBoard() *Board {
	b := &Board{}
	b.posted.Store(&posting{stock.NewState(), make(chan struct{})})
	return b
}

// Post shows a newer frozen state and wakes everybody who waits for one.
func (b *Board) Post(state *stock.State) {
	old := b.posted.Swap(&posting{state, make(chan struct{})})
	close(old.next)
}

// State is the newest posted state.
func (b *Board) State() *stock.State { return b.posted.Load().state }

// Next is the newest posted state and a channel that closes when it no longer is.
func (b *Board) Next() (*stock.State, <-chan struct{}) {
	p := b.posted.Load()
	return p.state, p.next
}

// Wait returns once the board shows index or later, or ctx ends.
func (b *Board) Wait(ctx context.Context, index uint64) (*stock.State, error) {
	for {
		state, next := b.Next()
		if state.Index() >= index {
			return state, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return state, ctx.Err()
		}
	}
}
