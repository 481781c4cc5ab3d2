package ledger_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/ledger/crashdisk"
)

// amount is how much is tried: SHELFSYNC_DEEP asks for the larger number. It is asked
// within a test, so that the go command knows what its result hangs on.
func amount(quick, thorough int) int {
	if os.Getenv("SHELFSYNC_DEEP") != "" {
		return thorough
	}
	return quick
}

// seed is the one that the campaign asks for, or 1.
func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("SHELFSYNC_SEED")
	if text == "" {
		return 1
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("SHELFSYNC_SEED: %v", err)
	}
	return n
}

// cut is one power cut: after so many events, in one way.
type cut struct {
	at  int
	way crashdisk.Way
}

// TestAPowerCutLosesNothingAcknowledged opens what power cuts leave of every
// story: each ledger holds all that was acknowledged, nothing that was not asked,
// and goes on. It may refuse only with an error; none is known to be needed.
func TestAPowerCutLosesNothingAcknowledged(t *testing.T) {
	images, made, dir := amount(200, 3000), map[crashdisk.Way]int{}, memoryFolder(t)
	for i, story := range stories {
		t.Run(story.name, func(t *testing.T) {
			p := story.play(t, seed(t))
			random := rand.New(rand.NewPCG(seed(t), uint64(i)))
			for _, c := range cuts(random, len(p.Events), (images+len(stories)-1)/len(stories)) {
				made[c.way]++
				if err := p.survives(dir, c, random); err != nil {
					t.Fatalf("seed %d, power cut after %d of %d events, %s: %v", seed(t), c.at, len(p.Events), c.way, err)
				}
			}
		})
	}
	t.Logf("images: %v", made)
}

// cuts draws power cuts, each way as often, in the order they happen.
func cuts(random *rand.Rand, events, count int) []cut {
	drawn := make([]cut, count)
	for i := range drawn {
		drawn[i] = cut{random.IntN(events + 1), crashdisk.Way(i) % crashdisk.Ways}
	}
	slices.SortStableFunc(drawn, func(a, b cut) int { return a.at - b.at })
	return drawn
}

// survives makes one image and opens it.
func (p *played) survives(dir string, c cut, random *rand.Rand) error {
	if p.player == nil || p.player.At() > c.at {
		p.player = p.Play()
	}
	p.player.To(c.at)
	image := p.player.Image(c.way, random)
	if random.IntN(3) == 0 { // SQLite must not believe what memory the last program shared
		image["ledger.db-shm"] = randomBytes(random, 32<<10)
	}
	if err := crashdisk.WriteImage(dir, image); err != nil {
		return err
	}
	acknowledged, inFlight := p.player.Marks()/2, p.player.Marks()%2
	legal := p.told[acknowledged : acknowledged+inFlight+1]
	fresh := uint64(1)
	if acknowledged > 0 {
		fresh = 1000 // a ledger that begins anew is another one
	}
	if err := p.copied(dir, acknowledged); err != nil {
		return err
	}
	doubts := inFlight == 1 && p.steps[acknowledged].doubts
	err := opensAs(dir, fresh, legal, doubts)
	if doubts && errors.Is(err, ledger.ErrUnfinished) { // both ledgers are in the folder, and a person is at it
		if err = p.steps[acknowledged].do(&store{dir: dir, beside: p.beside}); err == nil {
			err = opensAs(dir, fresh, legal, doubts)
		}
	}
	return err
}

// copied proves the copy that the last acknowledged steps made.
func (p *played) copied(dir string, acknowledged int) error {
	if acknowledged == 0 || p.steps[acknowledged-1].what != copies.what {
		return nil
	}
	have, err := ledger.Verify(filepath.Join(dir, ledger.CopyName))
	if err != nil {
		return fmt.Errorf("a copy that was made: %w", err)
	}
	count := 0
	for _, e := range have.Epochs {
		count += int(e.Position.Sequence)
	}
	if want := strings.Count(p.told[acknowledged], "\noperation "); count < want {
		return fmt.Errorf("a copy that was made has %d operations, not %d", count, want)
	}
	return nil
}

// keeps reports whether all operations of one reading are in another.
func keeps(have, want string) bool {
	for line := range strings.Lines(want) {
		if strings.HasPrefix(line, "operation ") && !strings.Contains(have, line) {
			return false
		}
	}
	return true
}

func randomBytes(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// opensAs opens a ledger that must say one of some things, sells on and starts again.
func opensAs(dir string, fresh uint64, legal []string, doubts bool) error {
	l, err := ledger.Open(dir, names(fresh))
	if err != nil {
		return fmt.Errorf("refused: %w", err)
	}
	have, err := reading(l)
	doubted := doubts && len(l.Epochs()) > 1 && keeps(have, legal[0])
	if err == nil && !doubted && !slices.Contains(legal, have) {
		err = fmt.Errorf("%d states are legal, and this is none: %s", len(legal), differs(have, legal[0]))
	}
	if err != nil {
		_ = l.Close() // the first error is the one to tell
		return err
	}
	before := l.Head()
	if _, err := l.Append([]ledger.Entry{saleOf(1_000_000, 80)}); err != nil {
		return fmt.Errorf("it does not go on: %w", err)
	}
	after := l.Head()
	if err := l.Close(); err != nil {
		return fmt.Errorf("it does not end: %w", err)
	}
	if l, err = ledger.Open(dir, names(3)); err != nil {
		return fmt.Errorf("it does not start again: %w", err)
	}
	defer l.Close()
	if again := l.Head(); again != after || after.Position.Sequence != before.Position.Sequence+1 {
		return fmt.Errorf("it stood at %+v, then at %+v, and starts again at %+v", before, after, again)
	}
	return nil
}
