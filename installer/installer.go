// Package installer puts an agent or a hub on a Linux machine, the same way
// twice: plan -> apply -> check.
//
// Promise: a plan is an ordered list of steps that can be read before anything
// is done. Each step knows whether it is already done, so applying a plan again
// changes nothing, one that was interrupted goes on, and the check of an
// installation is the same list read without acting. An edited configuration is
// never overwritten, and data is never removed.
//
// Owner: the steps own nothing; what they change belongs to the machine. One
// installer runs at a time.
//
//	Options --Plan--> steps --String--> the dry run
//	                    |----Check----> findings: done, or what differs
//	                    '----Apply----> what was done
//
// Invariants: Plan touches nothing. Wrong options are refused before the first
// step. A file is whole or absent: it is written beside its place, synced, and
// renamed. Below a prefix other than / nothing outside the prefix is touched and
// no account or service is changed: those steps are listed and left out.
package installer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Step is one thing that must be so on the machine. Its String is its lines in
// the printed plan.
type Step interface {
	fmt.Stringer
	// place is the path that the step may change, empty for none.
	place() string
	check(ctx context.Context) (done bool, detail string)
	apply(ctx context.Context) (did string, err error)
}

// A Finding is how one step stands: Done, or what differs in Detail.
type Finding struct {
	Step   Step
	Done   bool
	Detail string
}

// Exec runs one program and answers what it printed, trimmed.
type Exec func(ctx context.Context, args ...string) (string, error)

// Run installs: it prints the plan when dryRun is set, and otherwise carries it
// out, tells out what each step did, and checks the result. A relative prefix is
// taken from the working folder.
func Run(ctx context.Context, o Options, dryRun bool, out io.Writer) error {
	return carryOut(ctx, o, Plan, dryRun, out)
}

// Remove is Run the other way: program and unit go, data and configuration stay.
func Remove(ctx context.Context, o Options, dryRun bool, out io.Writer) error {
	return carryOut(ctx, o, PlanRemoval, dryRun, out)
}

func carryOut(ctx context.Context, o Options, plan func(Options) ([]Step, error), dryRun bool, out io.Writer) error {
	if o.Prefix != "" {
		whole, err := filepath.Abs(o.Prefix)
		if err != nil {
			return fmt.Errorf("find the prefix: %w", err)
		}
		o.Prefix = whole
	}
	steps, err := plan(o)
	if err != nil {
		return err
	}
	if dryRun {
		_, err := io.WriteString(out, Print(steps))
		return err
	}
	if err := ready(o, steps); err != nil {
		return err
	}
	for _, step := range steps {
		did, err := Apply(ctx, step)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, did)
	}
	return verify(ctx, steps)
}

// verify reads the whole plan again after it was applied: a service may have
// died since it was started.
func verify(ctx context.Context, steps []Step) error {
	var faults []error
	for _, finding := range Check(ctx, steps) {
		if !finding.Done {
			faults = append(faults, fmt.Errorf("after all steps, %s: %s", headline(finding.Step), finding.Detail))
		}
	}
	return errors.Join(faults...)
}

// Apply makes a step so, and answers what it did. A step that is done is left.
func Apply(ctx context.Context, step Step) (string, error) {
	done, detail := step.check(ctx)
	if done {
		return fmt.Sprintf("%s: %s", headline(step), detail), nil
	}
	did, err := step.apply(ctx)
	if err != nil {
		return "", fmt.Errorf("%s: %w", headline(step), err)
	}
	return fmt.Sprintf("%s: %s", headline(step), did), nil
}

// Check reads how each step stands, and changes nothing.
func Check(ctx context.Context, steps []Step) []Finding {
	findings := make([]Finding, len(steps))
	for i, step := range steps {
		done, detail := step.check(ctx)
		findings[i] = Finding{Step: step, Done: done, Detail: detail}
	}
	return findings
}

// Print writes the plan for people: the same options give the same text.
func Print(steps []Step) string {
	var text strings.Builder
	for i, step := range steps {
		fmt.Fprintf(&text, "%2d. %s\n", i+1, step)
	}
	return text.String()
}

// headline is the first line of a step: what it is, without its content.
func headline(step Step) string {
	first, _, _ := strings.Cut(step.String(), "\n")
	return first
}

// ready refuses what cannot end well, before the first step is taken.
func ready(o Options, steps []Step) error {
	for _, step := range steps {
		if source, ok := step.(program); ok {
			if err := source.ready(); err != nil {
				return err
			}
		}
		if err := o.inside(step.place()); err != nil {
			return err
		}
	}
	if !o.live() {
		return nil
	}
	if os.Geteuid() != 0 {
		return errors.New("changing this machine needs root: run it with sudo, or give a prefix to try it below a folder")
	}
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return errors.New("this machine was not started by systemd, which runs the service: give a prefix to place the files below a folder")
	}
	return nil
}

// runProgram is the Exec of a real machine.
func runProgram(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return text, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, text)
	}
	return text, nil
}
