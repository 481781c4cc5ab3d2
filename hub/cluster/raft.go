package cluster

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// Config is what a node of the log is made of.
type Config struct {
	Dir    string // its own folder; it is made if it is new
	Listen string // address for the other nodes; "": none can reach it
	Single bool   // a new folder founds a cluster of this node alone
	// Advertise is the address other nodes reach this one at; "": the listener's.
	Advertise string
	// Seeds are addresses of other nodes. A node that is no member asks them to be
	// admitted, until it is. Founds: it is the first of a new cluster's list, and
	// founds it with the seeds once all of them have answered that they are new.
	Seeds  []string
	Founds bool
	// API and Program are told to the other nodes, for people: where this node
	// serves HTTP, and its version.
	API, Program string
	Machine      Machine
	Log          *slog.Logger // nil: slog.Default
	// Snapshots: entries kept behind one, entries between two, and how often to
	// look. Zero: production values.
	TrailingLogs, SnapshotThreshold uint64
	SnapshotInterval                time.Duration
	// Heartbeat is how long silence of the leader is borne before an election;
	// zero: 1 s, or 50 ms for a node that is alone. Say 1 s before others join.
	Heartbeat time.Duration
	// CommitStall is how long a leader may lead with an entry before it and commit
	// nothing, before the node stops; zero: 10 s.
	CommitStall time.Duration
	// CommitTold is how soon a follower hears what is committed when nothing
	// follows; zero: 5 ms. Compressed time makes the repetition costly.
	CommitTold time.Duration
	// Fatal is told once why the node cannot go on; it may return, and then the
	// node answers nothing as done any more. nil: panic.
	Fatal func(error)
	// What the node needs of the world. nil: TCP and the system's randomness.
	ListenOn func(address string) (net.Listener, error)
	Dial     func(address string, timeout time.Duration) (net.Conn, error)
	Random   io.Reader
}

func (c Config) withDefaults() Config {
	c.TrailingLogs = cmp.Or(c.TrailingLogs, 10_240)
	c.SnapshotThreshold = cmp.Or(c.SnapshotThreshold, 8_192)
	c.SnapshotInterval = cmp.Or(c.SnapshotInterval, 120*time.Second)
	if c.Single {
		c.Heartbeat = cmp.Or(c.Heartbeat, 50*time.Millisecond)
	}
	c.Heartbeat = cmp.Or(c.Heartbeat, time.Second)
	c.CommitStall = cmp.Or(c.CommitStall, 10*time.Second)
	c.CommitTold = cmp.Or(c.CommitTold, commitTold)
	c.Log = cmp.Or(c.Log, slog.Default())
	if c.Fatal == nil {
		c.Fatal = func(err error) { panic(err) }
	}
	if c.ListenOn == nil {
		c.ListenOn = func(address string) (net.Listener, error) { return net.Listen("tcp", address) }
	}
	if c.Dial == nil {
		c.Dial = func(address string, timeout time.Duration) (net.Conn, error) {
			return net.DialTimeout("tcp", address, timeout)
		}
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	return c
}

// settings are the library's.
func (c Config) settings(log *bridge) *raft.Config {
	s := raft.DefaultConfig()
	s.ProtocolVersion = raft.ProtocolVersionMax // members are known by id, not by address
	s.HeartbeatTimeout, s.ElectionTimeout = c.Heartbeat, c.Heartbeat
	s.LeaderLeaseTimeout = max(c.Heartbeat/2, 5*time.Millisecond) // a leader that is cut off gives up before another is elected
	s.MaxAppendEntries = 64                                       // 1 MiB a request at 16 KiB an entry
	s.CommitTimeout = c.CommitTold
	s.BatchApplyCh = true // group commit; and with fewer slots than its room, Propose never blocks
	s.TrailingLogs, s.SnapshotThreshold, s.SnapshotInterval = c.TrailingLogs, c.SnapshotThreshold, c.SnapshotInterval
	s.NoSnapshotRestoreOnStart = false // state and index always come from one place
	s.NoLegacyTelemetry = true
	s.Logger = log
	return s
}

// commitTold is how soon a follower hears what is committed when nothing follows.
// A write that came through it is answered then, so it is short; told more often
// than this it would cost an idle cluster more than it brings.
const commitTold = 5 * time.Millisecond

// logCache keeps the newest entries in memory for followers that are close.
const logCache = 512

// Raft is the order by hashicorp/raft.
type Raft struct {
	raft      *raft.Raft
	driver    *driver
	fuse      *fuse
	folder    *folder
	transport transport
	port      *port // nil: no other node can reach this one
	streams   *streams
	heard     atomic.Pointer[map[string]heardOf] // by server id; the watch writes it
	stall     time.Duration                      // CommitStall
	log       *slog.Logger
	api       string
	program   string
	replies   func([]byte) ([]byte, error)
	horizon   func() uint64
	slots     slots
	barriers  chan chan error // callers of Barrier, on their way to its loop
	stopped   chan struct{}   // closed when the library has ended
	beside    sync.WaitGroup  // what runs beside the library
}

// Open starts a node on its folder. It returns when the newest snapshot is
// restored; entries after it follow once a leader is known.
func Open(config Config) (*Raft, error) {
	config = config.withDefaults()
	log := newBridge(config.Log)
	r := &Raft{fuse: &fuse{fatal: config.Fatal}, slots: newSlots(), barriers: make(chan chan error), stopped: make(chan struct{}),
		stall: config.CommitStall, log: config.Log, api: config.API, program: config.Program}
	r.heard.Store(&map[string]heardOf{})
	r.driver = newDriver(config.Machine, r.fuse)
	if machine, ok := config.Machine.(Answering); ok {
		r.replies = machine.Answer
	}
	if machine, ok := config.Machine.(Journaling); ok {
		r.horizon = machine.Horizon
	}
	r.streams = newStreams(config.Dial, r.stopped)
	settings := config.settings(log)
	if config.Listen != "" {
		var err error
		if r.port, err = openPort(config); err != nil {
			return nil, err
		}
	}
	r.transport = openTransport(r.port, log)
	if err := r.open(config, settings, log); err != nil {
		return nil, errors.Join(err, r.transport.Close())
	}
	r.serve(config.Seeds, config.Founds)
	return r, nil
}

func (r *Raft) open(config Config, settings *raft.Config, log *bridge) (err error) {
	found := func(string, *folder) error { return nil }
	if config.Single {
		found = foundAlone(settings, r.transport.LocalAddr())
	}
	if err := makeFolder(config.Dir, config.Random, found, log); err != nil {
		return err
	}
	if err := whole(config.Dir); err != nil {
		return err
	}
	if r.folder, err = openFolder(config.Dir, log, r.fuse); err != nil {
		return err
	}
	if err := r.start(settings); err != nil {
		return errors.Join(err, r.folder.Close())
	}
	return nil
}

// start hands everything to the library. What blew the fuse meanwhile is told
// rather than what the library made of it.
func (r *Raft) start(settings *raft.Config) error {
	if err := join(r.folder.snapshots, r.folder.log, settings.Logger); err != nil {
		return err
	}
	cached, err := raft.NewLogCache(logCache, r.folder.log)
	if err != nil {
		return fmt.Errorf("open log cache: %w", err)
	}
	settings.LocalID = raft.ServerID(r.folder.id)
	r.raft, err = raft.NewRaft(settings, r.driver, cached, r.folder.votes, r.folder.snapshots, r.transport)
	blown := r.fuse.blown()
	switch {
	case blown != nil && r.raft != nil:
		return errors.Join(blown, r.raft.Shutdown().Error())
	case blown != nil:
		return blown
	case err != nil:
		return fmt.Errorf("start raft: %w", err)
	}
	return nil
}

// Propose implements [Order]. A node that does not lead passes the entry on.
func (r *Raft) Propose(data []byte) <-chan Proposed {
	if r.fuse.blown() != nil {
		return refused(ErrNotLeader)
	}
	if err := r.slots.take(data); err != nil {
		return refused(err)
	}
	if _, leads := r.Leader(); !leads && r.port != nil {
		return r.forward(data)
	}
	return r.answer(r.raft.Apply(data, 0))
}

// meaning tells a refusal from an outcome that nobody knows.
func meaning(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrUnknown):
		return err
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return ErrNotLeader
	}
	return fmt.Errorf("%w: %w", ErrUnknown, err)
}

// Barrier implements [Order]. A node that does not lead asks the leader.
func (r *Raft) Barrier(within time.Duration) error {
	if _, leads := r.Leader(); !leads && r.port != nil {
		return r.behind(within)
	}
	return r.barrierHere(within)
}

// barrierHere is the leader's. All who wait share one entry, which only a leader
// that a majority follows can commit.
func (r *Raft) barrierHere(within time.Duration) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	reached := make(chan error, 1)
	select {
	case r.barriers <- reached:
	case <-r.slots.closed:
		return ErrNotLeader
	case <-timer.C:
		return ErrUnknown
	}
	select {
	case err := <-reached:
		return err
	case <-timer.C:
		return ErrUnknown
	}
}

// barrierLoop commits one barrier for all who wait, then the next.
func (r *Raft) barrierLoop() {
	for {
		select {
		case first := <-r.barriers:
			r.barrier([]chan error{first})
		case <-r.stopped:
			return
		}
	}
}

func (r *Raft) barrier(waiting []chan error) {
	for more := true; more; {
		select {
		case next := <-r.barriers:
			waiting = append(waiting, next)
		default:
			more = false
		}
	}
	err := meaning(r.await(r.raft.Barrier(0)))
	if blown := r.fuse.blown(); err == nil && blown != nil {
		err = meaning(blown)
	}
	for _, reached := range waiting {
		reached <- err
	}
}

// Leader implements [Order].
func (r *Raft) Leader() (string, bool) {
	_, id := r.raft.LeaderWithID()
	return string(id), r.raft.State() == raft.Leader
}

// Leadership implements [Order]: the library keeps the latest value in a channel
// of one and never waits for a reader.
func (r *Raft) Leadership() <-chan bool { return r.raft.LeaderCh() }

// Status implements [Order].
func (r *Raft) Status() Status {
	address, leader := r.raft.LeaderWithID()
	state := r.raft.State()
	status := Status{ID: r.folder.id, Address: string(r.transport.LocalAddr()), Role: strings.ToLower(state.String()), Leads: state == raft.Leader,
		Term: r.raft.CurrentTerm(), LeaderID: string(leader), LeaderAddress: string(address), LastIndex: r.raft.LastIndex(), CommitIndex: r.raft.CommitIndex(),
		AppliedIndex: r.driver.applied.Load(), SnapshotIndex: r.snapshotIndex(), LastContact: r.raft.LastContact()}
	for _, member := range r.raft.GetConfiguration().Configuration().Servers {
		status.Members = append(status.Members, Member{string(member.ID), string(member.Address), member.Suffrage == raft.Voter})
	}
	return status
}

// snapshotIndex is where the newest snapshot ends.
func (r *Raft) snapshotIndex() uint64 {
	index, _ := strconv.ParseUint(r.raft.Stats()["last_snapshot_index"], 10, 64) // always a number
	return index
}

// Snapshot implements [Order].
func (r *Raft) Snapshot() error {
	if err := r.await(r.raft.Snapshot()); err != nil && !errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

// closePatience bounds the wait for answers before the library is stopped, which
// answers the rest ErrUnknown.
const closePatience = 2 * time.Second

// handOverPatience bounds the wait for another leader at shutdown: the library's
// transfer can hang for ever, and the others elect one without it a second later.
const handOverPatience = time.Second

// handOver makes another node the leader before this one goes, so that writes
// wait for one round trip and not for an election.
func (r *Raft) handOver() {
	done := make(chan struct{})
	r.apart(func() {
		defer close(done)
		_ = r.raft.LeadershipTransfer().Error() // without it the others elect
	})
	select {
	case <-done:
	case <-time.After(handOverPatience):
	}
}

// Close implements [Order].
func (r *Raft) Close() error {
	timer := time.NewTimer(closePatience)
	defer timer.Stop()
	// those still waiting at the deadline are answered by the shutdown
	if err := r.slots.drain(timer.C); errors.Is(err, errClosedTwice) {
		return err
	}
	if _, leads := r.Leader(); leads && len(r.members()) > 1 {
		r.handOver()
	}
	close(r.stopped)
	err := r.raft.Shutdown().Error() // closes the transport too
	r.beside.Wait()
	return errors.Join(err, r.folder.Close())
}
