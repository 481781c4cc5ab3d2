package ledger_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/ledger/crashdisk"
)

// finding is what came of one flipped bit.
type finding string

// What may come of it: each of these tells a person, or harms no acknowledged operation.
const (
	refused  finding = "refused at open"
	told     finding = "told when it is read"
	doubted  finding = "told: a new epoch, because the end is in doubt"
	verified finding = "found by verify, and only by that"
	harmless finding = "harmless: everything reads back equal"
	hubs     finding = "harmless to all operations: a value that the hub told is another"
)

// gap is known and open: which operations refer to one has no sum of its own, so
// one bit there may let a person undo what something refers to.
const gap finding = "an open gap: a reference to an operation is another, and nothing says so"

// What nothing tells.
const (
	panicked finding = "the program ends without a word of it"
	lostTail finding = "the last commits are gone, and nothing says so"
	other    finding = "another operation is read, and nothing says so"
)

var silent = []finding{panicked, lostTail, other}

// flipped is a folder whose bits are flipped: its files, what it holds, and what of
// it was acknowledged.
type flipped struct {
	files map[string][]byte
	told  []string // after every commit; the last is what it holds
	bytes [][]byte // of acknowledged operations: theirs, their keys, answers and chains

	earlier []map[string][]byte // its files after every commit
}

// holds plays a day of everything and leaves the folder as a kill does, or as a
// program that ended.
func holds(t *testing.T, clean bool) flipped {
	t.Helper()
	s := &store{dir: memoryFolder(t), random: rand.New(rand.NewPCG(seed(t), 6))}
	steps := slices.Concat([]step{starts}, times(3, sells(30, onePiece), sells(2, large), hears(60, 4)), []step{forks("second"), sells(5, onePiece), prunes, checkpoints},
		times(4, sells(1, onePiece), sells(3, onePiece), sells(1, large), hears(9, 2)), times(5, sells(1, onePiece)), []step{marks})
	var f flipped
	for _, step := range steps {
		if err := step.do(s); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		text, err := reading(s.l)
		if err != nil {
			t.Fatal(err)
		}
		f.told, f.earlier = append(f.told, text), append(f.earlier, filesOf(t, s.dir))
	}
	for cursor, more := ledger.Cursor(0), true; more; {
		records, next, err := s.l.List(cursor, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			f.bytes = append(f.bytes, r.Bytes, []byte(r.Key), r.Answer, r.Chain[:], r.Fingerprint[:])
		}
		cursor, more = next, len(records) > 0
	}
	f.bytes = slices.DeleteFunc(f.bytes, func(b []byte) bool { return len(b) == 0 })
	if clean {
		if err := s.l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	f.files = filesOf(t, s.dir)
	if !clean {
		if err := s.l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// choose draws one bit: within acknowledged bytes, or anywhere.
func (f *flipped) choose(random *rand.Rand, acknowledged bool) (name string, bit int) {
	names := slices.Sorted(maps.Keys(f.files))
	for acknowledged {
		name = names[random.IntN(len(names))]
		want, b := f.bytes[random.IntN(len(f.bytes))], f.files[name]
		var found []int
		for at := 0; ; {
			n := bytes.Index(b[at:], want)
			if n < 0 {
				break
			}
			found, at = append(found, at+n), at+n+1
		}
		if len(found) > 0 {
			return name, 8*found[random.IntN(len(found))] + random.IntN(8*len(want))
		}
	}
	name = names[random.IntN(len(names))]
	return name, random.IntN(8 * len(f.files[name]))
}

// flip tells what a ledger makes of a flipped bit.
func (f *flipped) flip(dir, name string, bit int) (finding, error) {
	files := maps.Clone(f.files)
	files[name] = bytes.Clone(files[name])
	files[name][bit/8] ^= 1 << (bit % 8)
	return f.open(dir, files)
}

// open tells what a ledger makes of files that are not what it left.
func (f *flipped) open(dir string, files map[string][]byte) (found finding, err error) {
	if err := crashdisk.WriteImage(dir, files); err != nil {
		return other, err
	}
	defer func() {
		if r := recover(); r != nil {
			found, err = panicked, fmt.Errorf("%v", r)
		}
	}()
	l, err := ledger.Open(dir, names(2))
	if err != nil {
		return refused, nil
	}
	have, err := reading(l)
	epoch, last := l.Head().Epoch, f.told[len(f.told)-1]
	_ = l.Close() // what it read is what counts
	switch n := slices.Index(f.told, have); {
	case err != nil:
		return told, nil
	case have == last:
		return harmless, nil
	case !strings.Contains(last, "epoch {Name:"+epoch+" "):
		return doubted, nil
	case n >= 0:
		return lostTail, fmt.Errorf("%d of them", len(f.told)-1-n)
	}
	if _, err := ledger.Verify(filepath.Join(dir, "ledger.db")); err != nil {
		return verified, nil
	}
	if promises(have) == promises(last) {
		return hubs, nil
	}
	if withoutReferences(promises(have)) == withoutReferences(promises(last)) {
		return gap, nil
	}
	return other, fmt.Errorf("%s", differs(have, last))
}

func withoutReferences(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "refers to ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// TestAFlippedBitIsFoundOrHarmless flips bits of the folder of a killed program and
// of one that ended.
func TestAFlippedBitIsFoundOrHarmless(t *testing.T) {
	dir := memoryFolder(t)
	for name, clean := range map[string]bool{"killed": false, "ended": true} {
		t.Run(name, func(t *testing.T) {
			f := holds(t, clean)
			random, counts := rand.New(rand.NewPCG(seed(t), 9)), map[finding]int{}
			for n := range amount(50, 500) {
				file, bit := f.choose(random, n%2 == 0)
				found, why := f.flip(dir, file, bit)
				if slices.Contains(silent, found) {
					t.Errorf("seed %d, flip %d, bit %d of %s: %s: %v", seed(t), n, bit, file, found, why)
				}
				counts[found]++
			}
			for _, found := range slices.Sorted(maps.Keys(counts)) {
				t.Logf("%4d %s", counts[found], found)
			}
		})
	}
}
