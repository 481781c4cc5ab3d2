package ledger_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
)

// backup copies a ledger while operations are recorded between the slices.
func backup(t *testing.T, l *ledger.SQLite, dir string, between func()) string {
	t.Helper()
	c, err := l.Backup()
	if err != nil {
		t.Fatal(err)
	}
	for done := false; !done; {
		if done, err = c.Step(); err != nil {
			t.Fatal(err)
		}
		if !done {
			between()
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, ledger.CopyName)
}

func TestACopyIsWholeWhileSalesGoOn(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	defer l.Close()
	write(t, l, 1, 8000, 500)
	n := 8001
	file := backup(t, l, dir, func() { write(t, l, n, n+2, 3); n += 3 })
	if n < 8004 {
		t.Fatal("it was copied at once: the test proves nothing")
	}
	write(t, l, n, n, 1)
	p, err := ledger.Verify(file)
	if err != nil || p.Operations != uint64(n-1) || p.Installation != l.Head().Installation {
		t.Fatalf("the copy holds %d operations of %s, %v; there were %d", p.Operations, p.Installation, err, n-1)
	}
	again := backup(t, l, dir, func() {})
	if p, err := ledger.Verify(again); err != nil || p.Operations != uint64(n) {
		t.Fatalf("the next copy holds %d operations, %v; there were %d", p.Operations, err, n)
	}
}

// A copy that is given up leaves nothing, and the ledger as it was.
func TestACopyThatIsGivenUpLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	defer l.Close()
	write(t, l, 1, 2000, 500)
	c, err := l.Backup()
	if err != nil {
		t.Fatal(err)
	}
	if done, err := c.Step(); done || err != nil {
		t.Fatal(done, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ledger.CopyName+"*"))
	if err != nil || len(left) > 0 {
		t.Fatalf("there is %v left, %v", left, err)
	}
	write(t, l, 2001, 2001, 1)
}

func TestVerifyFindsWhateverIsDamaged(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	write(t, l, 1, 1500, 100)
	shut(t, l)
	whole, err := os.ReadFile(filepath.Join(dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, statement := range map[string]string{
		"an early operation": "UPDATE operation SET bytes = x'00' WHERE receipt = 'R2'",
		"a gap":              "DELETE FROM operation WHERE receipt = 'R9'",
		"an answer":          "UPDATE operation SET answer = x'00' WHERE receipt = 'R5'",
		"a reference":        "INSERT INTO refer (target, id) VALUES ('x', 99)",
		"another program":    "PRAGMA application_id = 7",
	} {
		t.Run(name, func(t *testing.T) {
			other := t.TempDir()
			file := filepath.Join(other, "ledger.db")
			if err := os.WriteFile(file, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := ledger.Verify(file); err != nil {
				t.Fatal(err)
			}
			change(t, other, statement)
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ledger.Verify(file)
			if err == nil {
				t.Fatal("nothing was found")
			}
			t.Log(err)
			if after, _ := os.ReadFile(file); !bytes.Equal(after, before) {
				t.Fatal("it was written")
			}
		})
	}
}

// A ledger that is written while it is read would look damaged.
func TestALedgerThatIsOpenIsNotReadBesideItsProgram(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	write(t, l, 1, 3, 1)
	file := filepath.Join(dir, "ledger.db")
	if _, err := ledger.Verify(file); !errors.Is(err, ledger.ErrInUse) {
		t.Fatalf("verify: %v", err)
	}
	if _, err := ledger.OpenArchive(file); !errors.Is(err, ledger.ErrInUse) {
		t.Fatalf("import: %v", err)
	}
	shut(t, l)
	if _, err := ledger.Verify(file); err != nil {
		t.Fatal(err)
	}
	a, err := ledger.OpenArchive(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// Of what was pruned only the rows are left to prove.
func TestVerifyFindsAGapInWhatWasPruned(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	write(t, l, 1, 30, 10)
	if err := l.Keep(ledger.Kept{Through: l.Head().Position}); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Prune(1); n != 29 || err != nil {
		t.Fatal(n, err)
	}
	shut(t, l)
	file := filepath.Join(dir, "ledger.db")
	if _, err := ledger.Verify(file); err != nil {
		t.Fatal(err)
	}
	change(t, dir, "DELETE FROM operation WHERE receipt = 'R9'")
	if _, err := ledger.Verify(file); !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), "operation 9") {
		t.Fatalf("got %v", err)
	}
}

// A backup takes the place of the ledger, in a new epoch; what it replaced is kept,
// sales that are only there included.
func TestARestoreBeginsANewEpochAndKeepsWhatItReplaced(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	write(t, l, 1, 3, 1)
	head := l.Head()
	file := filepath.Join(t.TempDir(), "monday.db")
	if err := os.Rename(backup(t, l, dir, func() {}), file); err != nil {
		t.Fatal(err)
	}
	write(t, l, 4, 6, 1)
	if _, err := ledger.Restore(dir, file, nil); !errors.Is(err, ledger.ErrInUse) {
		t.Fatalf("while the agent runs: %v", err)
	}
	crashed := left(t, dir)
	shut(t, l)
	for name, where := range map[string]string{"after an end": dir, "after a crash": crashed} {
		t.Run(name, func(t *testing.T) {
			r, err := ledger.Restore(where, file, nil)
			if err != nil || r.Head.Epoch == head.Epoch || r.Replaced == "" {
				t.Fatalf("%+v, %v", r, err)
			}
			l := open(t, where)
			if l.Head() != r.Head || l.Head().Installation != head.Installation {
				t.Fatalf("head %+v, want %+v", l.Head(), r.Head)
			}
			old := l.Epochs()[0]
			if !old.Tail || old.Position.Sequence != 3 {
				t.Fatalf("the epoch of the backup: %+v", old)
			}
			told, err := l.Notices()
			if err != nil || len(told) != 1 || told[0].Kind != ledger.NoticeRestored || told[0].After != 3 {
				t.Fatalf("people are told %+v, %v", told, err)
			}
			write(t, l, 11, 11, 1)
			shut(t, l)
			p, err := ledger.Verify(filepath.Join(r.Replaced, "ledger.db"))
			if err != nil || p.Operations != 6 {
				t.Fatalf("what was replaced holds %d operations, %v", p.Operations, err)
			}
			again, err := ledger.Restore(where, file, nil)
			if err != nil || again.Replaced == r.Replaced {
				t.Fatalf("restored once more: %+v, %v", again, err)
			}
		})
	}
}

func TestADamagedBackupReplacesNothing(t *testing.T) {
	dir, head := closed(t)
	file := filepath.Join(left(t, dir), "ledger.db")
	change(t, filepath.Dir(file), "UPDATE operation SET bytes = x'00' WHERE receipt = 'R2'")
	if _, err := ledger.Restore(dir, file, nil); err == nil || !strings.Contains(err.Error(), "operation 2") {
		t.Fatalf("got %v", err)
	}
	l := open(t, dir)
	defer l.Close()
	if l.Head() != head {
		t.Fatalf("head %+v, want %+v", l.Head(), head)
	}
}

// Stopped between any two steps, the folder holds one of two ledgers, never none:
// a program that opens it goes on, and nothing is taken for a new store.
func TestARestoreThatIsCutShortLeavesALedger(t *testing.T) {
	dir, head := closed(t)
	file := filepath.Join(left(t, dir), "ledger.db")
	crashed := left(t, dir)
	if _, err := ledger.SetAside(crashed); err != nil {
		t.Fatal(err)
	}
	l := open(t, crashed)
	if l.Head().Installation != head.Installation || l.Head().Epoch == head.Epoch {
		t.Fatalf("head %+v", l.Head())
	}
	shut(t, l)
	if _, err := ledger.Restore(crashed, file, nil); err != nil {
		t.Fatal(err)
	}
	shut(t, open(t, crashed))
}

func TestABackupOfAnEarlierVersionIsRestored(t *testing.T) {
	dir := t.TempDir()
	r, err := ledger.Restore(dir, "testdata/version5.db", nil)
	if err != nil || r.Replaced != "" {
		t.Fatalf("%+v, %v", r, err)
	}
	l := open(t, dir)
	defer l.Close()
	if l.Head() != r.Head || len(l.Epochs()) != 3 {
		t.Fatalf("head %+v, want %+v, epochs %+v", l.Head(), r.Head, l.Epochs())
	}
}
