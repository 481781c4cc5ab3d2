package compressed

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
)

// misfortune is one row of the schedule: what happens, how often among all, and
// how it is made good. A remedy of nil is none.
type misfortune struct {
	name   string
	weight int
	strike func(w *world) (remedy func())
}

// misfortunes is the table that the seed draws from.
var misfortunes = []misfortune{
	{"the leader is cut off from the others", 10, func(w *world) func() { return w.isolate(w.leader(), weather{cut: true}) }},
	{"the leader's packets to the others are lost", 10, func(w *world) func() { return w.isolate(w.leader(), weather{lost: true}) }},
	{"a node is cut off from the others", 8, func(w *world) func() { return w.isolate(w.anyNode(), weather{cut: true}) }},
	{"a node's packets to the others are lost", 8, func(w *world) func() { return w.isolate(w.anyNode(), weather{lost: true}) }},
	{"a node is alone, without stores and channels too", 5, (*world).darken},
	{"one way is lost", 10, (*world).oneWay},
	{"two nodes see each other only through the third", 6, (*world).bridge},
	{"the lines between nodes are slow", 6, (*world).slowNodes},
	{"a store's line to a node is cut", 6, (*world).storeLine},
	{"a store is offline", 6, (*world).storeOffline},
	{"a store's line is slow", 5, (*world).slowStore},
	{"a node is stopped", 5, func(w *world) func() { return w.down(w.anyNode(), false) }},
	{"a node crashes", 8, func(w *world) func() { return w.down(w.anyNode(), true) }},
	{"the leader crashes", 6, func(w *world) func() { return w.down(w.leader(), true) }},
	{"all nodes crash", 2, (*world).blackout},
	{"a node's disk is replaced", 4, (*world).replaceDisk},
	{"the disk is replaced that holds what only the leader holds too", 3, (*world).replaceDiskAtWorst},
	{"a store's program is started again", 5, (*world).restartStore},
	{"a store's PC crashes", 5, (*world).crashStore},
	{"a follower is told to stand at once", 4, (*world).transfer},
}

// anyNode is a node that runs.
func (w *world) anyNode() *node {
	var up []*node
	for _, n := range w.nodes {
		if n.run.Load() != nil {
			up = append(up, n)
		}
	}
	if len(up) == 0 {
		return nil
	}
	return up[w.random.IntN(len(up))]
}

func (w *world) anyStore() *store { return w.stores[w.random.IntN(len(w.stores))] }

// isolate gives a node bad weather to and from the other nodes.
func (w *world) isolate(n *node, bad weather) func() {
	if n == nil {
		return nil
	}
	for _, other := range w.nodes {
		if other != n {
			w.net.both(n.name, other.name, bad)
		}
	}
	return w.net.clear
}

func (w *world) darken() func() {
	n := w.anyNode()
	w.isolate(n, weather{lost: true})
	for _, host := range w.outside() {
		w.net.both(n.name, host, weather{lost: true})
	}
	return w.net.clear
}

// outside are the hosts of stores and channels.
func (w *world) outside() (hosts []string) {
	for _, s := range w.stores {
		hosts = append(hosts, s.code)
	}
	for _, c := range w.asking {
		hosts = append(hosts, c.name)
	}
	return hosts
}

func (w *world) oneWay() func() {
	a := w.random.IntN(nodeCount)
	b := (a + 1 + w.random.IntN(nodeCount-1)) % nodeCount
	w.net.set(w.nodes[a].name, w.nodes[b].name, weather{lost: true})
	return w.net.clear
}

func (w *world) bridge() func() {
	a := w.random.IntN(nodeCount)
	b := (a + 1) % nodeCount
	w.net.both(w.nodes[a].name, w.nodes[b].name, weather{cut: w.random.IntN(2) == 0, lost: true})
	return w.net.clear
}

func (w *world) slowNodes() func() {
	slow := weather{delay: time.Duration(20+w.random.IntN(800)) * time.Millisecond, perByte: time.Duration(w.random.IntN(20)) * time.Microsecond}
	for a := range nodeCount {
		w.net.both(w.nodes[a].name, w.nodes[(a+1)%nodeCount].name, slow)
	}
	return w.net.clear
}

func (w *world) storeLine() func() {
	s, n := w.anyStore(), w.nodes[w.random.IntN(nodeCount)]
	w.net.both(s.code, n.name, weather{cut: w.random.IntN(2) == 0, lost: true})
	return w.net.clear
}

func (w *world) storeOffline() func() {
	s := w.anyStore()
	for _, n := range w.nodes {
		w.net.both(s.code, n.name, weather{cut: w.random.IntN(2) == 0, lost: true})
	}
	return w.net.clear
}

func (w *world) slowStore() func() {
	s := w.anyStore()
	for _, n := range w.nodes {
		w.net.both(s.code, n.name, weather{delay: time.Duration(100+w.random.IntN(2000)) * time.Millisecond, perByte: time.Duration(w.random.IntN(300)) * time.Microsecond})
	}
	return w.net.clear
}

// down ends a node's program; the remedy starts it again on its folder.
func (w *world) down(n *node, crash bool) func() {
	if n == nil {
		return nil
	}
	w.end(n, crash)
	return func() { w.up(n) }
}

func (w *world) end(n *node, crash bool) {
	if !crash {
		n.stop()
		return
	}
	if err := n.crash(w.random.IntN(2) == 0); err != nil {
		w.seen.fault(err.Error())
	}
	w.seen.meet("a node crashed")
}

func (w *world) up(n *node) {
	if n.run.Load() != nil {
		return
	}
	if err := n.start(); err != nil {
		w.seen.fault("start " + n.name + ": " + err.Error())
	}
}

// blackout ends all nodes at nearly one moment.
func (w *world) blackout() func() {
	for _, n := range w.nodes {
		if n.run.Load() != nil {
			w.end(n, true)
		}
	}
	return func() {
		for _, n := range w.nodes {
			w.up(n)
		}
	}
}

// replaceDisk starts a node on an empty folder and lets it join. It waits until
// the node has everything: no second disk is lost meanwhile.
func (w *world) replaceDisk() func() {
	w.net.clear()
	w.lose(w.anyNode())
	return nil
}

// replaceDiskAtWorst loses the disk that holds what only the leader holds too,
// while the leader cannot be reached and the third node lacks it.
func (w *world) replaceDiskAtWorst() func() {
	leader := w.leader()
	if leader == nil {
		return nil
	}
	var rest []*node
	for _, n := range w.nodes {
		if n != leader {
			rest = append(rest, n)
		}
	}
	w.isolate(rest[0], weather{cut: true})
	w.live(time.Second + about(w.random, w.shape.pause))
	w.isolate(leader, weather{cut: true})
	w.net.both(rest[0].name, rest[1].name, weather{})
	w.lose(rest[1])
	return nil
}

// lose replaces a node's disk, bears the weather for a while, clears it, and
// waits until the node is a member and holds everything.
func (w *world) lose(n *node) {
	if n == nil || n.run.Load() == nil || w.seen.broken() {
		return
	}
	w.end(n, true)
	if err := n.wipe(); err != nil {
		w.seen.fault(err.Error())
		return
	}
	w.up(n)
	w.live(about(w.random, w.shape.pause))
	w.net.clear()
	w.until(n.name+" joins with an empty folder", time.Minute, func() bool {
		w.revive()
		leader := w.leader()
		return leader != nil && w.joined(n) && n.run.Load() != nil && n.state().Index() >= leader.state().Index()
	})
	w.seen.meet("a node with an empty folder joined")
}

func (w *world) restartStore() func() {
	s := w.anyStore()
	s.stop()
	return func() { w.reopen(s) }
}

func (w *world) crashStore() func() {
	s := w.stores[0] // its ledger is on disk
	s.crash()
	return func() { w.reopen(s) }
}

func (w *world) reopen(s *store) {
	if err := s.start(); err != nil {
		w.seen.fault("start " + s.code + ": " + err.Error())
	}
}

// transfer sends a follower what a leader sends that wants it to lead.
func (w *world) transfer() func() {
	n := w.anyNode()
	leader := w.leader()
	if leader == nil || n == leader {
		return nil
	}
	stand := standNow(leader.run.Load().log.Status().ID, leader.raft())
	w.others.Go(func() { w.wire.repeat(w.net, request{leader.name, n.raft(), timeoutNow, stand}) })
	return nil
}

// standNow is the library's request to stand for election at once, as a leader
// with that id and address sends it: msgpack of its three fields.
func standNow(id, address string) []byte {
	message := []byte{timeoutNow, 0x83}
	for _, field := range [][2]string{{"Addr", address}, {"ID", id}} {
		message = append(append(message, 0xa0|byte(len(field[0]))), field[0]...)
		message = append(append(message, 0xda, 0, byte(len(field[1]))), field[1]...)
	}
	return append(append(message, 0xa0|byte(len("ProtocolVersion"))), "ProtocolVersion\x03"...)
}

// revive starts nodes again that ended themselves and may be.
func (w *world) revive() {
	for _, n := range w.nodes {
		l := n.run.Load()
		if l == nil {
			continue
		}
		select {
		case err := <-l.fatal:
			if !errors.Is(err, cluster.ErrStartAgain) {
				w.seen.fault(n.name + " ended itself: " + err.Error())
			}
			w.seen.meet("a node ended itself and was started again")
			w.end(n, true)
			w.up(n)
		default:
		}
	}
}

// drizzle sends old requests of the library again, all the time. Messages of ours
// come late at most: a connection does not repeat them, and their sender may have
// been told that nothing was done.
func (w *world) drizzle() {
	r := newRandom(w.seed, "drizzle")
	kinds := []byte{appendEntries, appendEntries, requestVote, requestPreVote, installSnapshot, installSnapshot}
	for w.pauseFor(about(r, 6*time.Second)) {
		kind := kinds[r.IntN(len(kinds))]
		old, ok := w.wire.pick(kind, r.IntN(keptRequests))
		if !ok {
			continue
		}
		before := w.seen.times("a snapshot was installed")
		answered := w.wire.repeat(w.net, old)
		if answered {
			w.seen.meet("an old request was sent again")
		}
		if answered && kind == installSnapshot && w.seen.times("a snapshot was installed") == before {
			w.seen.meet("a late snapshot was kept away")
		}
	}
}

// deck is every row as often as it weighs, shuffled: an hour meets them all.
func (w *world) deck() (rows []int) {
	for row := range misfortunes {
		for range misfortunes[row].weight {
			rows = append(rows, row)
		}
	}
	w.random.Shuffle(len(rows), func(i, k int) { rows[i], rows[k] = rows[k], rows[i] })
	return rows
}

// schedule strikes until the time is up.
func (w *world) schedule(length time.Duration) {
	var deck []int
	for end := time.Now().Add(length); time.Now().Before(end) && !w.seen.broken(); w.strikes++ {
		if len(deck) == 0 {
			deck = w.deck()
		}
		row := misfortunes[deck[0]]
		deck = deck[1:]
		w.trace(row.name)
		remedy := row.strike(w)
		w.seen.meet("fault: " + row.name)
		if remedy != nil {
			w.live(time.Second + about(w.random, w.shape.pause))
			remedy()
		}
		w.live(2*time.Second + about(w.random, w.shape.pause))
	}
}

// live lets time pass, looks after nodes that ended themselves, and now and then
// proves all states.
func (w *world) live(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(min(time.Second, time.Until(end))) {
		w.revive()
	}
	w.checkAll()
}

// trace tells the story while it happens, for whoever looks for a fault.
func (w *world) trace(what string) {
	if os.Getenv("SHELFSYNC_TRACE") != "" {
		fmt.Fprintln(os.Stderr, time.Now().Format("15:04:05.000"), what)
	}
}
