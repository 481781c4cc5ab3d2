package cluster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// entryLog is the log on disk. It refuses gaps, so a log is always one piece.
type entryLog interface {
	raft.LogStore
	raft.MonotonicLogStore
	io.Closer
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openLog opens the segmented log below dir, which exists.
func openLog(dir string, log *bridge, f *fuse) (entryLog, error) {
	inner, err := wal.Open(dir, wal.WithLogger(log))
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return guardedLog{inner, f}, nil
}

// Every entry is stored with a CRC-32C of its own, where the library leaves room
// for extensions: the log checks its sums only when it recovers, and an entry may
// be read long after that. (The log's own hook, a codec, cannot be used: v0.4.2
// marks its segments as written by the ordinary one and then refuses to open.)

var errSum = errors.New("checksum differs from what was written")

// sum covers everything of an entry that must not change.
func sum(l *raft.Log) []byte {
	head := binary.BigEndian.AppendUint64(nil, l.Index)
	head = binary.BigEndian.AppendUint64(head, l.Term)
	crc := crc32.Checksum(append(head, byte(l.Type)), castagnoli)
	return binary.BigEndian.AppendUint32(nil, crc32.Update(crc, castagnoli, l.Data))
}

// storeStall is how long one write to the log may take. A leader whose disk
// hangs would lead for ever and commit nothing.
const storeStall = 5 * time.Second

// guardedLog stops the node when the disk below the log fails or hangs.
type guardedLog struct {
	entryLog
	fuse *fuse
}

// GetLog never returns damage as an entry, nor one that was deleted: v0.4.2 still
// reads those from its newest segment.
func (g guardedLog) GetLog(index uint64, l *raft.Log) error {
	first, err := g.FirstIndex()
	if err == nil && index < first {
		return raft.ErrLogNotFound
	}
	if err == nil {
		err = g.entryLog.GetLog(index, l)
	}
	if errors.Is(err, raft.ErrLogNotFound) || errors.Is(err, wal.ErrClosed) {
		return err
	}
	if err == nil && (l.Index != index || !bytes.Equal(l.Extensions, sum(l))) {
		err = errSum
	}
	if err != nil {
		return g.fuse.blow(fmt.Errorf("read log entry %d: %w", index, err))
	}
	l.Extensions = nil
	return nil
}

// StoreLog writes one entry.
func (g guardedLog) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

// StoreLogs returns when the entries are on disk.
func (g guardedLog) StoreLogs(logs []*raft.Log) error {
	summed := make([]*raft.Log, len(logs))
	for i, l := range logs {
		own := *l // the library sends the same entry to others
		own.Extensions = sum(l)
		summed[i] = &own
	}
	stall := time.AfterFunc(storeStall, func() {
		_ = g.fuse.blow(fmt.Errorf("append to log: the disk has not answered for %v", storeStall))
	})
	defer stall.Stop()
	if err := g.entryLog.StoreLogs(summed); err != nil {
		return g.fuse.blow(fmt.Errorf("append to log: %w", err))
	}
	return nil
}

// DeleteRange shortens the log at its head or cuts a conflicting tail.
func (g guardedLog) DeleteRange(from, to uint64) error {
	if err := g.entryLog.DeleteRange(from, to); err != nil {
		return g.fuse.blow(fmt.Errorf("shorten log from %d to %d: %w", from, to, err))
	}
	return nil
}
