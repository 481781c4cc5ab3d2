package journal

import (
	"errors"
	"io/fs"
	"os"
	"sort"
)

// Retain drops the oldest segments that hold nothing at or after an index; the
// newest stays.
func (j *Journal) Retain(index uint64) error {
	if j.broken {
		return ErrStopped
	}
	n, horizon := j.covered(index)
	if n == 0 {
		return nil
	}
	if err := j.dropImages(horizon); err != nil { // first: none may outlive what leads on from it
		return j.stop("drop image", err)
	}
	for range n {
		path := j.sealed[0].path
		j.sealed = j.sealed[1:]
		j.publishRetained()
		if err := drop(path); err != nil {
			return j.stop("drop journal segment", err)
		}
	}
	return nil
}

// covered counts the oldest segments that hold nothing at or after an index, and
// says where the journal begins without them.
func (j *Journal) covered(index uint64) (n int, horizon uint64) {
	for n < len(j.sealed) {
		next := j.newest.first
		if n+1 < len(j.sealed) {
			next = j.sealed[n+1].first
		} else if j.file == nil {
			break
		}
		if next > index {
			break
		}
		n, horizon = n+1, next
	}
	return n, horizon
}

// Beyond is the index to retain from, where nothing is kept that is older than a
// wall stamp, nor more than so many bytes with what belongs to them. Any goroutine
// may ask. A segment whose age is not known yet is not old.
func (j *Journal) Beyond(oldest, most int64) (index uint64, err error) {
	segments := j.shown.Load().all
	images, err := j.Images()
	sizes := make([]int64, len(segments))
	total := int64(0)
	for i := range segments {
		sizes[i] = segments[i].bytes + filterBytes(segments[i].bytes)
	}
	for _, image := range images {
		at := max(0, sort.Search(len(segments), func(i int) bool { return segments[i].first > image.Index })-1)
		if at < len(segments) {
			sizes[at] += image.Bytes
		}
	}
	for _, size := range sizes {
		total += size
	}
	for i := 0; i+1 < len(segments); i++ {
		known := segments[i].sparse.Load()
		if total <= most && (known == nil || known.latest >= oldest) {
			break
		}
		total -= sizes[i]
		index = segments[i+1].first
	}
	return index, err
}

// drop removes a segment, and its index before it: an index without a segment
// would stay for ever.
func drop(path string) error {
	if err := os.Remove(indexOf(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Remove(path)
}

// Jump says that the state was taken past entries which never came here. What
// follows begins after a gap, and until that is filled it is all that readers see:
// a later horizon is honest, a hole would not be.
func (j *Journal) Jump() error {
	if j.broken {
		return ErrStopped
	}
	if err := j.seal(); err != nil {
		return err
	}
	j.jumped = true
	j.publish()
	return nil
}

// publishRetained moves the horizon up and shows nothing that is only buffered.
func (j *Journal) publishRetained() {
	old := j.shown.Load()
	now := shown{old.all[1:], old.segments, old.last, old.lastAt}
	if len(now.segments) == len(old.all) { // nothing is hidden below a gap
		now.segments = now.all
	}
	j.shown.Store(&now)
}
