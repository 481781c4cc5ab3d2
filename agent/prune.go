package agent

import (
	"github.com/shelfsync/shelfsync/agent/volume"
	"github.com/shelfsync/shelfsync/protocol"
)

// pruning is when operations lose their bytes that the hub has held long enough. Only
// the hub's clock counts: this PC's may be years ahead.
type pruning struct {
	now   int64 // the hub's clock in the last round, ms
	beats uint64
	more  bool // at the next beat
}

// prune looks once an hour, and while there is more takes a slice at each beat. Keys
// and answers stay.
func (a *Agent) prune() error {
	p := &a.pruning
	p.beats++
	before := p.now - protocol.LedgerDays*protocol.HeldEveryMS
	if before <= 0 || !p.more && p.beats%protocol.PruneBeats != 1 || a.room == volume.Full {
		return nil
	}
	pruned, err := a.ledger.Prune(before)
	if err != nil {
		return a.fail("prune the ledger", err)
	}
	p.more = pruned == protocol.MaxPruned
	return nil
}
