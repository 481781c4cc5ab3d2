// Package attack sends hostile input to real programs.
//
// Promise. Every attack has one exact refusal: an HTTP status with the code of
// its problem and the field at fault, a Bye code, the code of a WebSocket's
// closing, or a cut connection. An attack is held off when that refusal came,
// nothing changed but what the attack is allowed to leave, hub and agents are the
// same processes and serve, and their memory stayed within a bound. A store and
// a channel that behave work beside all of it: none of their requests may fail
// and none of their sales be lost; their latency is measured and not judged.
//
// Owner. A run owns a folder, one hub and two agents on loopback, and ends them.
//
// Flow. begin (programs, stock) -> a quiet round of the neighbour -> quick
// attacks one by one, those that take time side by side, floods one by one ->
// after each: journal, ledger, levels, processes, memory -> Report.
//
// Invariants. What an attack left is read from the hub's journal, which names
// every applied command, and from the store's ledger, so that it is counted
// exactly while the neighbour goes on. Nothing here is repeated until it passes.
package attack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Options choose what to run and where.
type Options struct {
	Programs string    // folder of shelfsync-hub and shelfsync-agent
	Dir      string    // where to make the temporary folder; empty: the system's
	Hubs     int       // nodes of the hub: 1, or 3; 0: 1
	Names    []string  // attacks whose name or target has one of these words; empty: all
	Progress io.Writer // one line an attack; nil: silent

	quiet time.Duration // how long the neighbour works undisturbed; 0: quietTime
}

// attack is one row of the tables: what is done to whom, the exact answer it
// must get, and what it may leave.
type attack struct {
	name, target string
	expects      string
	leaves       int    // records in the journal and the store's ledger
	atMost       bool   // so many or fewer
	room         uint64 // bytes that the programs may take besides maxGrowth
	run          func(ctx context.Context, w *world) (got string, err error)
}

// The targets.
const (
	onSync  = "hub /sync"
	onHub   = "hub HTTP"
	onStore = "agent HTTP"
)

// kind is how the attacks of some tables are run.
type kind struct {
	name     string
	together bool // side by side: each takes seconds of waiting
	tables   [][]attack
}

func kinds() []kind {
	return []kind{
		{"quick", false, [][]attack{framing, bombs, sessions, requests, wires, tills, lures, nodes}},
		{"patient", true, [][]attack{patient}},
		{"floods", false, [][]attack{floods}},
	}
}

// quietTime is how long the neighbour works undisturbed, for comparison.
const quietTime = 2 * time.Second

// Run runs the chosen attacks. The report is there as far as the run came, also
// with an error, which says that the suite itself could not go on.
func Run(ctx context.Context, options Options) (*Report, error) {
	chosen, err := choose(kinds(), options.Names)
	if err != nil {
		return nil, err
	}
	return run(ctx, options, chosen)
}

func run(ctx context.Context, options Options, chosen []kind) (*Report, error) {
	report := &Report{Attacks: []Result{}}
	began := time.Now()
	defer func() { report.close(time.Since(began)) }()
	w, err := begin(ctx, options)
	if err != nil {
		return report, err
	}
	defer w.end()
	n := w.employ(ctx)
	defer func() {
		n.stop()
		n.work.Wait()
	}()
	select {
	case <-time.After(cmp.Or(options.quiet, quietTime)):
	case <-ctx.Done():
		return report, ctx.Err()
	}
	if err := w.rest(ctx); err != nil {
		return report, err
	}
	for _, k := range chosen {
		n.enter(k.name)
		for _, group := range k.groups() {
			n.slow() // what was slow before is not this attack's doing
			results, err := w.hold(ctx, group)
			slowest := n.slow()
			for i := range results {
				results[i].SlowestMS = slowest.Milliseconds()
			}
			report.Attacks = append(report.Attacks, results...)
			w.tell(results)
			if err != nil {
				return report, err
			}
		}
	}
	left := []Result{w.leftovers(ctx), w.agree(ctx)}
	report.Attacks = append(report.Attacks, left...)
	w.tell(left)
	report.Neighbour, err = n.settle(ctx)
	return report, err
}

func choose(all []kind, names []string) (chosen []kind, err error) {
	for _, name := range names {
		if !slices.ContainsFunc(all, func(k kind) bool { return len(k.only([]string{name}).tables) > 0 }) {
			return nil, fmt.Errorf("no attack has %q in its name or target", name)
		}
	}
	for _, k := range all {
		if k = k.only(names); len(k.tables) > 0 {
			chosen = append(chosen, k)
		}
	}
	return chosen, nil
}

// only keeps the attacks that one of the names chooses.
func (k kind) only(names []string) kind {
	var kept []attack
	for _, a := range slices.Concat(k.tables...) {
		if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return strings.Contains(a.name, name) || strings.Contains(a.target, name) }) {
			kept = append(kept, a)
		}
	}
	k.tables = nil
	if len(kept) > 0 {
		k.tables = [][]attack{kept}
	}
	return k
}

// groups are the attacks that run at one time.
func (k kind) groups() (groups [][]attack) {
	all := slices.Concat(k.tables...)
	if k.together {
		return [][]attack{all}
	}
	for i := range all {
		groups = append(groups, all[i:i+1])
	}
	return groups
}

// rest notes how the programs are before the first attack.
func (w *world) rest(ctx context.Context) (err error) {
	for _, p := range w.running {
		if p.resting, _, err = p.memory(); err != nil {
			return err
		}
		if p.tasks, err = p.tasksNow(ctx); err != nil {
			return err
		}
	}
	_, err = w.effects(ctx)
	return err
}

// hold runs a group of attacks and judges each of them.
func (w *world) hold(ctx context.Context, group []attack) ([]Result, error) {
	for _, p := range w.running {
		if err := p.forgetPeak(); err != nil {
			return nil, err
		}
		before, _, err := p.memory()
		if err != nil {
			return nil, err
		}
		p.before = max(before, p.resting) // what an earlier attack took is its own fault
	}
	results := make([]Result, len(group))
	ended := make(chan struct{})
	for i, a := range group {
		go func() { // received below
			results[i] = a.try(ctx, w)
			ended <- struct{}{}
		}()
	}
	for range group {
		<-ended
	}
	return results, w.judge(ctx, group, results)
}

func (a *attack) try(ctx context.Context, w *world) Result {
	began := time.Now()
	got, err := a.run(ctx, w)
	if err != nil {
		got = "no answer: " + err.Error()
	}
	result := Result{Name: a.name, Target: a.target, Expected: a.expects, Got: got, MS: time.Since(began).Milliseconds()}
	if got != a.expects {
		result.fail("another answer")
	}
	return result
}

// judge looks at what a group of attacks left. Attacks that ran side by side
// share what they left, and the memory.
func (w *world) judge(ctx context.Context, group []attack, results []Result) error {
	var growth, peak uint64
	for _, p := range w.running {
		if fault := p.fault(ctx); fault != "" {
			results[0].fail(fault)
			return errors.New(fault)
		}
		_, most, err := p.memory()
		if err != nil {
			return err
		}
		if p != w.near {
			peak, growth = max(peak, most), max(growth, most-min(most, p.before))
		}
	}
	growth, w.luredGrowth = max(growth, w.luredGrowth), 0
	all, err := w.effects(ctx)
	if err != nil {
		return err
	}
	leaves, atMost, allowed := 0, false, uint64(maxGrowth)
	for _, a := range group {
		leaves, atMost, allowed = leaves+a.leaves, atMost || a.atMost, allowed+a.room
	}
	for i := range results {
		results[i].RSSPeak, results[i].Growth, results[i].Left = peak, growth, len(all)
		if growth > allowed {
			results[i].fail(fmt.Sprintf("memory grew by %d MiB, at most %d are allowed", growth>>20, allowed>>20))
		}
		if len(all) > leaves || len(all) < leaves && !atMost {
			results[i].fail(fmt.Sprintf("left %d records, not %d: %s", len(all), leaves, strings.Join(all[:min(len(all), 3)], "; ")))
		}
	}
	return nil
}

// maxGrowth bounds the memory of hub and agent above what they had at rest, in
// bytes: what 500 connections that take nothing may cost a hub node. It is many
// times what any refusal needs, and far less than a bomb asks for.
const maxGrowth = 64 << 20
