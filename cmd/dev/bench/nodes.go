package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// nodes is a hub: as many nodes as the programs can make a hub of.
type nodes struct {
	all  []*program
	raft []string // their addresses between themselves
}

// threeNodes are their names, where the programs know how to be three.
var threeNodes = []string{"n1", "n2", "n3"}

// startHub starts a hub of three nodes on loopback if its programs can be one,
// else of one node.
func (b *Bench) startHub(ctx context.Context) (*nodes, error) {
	help, err := exec.CommandContext(ctx, filepath.Join(b.options.Programs, "shelfsync-hub"), "run", "--help").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ask the hub what it can do: %w: %.500s", err, help)
	}
	if !bytes.Contains(help, []byte("--peers")) {
		return b.startSingle(ctx)
	}
	h := &nodes{}
	var peers []string
	for _, name := range threeNodes {
		address, err := freePort()
		if err != nil {
			return nil, err
		}
		h.raft, peers = append(h.raft, address), append(peers, name+"="+address)
	}
	for i, name := range threeNodes {
		p, err := b.begin("shelfsync-hub", name, "run", "--peers", strings.Join(peers, ","), "--node", name, "--raft-listen", h.raft[i])
		if err != nil {
			return nil, err
		}
		h.all = append(h.all, p)
	}
	for _, p := range h.all {
		if err := p.ready(ctx); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (b *Bench) startSingle(ctx context.Context) (*nodes, error) {
	raft, err := freePort()
	if err != nil {
		return nil, err
	}
	p, err := b.start(ctx, "shelfsync-hub", "hub", "run", "--single", "--raft-listen", raft)
	return &nodes{[]*program{p}, []string{raft}}, err
}

// standing is what GET /v1/cluster says of leadership. A hub that does not tell
// its term has none here.
type standing struct {
	Leader string  `json:"leader"`
	Term   *uint64 `json:"term"`
	Nodes  []struct {
		ID      string  `json:"id"`
		Address string  `json:"address"`
		Role    string  `json:"role"`
		Term    *uint64 `json:"term"`
	} `json:"nodes"`
}

// term is the highest that any node told; false if none did.
func (s *standing) term() (term uint64, told bool) {
	if s.Term != nil {
		term, told = *s.Term, true
	}
	for i := range s.Nodes {
		if t := s.Nodes[i].Term; t != nil {
			term, told = max(term, *t), true
		}
	}
	return term, told
}

// leads finds the node that leads: by its name, or by one of its addresses.
func (h *nodes) leads(s *standing) (*program, bool) {
	if len(h.all) == 1 {
		return h.all[0], true
	}
	if s.Leader == "" {
		return nil, false
	}
	known := []string{s.Leader}
	for i := range s.Nodes {
		if s.Nodes[i].ID == s.Leader {
			known = append(known, s.Nodes[i].Address)
		}
	}
	for i, p := range h.all {
		if slices.Contains(known, p.name) || slices.Contains(known, p.address) || slices.Contains(known, h.raft[i]) {
			return p, true
		}
	}
	return nil, false
}

// leader waits until the hub has a leader that was started here, and answers it.
func (h *nodes) leader(ctx context.Context) (*program, standing, error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		s, err := h.standing(ctx)
		if err != nil {
			return nil, s, err
		}
		if p, found := h.leads(&s); found {
			return p, s, nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, s, fmt.Errorf("the hub names no leader that was started here, it says %q: %w", s.Leader, ctx.Err())
		}
	}
}

func (h *nodes) standing(ctx context.Context) (s standing, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.all[0].address+"/v1/cluster", nil)
	if err != nil {
		return s, err
	}
	body, err := call(http.DefaultClient, request, http.StatusOK)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(body, &s)
}

// elections counts those between two standings by the term, which each of them
// raises; where no term is told, a changed leader is one at least.
func elections(before, after *standing) (count int, told string) {
	first, toldBefore := before.term()
	last, toldAfter := after.term()
	switch {
	case toldBefore && toldAfter && last == first:
		return 0, fmt.Sprintf("No election: term %d before and after.", first)
	case toldBefore && toldAfter:
		return int(last - first), fmt.Sprintf("%d elections: term %d before, %d after.", last-first, first, last)
	case before.Leader != after.Leader:
		return 1, fmt.Sprintf("At least 1 election: the leader was %s and is %s.", before.Leader, after.Leader)
	}
	return 0, fmt.Sprintf("No election seen: %s led before and after (the hub does not tell its term).", after.Leader)
}
