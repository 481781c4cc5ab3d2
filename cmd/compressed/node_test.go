package compressed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/shelfsync/shelfsync/hub"
	hubapi "github.com/shelfsync/shelfsync/hub/api"
	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// node is one hub node: a host with a folder, and the program on it.
type node struct {
	world  *world
	name   string
	dir    string
	copies int
	wiped  int
	run    atomic.Pointer[life] // nil while it is down
}

// life is one run of the program.
type life struct {
	place  *place
	server *hub.Server
	log    *cluster.Raft
	end    context.CancelFunc
	ended  chan struct{}
	fatal  chan error
	dying  atomic.Bool // whatever it says from now on is expected
}

func (n *node) web() string  { return n.name + ":7420" }
func (n *node) raft() string { return n.name + ":7421" }

// start runs the program on the node's folder.
func (n *node) start() error {
	w := n.world
	l := &life{place: w.net.place(n.name), ended: make(chan struct{}), fatal: make(chan error, 1)}
	w.wire.founded(n.name, fmt.Sprint(n.name, "/", n.wiped))
	if err := os.MkdirAll(n.dir, 0o750); err != nil {
		return err
	}
	kept, err := journal.Open(filepath.Join(n.dir, "journal"), journal.Config{SegmentBytes: 1 << 20})
	if err != nil {
		return err
	}
	var ctx context.Context
	ctx, l.end = context.WithCancel(context.Background())
	watched := &watchedMachine{node: n.name, seen: w.seen}
	open := func(machine cluster.Machine) (cluster.Order, error) {
		watched.Machine = machine
		order, err := cluster.Open(n.config(l, watched))
		l.log = order
		return order, err // Start looks at the error first
	}
	log := w.seen.logger(n.name)
	if l.server, err = hub.Start(ctx, hub.Config{Now: time.Now, Node: n.name, Program: "test", Log: log}, kept, open); err != nil {
		l.end()
		l.place.die(false)
		return errors.Join(err, kept.Close())
	}
	watched.board.Store(l.server.Board())
	web := serve.New(serve.Config{Title: "Shelfsync hub", Version: api.Version{Program: "shelfsync-hub", Version: "test"}, Log: log, Metrics: serve.NewMetrics("hub"), Hosts: nodeNames(), Grace: time.Second})
	hubapi.Register(web, l.server)
	web.Raw("GET /sync", http.HandlerFunc(l.server.Sync))
	listener, err := l.place.Listen(n.web())
	if err != nil && !l.dying.Load() {
		w.seen.fault(n.name + ": " + err.Error())
	}
	n.run.Store(l)
	go func() { // ended tells
		defer close(l.ended)
		var served error
		if listener != nil {
			served = web.Serve(ctx, listener)
		}
		l.end()
		if err := errors.Join(l.server.Wait(), served); err != nil && !l.dying.Load() {
			w.seen.fault(n.name + " ended by itself: " + err.Error())
		}
		if err := kept.Close(); err != nil && !l.dying.Load() {
			w.seen.fault(n.name + " closed its journal: " + err.Error())
		}
	}()
	return nil
}

func (n *node) config(l *life, machine cluster.Machine) cluster.Config {
	dial := func(to string, timeout time.Duration) (net.Conn, error) {
		conn, err := l.place.within(to, timeout)
		if err != nil {
			return nil, err
		}
		return &tap{Conn: conn, wire: n.world.wire, from: n.name, to: to}, nil
	}
	var seeds []string
	for _, other := range n.world.nodes {
		if other != n {
			seeds = append(seeds, other.raft())
		}
	}
	return cluster.Config{Dir: filepath.Join(n.dir, "raft"), Listen: n.raft(), Seeds: seeds, Founds: n == n.world.nodes[0], API: n.web(), Program: "test",
		Machine: machine, Log: n.world.seen.logger(n.name),
		TrailingLogs: n.world.shape.trailing, SnapshotThreshold: n.world.shape.threshold, SnapshotInterval: n.world.shape.interval, Heartbeat: time.Second, CommitTold: 50 * time.Millisecond,
		ListenOn: l.place.Listen, Dial: dial, Fatal: func(err error) {
			l.dying.Store(true)
			l.place.die(false) // the program ends at once
			select {
			case l.fatal <- err:
			default:
			}
		}}
}

// stop ends the program as an operator does.
func (n *node) stop() {
	l := n.run.Swap(nil)
	l.end()
	<-l.ended
	l.place.die(false)
}

// crash ends the program as a kill does: what the folder holds at a moment when
// nobody writes is what the next start finds. The old run goes on without a
// network until it has noticed.
func (n *node) crash(silent bool) error {
	l, w := n.run.Swap(nil), n.world
	l.dying.Store(true)
	l.place.die(silent)
	synctest.Wait()
	old := n.dir
	n.copies++
	n.dir = filepath.Join(w.dir, fmt.Sprint(n.name, ".", n.copies))
	if err := copyFolder(old, n.dir); err != nil {
		return fmt.Errorf("copy the folder of %s: %w", n.name, err)
	}
	l.end()
	w.others.Go(func() {
		<-l.ended
		_ = os.RemoveAll(old)
	})
	return nil
}

// wipe empties the folder of a node that is down.
func (n *node) wipe() error {
	n.wiped++
	return os.RemoveAll(n.dir)
}

// leads tells whether the node believes that it leads.
func (n *node) leads() bool { l := n.run.Load(); return l != nil && l.server.Status().Leads }

// state is what the node shows.
func (n *node) state() *stock.State { return n.run.Load().server.Board().State() }

// watchedMachine shows what a node has applied to the watchers before anybody is
// answered.
type watchedMachine struct {
	cluster.Machine
	node  string
	seen  *sightings
	board atomic.Pointer[hub.Board]
}

func (m *watchedMachine) Applied() uint64 { return m.Machine.(cluster.Positioned).Applied() }

func (m *watchedMachine) Apply(entries []cluster.Entry) []any {
	results := m.Machine.Apply(entries)
	if board := m.board.Load(); board != nil {
		m.seen.applied(m.node, board.State())
	}
	return results
}

func (m *watchedMachine) Restore(r io.Reader) error {
	err := m.Machine.Restore(r)
	if board := m.board.Load(); board != nil && err == nil {
		m.seen.applied(m.node, board.State())
	}
	return err
}

// copyFolder copies files and leaves out what is only zeros: a log's files are
// made in full size.
func copyFolder(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o750)
		}
		return copyFile(path, target)
	})
}

var zeros [64 << 10]byte

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	var size int64
	buffer := make([]byte, len(zeros))
	for {
		n, err := in.Read(buffer)
		if n > 0 && !bytes.Equal(buffer[:n], zeros[:n]) {
			if _, err := out.WriteAt(buffer[:n], size); err != nil {
				return errors.Join(err, out.Close())
			}
		}
		size += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return errors.Join(err, out.Close())
		}
	}
	return errors.Join(out.Truncate(size), out.Close())
}

// followsFirmly tells whether the node follows a leader it knows.
func (n *node) followsFirmly() bool {
	l := n.run.Load()
	if l == nil {
		return false
	}
	status := l.server.Status()
	return !status.Leads && status.Role == "follower" && status.LeaderID != ""
}
