package journal

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestWhatIsNotAJournalIsRefused(t *testing.T) {
	later := header(false)
	later[5] = version + 1
	for _, test := range []struct {
		content []byte
		want    error
	}{{[]byte("NOTOURSxxxxxxxx"), ErrMagic}, {append(later, 1, 2, 3), ErrVersion}} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%020d.journal", 1)), test.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Config{}); !errors.Is(err, test.want) {
			t.Errorf("got %v, want %v", err, test.want)
		}
	}
}

func TestTheFormatIsTheGoldenOne(t *testing.T) {
	golden := filepath.Join("testdata", "v1", fmt.Sprintf("%020d.journal", 7))
	dir := t.TempDir()
	j := open(t, dir, Config{})
	put(t, j, 7, 9)
	put(t, j, 12, 12)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(files(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(golden), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("a segment is written as\n%x\nand v1 is\n%x", got, want)
	}
}

func FuzzSegment(f *testing.F) {
	sound := header(false)
	for i := uint64(1); i <= 3; i++ {
		sound = appendRecord(sound, entry(i), int64(len(sound)))
	}
	f.Add(sound)
	f.Add(sound[:len(sound)-5])
	f.Add(header(false))
	f.Add([]byte("SJRN\x01\x01\x00\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%020d.journal", 1)), content, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := Open(dir, Config{})
		if err != nil {
			return // damage was named
		}
		defer j.Close()
		before, err := j.Read(0, 1000, 1<<20)
		if err != nil {
			t.Fatalf("open took what read refuses: %v", err)
		}
		next := j.Last() + 1
		if next == 0 {
			return // no index is larger
		}
		if err := errors.Join(j.Append(next, 0, []byte("more")), j.Flush()); err != nil {
			t.Fatal(err)
		}
		after, err := j.Read(0, 1001, 1<<21)
		if err != nil || len(after) != min(len(before)+1, 1001) {
			t.Fatalf("%d records and one more are %d, %v", len(before), len(after), err)
		}
	})
}
