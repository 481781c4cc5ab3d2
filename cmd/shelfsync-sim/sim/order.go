package sim

import (
	"math/rand/v2"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/protocol"
)

// order stands in for consensus, as unkindly as its promise allows: what was
// answered is in it, what was refused never is, and of everything else nobody
// knows. It may take an entry long after its proposer was told "unknown", and
// twice.
type order struct {
	incarnation uint64
	term        uint64
	leader      int // number of the node that leads; -1: none
	entries     [][]byte
	late        [][]byte          // nobody waits for these any more
	hashes      map[uint64]uint64 // index -> hash of the state behind it
	twice       int               // in a hundred: how many entries come again later
}

// flight is an entry on its way into the log.
type flight struct {
	merged  hub.Merged
	index   uint64 // 0: not ordered yet
	answer  cluster.Proposed
	settled bool
}

func newOrder() *order {
	return &order{incarnation: 1, term: 1, leader: -1, hashes: map[uint64]uint64{}}
}

func (o *order) last() uint64 { return uint64(len(o.entries)) }

// append gives an entry its place.
func (o *order) append(data []byte) uint64 {
	o.entries = append(o.entries, data)
	return o.last()
}

// take orders the next entry that waits: of some node, or one that is late.
func (w *World) takeEntry(r *rand.Rand) bool {
	o := w.order
	if o.leader < 0 {
		return false
	}
	if len(o.late) > 0 && r.IntN(4) == 0 {
		i := r.IntN(len(o.late))
		o.append(o.late[i])
		o.late = append(o.late[:i:i], o.late[i+1:]...)
		w.reach("an entry ordered late, or again")
		return true
	}
	from := r.IntN(len(w.nodes))
	for k := range w.nodes {
		n := w.nodes[(from+k)%len(w.nodes)]
		if n.cutOff > w.now {
			continue
		}
		for _, f := range n.flights {
			if f.index > 0 || f.settled {
				continue
			}
			f.index = o.append(f.merged.Entry)
			if r.IntN(100) < o.twice {
				o.late = append(o.late, f.merged.Entry)
			}
			return true
		}
	}
	return false
}

// loseLeader takes the leader away. Of what was on its way some is refused, some
// is lost, and some is ordered although its proposer will not hear of it.
func (w *World) loseLeader(r *rand.Rand) {
	o := w.order
	o.leader = -1
	for _, n := range w.nodes {
		for _, f := range n.flights {
			if f.settled || f.index > 0 && r.IntN(2) == 0 {
				continue
			}
			f.settled = true
			f.answer.Err = cluster.ErrUnknown
			switch {
			case f.index > 0:
				w.reach("an answer lost of what was ordered")
			case r.IntN(3) == 0:
				f.answer.Err = cluster.ErrNotLeader
				w.reach("an entry refused")
			case r.IntN(2) == 0:
				o.late = append(o.late, f.merged.Entry)
				w.reach("an entry ordered after its proposer gave up")
			default:
				w.reach("an entry lost")
			}
		}
	}
}

// elect lets a node lead, in a later term.
func (w *World) elect(r *rand.Rand) bool {
	from := r.IntN(len(w.nodes))
	for k := range w.nodes {
		n := w.nodes[(from+k)%len(w.nodes)]
		if n.hub != nil && n.cutOff <= w.now && n.paused <= w.now {
			w.order.leader = n.no
			w.order.term += 1 + uint64(r.IntN(3))
			return true
		}
	}
	return false
}

// rebuild gives the hub another incarnation, which holds the first n entries of
// its log: a cluster that was restored from a backup.
func (w *World) rebuild(n int, r *rand.Rand) {
	o := w.order
	w.loseLeader(r)
	kept := o.entries[:n]
	w.tell("the hub is set back from entry %d to %d", len(o.entries), n)
	o.incarnation++
	o.late, o.hashes = nil, map[uint64]uint64{}
	found := protocol.EncodeEntry(0, []protocol.Command{protocol.EncodeCommand(foundOf(o.incarnation))})
	o.entries = append([][]byte{found}, kept...)
	w.witness.begin(w)
	w.desk.forget()
	for _, node := range w.nodes {
		node.wipe(w, r)
		node.start(w)
	}
}
