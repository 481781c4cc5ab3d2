package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/protocol"
)

var (
	errPlace   = errors.New("say one of --single, --peers or --join: a node has to know which hub it belongs to")
	errPeers   = errors.New("--peers lists the nodes as NAME=ADDR, each name and address once")
	errNode    = errors.New("--node names this node, and must be one of --peers")
	errTooMany = fmt.Errorf("--peers lists more than %d nodes", protocol.MaxMembers)
)

// place is this node's place among the others, as far as the settings say it.
func (c config) place() (cluster.Config, error) {
	place := cluster.Config{Listen: c.RaftListen, Advertise: c.Advertise, API: c.Listen, Program: version, Single: c.Single, Seeds: c.Join}
	ways := 0
	for _, said := range []bool{c.Single, len(c.Peers) > 0, len(c.Join) > 0} {
		if said {
			ways++
		}
	}
	if ways != 1 {
		return place, errPlace
	}
	if len(c.Peers) > protocol.MaxMembers {
		return place, errTooMany
	}
	seen := map[string]bool{}
	found := false
	for i, peer := range c.Peers {
		name, address, ok := strings.Cut(peer, "=")
		if !ok || name == "" || address == "" || seen[name] || seen[address] {
			return place, fmt.Errorf("%w: %q", errPeers, peer)
		}
		seen[name], seen[address] = true, true
		if name != c.Node {
			place.Seeds = append(place.Seeds, address)
			continue
		}
		found, place.Founds = true, i == 0
		if place.Advertise == "" {
			place.Advertise = address
		}
	}
	if len(c.Peers) > 0 && !found {
		return place, fmt.Errorf("%w: %q", errNode, c.Node)
	}
	return place, nil
}
