package cluster_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
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

// members are three nodes over TCP.
type members struct {
	configs  []cluster.Config
	machines []*clustertest.Tally
	nodes    []*cluster.Raft
}

func (m *members) start(t *testing.T, i int) {
	t.Helper()
	m.machines[i] = clustertest.NewTally()
	config := m.configs[i]
	config.Machine = m.machines[i]
	node, err := cluster.Open(config)
	if err != nil {
		t.Fatalf("start node %d: %v", i, err)
	}
	m.nodes[i] = node
	t.Cleanup(func() { _ = node.Close() }) // some are closed by then
}

func (m *members) leader(t *testing.T, among ...int) *cluster.Raft {
	t.Helper()
	var leader *cluster.Raft
	clustertest.Until(t, "one of the nodes leads", func() bool {
		for _, i := range among {
			if m.nodes[i].Status().Leads && m.nodes[i].Barrier(time.Second) == nil {
				leader = m.nodes[i]
				return true
			}
		}
		return false
	})
	return leader
}

// free is an address that nobody listened on a moment ago: a node must come back
// on the one that the others know.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestThreeNodesOutliveOne(t *testing.T) {
	m := &members{make([]cluster.Config, 3), make([]*clustertest.Tally, 3), make([]*cluster.Raft, 3)}
	for i := range m.configs {
		m.configs[i] = single(t)
		m.configs[i].Single, m.configs[i].Listen, m.configs[i].Heartbeat = i == 0, free(t), 200*time.Millisecond
		m.configs[i].TrailingLogs = 4
		m.start(t, i)
	}
	first := m.leader(t, 0)
	for _, node := range m.nodes[1:] {
		if err := first.Add(node.Status().ID, node.Status().Address); err != nil {
			t.Fatalf("add: %v", err)
		}
	}
	want := put(t, first, 0, 30)
	if p := <-m.nodes[1].Propose([]byte("to a follower")); !errors.Is(p.Err, cluster.ErrNotLeader) {
		t.Errorf("a follower answered %v, %v", p.Result, p.Err)
	}
	shut(t, first)

	leader := m.leader(t, 1, 2)
	want = append(want, put(t, leader, 30, 60)...)
	if err := leader.Snapshot(); err != nil { // what the first lacks is gone from the log
		t.Fatal(err)
	}
	want = append(want, put(t, leader, 60, 70)...)
	m.start(t, 0)
	for i, machine := range m.machines {
		clustertest.Until(t, fmt.Sprintf("node %d holds everything", i), func() bool { return len(machine.Seen().Lines) == len(want) })
		if !slices.Equal(machine.Seen().Lines, want) {
			t.Errorf("node %d has another order", i)
		}
	}
	if m.machines[0].Given() >= 40 {
		t.Errorf("the node that was away replayed %d entries; it should have got the snapshot", m.machines[0].Given())
	}
	if got := len(leader.Status().Members); got != 3 {
		t.Errorf("%d members", got)
	}
}

func put(t *testing.T, order cluster.Order, from, to int) (lines []string) {
	t.Helper()
	for i := from; i < to; i++ {
		clustertest.Put(t, order, fmt.Sprint("line ", i))
		lines = append(lines, fmt.Sprint("line ", i))
	}
	return lines
}
