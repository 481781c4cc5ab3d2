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

// A segment file begins with magic, version, minimum reader, one byte that is 1
// where entries are missing before it, and a zero byte.
// Records follow, each a head and a body; numbers are big endian. The head is
//
//	length of the body   4 bytes
//	CRC-32C              4 bytes, of the rest of the head and the body
//	index                8 bytes
//	wall stamp, unix ms  8 bytes
//	synced               4 bytes: so much of this file was on disk before
const (
	magic         = "SJRN"
	version       = 1
	minimumReader = 1
	headerBytes   = 8
	headBytes     = 28
	// segmentSuffix ends the name of a segment.
	segmentSuffix = ".journal"
	// markEvery is how many bytes lie between two marks of the sparse index.
	markEvery = 64 << 10
)

// Errors of Open and Read; they arrive with file and offset.
var (
	ErrMagic   = errors.New("not a journal segment")
	ErrVersion = errors.New("the segment was written by a later version of this program: install that one")
	ErrDamaged = errors.New("the record is damaged: restore this file from a backup or another node")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segment is one file as readers see it. Sealed ones never change; the newest is
// read up to bytes.
type segment struct {
	path  string
	first uint64
	bytes int64
	gap   bool // entries before it are missing, or nobody knows
	// index is built by the appender, or by the first reader of a segment that
	// was sealed in an earlier life.
	index *atomic.Pointer[[]mark]
	// sparse is the index beside a sealed segment; nil: there is none yet.
	sparse *atomic.Pointer[sparse]
}

func newSegment(path string, first uint64, bytes int64) segment {
	return segment{path, first, bytes, false, &atomic.Pointer[[]mark]{}, &atomic.Pointer[sparse]{}}
}

// mark says where the record of an index begins.
type mark struct {
	index  uint64
	offset int64
}

// marks grow with every markEvery bytes.
type marks []mark

func (m *marks) note(index uint64, offset int64) {
	if n := len(*m); n == 0 || offset-(*m)[n-1].offset >= markEvery {
		*m = append(*m, mark{index, offset})
	}
}

// gapByte is the offset of the byte that says so.
const gapByte = 6

func header(gap bool) []byte {
	b := append([]byte(magic), version, minimumReader, 0, 0)
	if gap {
		b[gapByte] = 1
	}
	return b
}

func checkHeader(in io.Reader) (gap bool, err error) {
	var b [headerBytes]byte
	if _, err := io.ReadFull(in, b[:]); err != nil {
		return false, io.ErrUnexpectedEOF
	}
	switch {
	case string(b[:len(magic)]) != magic:
		return false, ErrMagic
	case b[5] > version:
		return false, fmt.Errorf("reader %d is needed and this is %d: %w", b[5], version, ErrVersion)
	}
	return b[gapByte] != 0, nil
}

// appendRecord puts one record behind b.
func appendRecord(b []byte, r Record, synced int64) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.Body)))
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint64(b, r.Index)
	b = binary.BigEndian.AppendUint64(b, uint64(r.At))
	b = binary.BigEndian.AppendUint32(b, uint32(synced))
	b = append(b, r.Body...)
	binary.BigEndian.PutUint32(b[start+4:], crc32.Checksum(b[start+8:], castagnoli))
	return b
}

// readRecord reads one record; io.EOF only at a clean end.
func readRecord(in io.Reader) (r Record, synced int64, err error) {
	var head [headBytes]byte
	if n, err := io.ReadFull(in, head[:]); err == io.EOF && n == 0 {
		return r, 0, io.EOF
	} else if err != nil {
		return r, 0, damaged(err)
	}
	length := binary.BigEndian.Uint32(head[:])
	if length > protocol.MaxJournalRecord {
		return r, 0, ErrDamaged
	}
	r.Body = make([]byte, length)
	if _, err := io.ReadFull(in, r.Body); err != nil {
		return r, 0, damaged(err)
	}
	sum := crc32.Update(crc32.Checksum(head[8:], castagnoli), castagnoli, r.Body)
	if sum != binary.BigEndian.Uint32(head[4:]) {
		return r, 0, ErrDamaged
	}
	r.Index, r.At = binary.BigEndian.Uint64(head[8:]), int64(binary.BigEndian.Uint64(head[16:]))
	return r, int64(binary.BigEndian.Uint32(head[24:])), nil
}

// damaged tells an end in the middle of a record from a disk that cannot be read.
func damaged(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrDamaged
	}
	return err
}

// size is how many bytes a record takes.
func (r Record) size() int64 { return int64(headBytes + len(r.Body)) }

// recovered is what a walk over the newest segment found.
type recovered struct {
	first, last uint64 // 0: no record
	lastAt      int64
	gap         bool
	bytes       int64 // sound bytes; fewer than a header: none
	marks       marks
}

// recoverNewest walks the newest segment, where a crash leaves a torn tail. It stops
// there without an error. Damage to what had been synced is an error: a later
// record proves that it was.
func recoverNewest(path string) (found recovered, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return found, fmt.Errorf("read journal segment: %w", err)
	}
	in := &window{content: content}
	if found.gap, err = checkHeader(in); errors.Is(err, io.ErrUnexpectedEOF) {
		return found, nil
	} else if err != nil {
		return found, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	for {
		found.bytes = in.at
		record, _, err := readRecord(in)
		if err == io.EOF {
			return found, nil
		}
		if err != nil || record.Index <= found.last {
			if provenSynced(content, found.bytes) {
				return found, fmt.Errorf("%s at byte %d: %w", filepath.Base(path), found.bytes, ErrDamaged)
			}
			return found, nil
		}
		if found.first == 0 {
			found.first = record.Index
		}
		found.last, found.lastAt = record.Index, record.At
		found.marks.note(record.Index, found.bytes)
	}
}

// provenSynced looks behind a bad record for a sound one that was written after
// the bad one had reached the disk.
func provenSynced(content []byte, bad int64) bool {
	for at := bad + 1; at+headBytes <= int64(len(content)); at++ {
		length := int64(binary.BigEndian.Uint32(content[at:]))
		synced := int64(binary.BigEndian.Uint32(content[at+24:]))
		if length > int64(len(content))-at-headBytes || synced <= bad || synced > at {
			continue // most places are ruled out before a sum is made
		}
		if _, _, err := readRecord(&window{content, at}); err == nil {
			return true
		}
	}
	return false
}

// window reads bytes and knows how far it is.
type window struct {
	content []byte
	at      int64
}

func (w *window) Read(p []byte) (int, error) {
	n := copy(p, w.content[w.at:])
	w.at += int64(n)
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// walk calls take with the records from an offset on, until it says stop.
func (s *segment) walk(offset int64, take func(r Record, at int64) (more bool)) error {
	file, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("open journal segment: %w", err)
	}
	defer file.Close() // only read
	if _, err := checkHeader(file); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(s.path), err)
	}
	in := bufio.NewReaderSize(io.NewSectionReader(file, offset, s.bytes-offset), markEvery)
	for more := true; more; {
		record, _, err := readRecord(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s at byte %d: %w", filepath.Base(s.path), offset, err)
		}
		more = take(record, offset)
		offset += record.size()
	}
	return nil
}

// offset is where to begin to look for what comes after an index.
func (s *segment) offset(after uint64) (int64, error) {
	if at := s.sparse.Load(); s.index.Load() == nil && at != nil {
		s.index.Store((*[]mark)(&at.marks))
	}
	if s.index.Load() == nil {
		var built marks
		err := s.walk(headerBytes, func(r Record, at int64) bool {
			built.note(r.Index, at)
			return true
		})
		if err != nil {
			return 0, err
		}
		s.index.Store((*[]mark)(&built))
	}
	all := *s.index.Load()
	if k := sort.Search(len(all), func(k int) bool { return all[k].index > after }); k > 0 {
		return all[k-1].offset, nil
	}
	return headerBytes, nil
}
