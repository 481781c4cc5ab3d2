package ledger_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

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
			return m, func() ledger.Ledger { _ = m.Close(); return m }
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

const kills = 15

func TestKilledAtAnyMomentNothingAcknowledgedIsLost(t *testing.T) {
	dir := t.TempDir()
	acknowledged := uint64(0)
	for range kills {
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
		proveWhole(t, dir, acknowledged, "operation %d")
	}
	if acknowledged == 0 {
		t.Fatal("no operation was acknowledged: the test proved nothing")
	}
	t.Logf("%d kills, %d operations acknowledged", kills, acknowledged)
}

// proveWhole reads the whole ledger: every acknowledged operation is there once.
func proveWhole(t *testing.T, dir string, acknowledged uint64, format string) {
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
			if want := fmt.Sprintf(format, at.Sequence+uint64(i)+1); string(b) != want {
				t.Fatalf("found %q, want %q", b, want)
			}
		}
		at = end
	}
}
