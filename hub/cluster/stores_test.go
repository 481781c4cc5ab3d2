package cluster

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

func quiet() *bridge { return newBridge(slog.New(slog.NewTextHandler(io.Discard, nil))) }

// calm is a fuse whose blowing fails the test.
func calm(t *testing.T) *fuse {
	return &fuse{fatal: func(err error) { t.Errorf("the node stopped: %v", err) }}
}

func reopenVotes(t *testing.T, dir string, old *votes) *votes {
	t.Helper()
	if old != nil {
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
	}
	v, err := openVotes(dir, calm(t))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAVoteIsWrittenWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	v := reopenVotes(t, dir, nil)
	must(t, v.SetUint64([]byte(voteTermKey), 7))
	must(t, v.Set([]byte(voteForKey), []byte("hub-1")))
	must(t, v.SetUint64([]byte(voteTermKey), 8)) // and the process ends here

	v = reopenVotes(t, dir, v)
	defer v.Close()
	term, err := v.GetUint64([]byte(voteTermKey))
	if err != nil || term != 7 {
		t.Errorf("the vote is for term %d (%v); half of the next one was written", term, err)
	}
	must(t, v.SetUint64([]byte(voteTermKey), 8))
	must(t, v.Set([]byte(voteForKey), []byte("hub-2")))
	if term, err := v.GetUint64([]byte(voteTermKey)); err != nil || term != 8 {
		t.Errorf("the vote is for term %d, %v", term, err)
	}
	if who, err := v.Get([]byte(voteForKey)); err != nil || string(who) != "hub-2" {
		t.Errorf("the vote is for %q, %v", who, err)
	}
	if _, err := v.Get([]byte("never written")); err == nil || err.Error() != "not found" {
		t.Errorf("a value that was never written: %v; the library knows only the text \"not found\"", err)
	}
}

func TestTwoProcessesCannotShareAFolder(t *testing.T) {
	dir := t.TempDir()
	v := reopenVotes(t, dir, nil)
	defer v.Close()
	if _, err := openVotes(dir, calm(t)); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("the second got: %v", err)
	}
}

func TestAFlippedByteInTheLogIsNoEntry(t *testing.T) {
	dir := t.TempDir()
	log, err := openLog(dir, quiet(), calm(t))
	must(t, err)
	must(t, log.StoreLog(&raft.Log{Index: 1, Term: 1, Data: []byte("a sale of three")}))
	must(t, log.StoreLog(&raft.Log{Index: 2, Term: 1, Data: []byte("behind it")}))
	must(t, log.Close())
	flip(t, filepath.Join(dir, "*.wal"), "three")

	var told error
	log, err = openLog(dir, quiet(), &fuse{fatal: func(err error) { told = err }})
	if err == nil {
		defer log.Close()
		var l raft.Log
		err = log.GetLog(1, &l)
		if told == nil {
			t.Errorf("the node was not stopped; the entry reads %q, %v", l.Data, err)
		}
	}
	if err == nil {
		t.Error("damage was read as an entry")
	}
}

// hanging is a disk that answers when it is let go, and then with an error.
type hanging struct {
	entryLog
	letGo chan struct{}
}

var errDisk = errors.New("the disk failed")

func (h hanging) StoreLogs([]*raft.Log) error {
	<-h.letGo
	return errDisk
}

func TestADiskThatHangsOrFailsStopsTheNode(t *testing.T) {
	for _, after := range []time.Duration{storeStall - time.Second, storeStall + time.Second} {
		synctest.Test(t, func(t *testing.T) {
			telling := make(chan string, 4)
			f := &fuse{fatal: func(err error) { telling <- err.Error() }}
			disk := hanging{letGo: make(chan struct{})}
			time.AfterFunc(after, func() { close(disk.letGo) })
			if err := (guardedLog{disk, f}).StoreLog(&raft.Log{Index: 1}); !errors.Is(err, errDisk) {
				t.Errorf("the write ended with %v", err)
			}
			synctest.Wait()
			close(telling)
			var told []string
			for text := range telling {
				told = append(told, text)
			}
			want := "the disk failed"
			if after > storeStall {
				want = "has not answered"
			}
			if len(told) != 1 || !strings.Contains(told[0], want) {
				t.Errorf("after %v the program was told %q", after, told)
			}
		})
	}
}

// flip changes one byte where a file that matches holds text.
func flip(t *testing.T, pattern, text string) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	must(t, err)
	for _, name := range names {
		content, err := os.ReadFile(name)
		must(t, err)
		if at := bytes.Index(content, []byte(text)); at >= 0 {
			content[at] ^= 1
			must(t, os.WriteFile(name, content, 0o600))
			return
		}
	}
	t.Fatalf("no file %s holds %q", pattern, text)
}

func TestTheSnapshotHeaderIsTheGoldenOne(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "snapshot-header-v1.hex"))
	must(t, err)
	if got := hex.EncodeToString(imageHeader(0x0102030405060708)); got != strings.TrimSpace(string(want)) {
		t.Errorf("the header is %s, and v1 is %s", got, want)
	}
	if index, err := readImageHeader(bytes.NewReader(imageHeader(42))); err != nil || index != 42 {
		t.Errorf("read back %d, %v", index, err)
	}
	later := imageHeader(42)
	later[len(imageMagic)+1] = imageVersion + 1
	for _, bad := range [][]byte{nil, []byte("SLOGSNAP"), bytes.Repeat([]byte("x"), 40), later} {
		if _, err := readImageHeader(bytes.NewReader(bad)); err == nil {
			t.Errorf("%q was taken for a snapshot", bad)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A node's log and snapshots as a crash may leave them.
func TestSnapshotAndLogMustJoin(t *testing.T) {
	for _, test := range []struct {
		name        string
		snapshots   []uint64 // entries at which they end, term 2
		damaged     uint64   // one of them
		first, last uint64   // the log, term 2; 0: empty
		otherTerm   bool     // the log is of term 1
		refused     string
		left        uint64 // last entry of the log afterwards
	}{
		{name: "new", left: 0},
		{name: "log alone", first: 1, last: 9, left: 9},
		{name: "log goes on behind the snapshot", snapshots: []uint64{5}, first: 6, last: 9, left: 9},
		{name: "log overlaps the snapshot", snapshots: []uint64{5}, first: 2, last: 9, left: 9},
		{name: "snapshot alone", snapshots: []uint64{5}},
		{name: "log with a hole", snapshots: []uint64{5}, first: 7, last: 9, refused: "begins at entry 7"},
		{name: "log without its begin", first: 7, last: 9, refused: "begins at entry 7"},
		{name: "installed snapshot, old log still there", snapshots: []uint64{20}, first: 2, last: 9},
		{name: "installed snapshot, log of another history", snapshots: []uint64{5}, first: 2, last: 9, otherTerm: true},
		{name: "newest damaged, older one joins", snapshots: []uint64{3, 5}, damaged: 5, first: 2, last: 9, left: 9},
		{name: "newest damaged, hole below it", snapshots: []uint64{3, 5}, damaged: 5, first: 6, last: 9, refused: "begins at entry 6"},
		{name: "newest damaged, no log", snapshots: []uint64{3, 5}, damaged: 5, refused: "entry 5 is damaged"},
		{name: "newest damaged, log ends before it", snapshots: []uint64{3, 5}, damaged: 5, first: 2, last: 4, refused: "entry 5 is damaged"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			store, err := openSnapshots(dir, quiet())
			must(t, err)
			for _, index := range test.snapshots {
				sink, err := store.Create(1, index, 2, raft.Configuration{}, 1, nil)
				must(t, err)
				_, err = sink.Write([]byte("the state"))
				must(t, err)
				must(t, sink.Close())
				if index == test.damaged {
					flip(t, filepath.Join(dir, snapshotsFolder, sink.ID(), "state.bin"), "state")
				}
			}
			must(t, os.Mkdir(filepath.Join(dir, logFolder), 0o750))
			log, err := openLog(filepath.Join(dir, logFolder), quiet(), calm(t))
			must(t, err)
			defer log.Close()
			term := uint64(2)
			if test.otherTerm {
				term = 1
			}
			for i := test.first; i <= test.last && i > 0; i++ {
				must(t, log.StoreLog(&raft.Log{Index: i, Term: term}))
			}
			err = join(store, log, quiet())
			if test.refused != "" {
				if err == nil || !strings.Contains(err.Error(), test.refused) {
					t.Fatalf("got %v, want a refusal that says %q", err, test.refused)
				}
				return
			}
			must(t, err)
			if last, err := log.LastIndex(); err != nil || last != test.left {
				t.Errorf("the log ends at %d (%v), want %d", last, err, test.left)
			}
		})
	}
}

func TestASnapshotThatCannotBeReadBackIsNoSnapshot(t *testing.T) {
	dir := t.TempDir()
	store, err := openSnapshots(dir, quiet())
	must(t, err)
	sink, err := store.Create(1, 5, 2, raft.Configuration{}, 1, nil)
	must(t, err)
	_, err = sink.Write([]byte("the state"))
	must(t, err)
	inner := sink.(verifiedSink)
	inner.SnapshotSink = rotting{inner.SnapshotSink, t, filepath.Join(dir, snapshotsFolder)}
	if err := inner.Close(); err == nil {
		t.Error("a damaged snapshot was taken for finished")
	}
	if list, err := store.List(); err != nil || len(list) != 0 {
		t.Errorf("the damaged snapshot is still there: %v, %v", list, err)
	}
}

// rotting is a disk that changes a byte of what was synced.
type rotting struct {
	raft.SnapshotSink
	t      *testing.T
	folder string
}

func (r rotting) Close() error {
	err := r.SnapshotSink.Close()
	flip(r.t, filepath.Join(r.folder, r.ID(), "state.bin"), "state")
	return err
}

func TestClosingWaitsForEveryTakenSlot(t *testing.T) {
	s := newSlots()
	must(t, s.take(nil))
	now := make(chan time.Time)
	close(now)
	if err := s.drain(now); !errors.Is(err, errUndrained) {
		t.Errorf("drained with a proposal in flight: %v", err)
	}
	if err := s.take(nil); !errors.Is(err, ErrNotLeader) {
		t.Errorf("a slot was given after closing: %v", err)
	}

	s = newSlots()
	must(t, s.take(nil))
	s.give()
	must(t, s.drain(nil))
	if err := s.drain(nil); !errors.Is(err, errClosedTwice) {
		t.Errorf("the second close: %v", err)
	}
}

func TestABlownFuseTellsOnce(t *testing.T) {
	told := 0
	f := &fuse{fatal: func(error) { told++ }}
	first := errors.New("first")
	_ = f.blow(first)
	_ = f.blow(errors.New("second"))
	if told != 1 || !errors.Is(f.blown(), first) {
		t.Errorf("told %d times, cause %v", told, f.blown())
	}
}

// tail is a machine that remembers which entries it got.
type tail struct{ got []uint64 }

func (m *tail) Apply(entries []Entry) []any {
	results := make([]any, len(entries))
	for i, e := range entries {
		m.got = append(m.got, e.Index)
		results[i] = e.Index
	}
	return results
}

func (*tail) Freeze() Image { return nil }

func (*tail) Restore(io.Reader) error { return nil }

func TestEntriesThatTheSnapshotHoldsAndThoseOfTheLibraryAreLeftOut(t *testing.T) {
	machine := &tail{}
	d := newDriver(machine, calm(t))
	must(t, d.Restore(io.NopCloser(bytes.NewReader(imageHeader(5)))))
	answers := d.ApplyBatch([]*raft.Log{{Index: 5, Type: raft.LogCommand}, {Index: 6, Type: raft.LogConfiguration}, {Index: 7, Type: raft.LogCommand}, {Index: 8, Type: raft.LogCommand}})
	if want := []any{nil, nil, uint64(7), uint64(8)}; !slices.Equal(answers, want) {
		t.Errorf("answers %v, want %v", answers, want)
	}
	if !slices.Equal(machine.got, []uint64{7, 8}) || d.applied.Load() != 8 {
		t.Errorf("the machine got %v, applied %d", machine.got, d.applied.Load())
	}
}

func TestSnapshotsWithoutEndStopTheNode(t *testing.T) {
	told := 0
	d := newDriver(&tail{}, &fuse{fatal: func(error) { told++ }})
	restore := func() error { return d.Restore(io.NopCloser(bytes.NewReader(imageHeader(5)))) }
	for range maxRestores {
		must(t, restore())
	}
	d.ApplyBatch([]*raft.Log{{Index: 6, Type: raft.LogCommand}})
	for range maxRestores {
		must(t, restore())
	}
	if err := restore(); err == nil || told != 1 {
		t.Errorf("one more gave %v and told %d times", err, told)
	}
}

func TestTheLibrarySpeaksThroughOurLogger(t *testing.T) {
	var out bytes.Buffer
	log := newBridge(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo})))
	log.Info("not for people")
	log.With("node", 1).Named("net").Error("cannot dial", "servers", hclog.Fmt("%d of %d", 1, 3))
	if got := out.String(); strings.Contains(got, "not for people") || !strings.Contains(got, "level=ERROR") ||
		!strings.Contains(got, "component=raft.net") || !strings.Contains(got, `servers="1 of 3"`) || !strings.Contains(got, "node=1") {
		t.Errorf("the log says %s", got)
	}
}
