package main

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A tree is the module as a parser sees it: every Go file outside testdata,
// hidden folders and nested modules.
type tree struct {
	root      string
	fset      *token.FileSet
	files     []file
	libraries []string // the third-party modules of go.mod
}

// A file is one Go file; its path is from the root, with slashes.
type file struct {
	path    string
	imports []string // std/..., ours/... or third/...
	syntax  *ast.File
}

func (f file) folder() string { return folderOf(f.path) }
func (f file) isTest() bool   { return strings.HasSuffix(f.path, "_test.go") }

const modulePath = "github.com/shelfsync/shelfsync"

// kindOf puts an import path in one of three worlds.
func kindOf(path string) string {
	if rest, ok := strings.CutPrefix(path, modulePath+"/"); ok {
		return "ours/" + rest
	}
	if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
		return "third/" + path
	}
	return "std/" + path
}

func readTree(t *testing.T) tree {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	tr := tree{root: root, fset: token.NewFileSet(), libraries: readLibraries(t, filepath.Join(root, "go.mod"))}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && skipped(path):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		tr.read(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.files) == 0 {
		t.Fatalf("no Go files below %s", root)
	}
	return tr
}

// skipped reports whether the go command would not build what is in a folder.
func skipped(dir string) bool {
	name := filepath.Base(dir)
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil || name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

func (tr *tree) read(t *testing.T, path string) {
	t.Helper()
	syntax, err := parser.ParseFile(tr.fset, path, nil, parser.ParseComments)
	if err != nil {
		t.Errorf("cannot be read: %v", err)
		return
	}
	rel, err := filepath.Rel(tr.root, path)
	if err != nil {
		t.Fatal(err)
	}
	f := file{path: filepath.ToSlash(rel), syntax: syntax}
	for _, spec := range syntax.Imports {
		f.imports = append(f.imports, kindOf(strings.Trim(spec.Path.Value, "`\"")))
	}
	tr.files = append(tr.files, f)
}

// programFiles are the files that end up in a program.
func (tr tree) programFiles() []file {
	return slices.DeleteFunc(slices.Clone(tr.files), file.isTest)
}

// importers names, for each third-party module, the folders whose programs import it.
func (tr tree) importers() map[string][]string {
	found := map[string][]string{}
	for _, f := range tr.programFiles() {
		for _, to := range f.imports {
			path, third := strings.CutPrefix(to, "third/")
			if !third {
				continue
			}
			library := tr.libraryOf(path)
			if !slices.Contains(found[library], f.folder()) {
				found[library] = append(found[library], f.folder())
			}
		}
	}
	return found
}

// libraryOf finds the module that an import path belongs to: the longest of
// go.mod that is a prefix of it.
func (tr tree) libraryOf(path string) string {
	longest := ""
	for _, library := range tr.libraries {
		if covers([]string{library + "/..."}, path) && len(library) > len(longest) {
			longest = library
		}
	}
	if longest == "" {
		return path
	}
	return longest
}

func readLibraries(t *testing.T, goMod string) []string {
	t.Helper()
	f, err := os.Open(goMod)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var libraries []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(lines.Text()), "require "))
		if len(fields) >= 2 && strings.HasPrefix(fields[1], "v") {
			libraries = append(libraries, fields[0])
		}
	}
	return libraries
}
