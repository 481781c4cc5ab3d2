package rehearse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// plan says which faults a day meets, and when, as shares of the time it is
// played in.
type plan struct {
	duration  time.Duration // the day, compressed
	cuts      []cut
	events    []event // in order
	noisy     bool    // frames are carried badly
	contests  []contest
	contested map[string]bool // reservation ids of the contests' orders
	planned   [kinds]int
	observed  [kinds]atomic.Int64
	aged      []string // orders that nobody collects in time
	trips     bool     // transfers are made
	copied    copied
	moves     bool                 // channels move claims
	shelf     bool                 // a policy lets goods come back to the shelf
	early     bool                 // some while their origin is cut off
	required  func(*Report) string // why a run was vacuous, or nothing
}

// cut keeps a store off the network between two shares of the day.
type cut struct {
	location string
	from, to float64
}

// event is one fault that happens at a share of the day.
type event struct {
	at   float64
	kind kind
}

// kind of event. Each is done to one program or wire, one after the other, so
// that of three nodes two always stand.
type kind int

const (
	leaderKill kind = iota
	followerKill
	agentKill
	nodeWiped
	nodeHung
	agentMoved
	pcReplaced
	pcImaged
	pcRestored
	pcCloned
	restarted // in peace, as for a new version
	kinds
)

// faultRows say how each kind is carried out, and what a report calls it.
var faultRows = [kinds]struct {
	name string
	do   func(r *Run, ctx context.Context, drawn int) (observed bool, err error)
}{
	leaderKill:   {"kills of the leader", (*Run).killLeader},
	followerKill: {"kills of a hub node", (*Run).killFollower},
	agentKill:    {"kills of agents", (*Run).killAgent},
	nodeWiped:    {"wiped nodes", (*Run).wipe},
	nodeHung:     {"hanging disks", (*Run).hang},
	agentMoved:   {"agents sent to another node", (*Run).moveAgent},
	pcReplaced:   {"replaced PCs whose disk was brought", (*Run).replacePC},
	pcImaged:     {"copies of a disk", (*Run).keepImage},
	pcRestored:   {"PCs restored from an older copy", (*Run).restorePC},
	pcCloned:     {"PCs that ran beside their copy", (*Run).clonePC},
	restarted:    {"restarts of a node", (*Run).restartNode},
}

func (p *plan) add(kind kind, at ...float64) {
	for _, share := range at {
		p.events = append(p.events, event{share, kind})
	}
	p.planned[kind] += len(at)
	slices.SortStableFunc(p.events, func(a, b event) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
}

// planFor draws a plan. With none, the day is played in peace.
func planFor(r *Run) (*plan, error) {
	p := &plan{duration: 8 * time.Second}
	p.required = p.unseen
	random := rand.New(rand.NewPCG(r.options.Seed, 0x5e1f))
	cluster := r.options.Hubs > 1
	stores := len(r.day.Locations)
	switch r.options.Faults {
	case "none":
		p.duration = 4 * time.Second
		return p, nil
	case "standard":
		r.cutStores(p, random, (stores+2)/3, 0.5)
		p.add(agentKill, 0.2, 0.45, 0.8)
		p.add(pcReplaced, 0.55)
		if cluster {
			p.add(leaderKill, 0.3, 0.65)
		} else {
			p.add(followerKill, 0.35, 0.7)
		}
	case "harsh":
		p.duration = 16 * time.Second
		p.noisy = true
		r.cutStores(p, random, stores, 0.4)
		p.add(agentKill, 0.1, 0.25, 0.35, 0.5, 0.65, 0.75, 0.9)
		p.add(pcReplaced, 0.52)
		p.drawCopies()
		if cluster {
			p.duration = 24 * time.Second
			p.add(leaderKill, 0.15, 0.4, 0.7)
			p.add(followerKill, 0.3)
			p.add(nodeWiped, 0.55)
			p.add(nodeHung, 0.2, 0.6)
			p.add(agentMoved, 0.05, 0.45, 0.85)
		} else {
			p.add(followerKill, 0.2, 0.4, 0.6, 0.8)
		}
	default:
		return nil, fmt.Errorf("--faults is none, standard or harsh, not %q", r.options.Faults)
	}
	p.required = func(report *Report) string { return p.vacuous(report, cluster) }
	return p, nil
}

// vacuous says which fault that was planned did not happen.
func (p *plan) vacuous(report *Report, cluster bool) string {
	f := &report.Faults
	must := len(p.cuts)
	if p.copied.cloned != "" { // a PC that takes turns with its copy may not even dial while it is cut off
		must--
	}
	if f.StoresCut < must {
		return fmt.Sprintf("%d of %d stores felt their cut", f.StoresCut, len(p.cuts))
	}
	for kind, row := range faultRows {
		if seen := int(p.observed[kind].Load()); seen < p.planned[kind] {
			return fmt.Sprintf("%d %s were seen, %d were planned", seen, row.name, p.planned[kind])
		}
	}
	if p.noisy && min(f.BadFrames, f.FramesDuplicated, f.FramesDelayed, f.FramesReordered) == 0 {
		return fmt.Sprintf("of frames, %d ended their connection garbled, %d came twice, %d late, %d out of order", f.BadFrames, f.FramesDuplicated, f.FramesDelayed, f.FramesReordered)
	}
	if missing := p.unseen(report); missing != "" {
		return missing
	}
	if cluster && report.Data.Baskets >= conflictsFrom && report.Reservations.Conflicts == 0 {
		return "no conflict happened"
	}
	return ""
}

// conflictsFrom is how many baskets a day needs so that it must see a conflict.
const conflictsFrom = 100

// faults carries the plan out as the day goes on, by the share of the day's time.
func (r *Run) faults(ctx context.Context) error {
	defer close(r.faultsOver)
	if r.noise != nil {
		r.noise.on.Store(true)
		defer r.noise.on.Store(false)
	}
	random := rand.New(rand.NewPCG(r.options.Seed, 0xfa117))
	for _, e := range r.plan.events {
		if !r.wait(ctx, e.at) {
			return nil
		}
		if err := r.happen(ctx, e.kind, random); err != nil {
			return err
		}
	}
	r.wait(ctx, 1)
	return nil
}

// faultTries is how often a fault is tried that was not observed, as when the
// leader changed by itself just before it was killed.
const faultTries = 3

func (r *Run) happen(ctx context.Context, kind kind, random *rand.Rand) error {
	for range faultTries {
		seen, err := faultRows[kind].do(r, ctx, random.IntN(1<<30))
		if err != nil {
			return err
		}
		if seen {
			r.plan.observed[kind].Add(1)
			return nil
		}
	}
	return nil
}

// wait waits until a share of the day is over; false: the day was broken off.
func (r *Run) wait(ctx context.Context, share float64) bool {
	due := r.clock.began.Add(time.Duration(share * float64(r.plan.duration)))
	select {
	case <-time.After(time.Until(due)):
		return true
	case <-ctx.Done():
		return false
	}
}

// cutting takes one store off the network and puts it back.
func (r *Run) cutting(ctx context.Context, c cut) error {
	if !r.wait(ctx, c.from) {
		return nil
	}
	r.agents[c.location].cut()
	r.wait(ctx, c.to)
	r.agents[c.location].heal()
	return nil
}

// killAgent kills a store's program with SIGKILL and starts it again on the same folder.
func (r *Run) killAgent(ctx context.Context, drawn int) (observed bool, err error) {
	victim := r.agents[r.day.Locations[drawn%len(r.day.Locations)]].agent
	return victim.Kill(), victim.restart(ctx)
}

// restartNode ends a node as an operator does and starts it again; the nodes
// take turns.
func (r *Run) restartNode(ctx context.Context, _ int) (observed bool, err error) {
	n := r.nodes[int(r.plan.observed[restarted].Load())%len(r.nodes)]
	n.Stop()
	return true, n.restart(ctx)
}

// moveAgent cuts the wire between a store and the node that it is linked to. It
// is observed when the store is linked to another.
func (r *Run) moveAgent(ctx context.Context, drawn int) (observed bool, err error) {
	var s *store
	at := -1
	found := func() bool {
		for i := range r.day.Locations {
			location := r.day.Locations[(drawn+i)%len(r.day.Locations)]
			s = r.agents[location]
			if at = slices.IndexFunc(s.wires, (*Proxy).Carries); at >= 0 && !r.cutSoon(location) {
				return true
			}
		}
		return false
	}
	if r.until(ctx, moveWithin, "", found) != nil {
		return false, nil
	}
	s.wires[at].Cut()
	moved := r.until(ctx, moveWithin, "", func() bool {
		now := slices.IndexFunc(s.wires, (*Proxy).Carries)
		return now >= 0 && now != at
	})
	if s.wires[at].Heal(); s.isCut() {
		s.wires[at].Cut() // its turn came meanwhile
	}
	return moved == nil, nil
}

// cutSoon reports whether a store is cut off, or will be before it could have
// moved to another node.
func (r *Run) cutSoon(location string) bool {
	now := float64(time.Since(r.clock.began)) / float64(r.plan.duration)
	soon := now + float64(moveTime)/float64(r.plan.duration)
	return slices.ContainsFunc(r.plan.cuts, func(c cut) bool { return c.location == location && c.from < soon && now < c.to })
}

const (
	// moveTime is what a store needs to find another node, as a rule.
	moveTime = 3 * time.Second
	// moveWithin bounds how long it may take.
	moveWithin = 15 * time.Second
)

// tally counts the faults once they are over: cuts are healed, wires are quiet
// and the programs are all running.
func (r *Run) tally() {
	f := &r.report.Faults
	for _, c := range r.plan.cuts {
		if s := r.agents[c.location]; s.felt.Load() {
			f.StoresCut++
		}
	}
	seen := func(kind kind) int { return int(r.plan.observed[kind].Load()) }
	f.LeaderKills, f.AgentKills, f.NodesWiped, f.HungDisks, f.AgentsMoved = seen(leaderKill), seen(agentKill), seen(nodeWiped), seen(nodeHung), seen(agentMoved)
	f.PCsReplaced = seen(pcReplaced)
	f.PCsRestored, f.PCsCloned = seen(pcRestored), seen(pcCloned)
	f.HubKills = f.LeaderKills + f.NodesWiped + seen(followerKill)
	if n := r.noise; n != nil {
		f.BadFrames, f.FramesDuplicated = int(n.bad.Load()), int(n.duplicated.Load())
		f.FramesDelayed, f.FramesReordered = int(n.delayed.Load()), int(n.reordered.Load())
	}
}

// store is one store of the day: its agent and its wires to the hub's nodes.
type store struct {
	agent *Process
	wires []*Proxy
	off   atomic.Bool
	shut  sync.RWMutex // for writing while its PC is changed
	old   []string     // epochs of PCs that it had before
	pc    string       // the one that it has
	felt  atomic.Bool  // a cut ended a connection, or met a dial
	met   int64        // before the cut
}

// cut takes the store off the network.
func (s *store) cut() {
	s.met = s.meets()
	s.off.Store(true)
	for _, wire := range s.wires {
		wire.Cut()
	}
}

func (s *store) heal() {
	s.felt.Store(s.felt.Load() || s.meets() > s.met)
	for _, wire := range s.wires {
		wire.Heal()
	}
	s.off.Store(false)
}

func (s *store) meets() (n int64) {
	for _, wire := range s.wires {
		n += wire.Met()
	}
	return n
}

func (s *store) isCut() bool { return s.off.Load() }

func (r *Run) cutNow() (n int) {
	for _, s := range r.agents {
		if s.isCut() {
			n++
		}
	}
	return n
}
