package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

const (
	snapshotsFolder   = "snapshots" // the library's name
	retainedSnapshots = 3
)

// snapshots keeps the newest snapshots, each read back before the log below it
// may go.
type snapshots struct {
	raft.SnapshotStore
	folder string
}

func openSnapshots(dir string, log *bridge) (snapshots, error) {
	files, err := raft.NewFileSnapshotStoreWithLogger(dir, retainedSnapshots, log)
	if err != nil {
		return snapshots{}, fmt.Errorf("open snapshots: %w", err)
	}
	return snapshots{files, filepath.Join(dir, snapshotsFolder)}, nil
}

// Create begins a snapshot whose Close verifies it.
func (s snapshots) Create(version raft.SnapshotVersion, index, term uint64, members raft.Configuration,
	membersIndex uint64, transport raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(version, index, term, members, membersIndex, transport)
	if err != nil {
		return nil, err
	}
	return verifiedSink{sink, s}, nil
}

type verifiedSink struct {
	raft.SnapshotSink
	store snapshots
}

// Close finishes the snapshot and reads it back whole; one that cannot be read
// is removed, and the log stays as it is.
func (s verifiedSink) Close() error {
	if err := s.SnapshotSink.Close(); err != nil {
		return err
	}
	if err := s.store.verify(s.ID()); err != nil {
		return errors.Join(fmt.Errorf("read back snapshot %s: %w", s.ID(), err), os.RemoveAll(filepath.Join(s.store.folder, s.ID())))
	}
	return nil
}

// verify reads a snapshot and compares its checksum.
func (s snapshots) verify(id string) error {
	_, content, err := s.Open(id)
	if err != nil {
		return err
	}
	return content.Close()
}

// survey is what a start finds in the folder of snapshots.
type survey struct {
	sound   raft.SnapshotMeta // the newest that can be read; zero if there is none
	newest  uint64            // where the newest ended that was ever finished
	damaged []string          // those newer than the sound one
}

// survey looks from the newest snapshot down; a snapshot's name tells where it
// ends (term-index-milliseconds) even if nothing in it can be read.
func (s snapshots) survey() (found survey, err error) {
	folders, err := os.ReadDir(s.folder)
	if err != nil {
		return found, fmt.Errorf("list snapshots: %w", err)
	}
	ends := map[string]uint64{}
	var ids []string
	for _, folder := range folders {
		parts := strings.Split(folder.Name(), "-")
		if len(parts) != 3 || strings.HasSuffix(folder.Name(), ".tmp") {
			continue
		}
		if index, err := strconv.ParseUint(parts[1], 10, 64); err == nil {
			ids, ends[folder.Name()] = append(ids, folder.Name()), index
			found.newest = max(found.newest, index)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(ends[b], ends[a]) })
	for _, id := range ids {
		meta, content, err := s.Open(id)
		if err != nil {
			found.damaged = append(found.damaged, id)
			continue
		}
		found.sound = *meta
		return found, content.Close()
	}
	return found, nil
}

// join makes sure that snapshot and log together hold everything this node ever
// had, before the library looks at them: it would start with a hole. Damaged
// snapshots that the log makes up for are removed, for the library stumbles over
// them.
func join(s snapshots, log entryLog, note hclog.Logger) error {
	found, err := s.survey()
	if err != nil {
		return err
	}
	first, err := log.FirstIndex()
	if err != nil {
		return fmt.Errorf("find begin of log: %w", err)
	}
	last, err := log.LastIndex()
	if err != nil {
		return fmt.Errorf("find end of log: %w", err)
	}
	if found.sound.Index < found.newest && last < found.newest {
		return fmt.Errorf("the snapshot at entry %d is damaged, and the log ends before it at %d: %s", found.newest, last, remedy)
	}
	if last > 0 && first > found.sound.Index+1 {
		return fmt.Errorf("the log begins at entry %d, and the newest sound snapshot ends at %d: %s", first, found.sound.Index, remedy)
	}
	for _, id := range found.damaged {
		note.Error("a snapshot is damaged and is removed; the log still holds what it held", "snapshot", id)
		if err := os.RemoveAll(filepath.Join(s.folder, id)); err != nil {
			return fmt.Errorf("remove damaged snapshot: %w", err)
		}
	}
	return dropBelow(found.sound, log, first, last)
}

// dropBelow clears a log that a just installed snapshot has replaced, where the
// process ended before the library did it.
func dropBelow(sound raft.SnapshotMeta, log entryLog, first, last uint64) error {
	if sound.Index == 0 || last == 0 {
		return nil
	}
	replaced := last < sound.Index
	if !replaced && first <= sound.Index {
		var at raft.Log
		if err := log.GetLog(sound.Index, &at); err != nil {
			return fmt.Errorf("compare log with snapshot: %w", err)
		}
		replaced = at.Term != sound.Term
	}
	if !replaced {
		return nil
	}
	return log.DeleteRange(first, last)
}
