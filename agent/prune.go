package agent

import (
	"fmt"
	"time"

	"github.com/shelfsync/shelfsync/agent/volume"
	"github.com/shelfsync/shelfsync/protocol"
)

// prune takes the bytes of operations that the hub holds and whose time is over: a
// look an hour, and while there is more, a slice at each beat. Keys and answers stay.
func (a *Agent) prune() error {
	if a.beats++; !a.pruning && a.beats%protocol.PruneBeats != 1 || a.room == volume.Full {
		return nil
	}
	pruned, err := a.ledger.Prune(a.config.Now().Add(-protocol.LedgerDays * 24 * time.Hour).UnixMilli())
	if err != nil {
		return a.fail("prune the ledger", fmt.Errorf("of %d days ago: %w", protocol.LedgerDays, err))
	}
	a.pruning = pruned == protocol.MaxPruned
	return nil
}
