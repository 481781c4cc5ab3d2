package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/shelfsync/shelfsync/cmd/shelfsync-sim/sim"
)

// total is what many seeds came to.
type total struct {
	Seeds      int            `json:"seeds"`
	Steps      int            `json:"steps"`
	Faults     int            `json:"faults"`
	Violations int            `json:"violations"`
	Reached    map[string]int `json:"reached"`
	Seconds    float64        `json:"seconds"`

	fewest int // faults of one seed
	failed []broken
}

// broken is a seed that broke a promise.
type broken struct {
	seed      uint64
	violation *sim.Violation
}

func (t *total) add(seed uint64, r sim.Result) {
	if t.Seeds == 0 || r.Faults < t.fewest {
		t.fewest = r.Faults
	}
	t.Seeds++
	t.Steps += r.Steps
	t.Faults += r.Faults
	for name, n := range r.Reached {
		t.Reached[name] += n
	}
	if r.Violation != nil {
		t.Violations++
		t.failed = append(t.failed, broken{seed, r.Violation})
	}
}

func (t *total) print(out io.Writer) {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(out, "%s\n", b)
}

const (
	// enoughSeeds is how many a run plays before a path that it never reached
	// is a failure.
	enoughSeeds = 200
	// fewViolations end a run: whoever mends the first needs no hundredth.
	fewViolations = 10
	// progressEvery is how often a terminal hears how far a run has come.
	progressEvery = 2 * time.Second
)

// many plays seeds on all workers.
func many(ctx context.Context, out io.Writer, o options) error {
	began := time.Now()
	t := play(ctx, o)
	t.Seconds = time.Since(began).Seconds()
	text := out
	if o.json {
		text = os.Stderr
	}
	for _, b := range t.failed[:min(3, len(t.failed))] {
		report(text, sim.NewPlan(b.seed), b.violation, !o.first)
	}
	var missing []string
	if t.Seeds >= enoughSeeds && t.Violations == 0 {
		missing = sim.NeverReached(t.Reached)
	}
	if o.json {
		t.print(out)
	} else {
		fmt.Fprintf(out, "%d seeds, %d steps, %d faults (at least %d a seed), %d violations, %d rare paths never reached, %.1f s\n",
			t.Seeds, t.Steps, t.Faults, t.fewest, t.Violations, len(missing), t.Seconds)
	}
	switch {
	case t.Violations > 0:
		return errViolated
	case len(missing) > 0:
		return fmt.Errorf("%w: %s", errMissing, strings.Join(missing, "; "))
	}
	return ctx.Err()
}

// play hands seeds to workers until all are played, or enough have failed.
func play(ctx context.Context, o options) *total {
	t := &total{Reached: map[string]int{}}
	terminal := isTerminal(os.Stderr)
	said := time.Now()
	var mutex sync.Mutex
	var workers sync.WaitGroup
	next, most := o.from, fewViolations
	if o.first {
		most = 1
	}
	take := func() (seed uint64, ok bool) {
		mutex.Lock()
		defer mutex.Unlock()
		if seed = next; seed >= o.from+uint64(o.seeds) || t.Violations >= most || ctx.Err() != nil {
			return 0, false
		}
		next++
		return seed, true
	}
	for range max(1, o.workers) {
		workers.Go(func() {
			for seed, ok := take(); ok; seed, ok = take() {
				result := sim.Run(sim.NewPlan(seed))
				mutex.Lock()
				t.add(seed, result)
				if terminal && time.Since(said) > progressEvery {
					said = time.Now()
					fmt.Fprintf(os.Stderr, "\r%d of %d seeds, %d violations ", t.Seeds, o.seeds, t.Violations)
				}
				mutex.Unlock()
			}
		})
	}
	workers.Wait()
	if terminal {
		fmt.Fprint(os.Stderr, "\r\033[K")
	}
	return t
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
