package compressed

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// sightings is what was seen from outside: the faults found, how often what a
// run must meet was met, and what every node showed.
type sightings struct {
	mu      sync.Mutex // guards what follows
	faults  []string
	met     map[string]int
	hashes  map[uint64]shown
	through map[string]uint64 // location and epoch -> the highest watermark any node has applied
	said    []string          // the newest errors of the programs
}

// shown is what the first node showed at an index.
type shown struct {
	hash uint64
	node string
}

func newSightings() *sightings {
	return &sightings{met: map[string]int{}, hashes: map[uint64]shown{}, through: map[string]uint64{}}
}

const (
	maxFaults = 20
	maxSaid   = 200
)

func (s *sightings) fault(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(text)
}

// note adds a fault; the mutex is held.
func (s *sightings) note(text string) {
	if len(s.faults) < maxFaults {
		s.faults = append(s.faults, time.Now().Format("15:04:05.000 ")+text)
	}
}

func (s *sightings) broken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.faults) > 0
}

func (s *sightings) meet(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.met[what]++
}

func (s *sightings) times(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.met[what]
}

// applied compares what a node shows with what others showed at that index.
func (s *sightings) applied(node string, state *stock.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	index, hash := state.Index(), state.Hash()
	if index == 0 {
		return
	}
	if other, seen := s.hashes[index]; !seen {
		s.hashes[index] = shown{hash, node}
	} else if other.hash != hash {
		s.note(fmt.Sprintf("at entry %d %s shows %x and %s showed %x", index, node, hash, other.node, other.hash))
	}
	for l := range state.Locations() {
		for i := range l.Epochs {
			key := l.Code + "." + l.Epochs[i].Name
			s.through[key] = max(s.through[key], l.Epochs[i].Through.Sequence)
		}
	}
}

// acknowledged is told what an agent believes the hub has applied of it.
func (s *sightings) acknowledged(location, epoch string, sequence uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if most := s.through[location+"."+epoch]; sequence > most {
		s.note(fmt.Sprintf("%s was told that operation %d is applied, and no node has applied more than %d", location, sequence, most))
	}
}

func (s *sightings) table() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(s.met)) {
		fmt.Fprintf(&b, "  %6d %s\n", s.met[what], what)
	}
	return b.String()
}

// ear is the programs' logger: it counts what the library says of itself and
// keeps the newest errors for the reader of a failure.
type ear struct {
	seen *sightings
	who  string
}

// overheard are messages that show that a situation was met.
var overheard = map[string]string{
	"clearing log suffix":       "a conflicting tail was cut",
	"Installed remote snapshot": "a snapshot was installed",
	"starting snapshot up to":   "a snapshot was written",
	"entering leader state":     "a node began to lead",
}

func (e ear) Enabled(context.Context, slog.Level) bool { return true }
func (e ear) WithAttrs([]slog.Attr) slog.Handler       { return e }
func (e ear) WithGroup(string) slog.Handler            { return e }

func (e ear) Handle(_ context.Context, r slog.Record) error {
	if what, ok := overheard[r.Message]; ok {
		e.seen.meet(what)
	}
	if r.Level < slog.LevelWarn {
		return nil
	}
	line := r.Time.Format("15:04:05.000 ") + e.who + " " + r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	e.seen.mu.Lock()
	defer e.seen.mu.Unlock()
	if e.seen.said = append(e.seen.said, line); len(e.seen.said) > maxSaid {
		e.seen.said = e.seen.said[1:]
	}
	return nil
}

func (s *sightings) logger(who string) *slog.Logger { return slog.New(ear{s, who}) }
