package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/shelfsync/shelfsync/protocol"
)

const (
	// memberPatience bounds the wait for a change of the members.
	memberPatience = 10 * time.Second
	// joinEvery is how often a node that is no voter yet asks to become one.
	joinEvery = 250 * time.Millisecond
	// askWithin bounds a question to another node that needs no log entry.
	askWithin = 2 * time.Second
	// caughtUpWithin is how many entries a new member may lack when it gets its
	// vote: few enough to follow in a moment, so that it never holds a commit up.
	caughtUpWithin = 1000
)

// ErrRefused: nothing was done, for a reason that another node gave.
var ErrRefused = errors.New("the cluster refused")

var (
	errRemoved = errors.New("this node was removed from its cluster: wipe its folder to let it join again as a new one")
	errMembers = fmt.Errorf("%w: a cluster has at most %d nodes", ErrRefused, protocol.MaxMembers)
)

// members are the servers of the newest configuration this node knows.
func (r *Raft) members() []raft.Server { return r.raft.GetConfiguration().Configuration().Servers }

func (r *Raft) isMember(id string) bool {
	return slices.ContainsFunc(r.members(), func(s raft.Server) bool { return string(s.ID) == id })
}

// isNew reports whether this node's folder has never been in a cluster.
func (r *Raft) isNew() bool { return r.raft.LastIndex() == 0 && len(r.members()) == 0 }

// settled reports whether this node votes under the address it has now.
func (r *Raft) settled() bool {
	return slices.ContainsFunc(r.members(), func(s raft.Server) bool {
		return string(s.ID) == r.folder.id && s.Address == r.transport.LocalAddr() && s.Suffrage == raft.Voter
	})
}

// join makes this node a voter: it founds the cluster with the others if all of
// them are new and it is the first of their list, else it asks to be admitted.
// A folder that was in a cluster and is no longer is not let in again.
func (r *Raft) join(seeds []string, founds bool) error {
	belonged, err := r.belonged() // noted before it votes, so before anybody removes it
	if err != nil {
		return err
	}
	switch {
	case r.isNew() && founds:
		if founded, err := r.found(seeds); founded || err != nil {
			return err
		}
	case belonged && !r.isMember(r.folder.id):
		return errRemoved
	}
	ask := protocol.PeerMessage{Kind: protocol.PeerAdmit, Server: r.folder.id, Address: string(r.transport.LocalAddr()), Index: r.driver.applied.Load()}
	for _, seed := range seeds {
		if _, err := r.askLeader(seed, ask, memberPatience); err == nil {
			return nil
		}
	}
	return nil // nobody could: ask again later
}

// askLeader asks the node at an address, or the leader it names.
func (r *Raft) askLeader(address string, m protocol.PeerMessage, within time.Duration) (*protocol.PeerMessage, error) {
	answer, err := r.streams.call(address, m, within)
	if err == nil && answer.Code == protocol.PeerNotLeader && answer.Leader != "" && answer.Leader != address {
		answer, err = r.streams.call(answer.Leader, m, within)
	}
	if err != nil {
		return nil, err
	}
	return answer, meant(answer)
}

// found begins a cluster of this node alone, once all seeds have answered that
// they are new: a node that lost its folder must never found a second cluster
// beside the one it was in. The seeds then ask to be admitted, for a new folder
// has no vote.
func (r *Raft) found(seeds []string) (founded bool, err error) {
	for _, seed := range seeds {
		answer, err := r.streams.call(seed, protocol.PeerMessage{Kind: protocol.PeerMarked, Mark: r.mark()}, askWithin)
		if err != nil {
			return true, nil // wait for it
		}
		if !answer.Mark.New {
			return false, nil // there is a cluster: join it
		}
	}
	alone := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(r.folder.id), Address: r.transport.LocalAddr()}}}
	err = r.raft.BootstrapCluster(alone).Error()
	if err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
		return false, fmt.Errorf("found a cluster: %w", err)
	}
	return true, nil
}

// admit makes a node a member, and a voter once it has caught up. A member that
// had its address is another folder's, which is gone: its server id never votes
// again. Only the leader can; it is idempotent.
func (r *Raft) admit(id, address string, applied uint64) error {
	if _, leads := r.Leader(); !leads {
		return ErrNotLeader
	}
	mark, err := r.streams.call(address, protocol.PeerMessage{Kind: protocol.PeerMarked, Mark: r.mark()}, askWithin)
	if err != nil {
		return fmt.Errorf("%w: the node cannot be reached at %s: %w", ErrRefused, address, err)
	}
	if mark.Mark.ID != id {
		return fmt.Errorf("%w: another node answers at %s", ErrRefused, address)
	}
	members := r.members()
	at := slices.IndexFunc(members, func(s raft.Server) bool { return string(s.ID) == id })
	for _, s := range members {
		if string(s.Address) == address && string(s.ID) != id {
			if err := r.Remove(string(s.ID)); err != nil {
				return err
			}
		}
	}
	switch {
	case at >= 0 && members[at].Suffrage == raft.Voter && string(members[at].Address) == address:
		return nil
	case at < 0 && len(members) >= protocol.MaxMembers:
		return errMembers
	case at < 0:
		return meaning(r.await(r.raft.AddNonvoter(raft.ServerID(id), raft.ServerAddress(address), 0, memberPatience)))
	case applied+caughtUpWithin < r.driver.applied.Load():
		return nil // it follows as it is
	}
	return meaning(r.await(r.raft.AddVoter(raft.ServerID(id), raft.ServerAddress(address), 0, memberPatience)))
}

// AddAt makes the running node at an address a member, wherever this is called.
func (r *Raft) AddAt(address string) error {
	answer, err := r.streams.call(address, protocol.PeerMessage{Kind: protocol.PeerMarked, Mark: r.mark()}, askWithin)
	if err != nil {
		return fmt.Errorf("%w: no node answers at %s: %w", ErrRefused, address, err)
	}
	if _, leads := r.Leader(); leads {
		return r.admit(answer.Mark.ID, address, answer.Mark.Applied)
	}
	return r.elsewhere(protocol.PeerMessage{Kind: protocol.PeerAdd, Address: address})
}

// Remove takes a node out of the cluster for ever, wherever this is called.
func (r *Raft) Remove(id string) error {
	if _, leads := r.Leader(); !leads {
		return r.elsewhere(protocol.PeerMessage{Kind: protocol.PeerRemove, Server: id})
	}
	if !r.isMember(id) {
		return fmt.Errorf("%w: no member has the id %s", ErrRefused, id)
	}
	return meaning(r.await(r.raft.RemoveServer(raft.ServerID(id), 0, memberPatience)))
}

// elsewhere lets the leader do it.
func (r *Raft) elsewhere(m protocol.PeerMessage) error {
	leader, _ := r.raft.LeaderWithID()
	if leader == "" || leader == r.transport.LocalAddr() {
		return ErrNotLeader
	}
	answer, err := r.streams.call(string(leader), m, memberPatience)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return meant(answer)
}

// Node is a member and where it last said it stands.
type Node struct {
	Member
	Mark  protocol.PeerMark
	Heard time.Time // zero: never
}

// Nodes are the members, this one included, by address.
func (r *Raft) Nodes() []Node {
	heard := *r.heard.Load()
	var nodes []Node
	for _, s := range r.members() {
		node := Node{Member: Member{string(s.ID), string(s.Address), s.Suffrage == raft.Voter}}
		if string(s.ID) == r.folder.id {
			node.Mark, node.Heard = r.mark(), time.Now()
		} else if at, ok := heard[string(s.ID)]; ok {
			node.Mark, node.Heard = at.mark, at.at
		}
		nodes = append(nodes, node)
	}
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.Address, b.Address) })
	return nodes
}
