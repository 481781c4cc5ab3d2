package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// A fork's stories are told by receipts: whatever copies of a ledger there are,
// each receipt that a till was given is in the hub once.

// pc is a store whose ledger is a folder on a disk.
func pc(t *testing.T, dir string, at *central) *world {
	t.Helper()
	l, err := ledger.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := newWorld(t, l)
	if at != nil {
		w.central = at
	}
	return w
}

// copied is a folder as a backup or an image of the disk has it.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"ledger.db", "ledger.db-wal", "high-water"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// till sells one cup on a receipt.
func (w *world) till(receipt string) string {
	w.t.Helper()
	r := w.request(sold("cup", 1))
	r.Operation.Receipt, r.Key = receipt, "T1/"+receipt
	w.must(w.record(r).Err)
	return w.last()
}

// quiet drains a store until nothing of it waits, over as many connections as
// that takes.
func (w *world) quiet() {
	w.t.Helper()
	for range 20 {
		w.drain()
		if n, _ := w.agent.Backlog(); n == 0 && w.agent.Link().Online {
			w.same()
			return
		}
		w.cut(false)
	}
	n, _ := w.agent.Backlog()
	w.t.Fatalf("the store does not come to rest: backlog %d, %+v", n, w.agent.Link())
}

// receipts are those in the hub, in order, and what was sold on them.
func (c *central) receipts(t *testing.T) []string {
	var receipts []string
	for _, raw := range c.applied {
		op, err := protocol.DecodeOperation(raw)
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, op.Receipt)
	}
	slices.Sort(receipts)
	if l, ok := c.hub.Location(here); ok {
		if no, known := c.hub.ItemNo("cup"); known && l.Level(no).Sellable != stock.Quantity(100-len(receipts))*stock.Unit {
			t.Errorf("%d receipts, %v cups are left of 100", len(receipts), l.Level(no).Sellable)
		}
	}
	return receipts
}

func (c *central) forks() (told []string) {
	for _, e := range c.hub.ExceptionsFrom(0) {
		if e.Code == stock.Fork {
			told = append(told, e.Operation.String())
		}
	}
	return told
}

func receiptsAre(t *testing.T, c *central, want ...string) {
	t.Helper()
	slices.Sort(want)
	if have := c.receipts(t); !slices.Equal(have, want) {
		t.Errorf("the hub has the receipts %v\nwant %v", have, want)
	}
}

// opened is a store with 100 cups, three receipts that the hub has and a fourth
// that it has not.
func opened(t *testing.T, dir string) *world {
	w := pc(t, dir, nil)
	w.items(stock.Item{Code: "cup", Stocked: true})
	w.connect() // the location has to be there
	w.drain()
	w.correct("cup", 100*stock.Unit)
	for _, r := range []string{"A1", "A2", "A3"} {
		w.till(r)
	}
	w.quiet()
	w.cut(false)
	w.till("A4")
	return w
}

// A disk is restored from yesterday's backup and the store sells on: what was
// sold today before the crash stays in the hub, what is sold after it comes under
// a new epoch.
func TestADiskRestoredFromYesterdaysBackup(t *testing.T) {
	for name, after := range map[string]int{"with sales before it is connected": 4, "without": 0} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := opened(t, dir)
			backup := copied(t, dir)
			for _, r := range []string{"A5", "A6", "A7"} {
				w.till(r)
			}
			w.quiet()
			restored := pc(t, backup, w.central)
			want := []string{"A1", "A2", "A3", "A4", "A5", "A6", "A7"}
			var old string
			for n := range after {
				want = append(want, fmt.Sprint("B", n))
				old = restored.till(fmt.Sprint("B", n))
			}
			restored.quiet()
			receiptsAre(t, w.central, want...)
			if forks := w.forks(); len(forks) != min(after, 1) {
				t.Errorf("exceptions %v", forks)
			}
			restored.till("C1")
			restored.restart()
			restored.quiet()
			receiptsAre(t, w.central, append(want, "C1")...)
			if after > 0 {
				restored.knowsFormer(t, old, fmt.Sprint("B", after-1))
			}
		})
	}
}

// knowsFormer: a till that holds a slip with an id of before the fork gets what
// it would have got.
func (w *world) knowsFormer(t *testing.T, old, receipt string) {
	t.Helper()
	id := operationID(old)
	record, ok, err := w.agent.Find(id)
	if err != nil || !ok || record.Receipt != receipt || record.Epoch == id.Epoch || record.Quarantined {
		t.Fatalf("%s is %+v, %v, %v", old, record, ok, err)
	}
	// The till repeats itself, and gets its first answer.
	again := w.request(sold("cup", 1))
	again.Key = "T1/" + receipt
	before := w.ledger.Head().Position
	if a := w.record(again); a.Err != nil || !a.Replayed || !strings.HasPrefix(string(a.Body), old+";") || w.ledger.Head().Position != before {
		t.Errorf("repeated: %+v %s", a, a.Body)
	}
	// A return by the former id forbids to undo the sale by either.
	back := w.request(stock.Line{Kind: stock.Return, Scanned: "cup", Quantity: stock.Unit, Account: stock.Sellable, Of: old})
	back.Refers = []string{old}
	w.must(w.record(back).Err)
	now := stock.OperationID{Agent: here, Epoch: record.Epoch, Sequence: record.Sequence}.String()
	for _, name := range []string{old, now} {
		undo := w.request()
		undo.Kind, undo.Operation.Reverses, undo.Refers = "reverse", name, []string{name}
		if err := w.record(undo).Err; err != agent.ErrReferred {
			t.Errorf("undo %s: %v", name, err)
		}
	}
	w.quiet()
}

func operationID(id string) stock.OperationID {
	parts := strings.Split(id, ".")
	var n uint64
	_, _ = fmt.Sscan(parts[2], &n)
	return stock.OperationID{Agent: parts[0], Epoch: parts[1], Sequence: n}
}

// A return that was written before the fork still forbids to undo its sale, by
// whichever id.
func TestAReferenceOutlivesAFork(t *testing.T) {
	dir := t.TempDir()
	w := opened(t, dir)
	backup := copied(t, dir)
	w.till("A5")
	w.quiet()
	restored := pc(t, backup, w.central)
	sale := restored.till("B1")
	back := restored.request(stock.Line{Kind: stock.Return, Scanned: "cup", Quantity: stock.Unit, Account: stock.Sellable, Of: sale})
	back.Refers = []string{sale}
	restored.must(restored.record(back).Err)
	restored.quiet()
	record, _, err := restored.agent.Find(operationID(sale))
	if err != nil || record.Receipt != "B1" {
		t.Fatal(record, err)
	}
	for _, name := range []string{sale, stock.OperationID{Agent: here, Epoch: record.Epoch, Sequence: record.Sequence}.String()} {
		undo := restored.request()
		undo.Kind, undo.Operation.Reverses, undo.Refers = "reverse", name, []string{name}
		if err := restored.record(undo).Err; err != agent.ErrReferred {
			t.Errorf("undo %s: %v", name, err)
		}
	}
}

// The disk is restored once more, from an image taken between the sales after the
// first restore and the new epoch: they are written again twice, and are in the hub
// once, whichever copy sells on.
func TestADiskRestoredTwice(t *testing.T) {
	dir := t.TempDir()
	w := opened(t, dir)
	backup := copied(t, dir)
	w.till("A5")
	w.quiet()
	first := pc(t, backup, w.central)
	first.till("B1")
	first.till("B2")
	image := copied(t, backup)
	first.till("B3")
	first.quiet()
	first.till("B4")
	first.quiet()
	second := pc(t, image, w.central)
	second.quiet()
	receiptsAre(t, w.central, "A1", "A2", "A3", "A4", "A5", "B1", "B2", "B3", "B4")
	second.till("C1")
	second.quiet()
	second.till("C2")
	second.quiet()
	receiptsAre(t, w.central, "A1", "A2", "A3", "A4", "A5", "B1", "B2", "B3", "B4", "C1", "C2")
}

// A PC was cloned, and both run: whoever comes second begins a new epoch, and
// from then on both are heard.
func TestAPCIsClonedAndBothRun(t *testing.T) {
	for turns := 1; turns < 5; turns++ {
		t.Run(fmt.Sprint(turns, " turns"), func(t *testing.T) {
			dir := t.TempDir()
			first := opened(t, dir)
			second := pc(t, copied(t, dir), first.central)
			want := []string{"A1", "A2", "A3", "A4"}
			for n := range turns {
				for name, w := range map[string]*world{"F": first, "S": second} {
					for k := range 1 + n {
						want = append(want, fmt.Sprint(name, n, k))
						w.till(fmt.Sprint(name, n, k))
					}
				}
				first.settled()
				second.settled()
			}
			receiptsAre(t, first.central, want...)
			if forks := first.forks(); len(forks) != 1 {
				t.Errorf("exceptions %v", forks)
			}
		})
	}
}

// settled drains a store that shares the hub with its clone.
func (w *world) settled() {
	w.t.Helper()
	for range 20 {
		w.drain()
		if n, _ := w.agent.Backlog(); n == 0 && w.agent.Link().Online {
			break
		}
		w.cut(false)
	}
	if n, _ := w.agent.Backlog(); n != 0 {
		w.t.Fatalf("backlog %d, %+v", n, w.agent.Link())
	}
	w.cut(false)
}

// Killed at any moment of the way, before, in or after the commit, the store ends
// with the old state or the new, and goes on from there.
func TestKilledWhileItBeginsANewEpoch(t *testing.T) {
	dir := t.TempDir()
	w := opened(t, dir)
	backup := copied(t, dir)
	for _, r := range []string{"A5", "A6", "A7"} {
		w.till(r)
	}
	w.quiet()
	want := []string{"A1", "A2", "A3", "A4", "A5", "A6", "A7", "B1", "B2"}
	dead, begun := copied(t, backup), 0
	store := pc(t, dead, w.central)
	store.till("B1")
	store.till("B2")
	for step := 0; step < 200; step++ { // each of the world's steps is one at which the power may go
		if step%3 == 0 || store.conn == nil || store.conn.closed {
			store.cut(false)
			image := copied(t, dead)
			begun = max(begun, len(store.ledger.Epochs()))
			dead = image
			store = pc(t, dead, w.central)
			store.connect()
		}
		for range step % 5 {
			if !store.hear() && !store.settle() && !store.offer() && !store.read() {
				break
			}
		}
	}
	store.cut(false)
	store.quiet()
	if begun = len(store.ledger.Epochs()); begun != 2 {
		t.Errorf("%d epochs", begun)
	}
	receiptsAre(t, w.central, want...)
}
