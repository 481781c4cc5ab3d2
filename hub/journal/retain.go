package journal

import (
	"errors"
	"io/fs"
	"os"
)

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
		if err := drop(path); err != nil {
			return j.stop("drop journal segment", err)
		}
	}
	return nil
}

// drop removes a segment, and its index before it: an index without a segment
// would stay for ever.
func drop(path string) error {
	if err := os.Remove(indexOf(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Remove(path)
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
	j.file, j.out, j.sealed, j.newest, j.marks, j.synced, j.last, j.lastAt = nil, nil, nil, segment{}, nil, 0, 0, 0
	j.publish()
	for _, s := range dropped {
		if err := drop(s.path); err != nil {
			return j.stop("drop journal segment", err)
		}
	}
	return nil
}

// publishRetained moves the horizon up and shows nothing that is only buffered.
func (j *Journal) publishRetained() {
	old := j.shown.Load()
	j.shown.Store(&shown{old.segments[1:], old.last, old.lastAt})
}
