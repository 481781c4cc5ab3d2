package compressed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// shape is what a seed draws once for a whole run.
type shape struct {
	trailing, threshold uint64
	interval            time.Duration
	stores              int
	pause               time.Duration // mean time between faults
}

// world is a hub of three nodes, its stores and channels, and the network
// between them. The test's own goroutine drives it.
type world struct {
	t       *testing.T
	seed    uint64
	random  *rand.Rand
	shape   shape
	dir     string
	net     *network
	wire    *wire
	seen    *sightings
	nodes   []*node
	stores  []*store
	asking  []*channel
	strikes int

	closing chan struct{}  // closed when tills and channels go home
	working sync.WaitGroup // tills and channels
	others  sync.WaitGroup // what a fault left behind
	endings chan struct{}  // closed when watchers go home
	watches sync.WaitGroup
}

const nodeCount = 3

func nodeNames() (names []string) {
	for i := range nodeCount {
		names = append(names, fmt.Sprint("n", i+1))
	}
	return names
}

func hosts() (addresses []string) {
	for _, name := range nodeNames() {
		addresses = append(addresses, name+":7420")
	}
	return addresses
}

// memory is where Linux keeps files in memory. A sync to a disk is real time,
// which does not pass in a bubble: it only makes everybody wait. What a kill
// leaves behind is the same in both.
const memory = "/dev/shm"

// folder is a place for the files of all programs.
func folder(t *testing.T) string {
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "shelfsync-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// newRandom is a stream of its own for everybody who draws.
func newRandom(seed uint64, who string) *rand.Rand {
	mixed := seed
	for _, c := range who {
		mixed = mixed*1099511628211 + uint64(c)
	}
	return rand.New(rand.NewPCG(seed, mixed))
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, seed: seed, random: newRandom(seed, "schedule"), dir: folder(t), net: newNetwork(), seen: newSightings(),
		closing: make(chan struct{}), endings: make(chan struct{})}
	w.shape = shape{trailing: uint64(w.random.IntN(17)), threshold: uint64(16 + w.random.IntN(49)), interval: time.Duration(1+w.random.IntN(5)) * time.Second,
		stores: 3 + w.random.IntN(4), pause: 9 * time.Second}
	w.wire = newWire(w.seen.fault)
	for _, name := range nodeNames() {
		w.nodes = append(w.nodes, &node{world: w, name: name, dir: filepath.Join(w.dir, name)})
	}
	return w
}

// until waits for what must come about within a bound of the bubble's time.
func (w *world) until(what string, within time.Duration, holds func() bool) bool {
	w.t.Helper()
	for end := time.Now().Add(within); !holds(); time.Sleep(200 * time.Millisecond) {
		if w.seen.broken() {
			return false
		}
		if time.Now().After(end) {
			w.seen.fault(fmt.Sprintf("not within %v: %s", within, what))
			return false
		}
	}
	return true
}

// leader is the node that leads, nil if none is known to.
func (w *world) leader() *node {
	var leader *node
	for _, n := range w.nodes {
		if n.leads() && (leader == nil || n.run.Load().server.Status().Term > leader.run.Load().server.Status().Term) {
			leader = n
		}
	}
	return leader
}

// open founds the hub and opens the stores.
func (w *world) open() bool {
	for _, n := range w.nodes {
		if err := n.start(); err != nil {
			w.seen.fault("start " + n.name + ": " + err.Error())
			return false
		}
	}
	if !w.until("all nodes follow and vote", 30*time.Second, func() bool {
		for _, n := range w.nodes {
			if !n.run.Load().server.Ready() || !w.joined(n) {
				return false
			}
		}
		return true
	}) {
		return false
	}
	w.stock()
	for i := range w.shape.stores {
		s := newStore(w, i)
		w.stores = append(w.stores, s)
		if err := s.start(); err != nil {
			w.seen.fault("start " + s.code + ": " + err.Error())
			return false
		}
		s.work()
	}
	for i := range 2 {
		c := newChannel(w, i)
		w.asking = append(w.asking, c)
		c.work()
	}
	return !w.seen.broken()
}

// joined reports whether the leader counts a node's present folder as a voter,
// and nothing else at its address.
func (w *world) joined(n *node) bool {
	leader, run := w.leader(), n.run.Load()
	if leader == nil || run == nil {
		return false
	}
	id := run.log.Status().ID
	for _, member := range leader.run.Load().log.Status().Members {
		if member.Address == n.raft() {
			return member.ID == id && member.Votes
		}
	}
	return false
}

const (
	itemCount = 12
	opening   = 60 * stock.Unit
)

func item(i int) string     { return fmt.Sprintf("item-%02d", i) }
func location(i int) string { return fmt.Sprintf("S%03d", i+1) }

// stock loads the catalogue and what the stores begin with.
func (w *world) stock() {
	var items []stock.Item
	for i := range itemCount {
		items = append(items, stock.Item{Code: item(i), Stocked: true})
	}
	var places []stock.LocationFacts
	for i := range w.shape.stores {
		places = append(places, stock.LocationFacts{Code: location(i), State: stock.Open})
	}
	commands := []stock.Command{&stock.PutItems{Items: items}, &stock.PutLocations{Locations: places}}
	for i := range w.shape.stores {
		op := stock.Operation{Document: "opening-" + location(i)}
		for k := range itemCount {
			op.Lines = append(op.Lines, stock.Line{Kind: stock.Adjust, Scanned: item(k), Quantity: opening, Account: stock.Sellable, Reason: "opening"})
		}
		commands = append(commands, &stock.Document{Source: "erp", Location: location(i), Operation: op})
	}
	results, _, err := w.nodes[0].run.Load().server.Do(context.Background(), commands...)
	if err != nil {
		w.seen.fault("load the catalogue: " + err.Error())
	}
	for i := range results {
		if results[i].Code != stock.Accepted {
			w.seen.fault("load the catalogue: " + results[i].Code.String())
		}
	}
}

// pauseFor waits, or tells that the day is over.
func (w *world) pauseFor(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-w.closing:
		return false
	}
}

// about draws a time around a mean, mostly shorter and sometimes much longer.
func about(r *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(r.ExpFloat64() * float64(mean))
}
