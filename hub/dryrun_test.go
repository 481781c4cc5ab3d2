package hub

import (
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// TestAPolicyIsTriedAgainstWhatHappened: the same policy counts the same, more
// safety stock promises less and breaks less, and nothing is changed by trying.
func TestAPolicyIsTriedAgainstWhatHappened(t *testing.T) {
	inThePast(t, func(t *testing.T, b *busy) {
		now := b.Board().State()
		try := func(p stock.Policy) *Trial {
			t.Helper()
			trial, err := b.DryRun(t.Context(), Tried{Policy: p, From: 1, To: now.Index()})
			if err != nil {
				t.Fatal(err)
			}
			return trial
		}
		same := try(stock.Policy{})
		if same.Really != same.With || same.Really.Accepted == 0 || same.Really.Short == 0 || same.Really.Conflicts == 0 || same.From.Index != 0 {
			t.Errorf("as it was %+v, and with the same policy %+v", same.Really, same.With)
		}
		if totals := now.Totals(); same.Really.Conflicts != totals.Conflicts || same.Really.Oversold != totals.Oversold || same.Really.LostCarts != totals.LostCarts {
			t.Errorf("it counts %+v of %+v", same.Really, totals)
		}
		safe := try(stock.Policy{Safety: []stock.SafetyStock{{Quantity: 20 * stock.Unit}}})
		if safe.Really != same.Really || safe.With.Accepted >= same.With.Accepted || safe.With.Short <= same.With.Short || safe.With.Conflicts >= same.With.Conflicts {
			t.Errorf("as it was %+v, and with safety stock %+v", safe.Really, safe.With)
		}
		none := try(stock.Policy{Safety: []stock.SafetyStock{{Quantity: stock.MaxQuantity}}})
		if none.With.Accepted != 0 || none.With.Promised != 0 || none.With.Conflicts != 0 || none.With.Short != same.With.Accepted+same.With.Short {
			t.Errorf("where nothing is promised: %+v", none.With)
		}
		if after := b.Board().State(); after.Hash() != now.Hash() || after.PolicyVersion() != now.PolicyVersion() {
			t.Error("trying has changed something")
		}
		// In force, the policy that is tried is the one that was.
		b.put(protocol.EncodeCommand(&stock.SetPolicy{Policy: stock.Policy{JournalDays: 1}}))
		if got := b.retains().Days; got != 1 {
			t.Errorf("the policy keeps one day, and the node %d", got)
		}
	})
}
