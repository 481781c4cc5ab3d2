// Package ledgertest is the one suite that every ledger has to pass.
package ledgertest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Open makes a new ledger, and a function that closes it and opens it again as
// a restarted program would.
type Open func(t *testing.T) (l ledger.Ledger, again func() ledger.Ledger)

// Conformance runs the suite.
func Conformance(t *testing.T, open Open) {
	t.Helper()
	for name, story := range map[string]func(*testing.T, ledger.Ledger, func() ledger.Ledger){
		"a new ledger stands at its beginning": newLedger,
		"sequence and chain have no gap":       sequence,
		"a key finds its answer for ever":      keys,
		"a key used twice writes nothing":      keyTwice,
		"an error of storage sticks":           sticks,
		"reading obeys both bounds":            bounds,
		"another history is refused":           forked,
		"a strange watermark is refused":       strangeWatermark,
		"a round is kept whole":                rounds,
		"an old epoch keeps its watermark":     settledEpochs,
		"pruning keeps keys and answers":       pruning,
		"pruning goes by the hub's clock":      pruneRemembers,
		"pruning goes by slices":               pruneSlices,
		"what was pruned stays settled":        prunedForOldHub,
		"a rebase drops the old base":          rebase,
		"a new epoch begins at one":            epochs,
		"the list pages backwards":             list,
		"references are found":                 references,
		"a fork is written again":              again,
		"what nobody can tell is quarantined":  againHolds,
		"a strange fork is refused":            againRefused,
		"a tail goes up under its old name":    tails,
		"a strange tail is refused":            tailsRefused,
		"a notice stays until it is seen":      notices,
	} {
		t.Run(name, func(t *testing.T) {
			l, again := open(t)
			story(t, l, again)
		})
	}
}

func entry(n int) ledger.Entry {
	return ledger.Entry{Bytes: fmt.Appendf(nil, "operation %d", n), Kind: "sale", Receipt: fmt.Sprint("R", n), Till: "T1", At: int64(n),
		Key: fmt.Sprint("key ", n), Fingerprint: [32]byte{byte(n)}, Answer: fmt.Appendf(nil, `{"n":%d}`, n)}
}

func write(t *testing.T, l ledger.Ledger, from, to int) []ledger.Record {
	t.Helper()
	var entries []ledger.Entry
	for n := from; n <= to; n++ {
		entries = append(entries, entry(n))
	}
	records, err := l.Append(entries)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func newLedger(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	head := l.Head()
	equal(t, "position", head.Position, protocol.Position{})
	equal(t, "base", head.Base, protocol.HubPosition{})
	if head.Installation == "" || head.Epoch == "" {
		t.Fatalf("installation %q and epoch %q must have names", head.Installation, head.Epoch)
	}
	equal(t, "head after a restart", again().Head(), head)
}

func sequence(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	write(t, l, 1, 3)
	write(t, l, 4, 10)
	head := l.Head()
	l = again()
	equal(t, "head after a restart", l.Head(), head)
	var at protocol.Position
	for n := 1; n <= 10; n++ {
		at = protocol.Position{Sequence: uint64(n), Chain: protocol.NextChain(at.Chain, entry(n).Bytes)}
		record, ok, err := l.BySequence(head.Epoch, uint64(n))
		if err != nil || !ok {
			t.Fatalf("operation %d: %t, %v", n, ok, err)
		}
		equal(t, "chain", record.Chain, at.Chain)
		equal(t, "bytes", string(record.Bytes), string(entry(n).Bytes))
	}
	equal(t, "position", l.Head().Position, at)
	_, ok, err := l.BySequence(head.Epoch, 11)
	equal(t, "operation 11 exists", ok, false)
	equal(t, "error", err, nil)
}

func keys(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	write(t, l, 1, 5)
	l = again()
	record, ok, err := l.ByKey("key 4")
	if err != nil || !ok {
		t.Fatalf("key 4: %t, %v", ok, err)
	}
	equal(t, "answer", string(record.Answer), `{"n":4}`)
	equal(t, "fingerprint", record.Fingerprint, [32]byte{4})
	_, ok, _ = l.ByKey("key 6")
	equal(t, "key 6 exists", ok, false)
}

func keyTwice(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	write(t, l, 1, 2)
	before := l.Head()
	if _, err := l.Append([]ledger.Entry{entry(3), entry(2)}); err == nil {
		t.Fatal("a key was taken twice")
	}
	equal(t, "head", again().Head(), before)
}

func bounds(t *testing.T, l ledger.Ledger, _ func() ledger.Ledger) {
	records := write(t, l, 1, 9)
	operations, end, err := l.Read(protocol.Position{}, 4, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "operations", len(operations), 4)
	equal(t, "end", end, at(records, 4))
	operations, end, err = l.Read(at(records, 4), 100, 25)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "operations in 25 bytes", len(operations), 2)
	equal(t, "end", end, at(records, 6))
	operations, _, err = l.Read(at(records, 6), 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "at least one operation", len(operations), 1)
	operations, end, err = l.Read(at(records, 9), 100, 100)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "operations at the end", len(operations), 0)
	equal(t, "end", end, at(records, 9))
}

func forked(t *testing.T, l ledger.Ledger, _ func() ledger.Ledger) {
	write(t, l, 1, 3)
	for _, at := range []protocol.Position{{Sequence: 2, Chain: [32]byte{1}}, {Sequence: 4}} {
		if _, _, err := l.Read(at, 10, 1000); !errors.Is(err, ledger.ErrForked) {
			t.Fatalf("read after %d of another history: %v", at.Sequence, err)
		}
	}
	if _, err := l.Append([]ledger.Entry{entry(4)}); err != nil {
		t.Fatalf("a fork must not stop the store: %v", err)
	}
}

func kept(index uint64, through protocol.Position) ledger.Kept {
	return ledger.Kept{Base: protocol.HubPosition{Incarnation: 7, Index: index}, Through: through,
		Items:  []stock.Item{{Code: "A", Unit: "piece", Stocked: true, Aliases: []stock.Alias{{Code: "X", Factor: 6}}}},
		Levels: []stock.StoreLevel{{Item: "A", Level: stock.Level{Sellable: stock.Quantity(index), Damaged: 2, ReturnPending: 3, InTransit: 4, Claims: 5, Staged: 1}}},
		Claims: []stock.StoreClaim{{Reservation: "r1", Line: "1", Channel: "web", Order: "O", Item: "A", Quantity: 5, State: stock.Confirmed}},
		Tasks: []stock.StoreTask{{ID: 3, Task: stock.Task{Kind: stock.PutBack, Item: "A", Quantity: 2, Reservation: "r0", Line: "1.1", Order: "O", At: 9, Index: 39}},
			{ID: 4, Task: stock.Task{Kind: stock.Recount, Item: "A", Quantity: 1}}},
		Transfers: []stock.StoreTransfer{{ID: "S1.e.4", From: "S1", Dispatched: true, Since: 11, At: "S2", Item: "A", Account: stock.Damaged, Quantity: 3},
			{ID: "S1.e.4", From: "S1", Dispatched: true, Since: 11, At: "S2", Item: "A", Account: stock.Sellable, Quantity: 1},
			{ID: "S9.e.1", Since: 12, At: "S2", Item: "A", Account: stock.Sellable, Quantity: -4}}}
}

// loaded is what a ledger kept, as text.
func loaded(t *testing.T, l ledger.Ledger) string {
	t.Helper()
	text := ""
	err := l.Load(ledger.Visitor{Item: func(i stock.Item) { text += fmt.Sprintf("item %+v\n", i) },
		Level: func(v stock.StoreLevel) { text += fmt.Sprintf("level %+v\n", v) },
		Claim: func(c stock.StoreClaim) { text += fmt.Sprintf("claim %+v\n", c) },
		Task:  func(v stock.StoreTask) { text += fmt.Sprintf("task %+v\n", v) }, Policy: func(p stock.StorePolicy) { text += fmt.Sprintf("policy %+v\n", p) }, Transfer: func(v stock.StoreTransfer) { text += fmt.Sprintf("transfer %+v\n", v) }})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func rounds(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	records := write(t, l, 1, 3)
	through := at(records, 2)
	k := kept(40, through)
	k.Policy = stock.StorePolicy{Version: 4, Returns: []stock.ReturnRule{{Class: "food", To: stock.Sellable}}}
	k.Outcomes = []stock.Outcome{{Epoch: l.Head().Epoch, Sequence: 2, Line: 1, Code: stock.Parked, Text: "what", Index: 40}}
	if err := l.Keep(k); err != nil {
		t.Fatal(err)
	}
	want := loaded(t, l)
	l = again()
	equal(t, "values after a restart", loaded(t, l), want)
	equal(t, "base", l.Head().Base, k.Base)
	equal(t, "through", l.Head().Through, through)
	outcomes, err := l.Outcomes(l.Head().Epoch, 2)
	if err != nil || len(outcomes) != 1 || outcomes[0] != k.Outcomes[0] {
		t.Fatalf("outcomes: %v, %v", outcomes, err)
	}
	settled, _, _ := l.BySequence(l.Head().Epoch, 2)
	pending, _, _ := l.BySequence(l.Head().Epoch, 3)
	equal(t, "operation 2 is settled", settled.Settled, true)
	equal(t, "operation 3 is settled", pending.Settled, false)

	ended := ledger.Kept{Base: protocol.HubPosition{Incarnation: 7, Index: 41}, Through: through,
		Claims: []stock.StoreClaim{{Reservation: "r1", Line: "1", State: stock.Fulfilled}}, Transfers: k.Transfers[1:2]}
	if err := l.Keep(ended); err != nil {
		t.Fatal(err)
	}
	l = again()
	text := loaded(t, l)
	if len(text) >= len(want) || strings.Count(text, "task ") != 2 || strings.Count(text, "transfer ") != 2 {
		t.Fatalf("an ended claim or a line of a transfer stayed, or a task went:\n%s", text)
	}
	// Where a task ended, the round brings all that are open.
	renewed := ledger.Kept{Base: protocol.HubPosition{Incarnation: 7, Index: 42}, Through: through, Renew: true, Tasks: k.Tasks[1:]}
	if err := l.Keep(renewed); err != nil {
		t.Fatal(err)
	}
	if text := loaded(t, again()); strings.Count(text, "task ") != 1 || !strings.Contains(text, "{ID:4 ") || strings.Contains(text, "transfer ") {
		t.Fatalf("tasks and transfers did not start over:\n%s", text)
	}
}

func rebase(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	if err := l.Keep(kept(40, protocol.Position{})); err != nil {
		t.Fatal(err)
	}
	if err := l.Keep(ledger.Kept{Rebase: true, Base: protocol.HubPosition{Incarnation: 8}}); err != nil {
		t.Fatal(err)
	}
	l = again()
	equal(t, "base", l.Head().Base, protocol.HubPosition{Incarnation: 8})
	equal(t, "what is left", loaded(t, l), "item {Code:A GTIN: Unit:piece Decimals:0 Class: Stocked:true Aliases:[{Code:X Factor:6}]}\n")
}

func epochs(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	first := l.Head().Epoch
	write(t, l, 1, 3)
	if err := l.NewEpoch("second", ledger.Notice{Kind: ledger.NoticeLost, Epoch: l.Head().Epoch, After: l.Head().Position.Sequence}); err != nil {
		t.Fatal(err)
	}
	records := write(t, l, 4, 5)
	equal(t, "epoch", records[0].Epoch, "second")
	equal(t, "sequence", records[0].Sequence, 1)
	equal(t, "chain", records[0].Chain, protocol.NextChain([32]byte{}, entry(4).Bytes))
	l = again()
	equal(t, "position", l.Head().Position, protocol.Position{Sequence: 2, Chain: records[1].Chain})
	old, ok, err := l.BySequence(first, 3)
	if err != nil || !ok || string(old.Bytes) != "operation 3" {
		t.Fatalf("the first epoch's last operation: %v %t %v", old, ok, err)
	}
}

func list(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	write(t, l, 1, 3)
	if err := l.NewEpoch("second", ledger.Notice{Kind: ledger.NoticeLost, Epoch: l.Head().Epoch, After: l.Head().Position.Sequence}); err != nil {
		t.Fatal(err)
	}
	write(t, l, 4, 7)
	l = again()
	var receipts string
	var cursor ledger.Cursor
	for pages := 0; pages < 10; pages++ {
		records, next, err := l.List(cursor, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			break
		}
		for _, r := range records {
			receipts += r.Receipt + " "
		}
		cursor = next
	}
	equal(t, "receipts, newest first", receipts, "R7 R6 R5 R4 R3 R2 R1 ")
}

func references(t *testing.T, l ledger.Ledger, again func() ledger.Ledger) {
	write(t, l, 1, 2)
	reversal := entry(3)
	reversal.Refers = []string{"S1.x.1"}
	if _, err := l.Append([]ledger.Entry{reversal}); err != nil {
		t.Fatal(err)
	}
	l = again()
	by, err := l.ReferredBy("S1.x.1")
	if err != nil || len(by) != 1 || by[0] != (ledger.Place{Epoch: l.Head().Epoch, Sequence: 3}) {
		t.Fatalf("referred by %v, %v", by, err)
	}
	if by, _ := l.ReferredBy("S1.x.2"); len(by) != 0 {
		t.Fatalf("operation 2 is referred by %v", by)
	}
}
