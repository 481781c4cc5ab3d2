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
//	sealed segment -> Index (beside the owner) -> sparse index, by which Find skips it
//	Retain -> oldest sealed segments removed -> horizon moves up
//	Jump -> the next segment begins after a gap -> Before, Join on another node's bytes -> Adopt -> horizon moves down
//	Open -> newest segment walked, torn tail cut -> Append goes on behind it
//
// Invariants. Indices only grow. A segment is named after its first index. All
// segments but the newest are sealed and whole; of a sealed one only the byte
// changes that says whether something is missing before it. Readers see the
// newest run without a gap, and nothing below it. A sparse index can be lost at
// any time: without it readers are slower, and never wrong. After an error of the
// disk nothing more is written: what such a disk holds is known only after Open.
package journal

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
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
	lastAt int64 // its wall stamp
	jumped bool  // what was applied next was never here: the next segment begins after a gap
	broken bool
	frame  []byte
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
	paths, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
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
	j.newest = newSegment(path, found.first, found.bytes)
	j.newest.gap = found.gap
	j.marks, j.synced, j.last, j.lastAt = found.marks, found.bytes, found.last, found.lastAt
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
	s = newSegment(path, 0, info.Size())
	if _, err := fmt.Sscanf(filepath.Base(path), "%020d"+segmentSuffix, &s.first); err != nil {
		return s, fmt.Errorf("%s: %w", filepath.Base(path), ErrMagic)
	}
	file, err := os.Open(path)
	if err != nil {
		return s, fmt.Errorf("open journal segment: %w", err)
	}
	defer file.Close() // only read
	if s.gap, err = checkHeader(file); err != nil {
		return s, fmt.Errorf("%s: %w", filepath.Base(path), err)
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
	j.last, j.lastAt = index, at
	return nil
}

// stop remembers that the disk failed.
func (j *Journal) stop(doing string, err error) error {
	j.broken = true
	return fmt.Errorf("%s: %w", doing, err)
}

// seal ends the newest segment.
func (j *Journal) seal() error {
	if j.file == nil {
		return nil
	}
	if err := j.Sync(); err != nil {
		return err
	}
	if err := j.file.Close(); err != nil {
		return j.stop("seal journal segment", err)
	}
	j.sealed = append(j.sealed[:len(j.sealed):len(j.sealed)], j.newest)
	j.file, j.newest, j.synced = nil, segment{}, 0
	return nil
}

// begin seals the newest segment and makes the next, whose first record is index.
func (j *Journal) begin(index uint64) error {
	if err := j.seal(); err != nil {
		return err
	}
	path := j.segmentPath(index)
	file, err := j.config.Append(path)
	if err == nil {
		err = syncFolder(j.dir)
	}
	if err != nil {
		return j.stop("begin journal segment", err)
	}
	j.file, j.out = file, bufio.NewWriterSize(file, bufferBytes)
	j.newest = newSegment(path, index, headerBytes)
	j.newest.gap, j.jumped = j.jumped, false
	j.marks, j.synced = nil, 0
	if _, err := j.out.Write(header(j.newest.gap)); err != nil {
		return j.stop("begin journal segment", err)
	}
	return nil
}

func (j *Journal) segmentPath(first uint64) string {
	return filepath.Join(j.dir, fmt.Sprintf("%020d"+segmentSuffix, first))
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
	if j.file == nil || j.synced == j.newest.bytes {
		return nil
	}
	if err := j.file.Sync(); err != nil {
		return j.stop("sync journal", err)
	}
	j.synced = j.newest.bytes
	return nil
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
