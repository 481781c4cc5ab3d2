// Package clustertest says what every [cluster.Order] must do, and holds the
// machine that the tests drive.
//
// Promise. A log that passes [Conformance] can stand in for any other.
//
// Owner. A [Tally] belongs to the log that drives it; it shares its state by
// immutable copies.
//
// Invariants. A Tally refuses entries that do not come in order, so a log that
// repeats or skips one cannot pass unseen.
package clustertest

import (
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/shelfsync/shelfsync/hub/cluster"
)

// State is what a Tally holds: every entry's data, in order.
type State struct {
	Index uint64   `json:"index"`
	Lines []string `json:"lines"`
}

// Tally is a machine that writes down what it is given.
type Tally struct {
	seen     atomic.Pointer[State]
	replayed atomic.Int64
	// Before, if set, is called with every entry before it is applied.
	Before func(cluster.Entry)
}

// NewTally is an empty one.
func NewTally() *Tally {
	t := &Tally{}
	t.seen.Store(&State{})
	return t
}

// Seen is the state; it is never changed.
func (t *Tally) Seen() *State { return t.seen.Load() }

// Given is how many entries were applied to this Tally, restored ones left out.
func (t *Tally) Given() int { return int(t.replayed.Load()) }

// Applied implements [cluster.Positioned].
func (t *Tally) Applied() uint64 { return t.Seen().Index }

// Result is what a Tally answers to an entry: its place among all, and its data.
func Result(place int, data string) string { return fmt.Sprintf("%d:%s", place, data) }

// Apply implements [cluster.Machine].
func (t *Tally) Apply(entries []cluster.Entry) []any {
	old := t.Seen()
	next := &State{old.Index, old.Lines}
	results := make([]any, len(entries))
	for i, e := range entries {
		if e.Index <= next.Index {
			panic(fmt.Sprintf("entry %d was given after entry %d", e.Index, next.Index))
		}
		if t.Before != nil {
			t.Before(e)
		}
		next.Index = e.Index
		next.Lines = append(next.Lines, string(e.Data)) // readers of old see only its length
		results[i] = Result(len(next.Lines), string(e.Data))
	}
	t.replayed.Add(int64(len(entries)))
	t.seen.Store(next)
	return results
}

// Freeze implements [cluster.Machine].
func (t *Tally) Freeze() cluster.Image { return image{t.Seen()} }

// Restore implements [cluster.Machine].
func (t *Tally) Restore(r io.Reader) error {
	state := &State{}
	if err := json.NewDecoder(r).Decode(state); err != nil {
		return fmt.Errorf("read tally: %w", err)
	}
	t.seen.Store(state)
	return nil
}

type image struct{ state *State }

func (i image) Write(w io.Writer) error { return json.NewEncoder(w).Encode(i.state) }

func (i image) Release() {}
