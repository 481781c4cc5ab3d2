package cluster_test

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/cluster/clustertest"
)

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
		clustertest.Until(t, "the node is a voter", func() bool { return first.AddAt(node.Status().Address) == nil && votes(first, node.Status().ID) })
	}
	want := put(t, first, 0, 30)
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

// votes reports whether a node knows another as a voter.
func votes(node *cluster.Raft, id string) bool {
	return slices.ContainsFunc(node.Status().Members, func(m cluster.Member) bool { return m.ID == id && m.Votes })
}

func put(t *testing.T, order cluster.Order, from, to int) (lines []string) {
	t.Helper()
	for i := from; i < to; i++ {
		clustertest.Put(t, order, fmt.Sprint("line ", i))
		lines = append(lines, fmt.Sprint("line ", i))
	}
	return lines
}

// sure puts lines in through a node, each once: where an election left open whether
// one is in the log, it waits for a barrier and looks before it repeats.
func (m *members) sure(t *testing.T, node, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		line := fmt.Sprint("line ", i)
		clustertest.Until(t, line+" is in the log", func() bool {
			if slices.Contains(m.machines[node].Seen().Lines, line) {
				return true
			}
			p := <-m.nodes[node].Propose([]byte(line))
			for p.Err != nil && m.nodes[node].Barrier(time.Second) != nil && t.Context().Err() == nil {
				continue // no leader yet
			}
			return p.Err == nil
		})
	}
}

// listed are n nodes that were started with one list; the first of it founds.
func listed(t *testing.T, n int) *members {
	t.Helper()
	m := &members{make([]cluster.Config, n), make([]*clustertest.Tally, n), make([]*cluster.Raft, n)}
	addresses := make([]string, n)
	for i := range addresses {
		addresses[i] = free(t)
	}
	for i := range m.configs {
		m.configs[i] = single(t)
		m.configs[i].Single, m.configs[i].Listen, m.configs[i].Heartbeat, m.configs[i].TrailingLogs = false, addresses[i], 200*time.Millisecond, 4
		m.configs[i].Founds, m.configs[i].Seeds = i == 0, slices.Concat(addresses[:i], addresses[i+1:])
	}
	for i := range slices.Backward(m.configs) { // the founder comes last, and waits for nobody
		m.start(t, i)
	}
	m.voters(t, n)
	return m
}

func (m *members) voters(t *testing.T, want int) {
	t.Helper()
	clustertest.Until(t, fmt.Sprintf("all nodes see %d voters", want), func() bool {
		for _, node := range m.nodes {
			if count := len(slices.DeleteFunc(node.Status().Members, func(m cluster.Member) bool { return !m.Votes })); node.Status().Role != "shutdown" && count != want {
				return false
			}
		}
		return true
	})
}

// same waits until every machine holds the same lines, so many.
func (m *members) same(t *testing.T, want int) {
	t.Helper()
	for i, machine := range m.machines {
		clustertest.Until(t, fmt.Sprintf("node %d holds %d lines", i, want), func() bool { return len(machine.Seen().Lines) == want })
		if !slices.Equal(machine.Seen().Lines, m.machines[0].Seen().Lines) {
			t.Errorf("node %d has another order", i)
		}
	}
}

func TestAListFoundsOneClusterAndEveryNodeTakesEntries(t *testing.T) {
	m := listed(t, 3)
	m.voters(t, 3)
	leader := m.leader(t, 0, 1, 2)
	for i, node := range m.nodes {
		clustertest.Lead(t, node) // a barrier works anywhere
		for k := range 20 {
			line := fmt.Sprintf("node %d line %d", i, k)
			p := clustertest.Answer(t, node.Propose([]byte(line)))
			if seen := m.machines[i].Seen(); p.Err != nil || p.Index == 0 || p.Result != clustertest.Result(slices.Index(seen.Lines, line)+1, line) {
				t.Fatalf("node %d answered %v at %d, %v", i, p.Result, p.Index, p.Err)
			}
		}
	}
	m.same(t, 60)
	for _, node := range m.nodes {
		if id, _ := node.Leader(); id != leader.Status().ID {
			t.Errorf("a node believes that %q leads", id)
		}
	}
}

// A follower's reader sees what was committed before it asked.
func TestABarrierOnAFollowerWaitsForTheLeadersEntries(t *testing.T) {
	m := listed(t, 3)
	leader := m.leader(t, 0, 1, 2)
	for n := range 50 {
		clustertest.Put(t, leader, fmt.Sprint("line ", n))
		for i, node := range m.nodes {
			if err := node.Barrier(5 * time.Second); err != nil {
				t.Fatal(err)
			}
			if seen := len(m.machines[i].Seen().Lines); seen < n+1 {
				t.Fatalf("behind a barrier node %d holds %d of %d lines", i, seen, n+1)
			}
		}
	}
}

func TestAWipedNodeJoinsAgainAsAnother(t *testing.T) {
	for _, wiped := range []int{0, 1} { // the founder must not found a second cluster
		t.Run(fmt.Sprint("node ", wiped), func(t *testing.T) {
			m := listed(t, 3)
			m.voters(t, 3)
			m.leader(t, 0, 1, 2)
			m.sure(t, 2, 0, 30)
			old := m.nodes[wiped].Status().ID
			shut(t, m.nodes[wiped])
			if err := os.RemoveAll(m.configs[wiped].Dir); err != nil {
				t.Fatal(err)
			}
			others := slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == wiped })
			if err := m.leader(t, others...).Snapshot(); err != nil {
				t.Fatal(err)
			}
			m.start(t, wiped)
			m.voters(t, 3)
			m.sure(t, wiped, 30, 60)
			m.same(t, 60)
			if id := m.nodes[wiped].Status().ID; id == old || votes(m.nodes[2], old) {
				t.Errorf("server id %s, before %s, which still votes: %t", id, old, votes(m.nodes[2], old))
			}
		})
	}
}

func TestAFourthNodeJoinsUnderLoadAndANodeIsRemoved(t *testing.T) {
	m := listed(t, 3)
	m.leader(t, 0, 1, 2)
	var written atomic.Int64
	stop, asked := make(chan struct{}), m.nodes[1]
	var load sync.WaitGroup
	load.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if p := <-asked.Propose(fmt.Append(nil, "load ", n)); p.Err == nil {
				written.Add(1)
			} else if n == 0 {
				n--
			}
		}
	})
	clustertest.Until(t, "there is some load", func() bool { return written.Load() > 50 })
	m.configs = append(m.configs, single(t))
	m.configs[3].Single, m.configs[3].Listen, m.configs[3].Heartbeat, m.configs[3].Seeds = false, free(t), 200*time.Millisecond, m.configs[2].Seeds[:1]
	m.machines, m.nodes = append(m.machines, nil), append(m.nodes, nil)
	var cause atomic.Pointer[error]
	m.configs[3].Fatal = func(err error) { cause.Store(&err) }
	m.start(t, 3)
	m.voters(t, 4)
	close(stop)
	load.Wait()
	m.leader(t, 0, 1, 2, 3)
	m.same(t, len(m.machines[1].Seen().Lines))

	gone := m.nodes[3].Status().ID
	if err := m.nodes[1].Remove(gone); err != nil { // wherever it is asked
		t.Fatal(err)
	}
	clustertest.Until(t, "the removed node stops", func() bool { return cause.Load() != nil })
	if err := *cause.Load(); !strings.Contains(err.Error(), "removed from its cluster") {
		t.Error(err)
	}
	m.voters(t, 3)
}

// marking is a machine whose state can be made to differ.
type marking struct {
	*clustertest.Tally
	wrong atomic.Bool
}

func (m *marking) Mark() (uint64, uint64) {
	seen := m.Tally.Seen()
	hash := uint64(len(seen.Lines))
	if m.wrong.Load() {
		hash += 1 << 40
	}
	return seen.Index, hash
}

// marked opens the nodes again with such machines, and tells why each stopped.
func (m *members) marked(t *testing.T) ([]*marking, []atomic.Pointer[error]) {
	t.Helper()
	put(t, m.leader(t, 0, 1, 2), 0, 5)
	machines, causes := make([]*marking, 3), make([]atomic.Pointer[error], 3)
	for i := range m.nodes {
		shut(t, m.nodes[i])
	}
	for i := range m.nodes {
		machines[i] = &marking{Tally: clustertest.NewTally()}
		config := m.configs[i]
		config.Machine, config.Fatal = machines[i], func(err error) { causes[i].Store(&err) }
		node, err := cluster.Open(config)
		if err != nil {
			t.Fatal(err)
		}
		m.nodes[i] = node
		t.Cleanup(func() { _ = node.Close() })
	}
	return machines, causes
}

func TestANodeWhoseStateDiffersStopsAndTheOthersGoOn(t *testing.T) {
	for _, wrong := range []string{"follower", "leader"} {
		t.Run(wrong, func(t *testing.T) {
			m := listed(t, 3)
			machines, causes := m.marked(t)
			leader := m.leader(t, 0, 1, 2)
			at := slices.IndexFunc(m.nodes, func(n *cluster.Raft) bool { return (n == leader) == (wrong == "leader") })
			machines[at].wrong.Store(true)
			put(t, m.nodes[(at+1)%3], 5, 8)
			clustertest.Until(t, "the node stops", func() bool { return causes[at].Load() != nil })
			if err := *causes[at].Load(); !strings.Contains(err.Error(), "differs from the others'") {
				t.Error(err)
			}
			_ = m.nodes[at].Close() // its program would end
			rest := slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return i == at })
			put(t, m.leader(t, rest...), 8, 12)
			for _, i := range rest {
				if err := causes[i].Load(); err != nil {
					t.Errorf("node %d stopped too: %v", i, *err)
				}
			}
		})
	}
}

// A node that is gone has no voice: what it agreed to before counts for nobody, or
// two that differ would both go on.
func TestOfTwoNodesThatDifferOneStops(t *testing.T) {
	m := listed(t, 3)
	machines, causes := m.marked(t)
	leader := m.leader(t, 0, 1, 2)
	at := slices.Index(m.nodes, leader)
	put(t, leader, 0, 3)
	agreed := func(node *cluster.Raft) bool { // all three have been compared at the newest mark
		index := machines[0].Seen().Index
		return !slices.ContainsFunc(node.Nodes(), func(n cluster.Node) bool { return n.Heard.IsZero() || n.Mark.Index < index })
	}
	clustertest.Until(t, "the nodes have heard each other", func() bool { return agreed(m.nodes[0]) && agreed(m.nodes[1]) && agreed(m.nodes[2]) })
	shut(t, m.nodes[(at+2)%3])
	follower := (at + 1) % 3
	machines[follower].wrong.Store(true)
	put(t, leader, 3, 6)
	clustertest.Until(t, "the follower stops", func() bool { return causes[follower].Load() != nil })
	if cause := causes[at].Load(); cause != nil {
		t.Errorf("the leader stopped too: %v", *cause)
	}
}
