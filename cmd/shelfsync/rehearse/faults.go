package rehearse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// plan says which faults a day meets, and when, as shares of the time it is
// played in.
type plan struct {
	duration   time.Duration // the day, compressed
	cuts       []cut
	hubKills   counted
	agentKills counted
	required   func(*Report) string // why a run was vacuous, or nothing
}

// cut keeps a store off the network between two shares of the day.
type cut struct {
	location string
	from, to float64
}

// counted is how many faults are planned and how many were observed.
type counted struct {
	at []float64
	atomic.Int64
}

// planFor draws a plan. With none, the day is played in peace.
func planFor(faults string, locations []string, seed uint64) (*plan, error) {
	p := &plan{}
	random := rand.New(rand.NewPCG(seed, 0x5e1f))
	p.duration = 8 * time.Second
	p.required = func(*Report) string { return "" }
	switch faults {
	case "none":
		p.duration = 4 * time.Second
		return p, nil
	case "standard":
		p.cutStores(random, locations, (len(locations)+2)/3, 0.5)
		p.hubKills.at, p.agentKills.at = []float64{0.35, 0.7}, []float64{0.2, 0.45, 0.8}
	case "harsh":
		p.duration = 16 * time.Second
		p.cutStores(random, locations, len(locations), 0.4)
		p.hubKills.at, p.agentKills.at = []float64{0.2, 0.4, 0.6, 0.8}, []float64{0.1, 0.25, 0.35, 0.5, 0.65, 0.75, 0.9}
	default:
		return nil, fmt.Errorf("--faults is none, standard or harsh, not %q", faults)
	}
	p.required = func(r *Report) string {
		switch {
		case r.Faults.StoresCut < len(p.cuts):
			return fmt.Sprintf("%d of %d stores felt their cut", r.Faults.StoresCut, len(p.cuts))
		case r.Faults.HubKills < len(p.hubKills.at):
			return fmt.Sprintf("the hub was killed %d times, %d were planned", r.Faults.HubKills, len(p.hubKills.at))
		case r.Faults.AgentKills < len(p.agentKills.at):
			return fmt.Sprintf("agents were killed %d times, %d were planned", r.Faults.AgentKills, len(p.agentKills.at))
		}
		return ""
	}
	return p, nil
}

// cutStores cuts off so many stores for a share of the day, each at its own time.
func (p *plan) cutStores(random *rand.Rand, locations []string, count int, share float64) {
	for _, i := range random.Perm(len(locations))[:min(count, len(locations))] {
		from := 0.1 + random.Float64()*(0.8-share)
		p.cuts = append(p.cuts, cut{locations[i], from, from + share})
	}
}

// faults carries the plan out as the day goes on, by the share of the day's time.
func (r *Run) faults(ctx context.Context) error {
	began := time.Now()
	due := func(share float64) bool { return time.Since(began) >= time.Duration(share*float64(r.plan.duration)) }
	random := rand.New(rand.NewPCG(r.options.Seed, 0xfa117))
	hubKills, agentKills := r.plan.hubKills.at, r.plan.agentKills.at
	for !due(1) || len(hubKills)+len(agentKills) > 0 {
		for _, c := range r.plan.cuts {
			proxy := r.agents[c.location].proxy
			if inside := due(c.from) && !due(c.to); inside != proxy.IsCut() {
				if inside {
					proxy.Cut()
				} else {
					proxy.Heal()
				}
			}
		}
		if len(hubKills) > 0 && due(hubKills[0]) {
			hubKills = hubKills[1:]
			if err := r.bounce(ctx, r.hub, &r.plan.hubKills.Int64); err != nil {
				return err
			}
		}
		if len(agentKills) > 0 && due(agentKills[0]) {
			agentKills = agentKills[1:]
			victim := r.agents[r.day.Locations[random.IntN(len(r.day.Locations))]]
			if err := r.bounce(ctx, victim.agent, &r.plan.agentKills.Int64); err != nil {
				return err
			}
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// bounce kills a program with SIGKILL and starts it again on the same folder.
func (r *Run) bounce(ctx context.Context, p *Process, kills *atomic.Int64) error {
	if p.Kill() {
		kills.Add(1)
	}
	if err := p.Start(); err != nil {
		return err
	}
	return p.Ready(ctx)
}

// heal ends every cut; the programs are all running.
func (r *Run) heal(context.Context) error {
	f := &r.report.Faults
	for _, c := range r.plan.cuts {
		proxy := r.agents[c.location].proxy
		proxy.Heal()
		if proxy.Felt() {
			f.StoresCut++
		}
	}
	f.HubKills, f.AgentKills = int(r.plan.hubKills.Load()), int(r.plan.agentKills.Load())
	if missing := r.plan.required(&r.report); missing != "" {
		r.report.fail("vacuous: " + missing)
	}
	return nil
}

func (r *Run) cutNow() (n int) {
	for _, s := range r.agents {
		if s.proxy.IsCut() {
			n++
		}
	}
	return n
}
