// Package journal is the applied log kept longer, on disk, in sealed segments.
//
// Promise. Every entry from the horizon on can be read back in order, byte for
// byte; damage is named by file and offset and never read as content.
//
// Owner. One goroutine appends and syncs. Anybody may read at the same time: a
// reader sees what was flushed, through files of its own.
//
// Flow.
//
//	Append -> buffer -> Sync -> segment file -> Read
//	full segment -> sealed -> Retain drops whole old ones
//
// A segment is named after its first index and begins with eight bytes ("SJRN",
// version, minimum reader, two zero). A record is a head of 24 bytes, big endian
// (length of body, CRC-32C of index, stamp and body, index, wall stamp in ms),
// and the body.
package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync/atomic"

	"github.com/shelfsync/shelfsync/protocol"
)

const (
	magic         = "SJRN"
	version       = 1
	minimumReader = 1
	headerBytes   = 8
	headBytes     = 24
	// indexEvery is how many bytes of records lie between two marks of the
	// sparse index.
	indexEvery = 64 << 10
)

// Errors of Open and Read; they arrive with file and offset.
var (
	ErrMagic   = errors.New("not a journal segment")
	ErrVersion = errors.New("journal segment needs a later version of this program")
	ErrDamaged = errors.New("journal record is damaged")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Record is one journalled entry.
type Record struct {
	Index uint64
	At    int64 // wall stamp, unix ms
	Body  []byte
}

// Config bounds a journal. Zero: the limits of the product.
type Config struct {
	SegmentBytes int64
}

// Journal is a folder of segments. One goroutine appends; anybody reads.
type Journal struct {
	dir    string
	config Config
	file   *os.File
	out    *bufio.Writer
	size   int64 // of the open segment, buffered bytes included
	next   uint64
	shown  atomic.Pointer[shown]
	list   []segment // owned by the appender; shown holds copies
}

// segment is one file: its first index, how many of its bytes are on disk, and
// its sparse index.
type segment struct {
	first uint64
	bytes int64
	marks []mark
}

type mark struct {
	index  uint64
	offset int64
}

// shown is what readers see.
type shown struct {
	segments []segment
	last     uint64
}

// Open reads the folder's segments, cuts a torn tail off the newest and goes on
// behind it.
func Open(dir string, config Config) (*Journal, error) {
	if config.SegmentBytes == 0 {
		config.SegmentBytes = protocol.JournalSegmentBytes
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make journal folder: %w", err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	j := &Journal{dir: dir, config: config}
	for i, name := range names {
		s, last, err := scan(name, i == len(names)-1)
		if err != nil {
			return nil, err
		}
		if last > 0 {
			j.list, j.next = append(j.list, s), last+1
		} else if err := os.Remove(name); err != nil { // an empty newest segment
			return nil, fmt.Errorf("remove empty segment: %w", err)
		}
	}
	if n := len(j.list); n > 0 {
		newest := j.list[n-1]
		if j.file, err = os.OpenFile(j.path(newest.first), os.O_WRONLY|os.O_APPEND, 0o640); err != nil {
			return nil, fmt.Errorf("open journal segment: %w", err)
		}
		j.out, j.size = bufio.NewWriterSize(j.file, 256<<10), newest.bytes
	}
	j.show()
	return j, nil
}

func (j *Journal) path(first uint64) string {
	return filepath.Join(j.dir, fmt.Sprintf("%020d.journal", first))
}

// scan walks a segment's records; a torn tail is an error but in the newest,
// where a crash leaves one, and there it is cut off.
func scan(path string, newest bool) (s segment, last uint64, err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return s, 0, fmt.Errorf("open journal segment: %w", err)
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, 256<<10)
	if err := checkHeader(in); err != nil {
		if newest && errors.Is(err, io.ErrUnexpectedEOF) {
			return s, 0, nil
		}
		return s, 0, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	s.bytes = headerBytes
	for {
		record, err := readRecord(in)
		if err == io.EOF {
			return s, last, nil
		}
		if err != nil && newest {
			return s, last, cut(file, s.bytes)
		}
		if err != nil {
			return s, 0, fmt.Errorf("%s at byte %d: %w", filepath.Base(path), s.bytes, err)
		}
		if last == 0 {
			s.first = record.Index
		}
		s.note(record.Index, s.bytes)
		s.bytes += int64(headBytes + len(record.Body))
		last = record.Index
	}
}

func cut(file *os.File, size int64) error {
	if err := errors.Join(file.Truncate(size), file.Sync()); err != nil {
		return fmt.Errorf("cut torn tail of the journal: %w", err)
	}
	return nil
}

func (s *segment) note(index uint64, offset int64) {
	if n := len(s.marks); n == 0 || offset-s.marks[n-1].offset >= indexEvery {
		s.marks = append(s.marks, mark{index, offset})
	}
}

func checkHeader(in io.Reader) error {
	var header [headerBytes]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return io.ErrUnexpectedEOF
	}
	switch {
	case string(header[:4]) != magic:
		return ErrMagic
	case header[5] > version:
		return fmt.Errorf("%w (reader %d, have %d)", ErrVersion, header[5], version)
	}
	return nil
}

// readRecord reads one record; io.EOF only at a clean end.
func readRecord(in io.Reader) (r Record, err error) {
	var head [headBytes]byte
	if n, err := io.ReadFull(in, head[:]); err != nil {
		if n == 0 {
			return r, io.EOF
		}
		return r, ErrDamaged
	}
	length := binary.BigEndian.Uint32(head[:])
	if length > protocol.MaxJournalRecord {
		return r, ErrDamaged
	}
	r.Body = make([]byte, length)
	if _, err := io.ReadFull(in, r.Body); err != nil {
		return r, ErrDamaged
	}
	sum := crc32.Update(crc32.Checksum(head[8:], castagnoli), castagnoli, r.Body)
	if sum != binary.BigEndian.Uint32(head[4:]) {
		return r, ErrDamaged
	}
	r.Index, r.At = binary.BigEndian.Uint64(head[8:]), int64(binary.BigEndian.Uint64(head[16:]))
	return r, nil
}

// Append buffers one entry. An index at or below the last is kept already.
func (j *Journal) Append(index uint64, at int64, body []byte) error {
	if index < j.next {
		return nil
	}
	if len(body) > protocol.MaxJournalRecord {
		return fmt.Errorf("journal entry %d: %d bytes are more than a record holds", index, len(body))
	}
	if j.file == nil || j.size >= j.config.SegmentBytes {
		if err := j.rotate(index); err != nil {
			return err
		}
	}
	var head [headBytes]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(body)))
	binary.BigEndian.PutUint64(head[8:], index)
	binary.BigEndian.PutUint64(head[16:], uint64(at))
	binary.BigEndian.PutUint32(head[4:], crc32.Update(crc32.Checksum(head[8:], castagnoli), castagnoli, body))
	_, err := j.out.Write(head[:])
	if err == nil {
		_, err = j.out.Write(body)
	}
	if err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	j.list[len(j.list)-1].note(index, j.size)
	j.size += int64(headBytes + len(body))
	j.next = index + 1
	return nil
}

// rotate seals the open segment and begins one at index.
func (j *Journal) rotate(index uint64) error {
	if j.file != nil {
		if err := j.Sync(); err != nil {
			return err
		}
		if err := j.file.Close(); err != nil {
			return fmt.Errorf("seal journal segment: %w", err)
		}
	}
	file, err := os.OpenFile(j.path(index), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("begin journal segment: %w", err)
	}
	folder, err := os.Open(j.dir)
	if err != nil {
		return fmt.Errorf("begin journal segment: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("begin journal segment: %w", err)
	}
	j.file, j.out, j.size = file, bufio.NewWriterSize(file, 256<<10), headerBytes
	j.list = append(j.list, segment{first: index})
	if _, err := j.out.Write([]byte{magic[0], magic[1], magic[2], magic[3], version, minimumReader, 0, 0}); err != nil {
		return fmt.Errorf("begin journal segment: %w", err)
	}
	return nil
}

// Sync puts what was appended on disk and shows it to readers.
func (j *Journal) Sync() error {
	if j.file == nil || j.list[len(j.list)-1].bytes == j.size {
		return nil
	}
	if err := errors.Join(j.out.Flush(), j.file.Sync()); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	j.list[len(j.list)-1].bytes = j.size
	j.show()
	return nil
}

// Flush shows readers what was appended, before it is synced.
func (j *Journal) Flush() error {
	if j.file == nil {
		return nil
	}
	if err := j.out.Flush(); err != nil {
		return fmt.Errorf("flush journal: %w", err)
	}
	segments := append([]segment(nil), j.list...)
	segments[len(segments)-1].bytes = j.size
	j.shown.Store(&shown{segments, j.next - 1})
	return nil
}

func (j *Journal) show() {
	last := uint64(0)
	if j.next > 0 {
		last = j.next - 1
	}
	j.shown.Store(&shown{append([]segment(nil), j.list...), last})
}

// Last is the newest index that readers can see.
func (j *Journal) Last() uint64 { return j.shown.Load().last }

// Horizon is the oldest index kept, 0 if nothing is.
func (j *Journal) Horizon() uint64 {
	if s := j.shown.Load(); len(s.segments) > 0 {
		return s.segments[0].first
	}
	return 0
}

// Appended is the newest index appended, shown or not; only the appender asks.
func (j *Journal) Appended() uint64 {
	if j.next == 0 {
		return 0
	}
	return j.next - 1
}

// Read returns the records after an index: at most so many, and no more bytes of
// bodies than maxBytes, but always one if there is one.
func (j *Journal) Read(after uint64, max, maxBytes int) (records []Record, err error) {
	shown := j.shown.Load()
	at := sort.Search(len(shown.segments), func(i int) bool { return shown.segments[i].first > after })
	for i := at - 1; i < len(shown.segments); i++ {
		if i < 0 {
			continue
		}
		done, err := j.read(&shown.segments[i], after, max, &maxBytes, &records)
		if err != nil || done {
			return records, err
		}
	}
	return records, nil
}

func (j *Journal) read(s *segment, after uint64, max int, left *int, records *[]Record) (done bool, err error) {
	file, err := os.Open(j.path(s.first))
	if err != nil {
		return false, fmt.Errorf("open journal segment: %w", err)
	}
	defer file.Close()
	offset := int64(headerBytes)
	if k := sort.Search(len(s.marks), func(k int) bool { return s.marks[k].index > after }); k > 0 {
		offset = s.marks[k-1].offset
	}
	in := bufio.NewReaderSize(io.NewSectionReader(file, offset, s.bytes-offset), 64<<10)
	for {
		record, err := readRecord(in)
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("%s at byte %d: %w", filepath.Base(j.path(s.first)), offset, err)
		}
		offset += int64(headBytes + len(record.Body))
		if record.Index <= after {
			continue
		}
		if len(*records) == max || len(*records) > 0 && len(record.Body) > *left {
			return true, nil
		}
		*left -= len(record.Body)
		*records = append(*records, record)
	}
}

// Retain drops whole segments that hold nothing at or after index.
func (j *Journal) Retain(index uint64) error {
	for len(j.list) > 1 && j.list[1].first <= index {
		path := j.path(j.list[0].first)
		j.list = j.list[1:]
		j.show()
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("drop journal segment: %w", err)
		}
	}
	return nil
}

// Close syncs and ends the journal.
func (j *Journal) Close() error {
	if j.file == nil {
		return nil
	}
	return errors.Join(j.Sync(), j.file.Close())
}
