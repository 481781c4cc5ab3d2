package agent_test

import (
	"path/filepath"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/session"
)

// carry brings a history to the hub as an import does, under a new epoch where it has parted.
func carry(t *testing.T, w *world, h agent.History) {
	c := agent.NewCourier(h)
	for range 10 {
		w.conn = &conn{world: w, session: session.NewHub()}
		w.must(c.Connected(w.conn))
		read := func() bool {
			if len(w.conn.down) == 0 || w.conn.closed {
				return false
			}
			f, err := protocol.DecodeFrame(protocol.EncodeFrame(w.conn.down[0]))
			w.must(err)
			w.conn.down = w.conn.down[1:]
			w.must(c.Receive(f))
			return true
		}
		for !c.Ended() && (w.hear() || w.settle() || read()) {
		}
		w.conn = nil
		c.Disconnected()
		if c.Outcome() != nil {
			return
		}
		if c.Ended() {
			next, err := c.Again()
			if err == nil { // else nobody can tell where it parted
				carry(t, w, next)
			}
			return
		}
	}
	t.Error("the import does not end")
}

// TestADiskWhoseForkHadHeldOperationsIsImportedOnce: what the fork wrote again, and
// what waits for a person since, belongs no longer to the epoch that ended.
func TestADiskWhoseForkHadHeldOperationsIsImportedOnce(t *testing.T) {
	dir := t.TempDir()
	w := opened(t, dir)
	backup := copied(t, dir)
	w.till("A5")
	w.till("A6")
	w.quiet()
	w.forgets = 6
	restored := pc(t, backup, w.central)
	restored.nodes = 1
	restored.restart()
	for _, r := range []string{"B1", "B2", "B3"} {
		restored.till(r)
	}
	restored.quiet()
	receiptsAre(t, w.central, "A1", "A2", "A3", "A4", "A5", "A6", "B2", "B3")
	restored.cut(false)
	a, err := ledger.OpenArchive(filepath.Join(copied(t, backup), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	w.forgets = 0 // the gap of the node's journal was filled, or another node is asked
	for i := range a.Epochs {
		e := &a.Epochs[i]
		h := agent.History{Location: here, Installation: a.Installation(), Epoch: e.Name, From: e.From, End: e.End, Base: a.Base(),
			Read: func(after protocol.Position, n, b int) ([][]byte, protocol.Position, error) {
				return a.Read(e, after, int(min(uint64(n), e.End.Sequence-after.Sequence)), b)
			},
			Chain: func(s uint64) ([32]byte, error) { return a.Chain(e, s) }}
		carry(t, w, h)
	}
	receiptsAre(t, w.central, "A1", "A2", "A3", "A4", "A5", "A6", "B2", "B3")
}

// TestTwoCopiesThatForkDifferentlyWriteAnOperationOnce: one asked a hub whose journal
// could not tell any more, the other one that could.
func TestTwoCopiesThatForkDifferentlyWriteAnOperationOnce(t *testing.T) {
	dir := t.TempDir()
	w := opened(t, dir)
	backup := copied(t, dir)
	w.till("A5")
	w.till("A6")
	w.quiet()
	w.forgets = 6
	restored := pc(t, backup, w.central)
	restored.nodes = 1
	restored.restart()
	for _, r := range []string{"B1", "B2", "B3"} {
		restored.till(r)
	}
	image := copied(t, backup) // nightly image of the disk
	restored.quiet()
	restored.cut(false)
	receiptsAre(t, w.central, "A1", "A2", "A3", "A4", "A5", "A6", "B2", "B3")
	w.forgets = 0 // the journal's gap was filled meanwhile
	again := pc(t, image, w.central)
	again.nodes = 1
	again.restart()
	again.quiet()
	l, _ := w.hub.Location(here)
	item, _ := w.hub.ItemNo("cup")
	if left := l.Level(item).Sellable; left != 91*stock.Unit {
		t.Errorf("nine cups of a hundred were sold, %s are left", left)
	}
	if n := w.hub.OpenExceptions(stock.Quarantined); n != 2 {
		t.Errorf("%d operations wait for a person, 2 came twice", n)
	}
}
