package rehearse

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/day"
)

const (
	// killsQuick and killsDeep are how many programs die in one loop.
	killsQuick = 12
	killsDeep  = 200
	// killPace is the time a kill and the restart after it are given; the day is
	// stretched to all of them.
	killPace = 700 * time.Millisecond
)

// seedOf is SHELFSYNC_SEED, so that a failing loop is run again by its number.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("SHELFSYNC_SEED")
	if text == "" {
		return 1
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("SHELFSYNC_SEED=%q is not a number", text)
	}
	return seed
}

// killPlan kills the hub or an agent, drawn by seed, one after the other.
func killPlan(kills int) planner {
	return func(r *Run) (*plan, error) {
		p := &plan{duration: time.Duration(kills) * killPace}
		random := rand.New(rand.NewPCG(r.options.Seed, 0x4b11))
		for i := range kills {
			at := (float64(i) + random.Float64()) / float64(kills)
			p.add([]kind{followerKill, agentKill}[random.IntN(2)], at)
		}
		p.required = func(report *Report) string { return p.vacuous(report, false) }
		return p, nil
	}
}

// TestKillLoop kills hub or agents at any moment while tills sell: no answered
// operation may be lost or doubled.
func TestKillLoop(t *testing.T) {
	kills := killsQuick
	if os.Getenv("SHELFSYNC_DEEP") != "" {
		kills = killsDeep
	}
	seed := seedOf(t)
	began := time.Now()
	report, err := rehearse(t.Context(), Options{Hubs: 1, Programs: built(t), Day: day.Options{Stores: 3, Seed: seed}, Opening: 0.8, OnlineShare: 0.15, Seed: seed, Dir: t.TempDir()}, killPlan(kills))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d: %d kills of the hub, %d of agents; %d sales and returns answered with %d lines, lost %d, doubled %d, leaked %d; %.0f s",
		seed, report.Faults.HubKills, report.Faults.AgentKills, report.Sales.Acknowledged+report.Returns.Acknowledged, report.Lines.Acknowledged,
		report.Sales.Lost+report.Returns.Lost+report.Lines.Lost, report.Sales.Doubled+report.Returns.Doubled+report.Lines.Doubled,
		report.Reservations.Leaked, time.Since(began).Seconds())
	if report.Verdict != "pass" {
		t.Fatalf("verdict %s: %q", report.Verdict, report.Failures)
	}
}
