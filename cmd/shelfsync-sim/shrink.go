package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/shelfsync/shelfsync/cmd/shelfsync-sim/sim"
)

// report prints a violation, the command that plays it again, and a shorter one.
func report(out io.Writer, plan sim.Plan, v *sim.Violation, shorten bool) {
	fmt.Fprintf(out, "seed %d breaks %s\n", plan.Seed, v)
	fmt.Fprintf(out, "  again:   go run ./cmd/shelfsync-sim --seed %d\n", plan.Seed)
	if !shorten {
		return
	}
	steps := shrink(plan, v)
	fmt.Fprintf(out, "  shorter: go run ./cmd/shelfsync-sim --seed %d --only %s --story   (%d of %d steps act)\n", plan.Seed, formatSteps(steps), len(steps), v.Step)
}

// shrinkTries bounds how many shorter plays are tried: some seconds.
const shrinkTries = 400

// shrink looks for few steps that break the same promise: it leaves out ever
// smaller stretches of them as long as the promise still breaks (Zeller's ddmin).
func shrink(plan sim.Plan, found *sim.Violation) []int {
	steps := make([]int, found.Step)
	for i := range steps {
		steps[i] = i + 1
	}
	tries := 0
	breaks := func(steps []int) bool {
		tries++
		plan.Only, plan.Story = steps, nil
		v := sim.Run(plan).Violation
		return v != nil && v.Rule == found.Rule
	}
	for stretch := len(steps) / 2; stretch > 0 && tries < shrinkTries; {
		shorter := false
		for at := 0; at < len(steps) && tries < shrinkTries; {
			rest := slices.Concat(steps[:at], steps[min(at+stretch, len(steps)):])
			if len(rest) > 0 && breaks(rest) {
				steps, shorter = rest, true
			} else {
				at += stretch
			}
		}
		if !shorter || stretch > len(steps) {
			stretch /= 2
		}
	}
	return steps
}

// formatSteps writes 3,17-40.
func formatSteps(steps []int) string {
	var parts []string
	for i := 0; i < len(steps); {
		k := i
		for k+1 < len(steps) && steps[k+1] == steps[k]+1 {
			k++
		}
		if part := strconv.Itoa(steps[i]); k > i {
			parts = append(parts, part+"-"+strconv.Itoa(steps[k]))
		} else {
			parts = append(parts, part)
		}
		i = k + 1
	}
	return strings.Join(parts, ",")
}

// parseSteps reads what formatSteps writes.
func parseSteps(text string) (steps []int, err error) {
	for _, part := range strings.Split(text, ",") {
		if part == "" {
			continue
		}
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		to := from
		if err == nil && isRange {
			to, err = strconv.Atoi(last)
		}
		if err != nil || from < 1 || to < from {
			return nil, fmt.Errorf("--only: %q is no step and no range of steps", part)
		}
		for step := from; step <= to; step++ {
			steps = append(steps, step)
		}
	}
	return steps, nil
}
