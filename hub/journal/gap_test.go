package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// fetch is what a keeper does: it copies the stretch before a gap from another
// journal, spoils it where a test wants so, and joins it.
func fetch(t *testing.T, from, to *Journal, spoil func(b []byte, s *Stretch)) error {
	t.Helper()
	gap, ok, err := to.Gap()
	if !ok || err != nil {
		t.Fatalf("gap %v, %v", ok, err)
	}
	s, err := from.Before(gap.Before)
	if err != nil {
		t.Fatal(err)
	}
	part, err := to.Part("some")
	if err != nil {
		t.Fatal(err)
	}
	for part.Size < s.Bytes {
		piece, err := from.Piece(s.First, part.Size, 97)
		if err != nil || len(piece) == 0 {
			t.Fatalf("%d bytes, %v", len(piece), err)
		}
		spoil(piece, &s)
		if _, err := part.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	path, err := to.Join(part, s, gap)
	if err := errors.Join(err, part.Drop()); err != nil {
		return err
	}
	return to.Adopt(gap.Before, path)
}

func sound([]byte, *Stretch) {}

// filled fetches until nothing is missing.
func filled(t *testing.T, from, to *Journal) {
	t.Helper()
	for range 100 {
		if _, ok, err := to.Gap(); !ok {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		if err := fetch(t, from, to, sound); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("it never ends")
}

// whole is a journal of entries 1 to 300 that begins with its log.
func whole(t *testing.T) *Journal {
	j := open(t, t.TempDir(), Config{SegmentBytes: 700})
	keepImage(t, j, 0)
	put(t, j, 1, 300)
	return j
}

// TestBehindAGapNothingIsShownUntilItIsFilled, over restarts, wherever the two
// runs meet the segments of the other node.
func TestBehindAGapNothingIsShownUntilItIsFilled(t *testing.T) {
	from := whole(t)
	for _, at := range []struct{ until, again uint64 }{{0, 200}, {1, 3}, {57, 58}, {57, 200}, {100, 299}, {120, 130}} {
		dir, config := t.TempDir(), Config{SegmentBytes: 500}
		j := open(t, dir, config)
		put(t, j, 1, at.until)
		if err := j.Jump(); err != nil {
			t.Fatal(err)
		}
		if j.Last() != 0 || j.Horizon() != 0 {
			t.Fatalf("%+v: it shows %d to %d", at, j.Horizon(), j.Last())
		}
		if err := errors.Join(j.Sync(), j.Flush(), j.Retain(1), j.Jump()); err != nil { // nothing is open now
			t.Fatal(err)
		}
		put(t, j, at.again, 300)
		for range 2 {
			holds(t, j, 0, at.again, 300)
			if gap, ok, err := j.Gap(); !ok || err != nil || gap != (Gap{at.again, at.until}) {
				t.Fatalf("%+v: gap %+v, %v, %v", at, gap, ok, err)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = open(t, dir, config)
		}
		filled(t, from, j)
		holds(t, j, 0, 1, 300)
		put(t, j, 301, 310)
		for range 2 {
			holds(t, j, 0, 1, 310)
			if j.Horizon() != 1 {
				t.Fatalf("%+v: horizon %d", at, j.Horizon())
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = open(t, dir, config)
		}
	}
}

// TestWhatDoesNotJoinIsRefused: every byte of it may be wrong, and every number
// that was said of it; nothing of it is shown, and a sound one is taken afterwards.
func TestWhatDoesNotJoinIsRefused(t *testing.T) {
	from := whole(t)
	j := open(t, t.TempDir(), Config{SegmentBytes: 500})
	put(t, j, 1, 250)
	if err := j.Jump(); err != nil {
		t.Fatal(err)
	}
	put(t, j, 280, 300)
	s, err := from.Before(280)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrNotJoined) && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrMagic) && !errors.Is(err, ErrVersion) {
			t.Fatalf("%s: %v", what, err)
		}
		holds(t, j, 0, 280, 300)
	}
	for at := range int(s.Bytes) {
		if at == 4 || at == gapByte || at == 7 {
			continue // of the other's header nobody reads them
		}
		seen := 0
		err := fetch(t, from, j, func(b []byte, _ *Stretch) {
			if i := at - seen; i >= 0 && i < len(b) {
				b[i] ^= 0x40
			}
			seen += len(b)
		})
		refused("byte", err)
	}
	for what, spoil := range map[string]func([]byte, *Stretch){
		"first": func(_ []byte, s *Stretch) { s.First++ }, "last": func(_ []byte, s *Stretch) { s.Last-- },
		"next": func(_ []byte, s *Stretch) { s.Next++ }, "bytes": func(_ []byte, s *Stretch) { s.Bytes-- },
	} {
		seen := int64(0)
		refused(what, fetch(t, from, j, func(b []byte, s *Stretch) {
			if seen += int64(len(b)); seen >= s.Bytes { // it has all been fetched
				spoil(b, s)
			}
		}))
	}
	filled(t, from, j)
	holds(t, j, 0, 1, 300)
}

// TestAJournalOfAnotherHistoryDoesNotJoin: it lacks the entry that is kept here.
func TestAJournalOfAnotherHistoryDoesNotJoin(t *testing.T) {
	other := open(t, t.TempDir(), Config{SegmentBytes: 1 << 20})
	for i := uint64(1); i <= 300; i++ {
		if e := entry(i); i != 100 {
			if err := other.Append(i, e.At, e.Body); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := other.Sync(); err != nil {
		t.Fatal(err)
	}
	j := open(t, t.TempDir(), Config{SegmentBytes: 500})
	put(t, j, 1, 100)
	if err := j.Jump(); err != nil {
		t.Fatal(err)
	}
	put(t, j, 200, 300)
	if err := fetch(t, other, j, sound); !errors.Is(err, ErrNotJoined) {
		t.Errorf("it joined: %v", err)
	}
	holds(t, j, 0, 200, 300)
}

// TestAFillThatWasCutGoesOn: a segment that is in the folder already, and whose
// gap was not closed yet, is found to join.
func TestAFillThatWasCutGoesOn(t *testing.T) {
	from := whole(t)
	dir := t.TempDir()
	j := open(t, dir, Config{SegmentBytes: 500})
	if err := j.Jump(); err != nil {
		t.Fatal(err)
	}
	put(t, j, 280, 300)
	gap, _, err := j.Gap()
	if err != nil {
		t.Fatal(err)
	}
	s, err := from.Before(gap.Before)
	if err != nil {
		t.Fatal(err)
	}
	part, err := j.Part("some")
	if err != nil {
		t.Fatal(err)
	}
	piece, err := from.Piece(s.First, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(piece[:s.Bytes]); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Join(part, s, gap); err != nil { // and here the power fails
		t.Fatal(err)
	}
	if err := errors.Join(part.Close(), j.Close()); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir, Config{SegmentBytes: 500})
	holds(t, again, 0, 280, 300)
	gap, ok, err := again.Gap()
	if !ok || err != nil || gap.After != s.Last {
		t.Fatalf("gap %+v, %v, %v", gap, ok, err)
	}
	if err := again.DropParts(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := again.Adopt(gap.Before, ""); err != nil { // what the keeper does where the last before is the last kept
		t.Fatal(err)
	}
	filled(t, from, again)
	holds(t, again, 0, 1, 300)
}

// TestRetentionReachesBelowAGap, and a run that was dropped is not joined.
func TestRetentionReachesBelowAGap(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{SegmentBytes: 500})
	put(t, j, 1, 100)
	if err := j.Jump(); err != nil {
		t.Fatal(err)
	}
	put(t, j, 200, 300)
	gap, _, err := j.Gap()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "00000000000000000150.journal")
	if err := os.WriteFile(path, header(true), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := j.Retain(250); err != nil {
		t.Fatal(err)
	}
	if err := j.Adopt(gap.Before, path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("what joins nothing is left: %v", err)
	}
	if j.Horizon() <= 200 || len(files(t, dir)) > 8 {
		t.Errorf("horizon %d, %d segments", j.Horizon(), len(files(t, dir)))
	}
	holds(t, j, 0, j.Horizon(), 300)
}
