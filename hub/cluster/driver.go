package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// driver shows a Machine to the library, whose FSM goroutine owns it.
type driver struct {
	machine  Machine
	fuse     *fuse
	results  *results
	marks    marks
	applied  atomic.Uint64 // last entry inside the machine; others only read it
	restores int           // since the last applied entry
}

func newDriver(machine Machine, f *fuse) *driver {
	return &driver{machine: machine, fuse: f, results: newResults()}
}

// notApplied is the response to entries that met a blown fuse.
type notApplied struct{}

// ApplyBatch hands over committed entries. Those of the library get no result,
// and those the machine holds already are not applied again.
func (d *driver) ApplyBatch(logs []*raft.Log) []any {
	answers := make([]any, len(logs))
	entries := make([]Entry, 0, len(logs))
	places := make([]int, 0, len(logs))
	for i, l := range logs {
		if l.Type == raft.LogCommand && l.Index > d.applied.Load() {
			entries = append(entries, Entry{l.Index, l.Term, l.Data})
			places = append(places, i)
		}
	}
	if len(entries) == 0 {
		return answers
	}
	results, err := d.apply(entries)
	for k, place := range places {
		if err != nil {
			answers[place] = notApplied{}
		} else {
			answers[place] = results[k]
		}
	}
	return answers
}

// apply calls the machine. After a panic nobody knows how much of the entries
// its state holds, so it is never called again.
func (d *driver) apply(entries []Entry) (results []any, err error) {
	if err := d.fuse.blown(); err != nil {
		return nil, err
	}
	first, last := entries[0].Index, entries[len(entries)-1].Index
	defer func() {
		if cause := recover(); cause != nil {
			err = d.fuse.blow(fmt.Errorf("apply log entries %d to %d: the machine panicked, so its state cannot be trusted: %v\n%s", first, last, cause, debug.Stack()))
		}
	}()
	results = d.machine.Apply(entries)
	if len(results) != len(entries) {
		return nil, d.fuse.blow(fmt.Errorf("apply log entries %d to %d: the machine gave %d results for %d entries", first, last, len(results), len(entries)))
	}
	d.compare()
	d.applied.Store(last)
	d.results.note(entries, results)
	d.restores = 0
	return results, nil
}

// Apply is for a library that does not batch; it always does.
func (d *driver) Apply(l *raft.Log) any { return d.ApplyBatch([]*raft.Log{l})[0] }

// Snapshot captures the state and the index it stands at.
func (d *driver) Snapshot() (raft.FSMSnapshot, error) {
	if err := d.fuse.blown(); err != nil {
		return nil, err
	}
	return frozen{d.machine.Freeze(), d.applied.Load()}, nil
}

// maxRestores bounds the snapshots that a leader installs here one after the
// other: the library can send them for ever and only a new start ends it.
const maxRestores = 3

// Restore replaces the state. Whatever is wrong with a snapshot stops the node:
// the library would go on with an older one.
func (d *driver) Restore(from io.ReadCloser) error {
	defer from.Close()
	index, err := readImageHeader(from)
	if err == nil {
		err = d.machine.Restore(from)
	}
	if at, ok := d.machine.(Positioned); err == nil && ok && at.Applied() != index {
		err = fmt.Errorf("the snapshot was written at entry %d, and the state inside it is that of entry %d", index, at.Applied())
	}
	if d.restores++; err == nil && d.restores > maxRestores {
		err = fmt.Errorf("%d snapshots came one after the other and no entry was applied: %w", d.restores, ErrStartAgain)
	}
	if err != nil {
		return d.fuse.blow(fmt.Errorf("restore snapshot: %w", err))
	}
	d.compare()
	d.applied.Store(index)
	d.results.restored(index)
	return nil
}

// compare keeps the machine's newest mark for the other nodes to compare.
func (d *driver) compare() {
	if machine, ok := d.machine.(Marked); ok {
		if index, hash := machine.Mark(); index != 0 {
			d.marks.note(index, hash)
		}
	}
}

// frozen is an image with the index it stands at.
type frozen struct {
	image Image
	index uint64
}

// Persist streams header and image; the library closes or cancels the sink.
func (f frozen) Persist(sink raft.SnapshotSink) error {
	if _, err := sink.Write(imageHeader(f.index)); err != nil {
		return fmt.Errorf("write header of snapshot at entry %d: %w", f.index, err)
	}
	if err := f.image.Write(sink); err != nil {
		return fmt.Errorf("write snapshot at entry %d: %w", f.index, err)
	}
	return nil
}

// Release lets the image go.
func (f frozen) Release() { f.image.Release() }

// A snapshot begins with a header: magic, version, minimum reader, and the index
// of the last entry inside, big endian. What follows is the machine's.
const (
	imageMagic         = "SLOGSNAP"
	imageVersion       = 1
	imageMinimumReader = 1
	imageHeaderBytes   = len(imageMagic) + 2 + 8
)

var errNotImage = errors.New("these bytes are not a snapshot of this program")

func imageHeader(index uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(imageMagic), imageVersion, imageMinimumReader), index)
}

func readImageHeader(r io.Reader) (index uint64, err error) {
	header := make([]byte, imageHeaderBytes)
	if _, err := io.ReadFull(r, header); err != nil {
		return 0, fmt.Errorf("read header: %w", err)
	}
	rest := header[len(imageMagic):]
	if string(header[:len(imageMagic)]) != imageMagic {
		return 0, errNotImage
	}
	if rest[1] > imageVersion {
		return 0, fmt.Errorf("the snapshot needs reader version %d and this program has %d: install a newer one", rest[1], imageVersion)
	}
	return binary.BigEndian.Uint64(rest[2:]), nil
}
