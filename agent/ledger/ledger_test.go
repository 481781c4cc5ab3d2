package ledger_test

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/ledger/ledgertest"
	"github.com/shelfsync/shelfsync/protocol"
)

func open(t *testing.T, dir string) *ledger.SQLite {
	t.Helper()
	l, err := ledger.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestConformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		ledgertest.Conformance(t, func(*testing.T) (ledger.Ledger, func() ledger.Ledger) {
			m := ledger.NewMemory("pc", "first")
			return m, func() ledger.Ledger { return m }
		})
	})
	t.Run("sqlite", func(t *testing.T) {
		ledgertest.Conformance(t, func(t *testing.T) (ledger.Ledger, func() ledger.Ledger) {
			dir := t.TempDir()
			l := open(t, dir)
			t.Cleanup(func() { _ = l.Close() })
			return l, func() ledger.Ledger {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				l = open(t, dir)
				return l
			}
		})
	})
}

func TestASecondProgramIsKeptOut(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	defer l.Close()
	if _, err := ledger.Open(dir, nil); !errors.Is(err, ledger.ErrInUse) {
		t.Fatalf("a second program got: %v", err)
	}
}

// change runs a statement on a closed ledger, as somebody with a tool might.
func change(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNotOursOrDamagedIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ statement, says string }{
		"later schema":      {"PRAGMA user_version = 2", "install the later program again"},
		"foreign database":  {"PRAGMA application_id = 1", "not a ledger of ours"},
		"changed operation": {"UPDATE operation SET bytes = x'00' WHERE receipt = 'R2'", "operation 2"},
		"lost operation":    {"DELETE FROM operation WHERE receipt = 'R2'", "operation"},
		"changed chain":     {"UPDATE operation SET chain = zeroblob(32) WHERE receipt = 'R3'", "operation 3"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir)
			for n := 1; n <= 3; n++ {
				if _, err := l.Append([]ledger.Entry{{Bytes: []byte{byte(n)}, Receipt: fmt.Sprint("R", n)}}); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			change(t, dir, c.statement)
			if _, err := ledger.Open(dir, nil); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("want an error that says %q, got %v", c.says, err)
			}
		})
	}
}

func TestAStorageErrorSticks(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	defer l.Close()
	if _, err := l.Append([]ledger.Entry{{Bytes: []byte("a"), Key: "k"}}); err != nil {
		t.Fatal(err)
	}
	_, first := l.Append([]ledger.Entry{{Bytes: []byte("b"), Key: "k"}})
	if first == nil {
		t.Fatal("the unique key did not fail the commit")
	}
	if _, err := l.Append([]ledger.Entry{{Bytes: []byte("c")}}); !errors.Is(err, first) {
		t.Fatalf("after %v the ledger said %v", first, err)
	}
	if l.Head().Position.Sequence != 1 {
		t.Fatalf("the head moved to %d", l.Head().Position.Sequence)
	}
}

const childEnv = "SHELFSYNC_LEDGER_CHILD"

// TestMain lets the test program be the child that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

func writeUntilKilled(dir string) {
	l, err := ledger.Open(dir, nil)
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	for n := l.Head().Position.Sequence + 1; ; {
		group := make([]ledger.Entry, 1+n%7)
		for i := range group {
			group[i] = ledger.Entry{Bytes: fmt.Appendf(nil, "operation %d", n+uint64(i)), Key: fmt.Sprint(n + uint64(i))}
		}
		if _, err := l.Append(group); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		n += uint64(len(group))
		fmt.Println(n - 1)
	}
}

func TestKilledAtAnyMomentNothingAcknowledgedIsLost(t *testing.T) {
	dir := t.TempDir()
	acknowledged := uint64(0)
	for range 12 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		kill := time.AfterFunc(time.Duration(20+rand.IntN(120))*time.Millisecond, func() { _ = child.Process.Signal(syscall.SIGKILL) })
		for lines.Scan() {
			if _, err := fmt.Sscan(lines.Text(), &acknowledged); err != nil {
				t.Fatal(lines.Text())
			}
		}
		_ = child.Wait() // it was killed
		kill.Stop()
		proveWhole(t, dir, acknowledged)
	}
	if acknowledged == 0 {
		t.Fatal("no operation was acknowledged: the test proved nothing")
	}
	t.Logf("12 kills, %d operations acknowledged", acknowledged)
}

// proveWhole reads the whole ledger: every acknowledged operation is there once.
func proveWhole(t *testing.T, dir string, acknowledged uint64) {
	t.Helper()
	l := open(t, dir)
	defer l.Close()
	if last := l.Head().Position.Sequence; last < acknowledged {
		t.Fatalf("operation %d was acknowledged, the ledger ends at %d", acknowledged, last)
	}
	at := protocol.Position{}
	for at.Sequence < l.Head().Position.Sequence {
		operations, end, err := l.Read(at, 1000, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range operations {
			if want := fmt.Sprintf("operation %d", at.Sequence+uint64(i)+1); string(b) != want {
				t.Fatalf("found %q, want %q", b, want)
			}
		}
		at = end
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, group := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(group), func(b *testing.B) {
			l, err := ledger.Open(b.TempDir(), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			n := 0
			for b.Loop() {
				entries := make([]ledger.Entry, group)
				for i := range entries {
					n++
					entries[i] = ledger.Entry{Bytes: make([]byte, 110), Kind: "sale", Receipt: fmt.Sprint(n), Key: fmt.Sprint("sale/T1/", n), Answer: make([]byte, 200)}
				}
				if _, err := l.Append(entries); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "operations/s")
		})
	}
}
