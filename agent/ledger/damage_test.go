package ledger_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "github.com/mattn/go-sqlite3"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
)

func entry(n int) ledger.Entry {
	return ledger.Entry{Bytes: fmt.Appendf(nil, "operation %05d", n), Receipt: fmt.Sprint("R", n), Key: fmt.Sprint("key ", n), At: int64(n)}
}

// write appends operations from..to, in groups of a size.
func write(t *testing.T, l ledger.Ledger, from, to, group int) {
	t.Helper()
	for from <= to {
		var entries []ledger.Entry
		for ; from <= to && len(entries) < group; from++ {
			entries = append(entries, entry(from))
		}
		if _, err := l.Append(entries); err != nil {
			t.Fatal(err)
		}
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

// flip changes one bit of some bytes wherever a file holds them: SQLite leaves
// copies of rows in pages that it has split.
func flip(t *testing.T, path string, at []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, at) {
		t.Fatalf("%s does not hold %q", filepath.Base(path), at)
	}
	other := bytes.Clone(at)
	other[len(other)-1] ^= 0x40
	b = bytes.ReplaceAll(b, at, other)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// left copies a ledger's folder as a killed program would leave it.
func left(t *testing.T, dir string) string {
	t.Helper()
	copied := t.TempDir()
	for _, name := range []string{"ledger.db", "ledger.db-wal", "high-water"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if os.IsNotExist(err) && name == "ledger.db-wal" {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copied, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

func TestWhatIsNotOursOrDamagedIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ statement, says string }{
		"later schema":        {"PRAGMA user_version = 99", "install the later program again"},
		"no schema":           {"PRAGMA user_version = 0", "not a ledger of ours"},
		"foreign database":    {"PRAGMA application_id = 1", "not a ledger of ours"},
		"changed operation":   {"UPDATE operation SET bytes = x'00' WHERE receipt = 'R2'", "operation 2"},
		"lost operation":      {"DELETE FROM operation WHERE receipt = 'R2'", "operation"},
		"changed chain":       {"UPDATE operation SET chain = zeroblob(32) WHERE receipt = 'R3'", "operation 3"},
		"lost last operation": {"DELETE FROM operation WHERE receipt = 'R3'", "the hub has operation 3"},
		"lost epoch":          {"DELETE FROM epoch", "no epoch"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir)
			write(t, l, 1, 3, 1)
			if err := l.Keep(ledger.Kept{Through: l.Head().Position}); err != nil {
				t.Fatal(err)
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

func TestAFileThatIsNoDatabaseIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ledger.db"), bytes.Repeat([]byte("no ledger "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Open(dir, nil); err == nil {
		t.Fatal("it was opened")
	}
}

func TestALogWithoutItsFileIsNotTakenForANewLedger(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	defer l.Close()
	write(t, l, 1, 3, 1)
	copied := left(t, dir)
	if err := os.Remove(filepath.Join(copied, "ledger.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Open(copied, nil); !errors.Is(err, ledger.ErrDamaged) {
		t.Fatalf("got %v", err)
	}
}

func TestADamagedPageIsFoundAfterAKill(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	write(t, l, 1, 1500, 100) // the proof of the tail does not come as far as the page
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	defer l.Close()
	write(t, l, 1501, 1501, 1)
	copied := left(t, dir)
	path := filepath.Join(copied, "ledger.db")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	row := bytes.LastIndex(b, entry(7).Bytes)
	b[row/4096*4096] = 0xff // what kind of page it is
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Open(copied, nil); !errors.Is(err, ledger.ErrDamaged) {
		t.Fatalf("got %v", err)
	}
}

// Beyond the tail that is proved at open, damage shows when it is read.
func TestAFlippedBitIsReportedWhereverItIsRead(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	write(t, l, 1, 1500, 100)
	epoch, last := l.Head().Epoch, l.Head().Position
	if err := l.Keep(ledger.Kept{Through: last}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, filepath.Join(dir, "ledger.db"), entry(7).Bytes)
	for name, read := range map[string]func(*ledger.SQLite) error{
		"by sequence": func(l *ledger.SQLite) error { _, _, err := l.BySequence(epoch, 7); return err },
		"by key":      func(l *ledger.SQLite) error { _, _, err := l.ByKey("key 7"); return err },
		"list":        func(l *ledger.SQLite) error { _, _, err := l.List(0, 1500); return err },
		"read":        func(l *ledger.SQLite) error { _, _, err := l.Read(protocol.Position{}, 1500, 1<<20); return err },
	} {
		t.Run(name, func(t *testing.T) {
			dir := left(t, dir)
			l := open(t, dir)
			first := read(l)
			if !errors.Is(first, ledger.ErrDamaged) || !strings.Contains(first.Error(), "operation 7") {
				t.Fatalf("got %v", first)
			}
			if _, err := l.Append([]ledger.Entry{entry(1501)}); !errors.Is(err, first) {
				t.Fatalf("after %v it went on: %v", first, err)
			}
			_ = l.Close() // it failed
			if _, err := ledger.Open(dir, nil); !errors.Is(err, ledger.ErrDamaged) {
				t.Fatalf("after a stop for damage it was opened without a look at everything: %v", err)
			}
		})
	}
}

// SQLite ends its log at the first bad frame and says nothing: sales behind it
// would be gone, and their numbers given again.
func TestADamagedLogIsNotTakenForAShortOne(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	defer l.Close()
	write(t, l, 1, 20, 1)
	log := "ledger.db-wal"
	header, err := os.ReadFile(filepath.Join(dir, log))
	if err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string][]byte{"an early frame": entry(3).Bytes, "the head of the log": header[:20]} {
		t.Run(name, func(t *testing.T) {
			copied := left(t, dir)
			flip(t, filepath.Join(copied, log), at)
			if _, err := ledger.Open(copied, nil); !errors.Is(err, ledger.ErrDamaged) {
				t.Fatalf("got %v", err)
			}
		})
	}
	t.Run("a torn last commit is nobody's sale", func(t *testing.T) {
		copied := left(t, dir)
		if err := os.Truncate(filepath.Join(copied, log), int64(len(header)-100)); err != nil {
			t.Fatal(err)
		}
		l := open(t, copied)
		defer l.Close()
		if last := l.Head().Position.Sequence; last != 19 {
			t.Fatalf("the ledger ends at %d", last)
		}
	})
}

// One commit behind a bad frame may be a power cut's; that is the limit of what
// the log alone can prove. The hub, who was told more, proves the rest.
func TestAnyFlippedBitOfTheLogCostsTwoCommitsAtMost(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	defer l.Close()
	write(t, l, 1, 30, 1)
	whole, err := os.ReadFile(filepath.Join(dir, "ledger.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	copied := left(t, dir)
	file, err := os.ReadFile(filepath.Join(copied, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	random, refused := rand.New(rand.NewPCG(1, 2)), 0
	for range 150 {
		bit := random.IntN(8 * len(whole))
		broken := bytes.Clone(whole)
		broken[bit/8] ^= 1 << (bit % 8)
		for name, b := range map[string][]byte{"ledger.db": file, "ledger.db-wal": broken} {
			if err := os.WriteFile(filepath.Join(copied, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_ = os.Remove(filepath.Join(copied, "ledger.db-shm"))
		l, err := ledger.Open(copied, nil)
		if err != nil {
			refused++
			continue
		}
		if last := l.Head().Position.Sequence; last < 28 {
			t.Fatalf("bit %d: the ledger opened, and ends at %d", bit, last)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("150 bits flipped, %d reported", refused)
}

// spoil puts another file behind the descriptor of the ledger's log.
func spoil(t *testing.T, dir, device string, flags int) {
	t.Helper()
	log, err := filepath.EvalSymlinks(filepath.Join(dir, "ledger.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.OpenFile(device, flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for fd := 3; fd < 200; fd++ {
		if name, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); name == log {
			if err := syscall.Dup3(int(other.Fd()), fd, syscall.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("the log is not open")
}

func TestAnErrorOfTheDiskSticks(t *testing.T) {
	for name, breakIt := range map[string]func(*testing.T, *ledger.SQLite, string){
		"it cannot be written": func(t *testing.T, _ *ledger.SQLite, dir string) { spoil(t, dir, "/dev/null", os.O_RDONLY) },
		"it cannot be synced":  func(t *testing.T, _ *ledger.SQLite, dir string) { spoil(t, dir, "/dev/null", os.O_WRONLY) },
		"it is full": func(t *testing.T, l *ledger.SQLite, _ string) {
			if _, err := l.Run("PRAGMA max_page_count = 1"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir)
			write(t, l, 1, 5, 1)
			breakIt(t, l, dir)
			large := entry(6)
			large.Bytes = make([]byte, protocol.MaxOperationBytes)
			_, first := l.Append([]ledger.Entry{large})
			if first == nil {
				t.Fatal("it was acknowledged")
			}
			t.Log(first)
			if _, err := l.Append([]ledger.Entry{entry(7)}); !errors.Is(err, first) {
				t.Fatalf("after %v the ledger said %v", first, err)
			}
			if _, _, err := l.ByKey("key 1"); !errors.Is(err, first) {
				t.Fatalf("after %v the ledger said %v", first, err)
			}
			_ = l.Close() // the disk is broken
			proveWhole(t, dir, 5, "operation %05d")
		})
	}
}
