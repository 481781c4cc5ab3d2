package stock_test

import (
	"math/rand/v2"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// TestAWatchedLevelIsExplainedWhole: the changes follow each other without a
// gap, each names what did it, and they end at the level.
func TestAWatchedLevelIsExplainedWhole(t *testing.T) {
	seeded := rand.New(rand.NewPCG(3, 4))
	h := &history{world: newWorld(t), next: seeded.IntN, epochs: 1}
	h.begin()
	by := map[bool]int{} // whether by an operation of a batch
	at := h.state.Watch("S1", "HEART", func(stock.Change) {})
	h.state.Watch("S1", "HEART", func(c stock.Change) {
		if c.Before != at || (c.Operation == nil) == (c.Command == nil) {
			t.Fatalf("after %+v came %+v", at, c)
		}
		at = c.After
		by[c.Operation != nil]++
	})
	for range 6000 {
		h.act()
		if now := h.state.Balance("S1", "HEART"); now != at {
			t.Fatalf("the level is %+v, explained to %+v", now, at)
		}
	}
	if by[true] < 30 || by[false] < 15 {
		t.Errorf("the history is tame: %v", by)
	}
}
