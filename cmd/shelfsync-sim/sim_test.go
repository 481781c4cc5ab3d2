package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/cmd/shelfsync-sim/sim"
)

// seeds plays some and fails on anything that a run of the program would fail on.
func seeds(t *testing.T, from uint64, n int) *total {
	t.Helper()
	var out bytes.Buffer
	o := options{from: from, seeds: n, workers: 2}
	all := play(t.Context(), o)
	for _, b := range all.failed[:min(3, len(all.failed))] {
		report(&out, sim.NewPlan(b.seed), b.violation, true)
	}
	if all.Violations > 0 {
		t.Errorf("%d of %d seeds break a promise:\n%s", all.Violations, all.Seeds, out.String())
	} else if missing := sim.NeverReached(all.Reached); len(missing) > 0 {
		t.Errorf("never reached in %d seeds: %s", all.Seeds, strings.Join(missing, "; "))
	}
	if all.Seeds != n || all.fewest < 40 {
		t.Errorf("%d seeds were played, with %d faults in one of them", all.Seeds, all.fewest)
	}
	return all
}

// No seed breaks a promise, and together they reach every rare path.
func TestSeeds(t *testing.T) { seeds(t, 1, enoughSeeds) }

// thousand is how many seeds one seed of a campaign stands for.
const thousand = 1000

// TestAThousandSeeds is one step of a campaign.
func TestAThousandSeeds(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("SHELFSYNC_SEED"))
	if err != nil {
		t.Skip("plays the thousand seeds that SHELFSYNC_SEED names: make campaign")
	}
	all := seeds(t, uint64(n-1)*thousand+1, thousand)
	fmt.Printf("campaign: seeds=%d faults=%d violations=%d\n", all.Seeds, all.Faults, all.Violations)
}

// A seed plays the same every time: else its number is no report.
func TestASeedPlaysTheSame(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		var stories [2]strings.Builder
		for i := range stories {
			plan := sim.NewPlan(seed)
			plan.Story = func(line string) { fmt.Fprintln(&stories[i], line) }
			result := sim.Run(plan)
			fmt.Fprintf(&stories[i], "%x %v", result.Hash, result.Reached)
		}
		if a, b := stories[0].String(), stories[1].String(); a != b {
			lines := strings.Split(b, "\n")
			for i, line := range strings.Split(a, "\n") {
				if i >= len(lines) || lines[i] != line {
					t.Fatalf("seed %d plays otherwise the second time, from line %d on:\n%s\n%s", seed, i+1, line, lines[min(i, len(lines)-1)])
				}
			}
		}
	}
}

func TestStepsReadBack(t *testing.T) {
	for _, steps := range [][]int{{1}, {1, 2, 3}, {3, 17, 18, 19, 40}, {5, 7, 9}} {
		if read, err := parseSteps(formatSteps(steps)); err != nil || !slices.Equal(read, steps) {
			t.Errorf("%v is written %q and read %v, %v", steps, formatSteps(steps), read, err)
		}
	}
	for _, wrong := range []string{"x", "0", "5-3", "1-x"} {
		if _, err := parseSteps(wrong); err == nil {
			t.Errorf("%q is read", wrong)
		}
	}
}

// A planted bug is found, and the commands that are printed find it again. All
// mutants are planted by make test-deep.
func TestAMutantIsFoundAndShrunk(t *testing.T) {
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m := mutants[0]
	found, err := m.hunt(t.Context(), root, dir)
	if err != nil || !found.Caught {
		t.Fatalf("%+v, %v", found, err)
	}
	program := filepath.Join(dir, "sim")
	run := func(args ...string) string {
		out, err := output(t.Context(), program, args...)
		if err == nil {
			t.Fatalf("%v ends well with %q planted:\n%s", args, m.name, out)
		}
		return out
	}
	text := run("--seed", strconv.Itoa(found.Seeds))
	_, only, shorter := strings.Cut(text, "--only ")
	only, _, _ = strings.Cut(only, " ")
	steps, err := parseSteps(only)
	if !shorter || err != nil || len(steps) == 0 || len(steps) > 60 {
		t.Fatalf("no shorter play of it: %v\n%s", err, text)
	}
	if again := run("--seed", strconv.Itoa(found.Seeds), "--only", only); !strings.Contains(again, found.By[:2]) {
		t.Errorf("the shorter play breaks something else than %s:\n%s", found.By, again)
	}
}

// Every planted bug still fits the source: a rule that moved takes its mutant along.
func TestEveryEditFits(t *testing.T) {
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for i, m := range allMutants() {
		if _, err := m.overlay(root, filepath.Join(t.TempDir(), strconv.Itoa(i))); err != nil {
			t.Error(err)
		}
		if names[m.name] || m.rule == "" {
			t.Errorf("mutant %q is there twice, or breaks no rule", m.name)
		}
		names[m.name] = true
	}
}

func TestAnEditThatNoLongerFits(t *testing.T) {
	m := mutant{name: "gone", edits: []edit{{"protocol/stock/state.go", "no such text", ""}}}
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.hunt(t.Context(), root, t.TempDir()); err == nil || !strings.Contains(err.Error(), "write it anew") {
		t.Errorf("%v", err)
	}
}

func output(ctx context.Context, program string, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}
