package cluster

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/hashicorp/raft"
)

// A node's folder: server-id, votes.db, log/, snapshots/.
const (
	idFile    = "server-id"
	logFolder = "log"
)

// folder is an open node's folder.
type folder struct {
	id        string
	votes     *votes
	log       entryLog
	snapshots snapshots
}

// makeFolder builds a new node's folder aside and puts it in place whole, so
// that a folder without its votes or its log is damage and never a beginning.
func makeFolder(dir string, random io.Reader, found func(id string, f *folder) error, log *bridge) error {
	_, err := os.Stat(filepath.Join(dir, idFile))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make folder of the log: %s has no %s and is not empty: give an empty or a new folder: %w", filepath.Base(dir), idFile, err)
	}
	aside := dir + ".new"
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("make folder of the log: %w", err)
	}
	for _, name := range []string{logFolder, snapshotsFolder} {
		if err := os.MkdirAll(filepath.Join(aside, name), 0o750); err != nil {
			return fmt.Errorf("make folder of the log: %w", err)
		}
	}
	if err := writeID(filepath.Join(aside, idFile), random); err != nil {
		return fmt.Errorf("write server id: %w", err)
	}
	f, err := openFolder(aside, log, &fuse{fatal: func(error) {}}) // its errors are returned here
	if err != nil {
		return err
	}
	if err := errors.Join(found(f.id, f), f.Close()); err != nil {
		return err
	}
	for _, made := range []string{filepath.Join(aside, logFolder), filepath.Join(aside, snapshotsFolder), aside} {
		if err := syncFolder(made); err != nil {
			return err
		}
	}
	if err := os.Rename(aside, dir); err != nil {
		return fmt.Errorf("put folder of the log in place: %w", err)
	}
	return syncFolder(filepath.Dir(dir))
}

// openFolder opens all parts; the votes come first, for they are the lock.
func openFolder(dir string, log *bridge, fuse *fuse) (*folder, error) {
	id, err := os.ReadFile(filepath.Join(dir, idFile))
	if err != nil {
		return nil, fmt.Errorf("read server id: %w", err)
	}
	votes, err := openVotes(dir, fuse)
	if err != nil {
		return nil, err
	}
	entries, err := openLog(filepath.Join(dir, logFolder), log, fuse)
	if err != nil {
		return nil, errors.Join(err, votes.Close())
	}
	f := &folder{id: strings.TrimSpace(string(id)), votes: votes, log: entries}
	if f.snapshots, err = openSnapshots(dir, log); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// remedy is what helps a node whose folder lacks something it once had.
const remedy = "wipe this node's folder and let it join again, or restore a backup"

// whole refuses a folder that has lost a part: the library would begin anew and
// vote twice, or forget what it had acknowledged.
func whole(dir string) error {
	for _, part := range []string{votesFile, filepath.Join(logFolder, "wal-meta.db"), snapshotsFolder} {
		if _, err := os.Stat(filepath.Join(dir, part)); err != nil {
			return fmt.Errorf("the log's folder has lost a part: %w: %s", err, remedy)
		}
	}
	return nil
}

func (f *folder) Close() error { return errors.Join(f.log.Close(), f.votes.Close()) }

// writeID writes a random id: a wiped folder is a new server, which cannot be
// mistaken for one that has voted.
func writeID(path string, random io.Reader) error {
	var id [16]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = file.WriteString(hex.EncodeToString(id[:]) + "\n")
	return errors.Join(err, file.Sync(), file.Close())
}

// syncFolder puts a folder's names on disk. Windows does so by itself and
// refuses to be asked.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	file, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}

// foundAlone begins a cluster whose only voter is this node.
func foundAlone(settings *raft.Config, address raft.ServerAddress) func(string, *folder) error {
	return func(id string, f *folder) error {
		settings := *settings
		settings.LocalID = raft.ServerID(id)
		members := raft.Configuration{Servers: []raft.Server{{ID: settings.LocalID, Address: address}}}
		if err := raft.BootstrapCluster(&settings, f.log, f.votes, f.snapshots, nil, members); err != nil {
			return fmt.Errorf("found a cluster of one: %w", err)
		}
		return nil
	}
}
