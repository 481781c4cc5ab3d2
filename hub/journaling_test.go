package hub

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// disk is a folder whose power can fail: what was written and not synced is then
// there in part.
type disk struct {
	dir   string
	dead  *atomic.Bool
	files []*diskFile
}

type diskFile struct {
	*os.File
	dead            *atomic.Bool
	written, synced atomic.Int64
}

func (f *diskFile) Write(p []byte) (int, error) {
	if f.dead.Load() {
		return len(p), nil
	}
	n, err := f.File.Write(p)
	f.written.Add(int64(n))
	return n, err
}

func (f *diskFile) Sync() error {
	if !f.dead.Load() {
		f.synced.Store(f.written.Load())
	}
	return nil
}

func (d *disk) open(path string) (journal.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	f := &diskFile{File: file, dead: d.dead}
	f.written.Store(info.Size())
	f.synced.Store(info.Size())
	d.files = append(d.files, f)
	return f, err
}

// life is one run of a node, from start to kill.
type life struct {
	*disk
	t       *testing.T
	kept    *journal.Journal
	keeper  *Journal
	machine *Machine
	order   *cluster.Memory
}

func begin(t *testing.T, dir string, before *cluster.Memory) *life {
	t.Helper()
	l := &life{disk: &disk{dir: dir, dead: &atomic.Bool{}}, t: t}
	var err error
	if l.kept, err = journal.Open(dir, journal.Config{SegmentBytes: 4000, Append: l.open}); err != nil {
		t.Fatal(err)
	}
	l.keeper = newJournal(l.kept)
	go l.keeper.run() // kill waits
	l.machine = NewMachine(NewBoard(), l.keeper.keep(), time.Now)
	if before == nil {
		l.order = cluster.NewMemory(l.machine)
	} else if l.order, err = before.Restart(l.machine); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *life) put(entry []byte) {
	l.t.Helper()
	if p := <-l.order.Propose(entry); p.Err != nil {
		l.t.Fatal(p.Err)
	}
}

// kill ends the run at this moment; what the disk had not synced is torn.
func (l *life) kill(tear func(most int64) int64) {
	l.t.Helper()
	l.dead.Store(true)
	if err := l.order.Close(); err != nil {
		l.t.Fatal(err)
	}
	l.keeper.stop()
	_ = l.kept.Close()
	for _, f := range l.files {
		keep := f.synced.Load() + tear(f.written.Load()-f.synced.Load())
		if err := os.Truncate(f.Name(), keep); err != nil && !os.IsNotExist(err) {
			l.t.Fatal(err)
		}
	}
}

// Whenever a node is killed, and whatever its disk had of the journal by then:
// in the end the journal holds every applied entry once, and the state is that
// of a node which was never killed.
func TestTheJournalHoldsEveryEntryOnceAfterAnyKill(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		var entries [][]byte
		var before *cluster.Memory
		for range 6 {
			l := begin(t, dir, before)
			for range random.IntN(40) {
				entry := someEntry(len(entries))
				entries = append(entries, entry)
				l.put(entry)
				switch random.IntN(12) {
				case 0:
					if err := l.order.Snapshot(); err != nil {
						t.Fatal(err)
					}
				case 1:
					if err := l.keeper.flushed(); err != nil {
						t.Fatal(err)
					}
				}
			}
			l.kill(func(most int64) int64 { return random.Int64N(most + 1) })
			before = l.order
		}
		l := begin(t, dir, before)
		if err := l.keeper.flushed(); err != nil {
			t.Fatal(err)
		}
		l.holds(seed, entries)
		l.kill(func(most int64) int64 { return most })
	}
}

func someEntry(n int) []byte {
	commands := []protocol.Command{protocol.EncodeCommand(&stock.Tick{Elapsed: 1000, Term: 1}),
		protocol.EncodeCommand(&stock.AssignWriter{Location: fmt.Sprint("S", n%50), Installation: "pc"})}
	return protocol.EncodeEntry(int64(n), commands[:1+n%2])
}

func (l *life) holds(seed uint64, entries [][]byte) {
	l.t.Helper()
	records, err := l.kept.Read(0, 1<<20, 1<<30)
	if err != nil || len(records) != len(entries) {
		l.t.Fatalf("seed %d: the journal holds %d entries of %d: %v", seed, len(records), len(entries), err)
	}
	want := stock.NewState()
	for i, r := range records {
		entry, err := protocol.DecodeEntry(entries[i])
		if err != nil {
			l.t.Fatal(err)
		}
		results := want.Apply(uint64(i+1), entry)
		if r.Index != uint64(i+1) || r.At != int64(i) || !bytes.Equal(r.Body, protocol.EncodeApplied(entries[i], results)) {
			l.t.Fatalf("seed %d: record %d is of entry %d, stamped %d", seed, i, r.Index, r.At)
		}
	}
	if got := l.machine.board.State(); got.Hash() != want.Hash() || got.Index() != want.Index() || got.Now() != want.Now() {
		l.t.Fatalf("seed %d: the state is %x at %d, want %x at %d", seed, got.Hash(), got.Index(), want.Hash(), want.Index())
	}
}

// The log forgets at a snapshot; from then on only the journal has the entries.
func TestASnapshotWaitsForTheJournal(t *testing.T) {
	dir := t.TempDir()
	l := begin(t, dir, nil)
	var entries [][]byte
	for i := range 100 {
		entries = append(entries, someEntry(i))
		l.put(entries[i])
	}
	if err := l.order.Snapshot(); err != nil {
		t.Fatal(err)
	}
	l.kill(func(int64) int64 { return 0 })
	again := begin(t, dir, l.order)
	again.holds(0, entries)
	if at := again.machine.Applied(); at != 100 {
		t.Errorf("it stands at %d", at)
	}
	again.kill(func(most int64) int64 { return most })
	if segments, _ := filepath.Glob(filepath.Join(dir, "*.journal")); len(segments) < 2 {
		t.Errorf("%d segments: no boundary was crossed", len(segments))
	}
}

func TestAnEntryThatCannotBeReadStopsTheNode(t *testing.T) {
	m := NewMachine(NewBoard(), Keep{}, time.Now)
	defer func() {
		if recover() == nil {
			t.Error("the machine guessed")
		}
		if m.board.State().Index() != 0 {
			t.Error("and showed what it made of it")
		}
	}()
	m.Apply([]cluster.Entry{{Index: 1, Data: []byte("SE\x01\x63later")}})
}
