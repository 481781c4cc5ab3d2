package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/shelfsync/shelfsync/protocol"
)

// A sparse index is a file beside a sealed segment. It begins with magic, version,
// minimum reader and two zero bytes. What it knows follows as length, CRC-32C and
//
//	bytes of the segment        8 bytes
//	first, last index           8 bytes each
//	earliest, latest wall stamp 8 bytes each, unix ms
//	pages of the filter         4 bytes
//	marks                       4 bytes, then index and offset of each, 8 bytes each
//
// and then the pages of the filter. Numbers are big endian.
const (
	indexMagic         = "SJIX"
	indexVersion       = 1
	indexMinimumReader = 1
	indexHeadBytes     = headerBytes + 8
	indexFixedBytes    = 5*8 + 2*4
)

// Keys calls add with everything that a record's body can be looked up by.
type Keys func(body []byte, add func(key string)) error

// Want is what a reader looks for: records that have all the keys and lie within
// the wall stamps. Empty keys are wanted of nobody; 0 is no bound.
type Want struct {
	Keys     []string
	From, To int64 // unix ms
}

// sparse is what is known of a sealed segment without reading it.
type sparse struct {
	bytes       int64
	first, last uint64
	earliest    int64
	latest      int64
	marks       marks
	filter      filter
}

func indexOf(path string) string { return strings.TrimSuffix(path, segmentSuffix) + ".index" }

// mayHold reports whether the segment can have a record that is wanted. What
// cannot be read may hold anything.
func (x *sparse) mayHold(want Want) bool {
	if want.From != 0 && x.latest < want.From || want.To != 0 && x.earliest > want.To {
		return false
	}
	for _, key := range want.Keys {
		if key != "" && !x.filter.mayHave(key) {
			return false
		}
	}
	return true
}

// Index reads or builds the index of every sealed segment that has none, oldest
// first. One goroutine calls it, beside the owner and the readers. A damaged
// index is built anew; what cannot be built is named, and is no harm.
func (j *Journal) Index(ctx context.Context, keys Keys) (err error) {
	now := j.shown.Load()
	for i := range now.all[:max(0, len(now.all)-1)] {
		s := &now.all[i]
		if at := s.sparse.Load(); at != nil && !at.filter.damaged.Load() {
			continue
		}
		at, fault := readIndex(s)
		if fault != nil {
			at, fault = buildIndex(ctx, s, keys)
		}
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if fault != nil {
			err = errors.Join(err, fmt.Errorf("index of %s: %w", filepath.Base(s.path), fault))
			continue
		}
		s.sparse.Store(at)
		if oldest := j.shown.Load().all; len(oldest) > 0 && oldest[0].first > s.first { // it was dropped meanwhile
			_ = os.Remove(indexOf(s.path)) // the owner may have done so
		}
	}
	return err
}

func buildIndex(ctx context.Context, s *segment, keys Keys) (*sparse, error) {
	x := &sparse{bytes: s.bytes, first: s.first, filter: newFilter(indexOf(s.path), s.bytes)}
	var fault error
	err := s.walk(headerBytes, func(r Record, at int64) bool {
		if x.last == 0 {
			x.earliest, x.latest = r.At, r.At
		}
		x.last, x.earliest, x.latest = r.Index, min(x.earliest, r.At), max(x.latest, r.At)
		x.marks.note(r.Index, at)
		if fault = ctx.Err(); fault == nil {
			fault = keys(r.Body, x.filter.add)
		}
		return fault == nil
	})
	if err := errors.Join(err, fault); err != nil {
		return nil, err
	}
	if err := writeWhole(indexOf(s.path), x.write); err != nil {
		return nil, err
	}
	x.filter.built = nil // from now on it is read where it is needed
	return x, nil
}

func (x *sparse) write(out io.Writer) error {
	known := binary.BigEndian.AppendUint64(nil, uint64(x.bytes))
	for _, n := range []uint64{x.first, x.last, uint64(x.earliest), uint64(x.latest)} {
		known = binary.BigEndian.AppendUint64(known, n)
	}
	known = binary.BigEndian.AppendUint32(known, x.filter.pages)
	known = binary.BigEndian.AppendUint32(known, uint32(len(x.marks)))
	for _, m := range x.marks {
		known = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(known, m.index), uint64(m.offset))
	}
	head := append([]byte(indexMagic), indexVersion, indexMinimumReader, 0, 0)
	head = binary.BigEndian.AppendUint32(head, uint32(len(known)))
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(known, castagnoli))
	x.filter.at = int64(len(head) + len(known))
	if _, err := out.Write(append(head, known...)); err != nil {
		return err
	}
	return x.filter.write(out)
}

var errIndex = errors.New("the index does not suit its segment")

// readIndex reads what an earlier life built.
func readIndex(s *segment) (*sparse, error) {
	file, err := os.Open(indexOf(s.path))
	if err != nil {
		return nil, err
	}
	defer file.Close() // only read
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	var head [indexHeadBytes]byte
	if _, err := io.ReadFull(file, head[:]); err != nil {
		return nil, err
	}
	length := int64(binary.BigEndian.Uint32(head[headerBytes:]))
	if string(head[:len(indexMagic)]) != indexMagic || head[5] > indexVersion || length < indexFixedBytes || length > info.Size()-indexHeadBytes {
		return nil, errIndex
	}
	known := make([]byte, length)
	if _, err := io.ReadFull(file, known); err != nil {
		return nil, err
	}
	if crc32.Checksum(known, castagnoli) != binary.BigEndian.Uint32(head[headerBytes+4:]) {
		return nil, errIndex
	}
	number := func(i int) uint64 { return binary.BigEndian.Uint64(known[8*i:]) }
	x := &sparse{int64(number(0)), number(1), number(2), int64(number(3)), int64(number(4)), nil,
		filter{path: indexOf(s.path), at: indexHeadBytes + length, pages: binary.BigEndian.Uint32(known[40:])}}
	count := int64(binary.BigEndian.Uint32(known[44:]))
	if length != indexFixedBytes+16*count || x.bytes != s.bytes || x.first != s.first || x.filter.pages == 0 ||
		info.Size() != x.filter.at+int64(x.filter.pages)*pageBytes {
		return nil, errIndex
	}
	for i := range count {
		at := int(indexFixedBytes/8 + 2*i)
		x.marks = append(x.marks, mark{number(at), int64(number(at + 1))})
	}
	return x, nil
}

// writeWhole writes a file under another name, syncs it and gives it its name:
// who finds the name finds all of it.
func writeWhole(path string, write func(io.Writer) error) error {
	part := path + partSuffix
	file, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	if err := errors.Join(write(file), file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// partSuffix ends the name of a file that is not whole yet.
const partSuffix = ".part"

// filterBytes is how large the filter of a segment is.
func filterBytes(segment int64) int64 {
	return min(segment/protocol.JournalFilterShare, protocol.MaxJournalFilter)
}
