package ledger_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/ledger/crashdisk"
)

// beside is a failure of what the ledger asks of the disk beside SQLite.
const beside crashdisk.Kind = 0

// faults are the calls of which the nth fails, once or from then on.
var faults = []fault{
	{"read", crashdisk.Read, false, false},
	{"write", crashdisk.Write, false, false},
	{"write, no space", crashdisk.Write, true, true},
	{"sync", crashdisk.Sync, false, false},
	{"sync from then on", crashdisk.Sync, true, false},
	{"truncate", crashdisk.Truncate, false, false},
	{"open", crashdisk.Open, false, false},
	{"delete", crashdisk.Delete, false, false},
	{"beside SQLite", beside, false, false},
}

type fault struct {
	name           string
	kind           crashdisk.Kind
	stays, noSpace bool
}

// broken are the stories whose disk fails: the first is 200 sales.
var broken = []story{
	{name: "200 sales", steps: begins(times(20, times(9, sells(1, onePiece))...), times(4, sells(5, onePiece), hears(4, 1)), []step{checkpoints, marks}, times(2, sells(1, onePiece), marks))},
	{name: "its own checkpoints", steps: append([]step{starts, {what: "checkpoint often", do: func(s *store) error { s.l.CheckpointAt(20); return nil }}},
		append(times(6, sells(3, large), hears(3, 1)), ends)...)},
	{name: "create", steps: []step{starts, sells(1, onePiece), ends}},
	{name: "migrate", folder: fixture("version5.db"), steps: begins([]step{sells(1, onePiece)})},
	{name: "after a kill", folder: killed(sells(9, onePiece), checkpoints, sells(3, large)), steps: begins([]step{hears(3, 1), prunes})},
}

// TestTheNthCallOfTheDiskFails lets one call after the other fail: the till that
// asked is told, and so is every later one; only at the beginning and the end SQLite
// keeps some to itself, and does without what it asked for. On a healthy disk everything is there
// that was acknowledged. After a sync that failed, a power cut may take with it what
// that sync was to keep, whatever later syncs say.
func TestTheNthCallOfTheDiskFails(t *testing.T) {
	for _, story := range broken {
		healthy := story.play(t, seed(t))
		for _, f := range faults {
			t.Run(story.name+"/"+f.name, func(t *testing.T) {
				random, dir := rand.New(rand.NewPCG(seed(t), 11)), memoryFolder(t)
				silent := map[string]int{}
				calls := nths(random, story.on(t, dir, f, 0).calls)
				for _, n := range calls {
					b := story.on(t, dir, f, n)
					if b.failed == nil {
						silent[b.silent]++
					}
					if err := b.survives(&healthy, random); err != nil {
						t.Fatalf("seed %d, %s %d fails, step %d says %v: %v", seed(t), f.name, n, b.done, b.failed, err)
					}
				}
				t.Logf("%d failures; SQLite told nobody in %v", len(calls), silent)
			})
		}
	}
}

// nths are the calls that fail: some of them, or with SHELFSYNC_DEEP all.
func nths(random *rand.Rand, calls int) []int {
	drawn := random.Perm(calls)
	if few := amount(3, calls); few < calls {
		drawn = drawn[:few]
	}
	for i := range drawn {
		drawn[i]++
	}
	slices.Sort(drawn)
	return drawn
}

// breakage is a story on a disk of which a call failed.
type breakage struct {
	dir       string
	recording *crashdisk.Recording
	calls     int    // of the kind that fails
	hit       bool   // one failed
	done      int    // steps that returned without an error
	failed    error  // what the next said
	silent    string // the step in which it failed, and that said nothing
	later     error  // what the ledger said when it was asked once more
}

// on plays a story until a step fails; with 0 none does.
func (p story) on(t *testing.T, dir string, f fault, nth int) breakage {
	t.Helper()
	if err := crashdisk.WriteImage(dir, nil); err != nil {
		t.Fatal(err)
	}
	if p.folder != nil {
		p.folder(t, dir)
	}
	s, w := &store{dir: dir, random: rand.New(rand.NewPCG(seed(t), 1))}, watched(t, dir)
	if f.kind == beside {
		w.nth = nth
	} else if nth > 0 {
		last := nth
		if f.stays {
			last = math.MaxInt
		}
		w.Fail(f.kind, nth, last, f.noSpace)
	}
	b := breakage{dir: dir}
	for ; b.done < len(p.steps) && b.failed == nil; b.done++ {
		if b.failed = p.steps[b.done].do(s); b.failed != nil {
			break
		}
		if b.silent == "" && w.failed(f) {
			b.silent = p.steps[b.done].what
		}
	}
	b.goesOn(s, p.steps)
	if b.calls, b.hit = w.Calls(f.kind), w.failed(f); f.kind == beside {
		b.calls = w.besides
	}
	b.recording = w.ended(t)
	return b
}

// failed reports whether the call that is to fail has come.
func (w *watch) failed(f fault) bool {
	return w.Failed() > 0 || f.kind == beside && w.nth > 0 && w.besides >= w.nth
}

// goesOn asks a ledger that failed to go on, as a program might that passes over errors.
// A mark may be written on another goroutine: who waits for it stops the ledger.
func (b *breakage) goesOn(s *store, steps []step) {
	if b.failed == nil || s.l == nil || steps[b.done].what == ends.what {
		return
	}
	if b.later = b.failed; steps[b.done].what != marks.what {
		_, b.later = s.l.Append([]ledger.Entry{saleOf(1_000_000, 80)})
	}
	_ = s.l.Close() // the disk is broken
}

// survives opens what is left on a healthy disk.
func (b *breakage) survives(healthy *played, random *rand.Rand) error {
	switch {
	case !b.hit:
		return errors.New("the story made fewer calls")
	case b.failed != nil && b.later == nil && b.done > 0 && healthy.steps[b.done].what != ends.what:
		return errors.New("after it, the ledger went on")
	}
	if b.failed == nil && b.silent != starts.what && b.silent != ends.what {
		return fmt.Errorf("step %q says nothing of it", b.silent)
	}
	fresh := uint64(1 + 1000*min(b.done, 1)) // a ledger that began and begins anew is another one
	legal := healthy.told[b.done:min(b.done+2, len(healthy.told))]
	player := b.recording.Play()
	player.To(len(b.recording.Events))
	var images []map[string][]byte
	for _, way := range []crashdisk.Way{crashdisk.Dropped, crashdisk.Shredded} {
		images = append(images, player.Image(way, random))
	}
	if err := opensAs(b.dir, fresh, legal, false); err != nil {
		return err
	}
	for i, image := range images {
		if err := crashdisk.WriteImage(b.dir, image); err != nil {
			return err
		}
		if err := opensAs(b.dir, fresh, legal, false); err != nil {
			return fmt.Errorf("after a power cut as well (%d): %w", i, err)
		}
	}
	return nil
}
