package sim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Plan is what a seed chooses before the first step. Each step has dice of its own,
// so that leaving one out changes nothing of the others.
type Plan struct {
	Seed    uint64
	Steps   int
	Only    []int // steps that act; empty: all of them
	Nodes   int
	Stores  int
	Pace    int          // how much happens between two steps, at most
	Twice   int          // in a hundred: entries that are ordered twice
	Clocks  int          // 0: sound, 1: years apart
	Story   func(string) // told what happens; nil: nobody listens
	weights []int
	sum     int
}

// NewPlan draws a plan. Each seed leaves some actions out and prefers others, for
// what never happens together never fails together.
func NewPlan(seed uint64) Plan {
	p := Plan{Seed: seed}
	r := p.dice(-1)
	p.Steps = 260 + r.IntN(160)
	p.Nodes = []int{1, 3, 3, 3}[r.IntN(4)]
	p.Stores = 2 + r.IntN(3)
	p.Pace = []int{6, 20, 50}[r.IntN(3)]
	p.Twice = []int{0, 0, 5, 20}[r.IntN(4)]
	p.Clocks = r.IntN(2)
	p.weights = make([]int, len(actions))
	for i, a := range actions {
		p.weights[i] = 100 * a.weight * []int{0, 1, 1, 2, 4}[r.IntN(5)]
		if a.always && p.weights[i] == 0 {
			p.weights[i] = 100 * a.weight
		}
	}
	p.share(r)
	for _, weight := range p.weights {
		p.sum += weight
	}
	return p
}

// share sees to it that a seed holds enough faults, and enough work for them to
// break.
func (p *Plan) share(r *rand.Rand) {
	faults, work := 0, 0
	for i, weight := range p.weights {
		if actions[i].fault {
			faults += weight
		} else {
			work += weight
		}
	}
	if faults == 0 {
		for i := range p.weights {
			if actions[i].fault {
				p.weights[i] = 100 * actions[i].weight
				faults += p.weights[i]
			}
		}
	}
	want := 22 + r.IntN(14) // in a hundred
	for i := range p.weights {
		if actions[i].fault {
			p.weights[i] = p.weights[i] * work / faults * want / (100 - want)
		}
	}
}

// dice are those of one step.
func (p *Plan) dice(step int) *rand.Rand {
	return rand.New(rand.NewPCG(p.Seed, uint64(step)+0x9e3779b97f4a7c15))
}

func (p *Plan) skipped(step int) bool {
	return len(p.Only) > 0 && !slices.Contains(p.Only, step)
}

func (p *Plan) draw(r *rand.Rand) int {
	at := r.IntN(p.sum)
	for i, weight := range p.weights {
		if at -= weight; at < 0 {
			return i
		}
	}
	return 0
}

// offset is how far a clock is from the time, years at most.
func (p *Plan) offset(r *rand.Rand) time.Duration {
	if p.Clocks == 0 {
		return 0
	}
	return years(r)
}

// years is anything up to ten years off.
func years(r *rand.Rand) time.Duration {
	return time.Duration(r.Int64N(int64(20*365*24*time.Hour))) - 10*365*24*time.Hour
}
