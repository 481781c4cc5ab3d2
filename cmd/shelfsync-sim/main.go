package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/cmd/shelfsync-sim/sim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "shelfsync-sim:", err)
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	seed, from uint64
	seeds      int
	only       string
	story      bool
	json       bool
	mutants    bool
	mutant     string
	first      bool
	workers    int
}

var (
	errViolated = errors.New("a promise was broken: the commands above play it again")
	errSurvived = errors.New("a mutant was not caught: the simulator has a blind spot")
	errMissing  = errors.New("paths that were never reached: the simulator has a blind spot")
)

func command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "shelfsync-sim",
		Short: "Play seeded companies with everything that can go wrong, and hold every promise against them",
		Example: `  shelfsync-sim --seeds 2000              # seeds 1 to 2000
  shelfsync-sim --seed 7 --story          # tell how one seed goes
  shelfsync-sim --seed 7 --only 3,17-40   # only these steps of it act
  shelfsync-sim --mutants --json          # plant bugs, and see that seeds find them`,
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.mutants:
				return plant(cmd.Context(), cmd.OutOrStdout(), o)
			case o.seed > 0:
				return one(cmd.OutOrStdout(), o)
			case o.seeds < 1:
				return fmt.Errorf("--seeds %d: play at least one", o.seeds)
			}
			return many(cmd.Context(), cmd.OutOrStdout(), o)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.seeds, "seeds", 200, "how many seeds to play")
	flags.Uint64Var(&o.from, "from", 1, "the first of them")
	flags.Uint64Var(&o.seed, "seed", 0, "play this one alone")
	flags.StringVar(&o.only, "only", "", "with --seed: the steps that act, as 3,17-40")
	flags.BoolVar(&o.story, "story", false, "with --seed: tell what happens")
	flags.BoolVar(&o.json, "json", false, "one JSON object on stdout")
	flags.BoolVar(&o.mutants, "mutants", false, "plant bugs in the source, each in a build of its own, and play seeds until one finds it")
	flags.StringVar(&o.mutant, "mutant", "", "with --mutants: only those whose name contains this")
	flags.BoolVar(&o.first, "first", false, "end at the first violation, and do not look for a shorter play of it")
	flags.IntVar(&o.workers, "workers", runtime.NumCPU(), "worlds played at once")
	return cmd
}

// one plays a single seed, and says how to play less of it if it fails.
func one(out io.Writer, o options) error {
	plan := sim.NewPlan(o.seed)
	only, err := parseSteps(o.only)
	if err != nil {
		return err
	}
	plan.Only = only
	if o.story {
		plan.Story = func(line string) { fmt.Fprintln(out, line) }
	}
	result := sim.Run(plan)
	t := total{Reached: map[string]int{}}
	t.add(o.seed, result)
	if result.Violation != nil {
		report(out, plan, result.Violation, o.only == "")
	}
	if o.json {
		t.print(out)
	} else {
		fmt.Fprintf(out, "seed %d: %d steps, %d faults, state %016x\n", o.seed, result.Steps, result.Faults, result.Hash)
	}
	if result.Violation != nil {
		return errViolated
	}
	return nil
}
