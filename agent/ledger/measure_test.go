package ledger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/agent/ledger"
)

// sales are operations as a till makes them: three lines, an answer, a key.
func sales(from, count int) []ledger.Entry {
	entries := make([]ledger.Entry, count)
	for i := range entries {
		entries[i] = ledger.Entry{Bytes: make([]byte, 110), Kind: "sale", Receipt: fmt.Sprint(from + i), Till: "T1", Key: fmt.Sprint("sale/T1/", from+i), Answer: make([]byte, 200)}
	}
	return entries
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
				if _, err := l.Append(sales(n, group)); err != nil {
					b.Fatal(err)
				}
				n += group
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "operations/s")
		})
	}
}

// TestAppendBesideABareSync prints what a commit costs above what the disk asks.
func TestAppendBesideABareSync(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	defer l.Close()
	file, err := os.Create(filepath.Join(dir, "bare"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	page := make([]byte, 4096)
	n := 0
	appended := func(group int) func() error {
		return func() error { _, err := l.Append(sales(n, group)); n += group; return err }
	}
	took := map[string][]time.Duration{}
	for range 100 { // side by side, so that all of them meet the same disk
		for name, act := range map[string]func() error{
			"bare": func() error {
				if _, err := file.WriteAt(page, 0); err != nil {
					return err
				}
				return syscall.Fdatasync(int(file.Fd()))
			},
			"group of 1": appended(1), "group of 8": appended(8), "group of 64": appended(64),
		} {
			begin := time.Now()
			if err := act(); err != nil {
				t.Fatal(err)
			}
			took[name] = append(took[name], time.Since(begin))
		}
	}
	for _, name := range []string{"bare", "group of 1", "group of 8", "group of 64"} {
		slices.Sort(took[name])
		t.Logf("%-12s p50 %8v  p99 %8v", name, took[name][50].Round(time.Microsecond), took[name][98].Round(time.Microsecond))
	}
}
