package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
)

// Gap is what is missing before the run of segments that readers see.
type Gap struct {
	Before uint64 // first index of the run
	After  uint64 // last index of what is kept below; 0: nothing is
}

// Gap tells of one. Any goroutine may ask.
func (j *Journal) Gap() (g Gap, ok bool, err error) {
	now := j.shown.Load()
	if len(now.segments) == 0 || !now.segments[0].gap {
		return g, false, nil
	}
	g.Before = now.segments[0].first
	if below := len(now.all) - len(now.segments); below > 0 {
		g.After, err = now.all[below-1].lastIndex()
	}
	return g, true, err
}

func (s *segment) lastIndex() (last uint64, err error) {
	if known := s.sparse.Load(); known != nil {
		return known.last, nil
	}
	offset, err := s.offset(^uint64(0))
	if err != nil {
		return 0, err
	}
	err = s.walk(offset, func(r Record, _ int64) bool {
		last = r.Index
		return true
	})
	return last, err
}

// Stretch is a part of one segment, as another node may ask for it.
type Stretch struct {
	First  uint64 // of the segment, which names it
	Last   uint64 // the last entry before the index that was asked; 0: there is none
	Next   uint64 // the first entry at or after that index; 0: there is none
	Bytes  int64  // of the segment's file, up to Next
	At     int64  // wall stamp of Last, unix ms
	Begins bool   // nothing was ever before the oldest segment
	Oldest uint64 // horizon
}

// Before finds the stretch that ends before an index.
func (j *Journal) Before(index uint64) (s Stretch, err error) {
	run := j.shown.Load().segments
	if len(run) == 0 {
		return s, nil
	}
	_, err = j.Image(0)
	s.Begins, s.Oldest = err == nil && !run[0].gap, run[0].first
	i := sort.Search(len(run), func(i int) bool { return run[i].first >= index })
	if i < len(run) {
		s.Next = run[i].first
	}
	if i == 0 {
		return s, nil
	}
	at := &run[i-1]
	s.First, s.Bytes = at.first, at.bytes
	offset, err := at.offset(index - 1)
	if err != nil {
		return s, err
	}
	err = at.walk(offset, func(r Record, offset int64) bool {
		if r.Index >= index {
			s.Next, s.Bytes = r.Index, offset
			return false
		}
		s.Last, s.At = r.Index, r.At
		return true
	})
	return s, err
}

// Piece reads bytes of a segment that readers see, for another node.
func (j *Journal) Piece(first uint64, offset int64, most int) ([]byte, error) {
	for _, s := range j.shown.Load().segments {
		if s.first == first {
			return pieceOf(s.path, offset, min(int64(most), s.bytes-offset))
		}
	}
	return nil, fmt.Errorf("segment %d: %w", first, os.ErrNotExist)
}

// Piece reads bytes of an image's file.
func (i Image) Piece(offset int64, most int) ([]byte, error) {
	return pieceOf(i.path, offset, min(int64(most), i.Bytes-offset))
}

func pieceOf(path string, offset, length int64) ([]byte, error) {
	if length <= 0 {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // only read
	b := make([]byte, length)
	_, err = file.ReadAt(b, offset)
	return b, err
}

// Part is a file that is fetched piece by piece. It outlives a restart, and goes
// on where it ended.
type Part struct {
	file *os.File
	path string
	Size int64
}

const fetchSuffix = ".fetch" + partSuffix

// Part opens the part with a name.
func (j *Journal) Part(name string) (*Part, error) {
	p := &Part{path: filepath.Join(j.dir, name+fetchSuffix)}
	var err error
	if p.file, err = os.OpenFile(p.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o640); err != nil {
		return nil, err
	}
	info, err := p.file.Stat()
	if err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	p.Size = info.Size()
	return p, nil
}

func (p *Part) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.Size += int64(n)
	return n, err
}

// Close ends the writing; the part stays.
func (p *Part) Close() error { return p.file.Close() }

// Drop removes it.
func (p *Part) Drop() error { return errors.Join(p.file.Close(), os.Remove(p.path)) }

// DropParts removes what was fetched and is of no use any more.
func (j *Journal) DropParts() error {
	paths, err := filepath.Glob(filepath.Join(j.dir, "*"+fetchSuffix))
	for _, path := range paths {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// ErrNotJoined says that what another node sent is not what is missing here.
var ErrNotJoined = errors.New("what the other node has does not join what is here")

// Join makes a segment of a stretch that was fetched: of what is missing, and of
// nothing else. Every record is checked; its first and last must be those that the
// stretch names, and the entry after them the first of what is here. path is empty
// where the stretch holds nothing but the entry that is kept below already.
func (j *Journal) Join(p *Part, s Stretch, g Gap) (path string, err error) {
	if s.Next != g.Before || s.Last < g.After {
		return "", fmt.Errorf("entries %d to %d, and then %d: %w", s.First, s.Last, s.Next, ErrNotJoined)
	}
	fetched := newSegment(p.path, s.First, s.Bytes)
	var first, last, kept uint64
	met := g.After == 0 && s.Begins && s.First == s.Oldest
	err = fetched.walk(headerBytes, func(r Record, _ int64) bool {
		if first == 0 {
			first = r.Index
		} else if r.Index <= last {
			first = 0 // no journal is written so
			return false
		}
		last = r.Index
		met = met || r.Index == g.After
		if r.Index > g.After && kept == 0 {
			kept = r.Index
		}
		return true
	})
	switch {
	case err != nil:
		return "", err
	case first != s.First || last != s.Last || first <= g.After && !met:
		return "", fmt.Errorf("entries %d to %d: %w", first, last, ErrNotJoined)
	case kept == 0:
		return "", nil
	}
	path = j.segmentPath(kept)
	return path, writeWhole(path, func(out io.Writer) error {
		to := bufio.NewWriterSize(out, bufferBytes)
		_, fault := to.Write(header(!met))
		err := fetched.walk(headerBytes, func(r Record, _ int64) bool {
			if r.Index > g.After {
				_, fault = to.Write(appendRecord(nil, r, 0))
			}
			return fault == nil
		})
		return errors.Join(err, fault, to.Flush())
	})
}

// Adopt takes a segment in that Join has made, and lets what it joins follow it
// without a gap. Only the owner calls it.
func (j *Journal) Adopt(before uint64, path string) error {
	if j.broken {
		return ErrStopped
	}
	upper := &j.newest
	sealed := slices.Clone(j.sealed)
	at := slices.IndexFunc(sealed, func(s segment) bool { return s.first == before })
	if at >= 0 {
		upper = &sealed[at]
	}
	if upper.first != before || !upper.gap { // it was dropped meanwhile
		if path == "" {
			return nil
		}
		return os.Remove(path)
	}
	if err := closeGap(upper.path); err != nil {
		return j.stop("close a gap of the journal", err)
	}
	upper.gap = false
	if path != "" {
		s, err := sealedSegment(path)
		if err != nil {
			return j.stop("take in a journal segment", err)
		}
		if at < 0 {
			at = len(sealed)
		}
		sealed = slices.Insert(sealed, at, s)
	}
	j.sealed = sealed
	j.publishJoined()
	return nil
}

// closeGap changes one byte, which a disk writes or does not.
func closeGap(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteAt([]byte{0}, gapByte)
	return errors.Join(err, file.Sync(), file.Close())
}

// publishJoined moves the horizon down and shows nothing that is only buffered.
func (j *Journal) publishJoined() {
	old := j.shown.Load()
	all := slices.Clone(j.sealed)
	if j.file != nil && len(old.all) > 0 { // as far as it was shown
		newest := old.all[len(old.all)-1]
		newest.gap = j.newest.gap
		if newest.first == j.newest.first {
			all = append(all, newest)
		}
	}
	from := len(all) - 1
	for from > 0 && !all[from].gap {
		from--
	}
	j.shown.Store(&shown{all, all[max(0, from):], old.last, old.lastAt})
}
