package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// tens are the keys of these tests: an entry can be looked up by its index, and by
// its ten. Bodies do not tell, so the tests' keys come from their text.
func tens(body []byte, add func(string)) error {
	var index uint64
	if _, err := fmt.Sscanf(string(body), "<%d>", &index); err == nil {
		add(fmt.Sprint("index ", index))
		add(fmt.Sprint("ten ", index/10))
	}
	return nil
}

func indexed(t *testing.T, j *Journal, keys Keys) {
	t.Helper()
	if err := j.Index(context.Background(), keys); err != nil {
		t.Fatal(err)
	}
}

// TestALookUpReadsOnlySegmentsThatCanAnswer: what it returns is more than what is
// wanted and never less, and far less than everything.
func TestALookUpReadsOnlySegmentsThatCanAnswer(t *testing.T) {
	dir, config := t.TempDir(), Config{SegmentBytes: 500}
	j := open(t, dir, config)
	put(t, j, 1, 600)
	indexed(t, j, tens)
	for range 2 {
		for wanted := uint64(1); wanted <= 600; wanted++ {
			key := fmt.Sprint("index ", wanted)
			if wanted%7 == 0 {
				key = "nobody has this" // its body is empty
			}
			records, through, err := j.Find(0, Want{Keys: []string{key}}, 1000, 1<<20)
			found := false
			for _, r := range records {
				found = found || r.Index == wanted
			}
			if err != nil || through != 600 || !found && wanted%7 != 0 || len(records) > 100 {
				t.Fatalf("%s: %d records up to %d, found %v, %v", key, len(records), through, found, err)
			}
		}
		for wanted := uint64(1); wanted <= 600; wanted++ { // also where a segment begins or ends
			records, _, err := j.Find(0, Want{From: entry(wanted).At, To: entry(wanted).At}, 1000, 1<<20)
			if err != nil || !slices.ContainsFunc(records, func(r Record) bool { return r.Index == wanted }) {
				t.Fatalf("the time of %d: %d records, %v", wanted, len(records), err)
			}
		}
		// Wall stamps bound a look-up as keys do.
		records, _, err := j.Find(0, Want{From: entry(300).At, To: entry(310).At}, 1000, 1<<20)
		if err != nil || len(records) < 11 || len(records) > 100 || records[0].Index > 300 {
			t.Fatalf("%d records from 300 to 310, %v", len(records), err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open(t, dir, config)
		indexed(t, j, func([]byte, func(string)) error { return errors.New("an index that is there is not built again") })
	}
	holds(t, j, 0, 1, 600)
}

// TestADamagedIndexIsBuiltAgain: every byte of it, and every length, without one
// answer that lacks anything.
func TestADamagedIndexIsBuiltAgain(t *testing.T) {
	dir, config := t.TempDir(), Config{SegmentBytes: 300}
	j := open(t, dir, config)
	put(t, j, 1, 60)
	indexed(t, j, tens)
	path := indexOf(files(t, dir)[0])
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		again := open(t, dir, config)
		for range 2 { // found damaged when it is read, or by the first question
			indexed(t, again, tens)
			for _, wanted := range []uint64{1, 2, 5} {
				records, _, err := again.Find(0, Want{Keys: []string{fmt.Sprint("index ", wanted)}}, 1000, 1<<20)
				if err != nil || len(records) == 0 || records[0].Index > wanted {
					t.Fatalf("%s: %d was not found: %d records, %v", what, wanted, len(records), err)
				}
			}
		}
		if now, err := os.ReadFile(path); err != nil || len(now) != len(sound) {
			t.Fatalf("%s: it was not built again: %v", what, err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for at := 0; at < len(sound); at += max(1, at/16) {
		flipped := append([]byte(nil), sound...)
		flipped[at] ^= 0x10
		check(fmt.Sprint("byte ", at), flipped)
		check(fmt.Sprint("length ", at), sound[:at])
	}
	check("none", nil)
}

func TestTheIndexFormatIsTheGoldenOne(t *testing.T) {
	golden := filepath.Join("testdata", "v1", "0000000000000001.index")
	dir := t.TempDir()
	j := open(t, dir, Config{SegmentBytes: 300})
	put(t, j, 1, 20)
	indexed(t, j, tens)
	got, err := os.ReadFile(indexOf(files(t, dir)[0]))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Fatalf("an index is written as\n%x\nand v1 is\n%x", got, want)
	}
}

func TestAnIndexGoesWithItsSegment(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{SegmentBytes: 300})
	put(t, j, 1, 100)
	indexed(t, j, tens)
	if err := j.Retain(60); err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(dir, "*.index"))
	if err != nil || len(all) != len(files(t, dir))-1 {
		t.Fatalf("%d indexes beside %d segments, %v", len(all), len(files(t, dir)), err)
	}
	if err := j.Index(context.Background(), tens); err != nil {
		t.Fatal(err)
	}
}

// TestAnIndexThatCannotBeBuiltHidesNothing: its segment is read.
func TestAnIndexThatCannotBeBuiltHidesNothing(t *testing.T) {
	j := open(t, t.TempDir(), Config{SegmentBytes: 300})
	put(t, j, 1, 100)
	stop := errors.New("these bytes are of a later version")
	err := j.Index(context.Background(), func(body []byte, _ func(string)) error {
		if string(body) == "<30><30>" {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	records, _, err := j.Find(0, Want{Keys: []string{"index 30"}}, 1000, 1<<20)
	if err != nil || len(records) == 0 || records[0].Index > 30 || records[len(records)-1].Index < 30 {
		t.Fatalf("%d records, %v", len(records), err)
	}
}
