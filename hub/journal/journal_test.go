package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string, config Config) *Journal {
	t.Helper()
	j, err := Open(dir, config)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = j.Close() }) // a second close of the same file says so
	return j
}

// entry is what these tests journal at an index: bodies of different lengths,
// the empty one among them.
func entry(index uint64) Record {
	body := strings.Repeat(fmt.Sprintf("<%d>", index), int(index%7))
	return Record{index, 1_700_000_000_000 + int64(index), []byte(body)}
}

func put(t *testing.T, j *Journal, from, to uint64) {
	t.Helper()
	for i := from; i <= to; i++ {
		e := entry(i)
		if err := j.Append(e.Index, e.At, e.Body); err != nil {
			t.Fatalf("append %d: %v", i, err)
		}
	}
	if err := j.Sync(); err != nil {
		t.Fatalf("sync: %v", err)
	}
}

// holds checks that the journal gives exactly the entries from..to after an index.
func holds(t *testing.T, j *Journal, after, from, to uint64) {
	t.Helper()
	records, err := j.Read(after, 1<<20, 1<<30)
	if err != nil {
		t.Fatalf("read after %d: %v", after, err)
	}
	if len(records) != int(to+1-from) {
		t.Fatalf("%d records after %d, want %d", len(records), after, to+1-from)
	}
	for i, r := range records {
		want := entry(from + uint64(i))
		if r.Index != want.Index || r.At != want.At || !bytes.Equal(r.Body, want.Body) {
			t.Fatalf("record %d is %+v, want %+v", i, r, want)
		}
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestEntriesComeBackInOrderOverManySegmentsAndARestart(t *testing.T) {
	dir, config := t.TempDir(), Config{SegmentBytes: 500}
	j := open(t, dir, config)
	put(t, j, 1, 200)
	for _, after := range []uint64{0, 1, 57, 100, 199, 200, 500} {
		holds(t, j, after, min(after, 200)+1, 200)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir, config)
	put(t, again, 150, 220) // up to 200 is kept already
	holds(t, again, 0, 1, 220)
	if again.Last() != 220 || again.Horizon() != 1 || len(files(t, dir)) < 10 {
		t.Fatalf("last %d, horizon %d, %d segments", again.Last(), again.Horizon(), len(files(t, dir)))
	}
}

func TestAPageIsBoundedByCountAndBytes(t *testing.T) {
	j := open(t, t.TempDir(), Config{})
	for i := uint64(1); i <= 10; i++ {
		if err := j.Append(i, 0, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, page := range []struct{ after, most, bytes, want int }{
		{0, 3, 1 << 20, 3}, {0, 100, 250, 2}, {0, 100, 1, 1}, {8, 100, 1 << 20, 2}, {10, 100, 1 << 20, 0}, {0, 0, 1 << 20, 0},
	} {
		records, err := j.Read(uint64(page.after), page.most, page.bytes)
		if err != nil || len(records) != page.want {
			t.Errorf("%+v gave %d records, %v", page, len(records), err)
		}
	}
}

func TestATornTailIsCutAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{})
	put(t, j, 1, 5)
	whole := j.newest.bytes
	put(t, j, 6, 6)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(files(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	for size := int(whole); size < len(content); size++ {
		torn := t.TempDir()
		if err := os.WriteFile(filepath.Join(torn, filepath.Base(files(t, dir)[0])), content[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		again := open(t, torn, Config{})
		holds(t, again, 0, 1, 5)
		put(t, again, 6, 8)
		holds(t, again, 0, 1, 8)
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		holds(t, open(t, torn, Config{}), 0, 1, 8)
	}
}

func TestASegmentThatHardlyBeganIsBegunAgain(t *testing.T) {
	for size := range headerBytes + 1 {
		dir := t.TempDir()
		j := open(t, dir, Config{SegmentBytes: 1})
		put(t, j, 1, 1)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%020d.journal", 2)), header(false)[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		again := open(t, dir, Config{SegmentBytes: 1})
		put(t, again, 2, 3)
		holds(t, again, 0, 1, 3)
	}
}

func TestAFlippedByteIsNamedByFileAndOffset(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{})
	for i := uint64(1); i <= 4; i++ {
		put(t, j, i, i) // each synced, so the next one knows that it was
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	name := files(t, dir)[0]
	sound, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	second := int64(headerBytes) + entry(1).size()
	for at := second; at < second+entry(2).size(); at++ {
		flipped := bytes.Clone(sound)
		flipped[at] ^= 0x10
		if err := os.WriteFile(name, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, Config{})
		named(t, err, name, second)
		j.index(t).Store(nil) // a reader in a process that does not know the file
		_, err = j.Read(0, 100, 1<<20)
		named(t, err, name, second)
	}
}

func TestWhatWasNotSyncedMayBeTornInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{})
	put(t, j, 1, 3)
	synced := j.newest.bytes
	for i := uint64(4); i <= 9; i++ {
		e := entry(i)
		if err := j.Append(e.Index, e.At, e.Body); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	name := files(t, dir)[0]
	content, err := os.ReadFile(name) // a power cut: a later page is on disk, an earlier one is not
	if err != nil {
		t.Fatal(err)
	}
	content[synced+headBytes] ^= 1
	torn := t.TempDir()
	if err := os.WriteFile(filepath.Join(torn, filepath.Base(name)), content, 0o600); err != nil {
		t.Fatal(err)
	}
	again := open(t, torn, Config{})
	holds(t, again, 0, 1, 3)
	put(t, again, 4, 9)
	holds(t, again, 0, 1, 9)
}

// index is the sparse index that readers of the newest segment share.
func (j *Journal) index(t *testing.T) interface{ Store(*[]mark) } {
	t.Helper()
	return j.newest.index
}

func named(t *testing.T, err error, name string, offset int64) {
	t.Helper()
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), fmt.Sprintf("%s at byte %d", filepath.Base(name), offset)) {
		t.Fatalf("damage in %s at byte %d was reported as: %v", filepath.Base(name), offset, err)
	}
}

func TestReadersFollowTheAppender(t *testing.T) {
	j := open(t, t.TempDir(), Config{SegmentBytes: 4000})
	const count = 3000
	done := make(chan error, 4)
	for range cap(done) {
		go func() { done <- follow(j, count) }() // the loop below waits for it
	}
	for i := uint64(1); i <= count; i++ {
		e := entry(i)
		if err := j.Append(e.Index, e.At, e.Body); err != nil {
			t.Fatal(err)
		}
		if i%11 == 0 || i == count {
			if err := j.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// follow reads until it has seen every entry up to count, in order.
func follow(j *Journal, count uint64) error {
	after := uint64(0)
	for after < count {
		last := j.Last()
		records, err := j.Read(after, 50, 1<<20)
		if err != nil {
			return err
		}
		if len(records) == 0 && last > after {
			return fmt.Errorf("nothing after %d, and %d was shown", after, last)
		}
		for _, r := range records {
			if want := entry(after + 1); r.Index != want.Index || !bytes.Equal(r.Body, want.Body) {
				return fmt.Errorf("%+v came after %d", r, after)
			}
			after = r.Index
		}
	}
	return nil
}

func TestRetainDropsWholeOldSegments(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{SegmentBytes: 300})
	put(t, j, 1, 100)
	before := len(files(t, dir))
	if err := j.Retain(60); err != nil {
		t.Fatal(err)
	}
	horizon := j.Horizon()
	if horizon <= 1 || horizon > 60 || len(files(t, dir)) >= before {
		t.Fatalf("horizon %d with %d of %d segments", horizon, len(files(t, dir)), before)
	}
	holds(t, j, 0, horizon, 100)
	holds(t, j, 59, 60, 100)
	if err := j.Retain(1_000); err != nil {
		t.Fatal(err)
	}
	if len(files(t, dir)) != 1 || j.Last() != 100 {
		t.Fatalf("%d segments and last %d: the newest must stay", len(files(t, dir)), j.Last())
	}
	put(t, j, 101, 110)
	holds(t, j, 100, 101, 110)
}

// failing is a disk whose syncs fail once it is told so.
type failing struct {
	File
	broken *bool
	syncs  *int
}

var errDisk = errors.New("the disk failed")

func (f failing) Sync() error {
	*f.syncs++
	if *f.broken {
		return errDisk
	}
	return f.File.Sync()
}

func TestNothingIsWrittenAfterTheDiskFailed(t *testing.T) {
	broken, syncs := false, 0
	dir := t.TempDir()
	j := open(t, dir, Config{Append: func(path string) (File, error) {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		return failing{file, &broken, &syncs}, err
	}})
	put(t, j, 1, 3)
	broken = true
	if err := j.Append(4, 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := j.Sync(); !errors.Is(err, errDisk) {
		t.Fatalf("sync: %v", err)
	}
	broken = false // a second sync would say yes to pages that the system has dropped
	before := syncs
	for what, err := range map[string]error{"append": j.Append(5, 0, nil), "flush": j.Flush(), "sync": j.Sync(), "retain": j.Retain(1)} {
		if !errors.Is(err, ErrStopped) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if syncs != before {
		t.Error("the file was synced again after a failed sync")
	}
}
