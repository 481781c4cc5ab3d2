package cluster

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/hashicorp/raft"
)

const (
	transportPool    = 3
	transportTimeout = 10 * time.Second
	// rpcsInFlight of one turns the library's pipeline off. It waits for itself for
	// ever where a follower refuses a request while another is on its way: the
	// follower then hears heartbeats and no entry, and the node cannot be closed.
	rpcsInFlight = 1
)

// transport carries the library's requests between nodes.
type transport interface {
	raft.Transport
	Close() error
}

// Dial implements raft.StreamLayer.
func (p *port) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return p.dial(string(address), timeout)
}

// openTransport speaks through a port, or gives a node that no other can reach.
func openTransport(p *port, log *bridge) transport {
	if p == nil {
		_, alone := raft.NewInmemTransport("")
		return alone
	}
	inner := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{Logger: log, Stream: p,
		MaxPool: transportPool, MaxRPCsInFlight: rpcsInFlight, Timeout: transportTimeout})
	return &filtered{NetworkTransport: inner, passed: make(chan raft.RPC), gathered: make(chan raft.RPC), stopped: make(chan struct{})}
}

// filtered keeps snapshots away that are older than the state here. The library
// would install one, go back behind what it has acknowledged, and with a log
// that takes no gap lose its tail.
type filtered struct {
	*raft.NetworkTransport
	passed   chan raft.RPC
	gathered chan raft.RPC // snapshots that have come whole
	stopped  chan struct{}
	votes    func() bool // this node may vote; set before loop
}

// Consumer is where the library takes its requests from.
func (f *filtered) Consumer() <-chan raft.RPC { return f.passed }

// loop passes requests on until the node has stopped. It tells kept of every
// snapshot that it keeps away, and ends where that says so.
func (f *filtered) loop(stale func(*raft.InstallSnapshotRequest) bool, kept func() bool, term func() uint64) {
	for {
		select {
		case rpc := <-f.NetworkTransport.Consumer():
			if asksForVote(rpc) && !f.votes() {
				refuseVote(rpc, term())
				continue
			}
			if _, ok := rpc.Command.(*raft.InstallSnapshotRequest); ok {
				f.gather(rpc)
				continue
			}
			f.pass(rpc)
		case rpc := <-f.gathered:
			if !stale(rpc.Command.(*raft.InstallSnapshotRequest)) {
				f.pass(rpc)
				continue
			}
			if kept() {
				return
			}
			// Success moves the leader on to the entries after the snapshot.
			rpc.Respond(&raft.InstallSnapshotResponse{RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax}, Term: term(), Success: true}, nil)
		case <-f.stopped:
			return
		}
	}
}

// readWhole reads the body of a snapshot into memory, where the state that it holds
// is going to be. The library reads it while everybody else waits: a sender that
// fell silent in the middle would hold up every other leader.
func readWhole(rpc raft.RPC) (raft.RPC, error) {
	body, err := io.ReadAll(rpc.Reader)
	if err == nil && int64(len(body)) < rpc.Command.(*raft.InstallSnapshotRequest).Size {
		err = io.ErrUnexpectedEOF
	}
	rpc.Reader = bytes.NewReader(body)
	return rpc, err
}

func (f *filtered) pass(rpc raft.RPC) {
	select {
	case f.passed <- rpc:
	case <-f.stopped:
	}
}

// Close ends the connections and the filter. The library closes its transport
// when it ends, and a node that fails to start closes it again.
func (f *filtered) Close() error {
	select {
	case <-f.stopped:
	default:
		close(f.stopped)
	}
	err := f.NetworkTransport.Close()
	f.CloseStreams() // the library leaves its own connections to others open
	return err
}

// stale reports whether everything in a snapshot is here already: it is applied,
// or stands in a log that reaches back to what is applied.
func (r *Raft) stale(install *raft.InstallSnapshotRequest) bool {
	if install.Term < r.raft.CurrentTerm() {
		return false // the library refuses it
	}
	applied := r.raft.AppliedIndex()
	if install.LastLogIndex <= applied {
		return true
	}
	first, err := r.folder.log.FirstIndex()
	if err != nil || first == 0 || first > applied+1 {
		return false
	}
	var at raft.Log
	err = r.folder.log.GetLog(install.LastLogIndex, &at)
	return err == nil && at.Term == install.LastLogTerm
}

// maxStale bounds the useless snapshots that a leader sends here one after the
// other while nothing is applied. A late or a repeated one comes alone; one after
// the other means that this node refuses the entries behind them, because the
// library still believes in a tail of the log that a snapshot has replaced.
const maxStale = 8

// keptAway counts them, and stops the node where they do not end.
func (r *Raft) keptAway() func() bool {
	count, applied := 0, uint64(0)
	return func() bool {
		if now := r.raft.AppliedIndex(); now != applied {
			count, applied = 0, now
		}
		if count++; count < maxStale {
			return false
		}
		_ = r.fuse.blow(fmt.Errorf("%d snapshots came one after the other that this node has no use for: %w", count, ErrStartAgain))
		return true
	}
}
