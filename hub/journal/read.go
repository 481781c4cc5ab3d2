package journal

import (
	"errors"
	"io/fs"
	"sort"

	"github.com/shelfsync/shelfsync/protocol"
)

// shown is what readers see; it is never changed.
type shown struct {
	all      []segment
	segments []segment // the newest run of them without a gap
	last     uint64    // of it
	lastAt   int64
}

func (j *Journal) publish() {
	all := j.sealed
	if j.file != nil {
		built := []mark(j.marks)
		j.newest.index.Store(&built)
		all = append(j.sealed[:len(j.sealed):len(j.sealed)], j.newest)
	}
	if j.jumped {
		j.shown.Store(&shown{all: all})
		return
	}
	from := len(all) - 1
	for from > 0 && !all[from].gap {
		from--
	}
	j.shown.Store(&shown{all, all[max(0, from):], j.last, j.lastAt})
}

// Last is the newest index that readers can see, 0 if there is none.
func (j *Journal) Last() uint64 { return j.shown.Load().last }

// LastAt is the wall stamp beside it, unix ms.
func (j *Journal) LastAt() int64 { return j.shown.Load().lastAt }

// Bytes is how much the folder's segments take, with their indexes.
func (j *Journal) Bytes() (total int64) {
	for _, s := range j.shown.Load().all {
		total += s.bytes + filterBytes(s.bytes)
	}
	return total
}

// Segments are the first indices of the oldest and of the newest segment.
func (j *Journal) Segments() (ends [2]uint64) {
	if s := j.shown.Load().segments; len(s) > 0 {
		ends = [2]uint64{s[0].first, s[len(s)-1].first}
	}
	return ends
}

// Horizon is the oldest index kept, 0 if nothing is.
func (j *Journal) Horizon() uint64 {
	if s := j.shown.Load(); len(s.segments) > 0 {
		return s.segments[0].first
	}
	return 0
}

// Read returns the records after an index, from the horizon on: at most so many,
// and not more than maxBytes of bodies, but always one if there is one.
func (j *Journal) Read(after uint64, most, maxBytes int) ([]Record, error) {
	records, _, err := j.Find(after, Want{}, most, maxBytes)
	return records, err
}

// Find is Read that passes over segments which cannot hold what is wanted; of the
// others it returns every record. through is how far it has looked: what is
// wanted and lies between after and through is among the records.
func (j *Journal) Find(after uint64, want Want, most, maxBytes int) (records []Record, through uint64, err error) {
	now := j.shown.Load()
	segments := now.segments
	from := sort.Search(len(segments), func(i int) bool { return segments[i].first > after })
	through = after
	full, passed := most <= 0, 0
	for i := max(from-1, 0); i < len(segments) && !full; i++ {
		s := &segments[i]
		if at := s.sparse.Load(); at != nil && !at.mayHold(want) {
			through = max(through, at.last)
			if passed++; passed == protocol.MaxJournalPassed {
				return records, through, nil
			}
			continue
		}
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
					through = r.Index
				}
				return !full
			})
		}
		if errors.Is(err, fs.ErrNotExist) && j.Horizon() != segments[0].first {
			continue // dropped since we looked
		}
		if err != nil {
			return nil, 0, err
		}
	}
	if !full {
		through = max(through, now.last)
	}
	return records, through, nil
}
