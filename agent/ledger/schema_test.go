package ledger_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

var update = flag.Bool("update", false, "write the golden file of the newest schema")

func dump(t *testing.T, l *ledger.SQLite) string {
	t.Helper()
	lines, err := l.Run("SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n") + "\n"
}

func golden(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("testdata/version%d.sql", ledger.Steps))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheSchemaIsTheOneOfItsVersion(t *testing.T) {
	l := open(t, t.TempDir())
	defer l.Close()
	have := dump(t, l)
	if *update {
		if err := os.WriteFile(fmt.Sprintf("testdata/version%d.sql", ledger.Steps), []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := golden(t); have != want {
		t.Fatalf("a schema never changes within its version; add a step.\nhave:\n%s\nwant:\n%s", have, want)
	}
}

// written is a folder with a ledger that an earlier program wrote.
func written(t *testing.T, file string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	old, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ledger.db"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// version1.db was written by a program that knew version 1: two operations in a
// first epoch, two in a second, one of them settled.
func TestALedgerOfVersion1IsBroughtUpToDate(t *testing.T) {
	dir := written(t, "version1.db")
	l := open(t, dir)
	if have, want := dump(t, l), golden(t); have != want {
		t.Fatalf("have:\n%s\nwant:\n%s", have, want)
	}
	write(t, l, 5, 6, 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	defer l.Close()
	head := l.Head()
	if head.Installation != "meqgyzlem5sxeidpmyqhmzlsom" || head.Epoch != "second" || head.Position.Sequence != 4 || head.Through.Sequence != 1 || head.Base.Index != 40 {
		t.Fatalf("head is %+v", head)
	}
	records, _, err := l.List(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	told := ""
	for _, r := range records {
		told += fmt.Sprintf("%s %d %s, ", r.Epoch, r.Sequence, r.Key)
	}
	if want := "second 4 key 6, second 3 key 5, second 2 key 4, second 1 key 3, nfxw4idp 2 key 2, nfxw4idp 1 key 1, "; told != want {
		t.Fatalf("have %s, want %s", told, want)
	}
	var levels []stock.StoreLevel
	if err := l.Load(ledger.Visitor{Level: func(v stock.StoreLevel) { levels = append(levels, v) }}); err != nil {
		t.Fatal(err)
	}
	if len(levels) != 1 || levels[0] != (stock.StoreLevel{Item: "A", Level: stock.Level{Sellable: 9}}) {
		t.Fatalf("levels are %v", levels)
	}
}

// version2.db was written by a program that knew version 2: three operations, a
// level and a claim.
func TestALedgerOfVersion2IsBroughtUpToDate(t *testing.T) {
	dir := t.TempDir()
	old, err := os.ReadFile("testdata/version2.db")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ledger.db"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir)
	if have, want := dump(t, l), golden(t); have != want {
		t.Fatalf("have:\n%s\nwant:\n%s", have, want)
	}
	task := stock.StoreTask{ID: 1, Task: stock.Task{Kind: stock.Recount, Item: "A", Quantity: 1}}
	if err := l.Keep(ledger.Kept{Base: protocol.HubPosition{Incarnation: 7, Index: 51}, Tasks: []stock.StoreTask{task}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	defer l.Close()
	var told []string
	if err := l.Load(ledger.Visitor{Level: func(v stock.StoreLevel) { told = append(told, fmt.Sprint(v.Item, " ", v.Level.Sellable)) },
		Claim: func(c stock.StoreClaim) { told = append(told, c.Reservation) }, Task: func(v stock.StoreTask) { told = append(told, v.Kind.String()) }}); err != nil {
		t.Fatal(err)
	}
	if have := strings.Join(told, ", "); have != "A 0.007, r1, recount" || l.Head().Position.Sequence != 3 || l.Head().Base.Index != 51 {
		t.Fatalf("it holds %s, head %+v", have, l.Head())
	}
}

func TestASettingThatDidNotTakeIsRefused(t *testing.T) {
	for name, other := range map[string]string{"synchronous": "NORMAL", "wal_autocheckpoint": "1000", "journal_size_limit": "-1", "mmap_size": "1048576",
		"cell_size_check": "OFF", "trusted_schema": "ON", "temp_store": "FILE", "foreign_keys": "OFF", "fullfsync": "OFF", "checkpoint_fullfsync": "OFF",
		"journal_mode": "DELETE"} {
		t.Run(name, func(t *testing.T) {
			l := open(t, t.TempDir())
			defer l.Close()
			if err := l.Promised(); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Run("PRAGMA " + name + " = " + other); err != nil {
				t.Fatal(err)
			}
			if err := l.Promised(); err == nil || !strings.Contains(err.Error(), name) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// version5.db was written by a program that knew version 5: four operations of
// which two were settled, one waits for a person and one was written again, two
// more in the second epoch, a level and a transfer. It had no high-water file, and
// that is no doubt.
func TestALedgerOfVersion5IsBroughtUpToDate(t *testing.T) {
	dir := written(t, "version5.db")
	l := open(t, dir)
	if have, want := dump(t, l), golden(t); have != want {
		t.Fatalf("have:\n%s\nwant:\n%s", have, want)
	}
	write(t, l, 7, 7, 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	defer l.Close()
	told := ""
	records, _, err := l.List(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		told += fmt.Sprintf("%d %s %t %t, ", r.Sequence, r.Receipt, r.Settled, r.Quarantined)
	}
	if want := "4 R7 false false, 3 R6 false false, 2 R5 false false, 1 R4 false false, 3 R3 false true, 2 R2 true false, 1 R1 true false, "; told != want {
		t.Fatalf("have %s, want %s", told, want)
	}
	var kept []string
	if err := l.Load(ledger.Visitor{Level: func(v stock.StoreLevel) { kept = append(kept, fmt.Sprint(v.Item, " ", v.Level.Sellable)) },
		Transfer: func(v stock.StoreTransfer) { kept = append(kept, v.ID) }}); err != nil {
		t.Fatal(err)
	}
	notices, err := l.Notices()
	if have := strings.Join(kept, ", "); have != "A 0.009, S1.x.1" || len(notices) > 0 || err != nil || l.Head().Epoch != "second" {
		t.Fatalf("it holds %s, tells %v, %v, head %+v", have, notices, err, l.Head())
	}
}

// version6.db was written by a program that knew version 6: four operations of an
// epoch that ended in doubt, of which the hub has two, and two more in the second.
func TestALedgerOfVersion6IsBroughtUpToDate(t *testing.T) {
	dir := t.TempDir()
	for from, to := range map[string]string{"testdata/version6.db": "ledger.db", "testdata/version6.high-water": "high-water"} {
		old, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), old, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, dir)
	if have, want := dump(t, l), golden(t); have != want {
		t.Fatalf("have:\n%s\nwant:\n%s", have, want)
	}
	tail, head := l.Epochs()[0], l.Head()
	if !tail.Tail || tail.Through.Sequence != 2 || tail.Position.Sequence != 4 || head.Epoch != "second" || head.Position.Sequence != 2 {
		t.Fatalf("the tail is %+v, the head %+v", tail, head)
	}
	told, err := l.Notices()
	if err != nil || len(told) != 1 || told[0].UpTo != 6 {
		t.Fatalf("people are told %+v, %v", told, err)
	}
	if err := l.Keep(ledger.Kept{Base: protocol.HubPosition{Incarnation: 7, Index: 41}, Through: head.Position, Now: protocol.HeldEveryMS}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	defer l.Close()
	if n, err := l.Prune(2 * protocol.HeldEveryMS); n != 2 || err != nil { // one below each watermark
		t.Fatalf("%d were pruned, %v", n, err)
	}
}

func TestASQLiteThatMayLoseCommitsIsRefused(t *testing.T) {
	for number, refused := range map[int]bool{3_051_002: true, 3_044_000: true, 3_051_003: false, 3_054_001: false} {
		if err := ledger.Unsafe(number); refused != (err != nil) {
			t.Errorf("SQLite %d: %v", number, err)
		}
	}
}
