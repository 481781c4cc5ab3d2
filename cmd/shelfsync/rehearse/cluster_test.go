package rehearse

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/day"
)

const (
	// leaderKillsQuick and leaderKillsDeep are how often the leader dies in one run.
	leaderKillsQuick = 3
	leaderKillsDeep  = 10
	// leaderPace is the time between two of them: an election, and some load after it.
	leaderPace = 4 * time.Second
	// restartPace is the time that the restart of one node is given.
	restartPace = 3 * time.Second
)

// paced plans one kind of fault again and again, and nothing else.
func paced(kind kind, times int, pace time.Duration) planner {
	return func(*Run) (*plan, error) {
		p := &plan{duration: time.Duration(times) * pace}
		for i := range times {
			p.add(kind, (float64(i)+0.3)/float64(times))
		}
		p.required = func(report *Report) string { return p.vacuous(report, false) }
		return p, nil
	}
}

// playCluster plays a part of the generated day on three nodes; it must pass.
func playCluster(t *testing.T, planned planner, faults string) *Report {
	t.Helper()
	seed := seedOf(t)
	report, err := rehearse(t.Context(), Options{Hubs: 3, Programs: built(t), Day: day.Options{Stores: 3, Limit: 900, Seed: seed}, Opening: 0.8, OnlineShare: 0.15,
		Faults: faults, Seed: seed, Dir: t.TempDir()}, planned)
	if err != nil {
		t.Fatal(err)
	}
	if report.Verdict != "pass" {
		t.Fatalf("verdict %s: %q", report.Verdict, report.Failures)
	}
	return report
}

// TestLeaderKills kills the node that leads, under load, again and again: writes
// go on, and no answer that was given is contradicted. How soon is printed, and
// stands in docs/campaigns.md: a busy machine is no reason to fail.
func TestLeaderKills(t *testing.T) {
	kills := leaderKillsQuick
	if os.Getenv("SHELFSYNC_DEEP") != "" {
		kills = leaderKillsDeep
	}
	report := playCluster(t, paced(leaderKill, kills, leaderPace), "")
	took := slices.Sorted(slices.Values(report.ResumedMS))
	if len(took) != kills || report.Faults.LeaderKills != kills {
		t.Fatalf("%d kills of a leader were seen and %d resumptions, of %d kills", report.Faults.LeaderKills, len(took), kills)
	}
	median := percentile(took, 50)
	t.Logf("seed %d: writes resumed %.0f ms after the leader was killed (median of %d, from %.0f to %.0f); %d calls on hot items, %d with a known outcome, linearizable; %d sales, lost 0, doubled 0",
		seedOf(t), median, kills, took[0], took[len(took)-1], report.Linearizability.Operations, report.Linearizability.Known, report.Sales.Acknowledged)
}

// TestRollingRestart stops and starts one node after the other under load, as a
// new version would: no sale fails, and no reservation that its client repeats.
func TestRollingRestart(t *testing.T) {
	report := playCluster(t, paced(restarted, 3, restartPace), "")
	t.Logf("seed %d: %d sales and returns answered, p50 %.1f ms, p99 %.1f ms; %d reservations decided, p50 %.1f ms, p99 %.1f ms; %d of %d calls on hot items needed a repetition",
		seedOf(t), report.Sales.Acknowledged+report.Returns.Acknowledged, report.LatencyMS.SaleP50, report.LatencyMS.SaleP99,
		report.Reservations.Requested, report.LatencyMS.ReservationP50, report.LatencyMS.ReservationP99,
		report.Linearizability.Operations-report.Linearizability.Known, report.Linearizability.Operations)
}

// TestHarshDay plays a day under everything that --faults harsh does.
func TestHarshDay(t *testing.T) {
	if os.Getenv("SHELFSYNC_DEEP") == "" {
		t.Skip("a harsh day takes a minute: it is played with SHELFSYNC_DEEP=1, by a campaign, and by shelfsync rehearse --faults harsh")
	}
	report := playCluster(t, planFor, "harsh")
	t.Logf("seed %d: %+v, %+v, %.0f s", seedOf(t), report.Faults, *report.Linearizability, report.Seconds)
}
