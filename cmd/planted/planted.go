// Package planted lays edits over source files at build time: a bug is planted without
// a switch for it in the product.
//
// Promise. What [Overlay] lists is the source with the edits and nothing else changed;
// an edit that does not fit exactly one place is refused, so that a mutant moves with
// the code that it breaks.
//
// Owner. Nobody: files go where the caller says.
//
// Flow. Edit -> edited copy -> list -> go build -overlay (or go test).
//
// Invariants. The source itself is only read.
package planted

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Edit replaces text that stands in a file once. File is below the module's root, with
// slashes.
type Edit struct{ File, Old, New string }

// Overlay writes the edited files into dir and returns the list for go build -overlay.
func Overlay(root, dir string, edits ...Edit) (list string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for i, e := range edits {
		path := filepath.Join(root, filepath.FromSlash(e.File))
		source := path
		if before, edited := replace[path]; edited {
			source = before
		}
		text, err := os.ReadFile(source)
		if err != nil {
			return "", err
		}
		if n := bytes.Count(text, []byte(e.Old)); n != 1 {
			return "", fmt.Errorf("the edit fits %d places of %s, not one: write it anew", n, e.File)
		}
		replace[path] = filepath.Join(dir, strconv.Itoa(i)+".go")
		if err := os.WriteFile(replace[path], bytes.Replace(text, []byte(e.Old), []byte(e.New), 1), 0o644); err != nil {
			return "", err
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list = filepath.Join(dir, "overlay.json")
	return list, os.WriteFile(list, b, 0o644)
}
