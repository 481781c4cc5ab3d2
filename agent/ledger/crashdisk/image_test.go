package crashdisk

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write is an event of so many bytes of one letter.
func write(name string, at int64, letter string, n int) Event {
	return Event{Kind: Write, Name: name, At: at, Data: bytes.Repeat([]byte(letter), n)}
}

// tell writes a file as runs of letters; what is neither is garbage.
func tell(b []byte) string {
	var text []string
	for at := 0; at < len(b); {
		end := at
		for end < len(b) && b[end] == b[at] {
			end++
		}
		text, at = append(text, fmt.Sprintf("%c%d", b[at], end-at)), end
	}
	return strings.Join(text, " ")
}

// possible are all images of a moment that many tries find, of one file.
func possible(r *Recording, way Way, name string) map[string]bool {
	found := map[string]bool{}
	for seed := range uint64(400) {
		p := r.Play()
		p.To(len(r.Events))
		image := p.Image(way, rand.New(rand.NewPCG(seed, 1)))
		if b, ok := image[name]; ok {
			found[tell(b)] = true
		} else {
			found["none"] = true
		}
	}
	return found
}

func TestWhatAPowerCutMayLeave(t *testing.T) {
	before := map[string][]byte{"f": bytes.Repeat([]byte("a"), 1024)}
	twice := []Event{write("f", 0, "b", 512), write("f", 512, "c", 512)}
	synced := append(twice[:2:2], Event{Kind: Sync, Name: "f"})
	refused := append(twice[:2:2], Event{Kind: Sync, Name: "f", Failed: true}, write("f", 512, "d", 512), Event{Kind: Sync, Name: "f"})
	made := []Event{{Kind: Create, Name: "g"}, write("g", 0, "x", 512), {Kind: Sync, Name: "g"}}
	for name, c := range map[string]struct {
		events []Event
		way    Way
		file   string
		want   []string // all that is possible
	}{
		"kept":                          {twice, Kept, "f", []string{"b512 c512"}},
		"dropped":                       {twice, Dropped, "f", []string{"a1024"}},
		"torn, in order":                {twice, Torn, "f", []string{"a1024", "b512 a512", "b512 c512"}},
		"reordered":                     {twice, Reordered, "f", []string{"a1024", "b512 a512", "a512 c512", "b512 c512"}},
		"synced":                        {synced, Garbage, "f", []string{"b512 c512"}},
		"synced, then written":          {append(synced[:3:3], write("f", 0, "e", 512)), Shredded, "f", []string{"b512 c512", "e512 c512"}},
		"after a sync that failed":      {refused, Shredded, "f", []string{"a512 d512", "b512 d512"}},
		"a size":                        {[]Event{{Kind: Truncate, Name: "f", At: 512}}, Reordered, "f", []string{"a1024", "a512"}},
		"a new name is lost":            {made, Dropped, "g", []string{"none"}},
		"a new name may last":           {made, Reordered, "g", []string{"none", "x512"}},
		"a new name of a synced folder": {append(made[:3:3], Event{Kind: SyncDir, Name: "g"}), Dropped, "g", []string{"x512"}},
		"a rename":                      {append(made[:3:3], Event{Kind: SyncDir, Name: "g"}, Event{Kind: Rename, Name: "g", Other: "f"}), Reordered, "f", []string{"a1024", "x512"}},
		"a deleted name":                {[]Event{{Kind: Delete, Name: "f"}}, Reordered, "f", []string{"none", "a1024"}},
	} {
		t.Run(name, func(t *testing.T) {
			found := possible(&Recording{Before: before, Events: c.events}, c.way, c.file)
			for _, want := range c.want {
				if !found[want] {
					t.Errorf("%s never happens", want)
				}
				delete(found, want)
			}
			if len(found) > 0 {
				t.Errorf("%v must not happen", found)
			}
		})
	}
}

// A write is torn at a sector, or at a page of the machine; what a file grew by
// may be garbage, and nothing else.
func TestWritesAreTornAtSectorsAndTailsAreGarbage(t *testing.T) {
	r := &Recording{Before: map[string][]byte{"f": bytes.Repeat([]byte("a"), 4096)}, Events: []Event{write("f", 0, "b", 8192)}}
	ends := map[int]bool{}
	for seed := range uint64(400) {
		p := r.Play()
		p.To(1)
		torn := p.Image(Torn, rand.New(rand.NewPCG(seed, 1)))["f"]
		if n := bytes.Count(torn, []byte("b")); n%sector != 0 {
			t.Fatalf("torn after %d bytes", n)
		} else {
			ends[n/sector] = true
		}
		for at, b := range p.Image(Garbage, rand.New(rand.NewPCG(seed, 2)))["f"] {
			if at < 4096 && b != 'a' && b != 'b' {
				t.Fatalf("byte %d, which was durable, is %x", at, b)
			}
		}
	}
	if len(ends) != 17 {
		t.Errorf("it is torn at %d of 17 sectors", len(ends))
	}
}

func TestAProgramWithoutSQLiteIsToldSo(t *testing.T) {
	if _, err := Attach(t.TempDir()); err == nil || !strings.Contains(err.Error(), "SQLite") {
		t.Fatalf("got %v", err)
	}
}

func TestAnImageEmptiesItsFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteImage(dir, map[string][]byte{"new": []byte("x")}); err != nil {
		t.Fatal(err)
	}
	found, err := files(dir)
	if err != nil || len(found) != 1 || string(found["new"]) != "x" {
		t.Fatalf("found %v, %v", found, err)
	}
}
