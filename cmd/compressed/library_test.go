package compressed

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/cluster/clustertest"
)

// Faults of the consensus library, or of what could be built upon it, that the
// log node has to outlive: each was seen to break three nodes that lack the guard.

// trio is three nodes of the log with a machine that only writes down.
type trio struct {
	t     *testing.T
	dir   string
	net   *network
	wire  *wire
	seen  *sightings
	nodes [nodeCount]*cluster.Raft
	ends  [nodeCount]*place
	books [nodeCount]*clustertest.Tally
	fatal [nodeCount]chan error
	count int
}

// inTrio runs a test with three nodes that have a leader, the first of them.
func inTrio(t *testing.T, trailing uint64, test func(*trio)) {
	synctest.Test(t, func(t *testing.T) {
		seen := newSightings()
		c := &trio{t: t, dir: folder(t), net: newNetwork(), seen: seen, wire: newWire(seen.fault)}
		for i := range nodeCount {
			c.start(i, trailing)
		}
		c.until("all vote", func() bool {
			for _, m := range c.nodes[0].Status().Members {
				if !m.Votes {
					return false
				}
			}
			return len(c.nodes[0].Status().Members) == nodeCount && c.leader() >= 0
		})
		test(c)
		c.net.clear()
		closed := make(chan int, nodeCount)
		for i, node := range c.nodes {
			go func() { // counted below
				if err := node.Close(); err != nil {
					t.Errorf("close n%d: %v", i+1, err)
				}
				closed <- i
			}()
		}
		late := time.After(time.Minute)
		for range nodeCount {
			select {
			case <-closed:
			case <-late:
				panic("a node does not close") // a goroutine that is stuck cannot be ended otherwise
			}
		}
		for _, fault := range seen.faults {
			t.Error(fault)
		}
	})
}

func name(i int) string { return nodeNames()[i] }

func (c *trio) start(i int, trailing uint64) {
	c.t.Helper()
	at := c.net.place(name(i))
	c.ends[i], c.books[i], c.fatal[i] = at, clustertest.NewTally(), make(chan error, 1)
	c.wire.founded(name(i), name(i))
	var seeds []string
	for k := range nodeCount {
		if k != i {
			seeds = append(seeds, name(k)+":7421")
		}
	}
	fatal := c.fatal[i]
	node, err := cluster.Open(cluster.Config{Dir: filepath.Join(c.dir, name(i)), Listen: name(i) + ":7421", Seeds: seeds, Founds: i == 0,
		Machine: c.books[i], Log: c.seen.logger(name(i)), TrailingLogs: trailing, SnapshotThreshold: 1 << 40, SnapshotInterval: time.Hour,
		ListenOn: at.Listen, Fatal: func(err error) { fatal <- err }, Dial: func(to string, timeout time.Duration) (net.Conn, error) {
			conn, err := at.within(to, timeout)
			if err != nil {
				return nil, err
			}
			return &tap{Conn: conn, wire: c.wire, from: name(i), to: to}, nil
		}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.nodes[i] = node
}

// leader is the node that leads in the newest term, -1 if none does.
func (c *trio) leader() int {
	at, term := -1, uint64(0)
	for i, node := range c.nodes {
		if status := node.Status(); status.Leads && status.Term > term {
			at, term = i, status.Term
		}
	}
	return at
}

func (c *trio) until(what string, holds func() bool) {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			panic("not within a minute: " + what) // see inTrio
		}
	}
}

// put writes lines at the leader until so many are acknowledged.
func (c *trio) put(lines int) {
	c.t.Helper()
	for done := 0; done < lines; {
		at := c.leader()
		if at < 0 {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		c.count++
		if p := <-c.nodes[at].Propose([]byte(fmt.Sprint("line ", c.count))); p.Err == nil {
			done++
		}
	}
}

// same waits until all nodes hold the same.
func (c *trio) same(what string) {
	c.t.Helper()
	c.until(what, func() bool {
		at := c.leader()
		for _, book := range c.books {
			if at < 0 || !slices.Equal(book.Seen().Lines, c.books[at].Seen().Lines) {
				return false
			}
		}
		return true
	})
}

// Where a follower refuses a request while more are on their way, here because it
// stands for election, the library's pipeline can wait for itself for ever: a
// follower that is led by it hears heartbeats and never another entry, and the
// node cannot be closed. The pipeline is off. With it on this test seldom meets
// the moment; an hour of faults does.
func TestANodeThatWasVotedOutUnderLoadClosesAndFollows(t *testing.T) {
	inTrio(t, 1000, func(c *trio) {
		changes := 0
		for round := range 30 {
			leader := c.leader()
			follower := (leader + 1 + round%2) % nodeCount
			slow := weather{delay: 5 * time.Millisecond} // so that there is a way to be on
			c.net.both(name(leader), name(follower), slow)
			answers := make(chan (<-chan cluster.Proposed), 40)
			for i := range cap(answers) {
				answers <- c.nodes[leader].Propose([]byte(fmt.Sprint("round ", round, " line ", i)))
				time.Sleep(700 * time.Microsecond)
				if i == cap(answers)/2 {
					go c.wire.repeat(c.net, request{name(leader), name(follower) + ":7421", timeoutNow, standNow(c.nodes[leader].Status().ID, name(leader)+":7421")}) // ends within repeatPatience
				}
			}
			for range cap(answers) {
				<-<-answers
			}
			c.net.clear()
			c.put(3)
			c.same(fmt.Sprintf("round %d: all hold the same", round))
			if c.leader() != leader {
				changes++
			}
		}
		if changes < 3 {
			t.Errorf("vacuous: the leader changed %d times", changes)
		}
	})
}

// The library speaks to an address and does not look who is there. A node whose
// folder was lost answers at the address of the voter it once was: what that
// voter had acknowledged it does not have, so it must not vote for anybody.
func TestANodeThatLostItsFolderDoesNotVoteForItsForerunner(t *testing.T) {
	inTrio(t, 1000, func(c *trio) {
		c.put(3)
		leader := c.leader()
		wiped, behind := (leader+1)%nodeCount, (leader+2)%nodeCount
		c.isolate(behind)
		c.put(5) // on the leader and the one that is to lose its folder
		c.isolate(leader)
		if err := c.nodes[wiped].Close(); err != nil {
			t.Error(err)
		}
		c.ends[wiped].die(false)
		if err := os.RemoveAll(filepath.Join(c.dir, name(wiped))); err != nil {
			t.Fatal(err)
		}
		c.start(wiped, 1000)
		c.net.both(name(wiped), name(behind), weather{})
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if c.nodes[behind].Status().Leads || c.nodes[wiped].Status().Leads {
				t.Fatal("a leader without the entries that were acknowledged")
			}
		}
		c.net.clear()
		c.same("the leader comes back, and all have everything")
		if lines := c.books[behind].Seen().Lines; len(lines) != 8 {
			t.Errorf("8 lines were acknowledged, %q are there", lines)
		}
		for i := range nodeCount {
			select {
			case err := <-c.fatal[i]:
				t.Errorf("n%d ended itself: %v", i+1, err)
			default:
			}
		}
	})
}

// The library reads a snapshot while everything else waits. One whose sender falls
// silent in the middle must not keep a node from its leader.
func TestHalfASnapshotHoldsNobodyUp(t *testing.T) {
	inTrio(t, 1, func(c *trio) {
		c.put(5)
		leader := c.leader()
		behind := (leader + 1) % nodeCount
		c.isolate(behind)
		c.put(20)
		if err := c.nodes[leader].Snapshot(); err != nil {
			t.Fatal(err)
		}
		c.net.clear()
		c.same("the one that was away gets the snapshot")
		install, ok := c.wire.pick(installSnapshot, 0)
		if !ok {
			t.Fatal("vacuous: no snapshot was sent")
		}
		conn, err := c.net.place(install.from).Dial(context.Background(), install.to)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(install.bytes[:len(install.bytes)-10]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		c.put(5)
		c.same("entries go on") // within a minute, and nobody has ended the connection
	})
}

// isolate cuts a node off from the others.
func (c *trio) isolate(i int) {
	for k := range nodeCount {
		if k != i {
			c.net.both(name(i), name(k), weather{cut: true})
		}
	}
}
