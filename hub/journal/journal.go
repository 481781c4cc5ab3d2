// Package journal is the applied log kept longer, on disk, in sealed segments.
//
// Promise. Every entry from the horizon on can be read back in order, byte for
// byte. Damage is named by file and offset and never read as content. Only what
// was synced last, with nothing behind it, cannot be told from a write that a
// crash tore: Open cuts it off, and Last tells from where to write it again.
//
// Owner. One goroutine appends, syncs and retains. Anybody may read at the same
// time, through files of its own, what the owner has published.
//
// Flow.
//
//	Append -> buffer -> Flush (readers see it) -> Sync (it is on disk)
//	full segment -> synced and sealed -> next segment
//	Retain -> oldest sealed segments removed -> horizon moves up
//	Open -> newest segment walked, torn tail cut -> Append goes on behind it
//
// Invariants. Indices only grow. A segment is named after its first index. All
// segments but the newest are sealed and whole. After an error of the disk
// nothing more is written: what such a disk holds is known only after Open.
package journal

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"sync/atomic"

	"github.com/shelfsync/shelfsync/protocol"
)

// Record is one journalled entry.
type Record struct {
	Index uint64
	At    int64 // wall stamp, unix ms
	Body  []byte
}

// Config is what a journal is made of.
type Config struct {
	// SegmentBytes is where a segment is sealed; zero: the limit of the product.
	SegmentBytes int64
	// Append opens a file for appending and makes it if it is new; nil: the disk.
	Append func(path string) (File, error)
}

// File is a segment that is written.
type File interface {
	io.WriteCloser
	Sync() error
}

// Journal is a folder of segments.
type Journal struct {
	dir    string
	config Config
	shown  atomic.Pointer[shown] // for readers; what follows is the owner's

	sealed []segment
	newest segment // its bytes count what is buffered as well
	marks  marks   // of newest
	file   File    // nil before the first record
	out    *bufio.Writer
	synced int64 // bytes of newest that are on disk
	last   uint64
	broken bool
	frame  []byte
}

// shown is what readers see; it is never changed.
type shown struct {
	segments []segment
	last     uint64
}

// bufferBytes gathers small records into large writes.
const bufferBytes = 256 << 10

// Errors of the owner's calls.
var (
	ErrStopped  = errors.New("the journal stopped at an earlier error of its disk")
	ErrTooLarge = errors.New("the entry is larger than a journal record may be")
)

// Open finds the folder's segments, cuts a torn tail off the newest and goes on
// behind it. A new folder is made.
func Open(dir string, config Config) (*Journal, error) {
	config.SegmentBytes = cmp.Or(config.SegmentBytes, protocol.JournalSegmentBytes)
	if config.Append == nil {
		config.Append = func(path string) (File, error) {
			return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
		}
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make journal folder: %w", err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil {
		return nil, fmt.Errorf("list journal segments: %w", err)
	}
	sort.Strings(paths)
	j := &Journal{dir: dir, config: config}
	for len(paths) > 0 && j.file == nil {
		n := len(paths) - 1
		if err := j.resume(paths[n]); err != nil {
			return nil, err
		}
		paths = paths[:n]
	}
	for _, path := range paths {
		s, err := sealedSegment(path)
		if err != nil {
			return nil, err
		}
		j.sealed = append(j.sealed, s)
	}
	j.publish()
	return j, nil
}

// resume goes on behind the last record of a segment. One without any is what a
// crash left of a beginning, and is removed.
func (j *Journal) resume(path string) error {
	found, err := recoverNewest(path)
	if err != nil {
		return err
	}
	if found.last == 0 {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove empty journal segment: %w", err)
		}
		return nil
	}
	if err := cut(path, found.bytes); err != nil {
		return err
	}
	if j.file, err = j.config.Append(path); err != nil {
		return fmt.Errorf("open journal segment: %w", err)
	}
	j.out = bufio.NewWriterSize(j.file, bufferBytes)
	j.newest = segment{path, found.first, found.bytes, &atomic.Pointer[[]mark]{}}
	j.marks, j.synced, j.last = found.marks, found.bytes, found.last
	return nil
}

// cut removes a torn tail, and puts on disk what the crash may have left in the
// system's memory.
func cut(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cut torn tail of the journal: %w", err)
	}
	if err := errors.Join(file.Truncate(size), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("cut torn tail of the journal: %w", err)
	}
	return nil
}

func sealedSegment(path string) (s segment, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return s, fmt.Errorf("open journal segment: %w", err)
	}
	s = segment{path: path, bytes: info.Size(), index: &atomic.Pointer[[]mark]{}}
	if _, err := fmt.Sscanf(filepath.Base(path), "%020d.journal", &s.first); err != nil {
		return s, fmt.Errorf("%s: %w", filepath.Base(path), ErrMagic)
	}
	return s, nil
}

// Append buffers one entry; its body is copied. An index at or below the last is
// kept already.
func (j *Journal) Append(index uint64, at int64, body []byte) error {
	switch {
	case j.broken:
		return ErrStopped
	case index <= j.last:
		return nil
	case len(body) > protocol.MaxJournalRecord:
		return fmt.Errorf("journal entry %d: %d bytes: %w", index, len(body), ErrTooLarge)
	}
	if j.file == nil || j.newest.bytes >= j.config.SegmentBytes {
		if err := j.begin(index); err != nil {
			return err
		}
	}
	j.frame = appendRecord(j.frame[:0], Record{index, at, body}, j.synced)
	if _, err := j.out.Write(j.frame); err != nil {
		return j.stop("append to journal", err)
	}
	j.marks.note(index, j.newest.bytes)
	j.newest.bytes += int64(len(j.frame))
	j.last = index
	return nil
}

// stop remembers that the disk failed.
func (j *Journal) stop(doing string, err error) error {
	j.broken = true
	return fmt.Errorf("%s: %w", doing, err)
}

// begin seals the newest segment and makes the next, whose first record is index.
func (j *Journal) begin(index uint64) error {
	if j.file != nil {
		if err := j.Sync(); err != nil {
			return err
		}
		if err := j.file.Close(); err != nil {
			return j.stop("seal journal segment", err)
		}
		j.sealed = append(j.sealed[:len(j.sealed):len(j.sealed)], j.newest)
		j.file = nil
	}
	path := filepath.Join(j.dir, fmt.Sprintf("%020d.journal", index))
	file, err := j.config.Append(path)
	if err == nil {
		err = syncFolder(j.dir)
	}
	if err != nil {
		return j.stop("begin journal segment", err)
	}
	j.file, j.out = file, bufio.NewWriterSize(file, bufferBytes)
	j.newest = segment{path, index, headerBytes, &atomic.Pointer[[]mark]{}}
	j.marks, j.synced = nil, 0
	if _, err := j.out.Write(header()); err != nil {
		return j.stop("begin journal segment", err)
	}
	return nil
}

// Flush lets readers see what was appended, before it is on disk.
func (j *Journal) Flush() error {
	if j.broken {
		return ErrStopped
	}
	if j.file == nil {
		return nil
	}
	if err := j.out.Flush(); err != nil {
		return j.stop("flush journal", err)
	}
	j.publish()
	return nil
}

// Sync puts what was appended on disk.
func (j *Journal) Sync() error {
	if err := j.Flush(); err != nil {
		return err
	}
	if j.synced == j.newest.bytes {
		return nil
	}
	if err := j.file.Sync(); err != nil {
		return j.stop("sync journal", err)
	}
	j.synced = j.newest.bytes
	return nil
}

func (j *Journal) publish() {
	segments := j.sealed
	if j.file != nil {
		built := []mark(j.marks)
		j.newest.index.Store(&built)
		segments = append(j.sealed[:len(j.sealed):len(j.sealed)], j.newest)
	}
	j.shown.Store(&shown{segments, j.last})
}

// Last is the newest index that readers can see, 0 if there is none.
func (j *Journal) Last() uint64 { return j.shown.Load().last }

// Horizon is the oldest index kept, 0 if nothing is.
func (j *Journal) Horizon() uint64 {
	if s := j.shown.Load(); len(s.segments) > 0 {
		return s.segments[0].first
	}
	return 0
}

// Read returns the records after an index, from the horizon on: at most so many,
// and not more than maxBytes of bodies, but always one if there is one.
func (j *Journal) Read(after uint64, most, maxBytes int) (records []Record, err error) {
	segments := j.shown.Load().segments
	from := sort.Search(len(segments), func(i int) bool { return segments[i].first > after })
	full := most <= 0
	for i := max(from-1, 0); i < len(segments) && !full; i++ {
		s := &segments[i]
		offset, err := s.offset(after)
		if err == nil && offset < s.bytes {
			err = s.walk(offset, func(r Record, _ int64) bool {
				if r.Index <= after {
					return true
				}
				full = len(records) == most || len(records) > 0 && len(r.Body) > maxBytes
				if !full {
					maxBytes -= len(r.Body)
					records = append(records, r)
				}
				return !full
			})
		}
		if errors.Is(err, fs.ErrNotExist) && j.Horizon() != segments[0].first {
			continue // dropped since we looked
		}
		if err != nil {
			return nil, err
		}
	}
	return records, nil
}

// Retain drops the oldest segments that hold nothing at or after an index; the
// newest stays.
func (j *Journal) Retain(index uint64) error {
	if j.broken {
		return ErrStopped
	}
	for len(j.sealed) > 0 {
		next := j.newest.first
		if len(j.sealed) > 1 {
			next = j.sealed[1].first
		}
		if next > index {
			return nil
		}
		path := j.sealed[0].path
		j.sealed = j.sealed[1:]
		j.publishRetained()
		if err := os.Remove(path); err != nil {
			return j.stop("drop journal segment", err)
		}
	}
	return nil
}

// Reset drops everything, so that the next record is the horizon. The oldest go
// first: what a crash leaves behind is a whole journal with a later horizon.
func (j *Journal) Reset() error {
	if j.broken {
		return ErrStopped
	}
	if j.file == nil {
		return nil
	}
	if err := j.file.Close(); err != nil {
		return j.stop("close journal segment", err)
	}
	dropped := append(j.sealed[:len(j.sealed):len(j.sealed)], j.newest)
	j.file, j.out, j.sealed, j.newest, j.marks, j.synced, j.last = nil, nil, nil, segment{}, nil, 0, 0
	j.publish()
	for _, s := range dropped {
		if err := os.Remove(s.path); err != nil {
			return j.stop("drop journal segment", err)
		}
	}
	return nil
}

// publishRetained moves the horizon up and shows nothing that is only buffered.
func (j *Journal) publishRetained() {
	old := j.shown.Load()
	j.shown.Store(&shown{old.segments[1:], old.last})
}

// Close syncs and ends the journal; readers may go on.
func (j *Journal) Close() error {
	if j.file == nil {
		return nil
	}
	var err error
	if !j.broken {
		err = j.Sync()
	}
	return errors.Join(err, j.file.Close())
}

// syncFolder puts a new file's name on disk. Windows does so by itself and
// refuses to be asked.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
