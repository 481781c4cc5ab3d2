package cluster_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/cluster/clustertest"
)

func shut(t *testing.T, order cluster.Order) {
	t.Helper()
	if err := order.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// stops is a Fatal that remembers why.
func stops(config *cluster.Config) *atomic.Pointer[error] {
	var cause atomic.Pointer[error]
	config.Fatal = func(err error) { cause.Store(&err) }
	return &cause
}

func TestAMachineThatPanicsStopsTheNode(t *testing.T) {
	config := single(t)
	cause := stops(&config)
	machine := clustertest.NewTally()
	machine.Before = func(e cluster.Entry) {
		if string(e.Data) == "poison" {
			panic("cannot read this entry")
		}
	}
	order := clustertest.Start(t, opening(config), machine)
	clustertest.Put(t, order, "fine")
	if p := clustertest.Answer(t, order.Propose([]byte("poison"))); !errors.Is(p.Err, cluster.ErrUnknown) {
		t.Errorf("poison was answered with %v, %v", p.Result, p.Err)
	}
	if err := cause.Load(); err == nil || !strings.Contains((*err).Error(), "the machine panicked") || !strings.Contains((*err).Error(), "cannot read this entry") {
		t.Errorf("the program was told: %v", err)
	}
	if p := clustertest.Answer(t, order.Propose([]byte("after"))); !errors.Is(p.Err, cluster.ErrNotLeader) {
		t.Errorf("a stopped node answered %v, %v", p.Result, p.Err)
	}
	if err := order.Snapshot(); err == nil {
		t.Error("a state that cannot be trusted became a snapshot")
	}
	if got := machine.Seen().Lines; !slices.Equal(got, []string{"fine"}) {
		t.Errorf("the machine holds %q", got)
	}
}

// written leaves a folder with a snapshot and entries behind it.
func written(t *testing.T, config cluster.Config) {
	t.Helper()
	order := clustertest.Start(t, opening(config), clustertest.NewTally())
	for i := range 20 {
		clustertest.Put(t, order, fmt.Sprint("line ", i))
	}
	if err := order.Snapshot(); err != nil {
		t.Fatal(err)
	}
	clustertest.Put(t, order, "behind the snapshot")
	shut(t, order)
}

// broken is a machine that a snapshot does not suit.
type broken struct {
	*clustertest.Tally
	restore error
	applied uint64
}

func (b broken) Restore(r io.Reader) error {
	if b.restore != nil {
		return b.restore
	}
	return b.Tally.Restore(r)
}

func (b broken) Applied() uint64 { return b.applied }

func TestASnapshotThatDoesNotSuitTheMachineStopsTheNode(t *testing.T) {
	for what, machine := range map[string]broken{
		"restore fails":        {clustertest.NewTally(), errors.New("half of it is missing"), 0},
		"another index inside": {clustertest.NewTally(), nil, 3},
	} {
		t.Run(what, func(t *testing.T) {
			config := single(t)
			written(t, config)
			cause := stops(&config)
			if _, err := opening(config)(machine); err == nil {
				t.Error("the node started")
			}
			if cause.Load() == nil {
				t.Error("the program was not told")
			}
			if machine.Given() != 0 {
				t.Errorf("%d entries were applied to a wrong state", machine.Given())
			}
		})
	}
}

func TestADamagedSnapshotIsNeverServed(t *testing.T) {
	for _, test := range []struct {
		name     string
		trailing uint64
		starts   bool
	}{{"the log still holds everything", 1000, true}, {"the log was shortened", 1, false}} {
		for _, part := range []string{"state.bin", "meta.json"} {
			t.Run(test.name+", "+part, func(t *testing.T) {
				config := single(t)
				config.TrailingLogs = test.trailing
				written(t, config)
				damage(t, filepath.Join(config.Dir, "snapshots", "*", part))
				machine := clustertest.NewTally()
				order, err := opening(config)(machine)
				if !test.starts {
					if err == nil || !strings.Contains(err.Error(), "wipe this node's folder") {
						t.Errorf("got %v, want a refusal that says what to do", err)
					}
					return
				}
				if err != nil {
					t.Fatalf("the log is whole, and yet: %v", err)
				}
				clustertest.Lead(t, order)
				if got := len(machine.Seen().Lines); got != 21 {
					t.Errorf("%d lines, want all 21", got)
				}
				shut(t, order)
			})
		}
	}
}

func damage(t *testing.T, pattern string) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no file %s: %v", pattern, err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range content {
			content[i] ^= 0x55
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFolderIsWholeOrRefused(t *testing.T) {
	t.Run("a wiped folder is another server", func(t *testing.T) {
		config := single(t)
		ids := map[string]bool{}
		for range 2 {
			for range 2 {
				order := clustertest.Start(t, opening(config), clustertest.NewTally())
				ids[order.Status().ID] = true
				shut(t, order)
			}
			if err := os.RemoveAll(config.Dir); err != nil {
				t.Fatal(err)
			}
		}
		if len(ids) != 2 {
			t.Errorf("two folders, each opened twice, had the ids %v", ids)
		}
	})
	t.Run("what a crash left of a beginning is begun again", func(t *testing.T) {
		config := single(t)
		if err := errors.Join(os.MkdirAll(config.Dir+".new", 0o750), os.WriteFile(filepath.Join(config.Dir+".new", "votes.db"), []byte("half"), 0o600)); err != nil {
			t.Fatal(err)
		}
		shut(t, clustertest.Start(t, opening(config), clustertest.NewTally()))
		if _, err := os.Stat(config.Dir + ".new"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the remains are still there: %v", err)
		}
	})
	for _, part := range []string{"votes.db", filepath.Join("log", "wal-meta.db"), "snapshots"} {
		t.Run("without "+part, func(t *testing.T) {
			config := single(t)
			written(t, config)
			if err := os.RemoveAll(filepath.Join(config.Dir, part)); err != nil {
				t.Fatal(err)
			}
			if _, err := opening(config)(clustertest.NewTally()); err == nil || !strings.Contains(err.Error(), "lost a part") {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("somebody else's folder", func(t *testing.T) {
		config := single(t)
		if err := errors.Join(os.MkdirAll(config.Dir, 0o750), os.WriteFile(filepath.Join(config.Dir, "letter.txt"), []byte("keep me"), 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := opening(config)(clustertest.NewTally()); err == nil {
			t.Error("the node moved in")
		}
		if _, err := os.Stat(filepath.Join(config.Dir, "letter.txt")); err != nil {
			t.Error(err)
		}
	})
}

// TestALateSnapshotDoesNotTakeTheStateBack sends a node a snapshot that is older
// than its state, as a leader's delayed request would.
func TestALateSnapshotDoesNotTakeTheStateBack(t *testing.T) {
	config := single(t)
	config.Listen = "127.0.0.1:0"
	machine := clustertest.NewTally()
	order := clustertest.Start(t, opening(config), machine)
	for i := range 30 {
		clustertest.Put(t, order, fmt.Sprint("line ", i))
	}
	status := order.Status()
	other, err := raft.NewTCPTransport("127.0.0.1:0", nil, 1, 5*time.Second, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	body := "an old state"
	request := &raft.InstallSnapshotRequest{RPCHeader: raft.RPCHeader{ProtocolVersion: 3, ID: []byte(status.ID), Addr: []byte(status.Address)}, SnapshotVersion: 1,
		Term: status.Term, LastLogIndex: 10, LastLogTerm: status.Term, Configuration: raft.EncodeConfiguration(raft.Configuration{}), Size: int64(len(body))}
	var response raft.InstallSnapshotResponse
	if err := other.InstallSnapshot(raft.ServerID(status.ID), raft.ServerAddress(status.Address), request, &response, strings.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	if !response.Success {
		t.Error("the sender was not told to go on after the snapshot")
	}
	if got := len(machine.Seen().Lines); got != 30 {
		t.Errorf("the machine went back to %d lines", got)
	}
	clustertest.Put(t, order, "and on")
	shut(t, order)
}
