package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// node is one node of the hub: a program, and what it is called in the cluster.
type node struct {
	*Process
	id string
}

// startHub runs one node by itself, or three that find each other.
func (r *Run) startHub(ctx context.Context, program string) error {
	var peers []string
	for n := range r.options.Hubs {
		raft, err := r.freePort()
		if err != nil {
			return err
		}
		id := fmt.Sprintf("n%d", n+1)
		args := []string{"run", "--node", id, "--raft-listen", raft}
		name := "hub-" + id
		if r.options.Hubs == 1 {
			name, args = "hub", []string{"run", "--single", "--raft-listen", raft}
		}
		p, err := r.process(name, program, args...)
		if err != nil {
			return err
		}
		peers = append(peers, id+"="+raft)
		r.nodes = append(r.nodes, &node{p, id})
	}
	for _, n := range r.nodes {
		if len(r.nodes) > 1 {
			n.args = append(n.args, "--peers", strings.Join(peers, ","))
		}
		if err := n.Start(); err != nil {
			return err
		}
	}
	for _, n := range r.nodes {
		if err := n.Ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// hub is a call that any node may answer; workers begin at different ones.
func (r *Run) hub(worker int, path string) target {
	t := target{first: worker, path: path}
	for _, n := range r.nodes {
		t.addresses = append(t.addresses, n.Address)
	}
	return t
}

// one is a call that this program alone is to answer.
func (p *Process) one(path string) target { return target{addresses: []string{p.Address}, path: path} }

// standing is how one node sees the cluster and itself.
type standing struct {
	leads   bool
	leader  string // whom it takes for the leader
	applied uint64
	hash    string
}

// askTimeout bounds one question about the cluster: a node that hangs is asked again.
const askTimeout = 500 * time.Millisecond

// stands asks one node.
func (r *Run) stands(ctx context.Context, n *node) (standing, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var cluster api.Cluster
	if _, err := r.client.get(ctx, n.one("/v1/cluster"), &cluster); err != nil {
		return standing{}, err
	}
	i := slices.IndexFunc(cluster.Nodes, func(other api.Node) bool { return other.ID == cluster.Node })
	if i < 0 {
		return standing{}, fmt.Errorf("%s does not list itself among %d nodes", n.Name, len(cluster.Nodes))
	}
	self := cluster.Nodes[i]
	return standing{leads: cluster.Leader == self.ID && self.Role == "leader", leader: cluster.Leader, applied: self.Applied, hash: self.StateHash}, nil
}

// electWithin bounds how long the nodes may take to agree on a leader.
const electWithin = 20 * time.Second

// leader waits until a node says that it leads and a majority agrees on whom
// they mean; nodes other than the one named by without.
func (r *Run) leader(ctx context.Context, without *node) (*node, error) {
	ctx, cancel := context.WithTimeout(ctx, electWithin)
	defer cancel()
	for {
		votes := map[string]int{}
		leads := map[string]*node{}
		for _, n := range r.nodes {
			if n == without {
				continue
			}
			if s, err := r.stands(ctx, n); err == nil {
				votes[s.leader]++
				if s.leads {
					leads[s.leader] = n
				}
			}
		}
		for name, n := range leads {
			if name != "" && 2*votes[name] > len(r.nodes) {
				return n, nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("no node led within %s", electWithin)
		}
	}
}

// follower draws a node that does not lead.
func (r *Run) follower(ctx context.Context, drawn int) (*node, error) {
	leader, err := r.leader(ctx, nil)
	if err != nil {
		return nil, err
	}
	var others []*node
	for _, n := range r.nodes {
		if n != leader {
			others = append(others, n)
		}
	}
	if len(others) == 0 {
		return leader, nil // a hub of one node
	}
	return others[drawn%len(others)], nil
}

// restart starts a program on the same port, and on the same folder if that is
// still there, and waits until it serves.
func (p *Process) restart(ctx context.Context) error {
	if err := p.Start(); err != nil {
		return err
	}
	return p.Ready(ctx)
}

// killLeader ends the node that leads, and is observed if, just after its end,
// the others still took it for the leader, and then followed another.
func (r *Run) killLeader(ctx context.Context, _ int) (observed bool, err error) {
	led, err := r.leader(ctx, nil)
	if err != nil {
		return false, err
	}
	before, err := r.stands(ctx, led)
	if err != nil {
		return false, err
	}
	if !led.Kill() {
		return false, led.restart(ctx)
	}
	killed := time.Now()
	trusted := false
	for _, n := range r.nodes {
		if s, err := r.stands(ctx, n); n != led && err == nil && s.leader == before.leader {
			trusted = true
		}
	}
	next, err := r.leader(ctx, led)
	if err != nil {
		return false, err
	}
	r.kills = append(r.kills, killed)
	return before.leads && trusted && next != led, led.restart(ctx)
}

// killFollower ends a node that does not lead; of a hub of one, that one.
func (r *Run) killFollower(ctx context.Context, drawn int) (observed bool, err error) {
	victim, err := r.follower(ctx, drawn)
	if err != nil {
		return false, err
	}
	return victim.Kill(), victim.restart(ctx)
}

// wipe ends a follower, removes its folder and starts it again. It is observed
// when the node, empty at first, has applied as much as another had by then.
func (r *Run) wipe(ctx context.Context, drawn int) (observed bool, err error) {
	victim, err := r.follower(ctx, drawn)
	if err != nil {
		return false, err
	}
	if !victim.Kill() {
		return false, victim.restart(ctx)
	}
	if err := os.RemoveAll(filepath.Join(r.dir, victim.Name)); err != nil {
		return false, err
	}
	if err := victim.restart(ctx); err != nil {
		return false, err
	}
	leader, err := r.leader(ctx, nil)
	if err != nil {
		return false, err
	}
	goal, err := r.stands(ctx, leader)
	if err != nil {
		return false, err
	}
	return true, r.until(ctx, electWithin, victim.Name+" has not caught up after its folder was wiped", func() bool {
		s, err := r.stands(ctx, victim)
		return err == nil && s.applied >= goal.applied
	})
}

// until waits for a condition.
func (r *Run) until(ctx context.Context, most time.Duration, missing string, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for !done() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("after %s: %s", most, missing)
		}
	}
	return nil
}

// A hanging disk, without the rights to slow a real one: the whole node stands
// still for a moment, as it would behind an fsync that takes as long, again and
// again.
const (
	hangs    = 4
	hangTime = 300 * time.Millisecond
	hangRest = 150 * time.Millisecond
)

// hang makes a follower stand still again and again. It is observed if the node
// gave no answer while it stood, most of the times, and answered afterwards.
func (r *Run) hang(ctx context.Context, drawn int) (observed bool, err error) {
	victim, err := r.follower(ctx, drawn)
	if err != nil {
		return false, err
	}
	silent := 0
	for range hangs {
		if !victim.pause() {
			return false, nil
		}
		if !answers(victim.Process, hangTime) {
			silent++
		}
		if !victim.resume() {
			return false, nil
		}
		select {
		case <-time.After(hangRest):
		case <-ctx.Done():
			return false, nil
		}
	}
	if err := victim.Ready(ctx); err != nil {
		return false, err
	}
	return silent > hangs/2, nil
}

// answers reports whether a program answers within a while, which it takes in
// any case.
func answers(p *Process, within time.Duration) bool {
	client := &http.Client{Timeout: within, Transport: &http.Transport{DisableKeepAlives: true}}
	end := time.After(within)
	response, err := client.Get("http://" + p.Address + "/livez")
	if err == nil {
		response.Body.Close()
	}
	<-end
	return err == nil
}

// settledHashes compares the state hashes of all nodes where they stand at the
// same index, and asks until each was seen there together with all others.
func (r *Run) settledHashes(ctx context.Context) (equal bool, problem string) {
	seen := map[uint64]map[string]string{} // index -> node -> hash
	err := r.until(ctx, electWithin, "the nodes were never seen at one index", func() bool {
		for _, n := range r.nodes {
			s, err := r.stands(ctx, n)
			if err != nil {
				continue
			}
			if seen[s.applied] == nil {
				seen[s.applied] = map[string]string{}
			}
			seen[s.applied][n.id] = s.hash
		}
		for _, hashes := range seen {
			if len(hashes) == len(r.nodes) {
				return true
			}
		}
		return false
	})
	if err != nil {
		return false, err.Error()
	}
	for index, hashes := range seen {
		first := ""
		for _, hash := range hashes {
			if first == "" {
				first = hash
			}
			if hash != first {
				told, _ := json.Marshal(hashes)
				return false, fmt.Sprintf("state hashes differ at index %d: %s", index, told)
			}
		}
	}
	return true, ""
}
