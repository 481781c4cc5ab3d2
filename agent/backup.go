package agent

import (
	"context"
	"errors"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/volume"
)

// backup is somebody waiting for a copy of the ledger.
type backup struct{ made chan error }

// Why no copy is made.
var (
	ErrCopying       = errors.New("a copy of the ledger is being made already")
	ErrNoRoomForCopy = errors.New("too little room is left on the disk for a copy of the ledger")
)

// Backup copies the ledger into its folder, as [ledger.CopyName], while the store
// sells: a slice between any two turns of the loop. Whoever asked proves the copy.
func (s *Server) Backup(ctx context.Context) error {
	wanted := &backup{make(chan error, 1)}
	select {
	case s.backups <- wanted:
	case <-s.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-wanted.made:
		return err
	case <-s.done:
		return ErrStopped
	}
}

// copying is the loop's copy under way, if there is one.
type copying struct {
	copy  *ledger.Copying
	whose *backup
	turn  chan struct{} // ready as long as there is a slice to copy
}

func (c *copying) begin(a *Agent, wanted *backup) {
	if c.copy != nil {
		wanted.made <- ErrCopying
		return
	}
	if a.room >= volume.Short {
		wanted.made <- ErrNoRoomForCopy
		return
	}
	made, err := a.ledger.Backup()
	if err != nil {
		wanted.made <- err
		return
	}
	c.copy, c.whose, c.turn = made, wanted, make(chan struct{}, 1)
	c.turn <- struct{}{}
}

// step copies one slice. An error is one of the copy: what it says of the ledger's
// own file, the next operation finds.
func (c *copying) step() {
	done, err := c.copy.Step()
	if done || err != nil {
		c.end(err)
		return
	}
	c.turn <- struct{}{}
}

// end answers whoever waits.
func (c *copying) end(err error) {
	if c.copy == nil {
		return
	}
	c.whose.made <- errors.Join(err, c.copy.Close())
	*c = copying{}
}
