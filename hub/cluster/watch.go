package cluster

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/shelfsync/shelfsync/protocol"
)

// watchEvery is how often the nodes tell each other where they stand.
const watchEvery = time.Second

// roleLeader is the role of a leader in marks and in Status.
const roleLeader = "leader"

// Marked is a Machine that can be compared: the newest mark that its log set,
// and the hash of its state right after it. Marks are set by entries, so every
// node has them at the same indices.
type Marked interface {
	Mark() (index, hash uint64)
}

// marks are the newest marks of this node's machine.
type marks struct {
	mutex sync.Mutex // guards newest: the log's goroutine writes, the watch reads
	ring  [64]struct{ index, hash uint64 }
	count int
}

func (m *marks) note(index, hash uint64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.count > 0 && m.ring[(m.count-1)%len(m.ring)].index == index {
		return
	}
	m.ring[m.count%len(m.ring)] = struct{ index, hash uint64 }{index, hash}
	m.count++
}

// newest is the last mark; zero before the first.
func (m *marks) newest() (index, hash uint64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.count == 0 {
		return 0, 0
	}
	at := m.ring[(m.count-1)%len(m.ring)]
	return at.index, at.hash
}

// at is the hash at a mark; false if it is not remembered.
func (m *marks) at(index uint64) (hash uint64, ok bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for i := max(0, m.count-len(m.ring)); i < m.count; i++ {
		if at := m.ring[i%len(m.ring)]; at.index == index {
			return at.hash, true
		}
	}
	return 0, false
}

// mark is where this node stands.
func (r *Raft) mark() protocol.PeerMark {
	index, hash := r.driver.marks.newest()
	mark := protocol.PeerMark{ID: r.folder.id, Address: string(r.transport.LocalAddr()), API: r.api, Program: r.program,
		Role: strings.ToLower(r.raft.State().String()), New: r.isNew(), Applied: r.driver.applied.Load(), Snapshot: r.snapshotIndex(), Index: index, Hash: hash}
	if r.horizon != nil {
		mark.Horizon = r.horizon()
	}
	return mark
}

// heardOf is what another node last said of itself.
type heardOf struct {
	mark    protocol.PeerMark
	at      time.Time
	differs bool // its state was another than ours at a mark that both had
	equal   bool // it was the same at the last one
}

// watch asks every other member where it stands, and stops this node where it
// must not go on.
func (r *Raft) watch() {
	if r.raft.State() == raft.Shutdown {
		if !r.closing() { // nobody but the library itself stopped it
			_ = r.fuse.blow(errRemoved)
		}
		return
	}
	belonged, err := r.belonged()
	if err != nil {
		return // the fuse has blown, or the node closes
	}
	before := *r.heard.Load()
	heard := map[string]heardOf{}
	for _, s := range r.members() {
		id := string(s.ID)
		if id == r.folder.id {
			continue
		}
		at := before[id]
		answer, err := r.streams.call(string(s.Address), protocol.PeerMessage{Kind: protocol.PeerMarked, Mark: r.mark()}, askWithin)
		if err == nil && answer.Mark.ID == id {
			if answer.Mark.Stranger && belonged {
				_ = r.fuse.blow(errRemoved)
				return
			}
			at.mark, at.at = answer.Mark, time.Now()
			if hash, ok := r.driver.marks.at(answer.Mark.Index); ok {
				at.equal = hash == answer.Mark.Hash
				at.differs = !at.equal
			}
		} else {
			at.equal, at.differs = false, false // who is silent has no voice
		}
		heard[id] = at
	}
	r.heard.Store(&heard)
	if err := r.diverged(heard); err != nil {
		_ = r.fuse.blow(err)
	}
}

// guardCommit watches over one proposal; Stop ends it. A leader whose heartbeats
// are answered and whose entries are not leads for ever and commits nothing: a
// hung transfer of leadership, or whatever else the library cannot see. Once it
// stops the others elect one that can.
func (r *Raft) guardCommit() *time.Timer {
	term, commit := r.raft.CurrentTerm(), r.raft.CommitIndex()
	return time.AfterFunc(r.stall, func() {
		if r.raft.State() == raft.Leader && r.raft.CurrentTerm() == term && r.raft.CommitIndex() == commit {
			_ = r.fuse.blow(fmt.Errorf("this node leads and has committed nothing for %v", r.stall))
		}
	})
}

// errDiverged: this node's state is not what the others have.
var errDiverged = errors.New("this node's state differs from the others' at the same place in the log: wipe its folder and let it join again")

// diverged tells whether this node is the one whose state is wrong: more nodes
// differ from it than agree with it, or as many and the leader is among those.
// Those that differ from us may also differ from each other; then nobody knows
// who is right, and all of them stop.
func (r *Raft) diverged(heard map[string]heardOf) error {
	leader, id := r.raft.LeaderWithID()
	agree, differ := 1, 0
	leaderDiffers := false
	for other, at := range heard {
		switch {
		case at.equal:
			agree++
		case at.differs:
			differ++
			leaderDiffers = leaderDiffers || other == string(id)
			r.log.Error("two nodes differ at the same place in the log", "other", at.mark.Address, "index", at.mark.Index, "leader", string(leader))
		}
	}
	if differ > agree || differ == agree && leaderDiffers {
		return fmt.Errorf("%w (%d differ, %d agree)", errDiverged, differ, agree)
	}
	return nil
}
