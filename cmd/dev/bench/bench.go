// Package bench measures what the product promises, with the real programs on a
// real disk, and prints it beside the promise.
//
// Owner: a Bench, run once, owns its folder and every program it starts, peers
// too, and ends them. Flow: Run builds nothing and asserts nothing on time; each row starts its
// programs, measures whole rounds and answers figures; Report prints them, and at
// the end those that lose.
//
// Invariants: everything that is compared is measured in one run, on one disk,
// in turns; a figure keeps the value of every round; a promise is judged on its
// worst round, a comparison on its median.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Options say what to measure, and with what.
type Options struct {
	Names    []string  // rows to run; none: all
	Quick    bool      // fewer rounds and operations: the shape, not the figures
	Programs string    // folder that holds shelfsync-hub, shelfsync-agent and reflection
	Dir      string    // folder on the disk to measure; must exist
	Commit   string    // what the programs were built from
	Progress io.Writer // told of each step
}

// Bench is one run.
type Bench struct {
	options  Options
	dir      string // of the row that runs
	running  []*program
	cleanups []func()
}

// rows are all measurements, in the order in which they run.
var rows = []struct {
	name string
	run  func(*Bench, context.Context) (Row, error)
}{
	{"hot_item_single", (*Bench).hotItemSingle},
	{"sale_64", (*Bench).sale64},

	{"apply", (*Bench).apply},
	{"sales_shared", (*Bench).salesShared},
	{"drain_restart", func(b *Bench, ctx context.Context) (Row, error) { return b.drain(ctx, false) }},
	{"drain_line", func(b *Bench, ctx context.Context) (Row, error) { return b.drain(ctx, true) }},
}

// Names are the rows there are.
func Names() (names []string) {
	for _, row := range rows {
		names = append(names, row.name)
	}
	return names
}

// Run measures. An error means that a row could not be measured, never that it
// was slow; the others are in the report, which is nil if nothing could start.
func Run(ctx context.Context, options Options) (*Report, error) {
	for _, name := range options.Names {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("there is no row %q: choose from %s", name, strings.Join(Names(), ", "))
		}
	}
	dir, err := os.MkdirTemp(options.Dir, "shelfsync-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder to measure in: %w", err)
	}
	defer os.RemoveAll(dir)
	b := &Bench{options: options}
	defer b.stop()
	var failed []error
	began := time.Now()
	report := &Report{Machine: Machine{runtime.NumCPU(), runtime.GOOS + "/" + runtime.GOARCH, runtime.Version(), filesystem(dir)},
		Commit: options.Commit, Quick: options.Quick, Rows: []Row{}, Losing: []Losing{}}
	for _, row := range rows {
		if len(options.Names) > 0 && !slices.Contains(options.Names, row.name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return report, errors.Join(append(failed, err)...)
		}
		b.dir = filepath.Join(dir, row.name)
		if err := os.Mkdir(b.dir, 0o755); err != nil {
			return report, fmt.Errorf("make a folder to measure in: %w", err)
		}
		measured, err := row.run(b, ctx)
		b.stop()
		if err == nil {
			err = measured.Line.fault()
		}
		report.Seconds = time.Since(began).Seconds()
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", row.name, err))
			continue
		}
		measured.Name = row.name
		report.add(measured)
	}
	return report, errors.Join(failed...)
}

// stop ends every program that still runs, and leaves nothing of it behind.
func (b *Bench) stop() {
	for _, p := range b.running {
		p.stop()
	}
	for _, clean := range b.cleanups {
		clean()
	}
	b.running, b.cleanups = nil, nil
}

func (b *Bench) say(format string, values ...any) {
	fmt.Fprintf(b.options.Progress, format+"\n", values...)
}

// folder is one of this row's own; it need not exist yet.
func (b *Bench) folder(name string) string { return filepath.Join(b.dir, name) }

// pick chooses between the full and the quick size of something.
func pick[T any](b *Bench, full, quick T) T {
	if b.options.Quick {
		return quick
	}
	return full
}
