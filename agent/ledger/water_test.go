package ledger_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
)

// closed writes a ledger of three operations, the second known to the hub, and
// closes it.
func closed(t *testing.T) (dir string, head ledger.Head) {
	t.Helper()
	dir = t.TempDir()
	l := open(t, dir)
	write(t, l, 1, 3, 1)
	shut(t, l)
	l = open(t, dir)
	head = l.Head()
	shut(t, l)
	return dir, head
}

func shut(t *testing.T, l *ledger.SQLite) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// put replaces a file of one folder by that of another, or takes it away.
func put(t *testing.T, name, from, to string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(from, name))
	if os.IsNotExist(err) {
		err = os.Remove(filepath.Join(to, name))
	} else if err == nil {
		err = os.WriteFile(filepath.Join(to, name), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever is wrong between a ledger and its mark ends the epoch: its numbers are
// not given again, what it holds goes up, and a person is told.
func TestADoubtBeginsANewEpochAndIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(t *testing.T, dir string)
		want ledger.Notice
	}{
		"the end of the ledger is gone": {func(t *testing.T, dir string) {
			change(t, dir, "DELETE FROM operation WHERE receipt IN ('R2', 'R3')")
		}, ledger.Notice{ID: 1, Kind: ledger.NoticeLost, After: 1, UpTo: 3, At: 1}},
		"the last operation is gone": {func(t *testing.T, dir string) {
			change(t, dir, "DELETE FROM operation WHERE receipt = 'R3'")
		}, ledger.Notice{ID: 1, Kind: ledger.NoticeLost, After: 2, UpTo: 3, At: 2}},
		"the mark of another PC": {func(t *testing.T, dir string) {
			change(t, dir, "UPDATE about SET value = 'another' WHERE name = 'installation'")
		}, ledger.Notice{ID: 1, Kind: ledger.NoticeOther, After: 3, At: 3}},
		"an older copy of the file": {func(t *testing.T, dir string) {
			older := left(t, dir)
			l := open(t, dir)
			write(t, l, 4, 6, 1)
			shut(t, l)
			put(t, "ledger.db", older, dir)
		}, ledger.Notice{ID: 1, Kind: ledger.NoticeLost, After: 3, UpTo: 6, At: 3}},
		"an older copy that went on elsewhere": {func(t *testing.T, dir string) {
			other := left(t, dir)
			l := open(t, dir)
			write(t, l, 4, 6, 1)
			shut(t, l)
			l = open(t, other)
			write(t, l, 14, 17, 1)
			shut(t, l)
			put(t, "ledger.db", other, dir)
		}, ledger.Notice{ID: 1, Kind: ledger.NoticeOther, After: 7, At: 17}},
		"a file from before another epoch": {func(t *testing.T, dir string) {
			older := left(t, dir)
			l := open(t, dir)
			if err := l.NewEpoch("next", ledger.Notice{Kind: ledger.NoticeRestored}); err != nil {
				t.Fatal(err)
			}
			shut(t, l)
			put(t, "ledger.db", older, dir)
		}, ledger.Notice{ID: 1, Kind: ledger.NoticeOther, After: 3, At: 3}},
		"the ledger of another PC": {func(t *testing.T, dir string) {
			other, _ := closed(t)
			put(t, "ledger.db", other, dir)
		}, ledger.Notice{ID: 1, Kind: ledger.NoticeOther, After: 3, At: 3}},
		"no mark": {func(t *testing.T, dir string) {
			put(t, "high-water", t.TempDir(), dir)
		}, ledger.Notice{ID: 1, Kind: ledger.NoticeMark, After: 3, At: 3}},
		"a damaged mark": {func(t *testing.T, dir string) {
			flip(t, filepath.Join(dir, "high-water"), []byte("shelfsync"))
		}, ledger.Notice{ID: 1, Kind: ledger.NoticeMark, After: 3, At: 3}},
		"half a mark": {func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, "high-water"), 40); err != nil {
				t.Fatal(err)
			}
		}, ledger.Notice{ID: 1, Kind: ledger.NoticeMark, After: 3, At: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, head := closed(t)
			c.harm(t, dir)
			l := open(t, dir)
			after := l.Head()
			if after.Epoch == head.Epoch || after.Position.Sequence != 0 {
				t.Fatalf("it went on in epoch %s at %d", after.Epoch, after.Position.Sequence)
			}
			tail := l.Epochs()[0]
			if !tail.Tail || tail.Position.Sequence != c.want.After {
				t.Fatalf("of the old epoch there goes up: %+v", tail)
			}
			told, err := l.Notices()
			c.want.Epoch = tail.Name
			if err != nil || len(told) != 1 || told[0] != c.want {
				t.Fatalf("people are told %+v, %v, want %+v", told, err, c.want)
			}
			shut(t, l)
			l = open(t, dir)
			defer l.Close()
			if again := l.Head(); again.Epoch != after.Epoch {
				t.Fatalf("opened once more it began epoch %s", again.Epoch)
			}
		})
	}
}

// A mark that lags is no doubt: it is written behind.
func TestAMarkBehindTheLedgerIsNoDoubt(t *testing.T) {
	dir, head := closed(t)
	marks := left(t, dir)
	l := open(t, dir)
	write(t, l, 4, 600, 100)
	shut(t, l)
	put(t, "high-water", marks, dir)
	l = open(t, dir)
	if l.Head().Epoch != head.Epoch {
		t.Fatal("it began a new epoch")
	}
	if err := l.NewEpoch("next", ledger.Notice{Kind: ledger.NoticeRestored}); err != nil {
		t.Fatal(err)
	}
	shut(t, l)
	put(t, "high-water", marks, dir)
	l = open(t, dir)
	defer l.Close()
	if l.Head().Epoch != "next" {
		t.Fatal("a mark of an epoch that is over began a new one")
	}
}

// The mark never runs ahead: its write, taken before a sale, does not name it; and
// where it says so already there is nothing to write.
func TestTheMarkIsNeverAheadOfTheLedger(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	if l.Mark() != nil {
		t.Fatal("nothing is new, and there is something to write")
	}
	write(t, l, 1, 2, 1)
	mark := l.Mark()
	write(t, l, 3, 3, 1)
	if err := mark(); err != nil {
		t.Fatal(err)
	}
	if got := ledger.Marked(dir); got != 2 {
		t.Fatalf("it is at %d", got)
	}
	shut(t, l)
	if got := ledger.Marked(dir); got != 3 {
		t.Fatalf("after the end it is at %d", got)
	}
}

func TestAMarkOfALaterProgramIsLeftAlone(t *testing.T) {
	dir, _ := closed(t)
	later := ledger.LaterMark()
	if err := os.WriteFile(filepath.Join(dir, "high-water"), later, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Open(dir, nil); err == nil || !strings.Contains(err.Error(), "install the later program again") {
		t.Fatalf("got %v", err)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "high-water")); !bytes.Equal(b, later) {
		t.Fatal("it was written")
	}
}

// testdata/high-water is as version 1 of the format wrote it.
func TestTheHighWaterFileKeepsItsFormat(t *testing.T) {
	want, err := os.ReadFile("testdata/high-water")
	if err != nil {
		t.Fatal(err)
	}
	if have := ledger.FixedMark(); !bytes.Equal(have, want) {
		t.Fatalf("have:\n%s\nwant:\n%s", have, want)
	}
}

func TestALedgerThatIsGoneIsNotBegunAnew(t *testing.T) {
	dir, _ := closed(t)
	if err := os.Remove(filepath.Join(dir, "ledger.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Open(dir, nil); !errors.Is(err, ledger.ErrDamaged) {
		t.Fatalf("got %v", err)
	}
}

// What the chain does not prove is proved by the row's sum: a till that repeats
// itself must not be given another answer.
func TestAnAnswerThatChangedIsNotGiven(t *testing.T) {
	for _, column := range []string{"answer = x'00'", "receipt = 'R9'", "key = 'key 9'", "at_ms = 9", "till = 'T9'", "kind = 'gift'", "fingerprint = randomblob(32)"} {
		t.Run(column, func(t *testing.T) {
			dir, _ := closed(t)
			change(t, dir, "UPDATE operation SET "+column+" WHERE receipt = 'R2'")
			l := open(t, dir)
			defer l.Close()
			if _, _, err := l.BySequence(l.Head().Epoch, 2); !errors.Is(err, ledger.ErrDamaged) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// After a stop that nobody ordered everything is read before the store sells
// again; after an orderly one the tail is.
func TestEverythingIsReadAfterAStopThatNobodyOrdered(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	write(t, l, 1, 1500, 100)
	shut(t, l)
	killed := left(t, dir)
	l = open(t, killed)
	write(t, l, 1501, 1501, 1)
	crashed := left(t, killed)
	shut(t, l)
	for _, where := range []string{dir, crashed} {
		flip(t, filepath.Join(where, "ledger.db"), entry(7).Bytes)
	}
	l = open(t, dir)
	shut(t, l)
	if _, err := ledger.Open(crashed, nil); !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), "operation 7") {
		t.Fatalf("got %v", err)
	}
}

// The file belongs to one program: nobody's long look at it can hold up a
// checkpoint, so the log stays small.
func TestAHostileReaderIsKeptOutAndTheLogStaysBounded(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	defer l.Close()
	write(t, l, 1, 10, 1)
	reader, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "ledger.db")+"?_busy_timeout=1&mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var n int
	tx, err := reader.Begin()
	if err == nil {
		defer func() { _ = tx.Rollback() }()
		err = tx.QueryRow("SELECT count(*) FROM operation").Scan(&n)
	}
	if err == nil || !strings.Contains(err.Error(), "locked") {
		t.Fatalf("it read %d operations, and holds its transaction: %v", n, err)
	}
	var most int64
	for n := 11; n < 4000; n += 40 {
		write(t, l, n, n+39, 40)
		if info, err := os.Stat(filepath.Join(dir, "ledger.db-wal")); err != nil {
			t.Fatal(err)
		} else if info.Size() > most {
			most = info.Size()
		}
	}
	if most > 8<<20 { // a checkpoint every thousand pages, and what one commit adds
		t.Fatalf("the log grew to %d bytes", most)
	}
	t.Logf("the log grew to %d bytes at most", most)
}

// A program that holds the file before the agent starts is named as the cause.
func TestAReaderThatWasThereFirstIsNamed(t *testing.T) {
	dir, _ := closed(t)
	reader, err := sql.Open("sqlite3", filepath.Join(dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	tx, err := reader.Begin()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRow("SELECT count(*) FROM operation").Scan(&n); err != nil || n != 3 {
		t.Fatal(n, err)
	}
	if _, err := ledger.Open(dir, nil); !errors.Is(err, ledger.ErrInUse) {
		t.Fatalf("got %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	shut(t, open(t, dir))
}
