package ledger_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/ledger/crashdisk"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// A store is a ledger's folder while a story of it is played. It counts what
// was asked of it, so that a story is the same wherever it is played.
type store struct {
	dir     string
	beside  string // another folder, on a disk that has no power cut
	l       *ledger.SQLite
	random  *rand.Rand
	starts  uint64
	sold    int
	entries []ledger.Entry // that were acknowledged
	rounds  uint64
}

// step is one call of the ledger, or several of which only the last writes. A step
// that returned is a promise.
type step struct {
	what   string
	do     func(*store) error
	doubts bool // a power cut within it may leave the end in doubt: a new epoch, and a word of it
}

// story is what a store does, from a folder that is durable.
type story struct {
	name   string
	folder func(t *testing.T, dir string) // what is there at the beginning; nil: nothing
	steps  []step
}

// names are the source of a new ledger's names: another number, another ledger.
func names(n uint64) io.Reader {
	return rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "names %d", n)))
}

var (
	starts = step{what: "open", do: func(s *store) (err error) {
		s.starts++ // each draws names of its own
		s.l, err = ledger.Open(s.dir, names(s.starts))
		return err
	}}
	ends = step{what: "close", do: func(s *store) error { return s.l.Close() }}

	// checkpoints is what SQLite does by itself after a thousand pages.
	checkpoints = step{what: "checkpoint", do: func(s *store) error { _, err := s.l.Run("PRAGMA wal_checkpoint(PASSIVE)"); return err }}
	prunes      = step{what: "prune", do: func(s *store) error { _, err := s.l.Prune(1 << 50); return err }}
	marks       = step{what: "mark", do: func(s *store) error {
		if write := s.l.Mark(); write != nil {
			return write()
		}
		return nil
	}}

	// copies makes a copy while selling; takes keeps it elsewhere, as the agent does.
	copies = step{what: "copy", do: func(s *store) error {
		c, err := s.l.Backup()
		for done := false; err == nil && !done; {
			done, err = c.Step()
		}
		return err
	}}
	takes = step{what: "take the copy", do: func(s *store) error {
		b, err := os.ReadFile(filepath.Join(s.dir, ledger.CopyName))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(s.beside, "backup.db"), b, 0o600)
	}}
	restores = step{what: "restore", doubts: true, do: func(s *store) error {
		_, err := ledger.Restore(s.dir, filepath.Join(s.beside, "backup.db"), names(7))
		return err
	}}

	onePiece = func(r *rand.Rand) int { return 60 + r.IntN(200) }
	large    = func(r *rand.Rand) int { return 60 + r.IntN(9000) }
)

// sells appends so many operations in one commit.
func sells(count int, size func(*rand.Rand) int) step {
	return step{what: "sell", do: func(s *store) error {
		entries := make([]ledger.Entry, count)
		for i := range entries {
			s.sold++
			entries[i] = saleOf(s.sold, size(s.random))
			if s.sold%7 == 3 {
				entries[i].Refers = []string{fmt.Sprintf("S1.x.%d", s.sold-1)}
			}
		}
		_, err := s.l.Append(entries)
		if err == nil {
			s.entries = append(s.entries, entries...)
		}
		return err
	}}
}

// saleOf is an operation with bytes that are nowhere else.
func saleOf(n, size int) ledger.Entry {
	pad := fmt.Sprintf("/%x", sha256.Sum256(fmt.Append(nil, n)))
	b := strings.Repeat(fmt.Sprintf("operation %05d%s ", n, pad), size/40+1)[:size]
	return ledger.Entry{Bytes: []byte(b), Kind: "sale", Receipt: fmt.Sprint("R", n), Till: "T1", At: int64(n), Key: fmt.Sprintf("key %d%s", n, pad[:9]),
		Fingerprint: sha256.Sum256(fmt.Append(nil, "body ", n)), Answer: fmt.Appendf(nil, `{"n":%d,"id":"%s"}`, n, pad[:20])}
}

// hears keeps a round that says so much of the items, and settles all but the
// last operations.
func hears(levels int, behind uint64) step {
	return step{what: "keep", do: func(s *store) error {
		s.rounds++
		head := s.l.Head()
		k := ledger.Kept{Now: 1e12 + int64(s.rounds)*protocol.HeldEveryMS, Base: protocol.HubPosition{Incarnation: 7, Index: 40 + s.rounds}, Through: head.Through, Renew: s.rounds%3 == 0}
		if last := head.Position.Sequence; last > behind {
			chain, _, err := s.l.Chain(head.Epoch, last-behind)
			if err != nil {
				return err
			}
			if last-behind > k.Through.Sequence {
				k.Through = protocol.Position{Sequence: last - behind, Chain: chain}
				k.Outcomes = []stock.Outcome{{Epoch: head.Epoch, Sequence: last - behind, Line: 1, Code: stock.Parked, Text: "what", Index: k.Base.Index}}
			}
		}
		for i := range levels {
			item := fmt.Sprint("ITEM-", (i*7+int(s.rounds))%900)
			k.Items = append(k.Items, stock.Item{Code: item, Unit: "piece", Stocked: true})
			k.Levels = append(k.Levels, stock.StoreLevel{Item: item, Level: stock.Level{Sellable: stock.Quantity(s.random.IntN(9000))}})
		}
		k.Claims = []stock.StoreClaim{{Reservation: fmt.Sprint("r", s.rounds%4), Line: "1", Channel: "web", Order: "O", Item: "ITEM-1", Quantity: 5, State: stock.Confirmed}}
		k.Tasks = []stock.StoreTask{{ID: uint32(s.rounds), Task: stock.Task{Kind: stock.Recount, Item: "ITEM-1", Quantity: 1}}}
		return s.l.Keep(k)
	}}
}

// forks begins an epoch with the operations behind the watermark; every third
// waits for a person.
func forks(name string) step {
	return step{what: "fork", do: func(s *store) error {
		through := s.l.Head().Through
		return s.l.Again(ledger.Again{Epoch: name, Through: through, After: through.Sequence, Write: func(r ledger.Record) (ledger.Entry, bool) {
			e := r.Entry
			e.Bytes, e.Key = append([]byte("again "), r.Bytes...), ""
			return e, r.Sequence%3 != 0
		}})
	}}
}

// admits takes what a person decided of the oldest that waits: write it, or not.
func admits(write bool) step {
	return step{what: "admit", do: func(s *store) error {
		held, err := s.l.Quarantined(1)
		if err != nil || len(held) == 0 {
			return err
		}
		entry := held[0].Entry
		entry.Bytes, entry.Key = append([]byte("admitted "), entry.Bytes...), ""
		place := ledger.Place{Epoch: held[0].Epoch, Sequence: held[0].Sequence}
		if !write {
			return s.l.Admit(place, nil)
		}
		return s.l.Admit(place, &entry)
	}}
}

func times(n int, steps ...step) (all []step) {
	for range n {
		all = append(all, steps...)
	}
	return all
}

func begins(steps ...[]step) (all []step) {
	all = []step{starts}
	for _, some := range steps {
		all = append(all, some...)
	}
	return append(all, ends)
}

// fixture is a folder as an earlier program left it.
func fixture(file string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "ledger.db"), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// killed is a folder as a program leaves it that was killed after some steps.
func killed(steps ...step) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		s := &store{dir: memoryFolder(t), random: rand.New(rand.NewPCG(3, 4))}
		for _, step := range append([]step{starts}, steps...) {
			if err := step.do(s); err != nil {
				t.Fatal(err)
			}
		}
		for name, b := range filesOf(t, s.dir) {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// filesOf is what a folder would keep if its program were killed now.
func filesOf(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range []string{"ledger.db", "ledger.db-wal", "high-water", ledger.CopyName} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			files[name] = b
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return files
}

// stories are played for the power cuts; each has what one kind of work asks of
// a disk.
var stories = []story{
	{name: "create", steps: []step{starts, sells(1, onePiece), ends}},
	{name: "sale", steps: begins(times(40, sells(1, onePiece)))},
	{name: "group commit", steps: begins(times(4, sells(3, onePiece), sells(40, onePiece), sells(1, large), sells(12, large)))},
	{name: "round", steps: begins(times(6, sells(2, onePiece), hears(120, 1), sells(1, onePiece), hears(3, 0)))},
	{name: "checkpoint", steps: begins(times(5, sells(1, onePiece), sells(20, onePiece), hears(40, 2), checkpoints, sells(1, onePiece), sells(2, onePiece)))},
	{name: "its own checkpoint", steps: begins(times(9, sells(40, large)), times(5, sells(1, onePiece)))},
	{name: "prune", steps: begins(times(3, sells(30, onePiece), hears(5, 3), prunes, sells(1, onePiece)))},
	{name: "fork", steps: begins(times(2, sells(12, onePiece), hears(5, 7)), []step{forks("second"), sells(3, onePiece), admits(true), admits(false), hears(2, 1), forks("third"),
		sells(2, onePiece)})},
	{name: "start again", steps: begins(times(3, sells(2, onePiece), ends, starts, hears(3, 0)))},
	{name: "migrate from 1", folder: fixture("version1.db"), steps: begins(times(2, sells(1, onePiece)))},
	{name: "migrate from 5", folder: fixture("version5.db"), steps: begins(times(2, sells(1, onePiece)))},
	{name: "high water", steps: begins(times(6, sells(2, onePiece), marks))},
	{name: "backup", steps: begins(times(2, sells(20, large), copies, sells(2, onePiece), copies))},
	{name: "restore", steps: append(begins([]step{sells(20, onePiece), hears(3, 2), copies, takes}, times(2, sells(2, onePiece), marks)), restores, starts, sells(1, onePiece), ends)},
	{name: "restore over a killed one", folder: killed(sells(9, onePiece), copies), steps: []step{takes, restores, starts, hears(3, 0), ends}},
	{name: "after a kill", folder: killed(sells(20, onePiece), checkpoints, sells(3, onePiece), sells(4, large)), steps: begins(times(2, hears(3, 1), checkpoints))},
}

// memoryFolder is a folder on the machine's memory, where a sync costs nothing.
func memoryFolder(t *testing.T) string {
	t.Helper()
	parent := "/dev/shm"
	if _, err := os.Stat(parent); err != nil {
		parent = ""
	}
	dir, err := os.MkdirTemp(parent, "shelfsync-crash-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// played is a story that was recorded, and what the ledger held after each of its
// steps: told[n] after n of them.
type played struct {
	*crashdisk.Recording
	steps  []step
	told   []string
	beside string // where its backups are
	player *crashdisk.Player
}

// play records a story on a healthy disk.
func (p story) play(t *testing.T, seed uint64) played {
	t.Helper()
	s := &store{dir: memoryFolder(t), beside: memoryFolder(t), random: rand.New(rand.NewPCG(seed, 1))}
	if p.folder != nil {
		p.folder(t, s.dir)
	}
	disk := watched(t, s.dir)
	told := []string{p.beginning(t, s.dir)}
	for n, step := range p.steps {
		disk.Mark(n, step.what)
		if err := step.do(s); err != nil {
			t.Fatalf("%s, step %d, %s: %v", p.name, n, step.what, err)
		}
		disk.Mark(n, step.what)
		text, err := told[n], error(nil)
		switch {
		case step.what == restores.what:
			text = p.beginning(t, s.dir)
		case s.l != nil && step.what != ends.what:
			text, err = reading(s.l)
		}
		if err != nil {
			t.Fatalf("%s, step %d, %s: %v", p.name, n, step.what, err)
		}
		told = append(told, text)
	}
	return played{Recording: disk.ended(t), steps: p.steps, told: told, beside: s.beside}
}

// beginning is what is told of a copy of a folder that no program has open.
func (p story) beginning(t *testing.T, dir string) string {
	t.Helper()
	copied := memoryFolder(t)
	for name, b := range filesOf(t, dir) {
		if err := os.WriteFile(filepath.Join(copied, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := ledger.Open(copied, names(1))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	text, err := reading(l)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// watch is a folder that is recorded: what SQLite does there, and what the ledger
// does beside it.
type watch struct {
	*crashdisk.Disk
	besides int // calls beside SQLite
	nth     int // the one of them that fails, if any does
	stop    func()
}

func watched(t *testing.T, dir string) *watch {
	t.Helper()
	disk, err := crashdisk.Attach(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &watch{Disk: disk}
	w.stop = ledger.Watch(w.done)
	return w
}

var errBeside = errors.New("input or output failed beside SQLite")

func (w *watch) done(what, path, other string, b []byte) error {
	if w.besides++; w.besides == w.nth {
		return errBeside
	}
	info, err := os.Stat(path)
	switch {
	case what == "write":
		w.Note(crashdisk.Truncate, path, "", 0, nil)
		w.Note(crashdisk.Write, path, "", 0, b)
		w.Note(crashdisk.Sync, path, "", 0, nil)
	case what == "copy":
		w.Note(crashdisk.Truncate, path, "", 0, nil)
		w.Note(crashdisk.Write, path, "", 0, b)
	case what == "rename":
		w.Note(crashdisk.Rename, path, other, 0, nil)
	case what == "link":
		w.Note(crashdisk.Link, path, other, 0, nil)
	case what == "remove":
		w.Note(crashdisk.Delete, path, "", 0, nil)
	case err == nil && info.IsDir():
		w.Note(crashdisk.SyncDir, filepath.Join(path, "any"), "", 0, nil)
	default:
		w.Note(crashdisk.Sync, path, "", 0, nil)
	}
	return nil
}

// ended stops the watching and hands over the recording.
func (w *watch) ended(t *testing.T) *crashdisk.Recording {
	t.Helper()
	w.stop()
	recording, err := w.Stop()
	if err != nil {
		t.Fatal(err)
	}
	return recording
}
