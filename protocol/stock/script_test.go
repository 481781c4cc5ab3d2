package stock_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

var update = flag.Bool("update", false, "rewrite the expected lines of the scripts and golden values")

// TestScripts plays the histories under testdata. A line that starts at the
// margin is a command, the indented lines under it are what it has to answer,
// and # begins a remark. After every command the invariants are checked, on a
// replica too that goes through a snapshot each time.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts under testdata: %v", err)
	}
	all := &shown{kinds: map[stock.Kind]bool{}, turns: map[turn]bool{}}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { playScript(t, path, all) })
	}
	if all.played == len(paths) { // not only those that -run names
		all.check(t)
	}
}

// TestDesignNamesEveryScript, so that the table of what is played stays whole.
func TestDesignNamesEveryScript(t *testing.T) {
	design, err := os.ReadFile("../DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.FieldsFunc(string(design), func(r rune) bool { return !(r == '_' || r >= 'a' && r <= 'z') })
	paths, _ := filepath.Glob("testdata/*.txt")
	for _, path := range paths {
		if name := strings.TrimSuffix(filepath.Base(path), ".txt"); !slices.Contains(words, name) {
			t.Errorf("DESIGN.md does not say what %s is about", name)
		}
	}
}

func playScript(t *testing.T, path string, all *shown) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.shown = all
	all.played++
	var got strings.Builder
	for n, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		if strings.HasPrefix(line, "  ") {
			continue // expected before: compared at the end
		}
		got.WriteString(line + "\n")
		command, _, _ := strings.Cut(line, "#")
		if command = strings.TrimSpace(command); command == "" {
			continue
		}
		w.place = path + ":" + itoa(n+1)
		for _, answer := range w.run(strings.Fields(strings.ReplaceAll(command, ",", " , "))) {
			got.WriteString("  " + answer + "\n")
			all.text.WriteString("  " + answer + "\n")
		}
	}
	if got.String() == string(text) {
		return
	}
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s tells another story:\n%s", path, firstDifference(string(text), got.String()))
}

func firstDifference(want, got string) string {
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(wants), len(gots)) {
		w, g := lineAt(wants, i), lineAt(gots, i)
		if w != g {
			before := strings.Join(gots[max(0, i-4):min(i, len(gots))], "\n")
			return before + "\nwant: " + w + "\n got: " + g
		}
	}
	return "no difference"
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end)"
}
