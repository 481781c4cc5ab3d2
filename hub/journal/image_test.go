package journal

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
)

func keepImage(t *testing.T, j *Journal, index uint64) {
	t.Helper()
	if err := j.WriteImage(index, entry(index).At, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "the state at %d", index)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// listed are the images that can be used, and what the journal says of others.
func listed(j *Journal) (text string, err error) {
	images, err := j.Images()
	for _, i := range images {
		text += fmt.Sprint(" ", i.Index)
		if !j.Reaches(i) {
			text += "!"
		}
	}
	return strings.TrimSpace(text), err
}

func TestAnImageIsWholeOrNotThere(t *testing.T) {
	j := open(t, t.TempDir(), Config{})
	put(t, j, 1, 20)
	keepImage(t, j, 0)
	keepImage(t, j, 12)
	half := errors.New("the disk is full")
	if err := j.WriteImage(15, 1, func(out io.Writer) error {
		_, _ = out.Write(make([]byte, 100))
		return half
	}); !errors.Is(err, half) {
		t.Fatal(err)
	}
	if got, err := listed(j); got != "0 12" || err != nil {
		t.Errorf("images %s, %v", got, err)
	}
	image, err := j.Image(12)
	if err != nil || image.At != entry(12).At {
		t.Fatalf("%+v, %v", image, err)
	}
	in, err := image.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if content, err := io.ReadAll(in); string(content) != "the state at 12" || err != nil {
		t.Errorf("read back %q, %v", content, err)
	}
}

// TestADamagedHeadOfAnImageIsNamed: it is left out, and the one before is there.
func TestADamagedHeadOfAnImageIsNamed(t *testing.T) {
	j := open(t, t.TempDir(), Config{})
	put(t, j, 1, 20)
	keepImage(t, j, 7)
	keepImage(t, j, 12)
	image, err := j.Image(12)
	if err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(image.path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range imageHeadBytes {
		for _, content := range [][]byte{append([]byte(nil), sound...), sound[:at]} {
			if len(content) == len(sound) {
				if content[at] ^= 0x20; at == 4 || at == 6 || at == 7 {
					continue // nobody reads the version of the writer, and the two zeroes
				}
			}
			if err := os.WriteFile(image.path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := listed(j)
			if got != "7" || err == nil || !strings.Contains(err.Error(), image.Name()) {
				t.Fatalf("byte %d: images %s, %v", at, got, err)
			}
		}
	}
}

func TestImagesGoWhenTheJournalNoLongerLeadsOnFromThem(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Config{SegmentBytes: 300})
	put(t, j, 3, 100) // the log has entries of its own
	for _, index := range []uint64{0, 20, 40, 60, 80, 100} {
		keepImage(t, j, index)
	}
	if got, err := listed(j); got != "0 20 40 60 80 100" || err != nil {
		t.Fatalf("images %s, %v", got, err)
	}
	if err := j.Retain(60); err != nil {
		t.Fatal(err)
	}
	if got, err := listed(j); got != "60 80 100" || err != nil {
		t.Errorf("horizon %d: images %s, %v", j.Horizon(), got, err)
	}
}

// TestRetentionCountsDaysAndBytes in whole segments, from what their indexes say.
func TestRetentionCountsDaysAndBytes(t *testing.T) {
	j := open(t, t.TempDir(), Config{SegmentBytes: 300})
	put(t, j, 1, 200)
	if index, err := j.Beyond(entry(100).At, math.MaxInt64); index != 0 || err != nil {
		t.Errorf("without an index nobody knows how old a segment is: %d, %v", index, err)
	}
	indexed(t, j, tens)
	index, err := j.Beyond(entry(100).At, math.MaxInt64)
	if err != nil || index <= 80 || index > 100 {
		t.Errorf("what is older than entry 100 ends at %d, %v", index, err)
	}
	all := int64(0)
	for _, path := range files(t, j.dir) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		all += info.Size() + filterBytes(info.Size())
	}
	if index, err := j.Beyond(0, all); index != 0 || err != nil {
		t.Errorf("everything fits, and it drops up to %d, %v", index, err)
	}
	half, err := j.Beyond(0, all/2)
	if err != nil || half < 80 || half > 120 {
		t.Errorf("half of it begins at %d, %v", half, err)
	}
	keepImage(t, j, 199)
	if more, err := j.Beyond(0, all/2); more < half || err != nil {
		t.Errorf("with an image it begins at %d, %v", more, err)
	}
	if err := j.Retain(half); err != nil {
		t.Fatal(err)
	}
	if index, err := j.Beyond(0, all/2); index != 0 && index <= half || err != nil {
		t.Errorf("asked again it drops up to %d, %v", index, err)
	}
	if last, err := j.Beyond(math.MaxInt64, 0); err != nil || last != j.newest.first {
		t.Errorf("the newest segment stays: %d of %d, %v", last, j.newest.first, err)
	}
}
