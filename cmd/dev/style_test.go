package main

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The sizes of a file and of a function: what a reader can hold, and a screen show.
const (
	maxFileLines     = 400
	maxFunctionLines = 70
)

// topLevel is all that stands in the root of the repository, beside what
// .gitignore names there.
var topLevel = []string{
	"agent", "hub", "sync", "protocol", "cmd", "installer",
	"go.mod", "go.sum", "README.md", "Makefile", "LICENSE", "CHANGELOG.md", "docs",
	".ci", ".github", ".gitignore", ".git",
}

func TestStyleRootHoldsOnlyAgreedNames(t *testing.T) {
	tr := readTree(t)
	ignored, err := os.ReadFile(filepath.Join(tr.root, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	agreed := slices.Clone(topLevel)
	for line := range strings.Lines(string(ignored)) {
		agreed = append(agreed, strings.Trim(strings.TrimSpace(line), "/"))
	}
	entries, err := os.ReadDir(tr.root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !isAgreed(agreed, entry.Name()) {
			t.Errorf("%s stands in the root of the repository: put it in one of the rooms", entry.Name())
		}
	}
}

func isAgreed(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, _ := filepath.Match(pattern, name)
		return ok
	})
}

func TestStyle(t *testing.T) {
	tr := readTree(t)
	comments := map[string]int{}
	for _, f := range tr.programFiles() {
		if f.syntax.Doc != nil {
			comments[f.folder()]++
		} else {
			comments[f.folder()] += 0
		}
		for _, fault := range tr.faults(f) {
			t.Errorf("%s:%d: %s", f.path, fault.line, fault.text)
		}
	}
	for folder, count := range comments {
		if count != 1 {
			t.Errorf("%s has %d package comments: write one, with its promise, owner, flow and invariants", folder, count)
		}
	}
}

type fault struct {
	line int
	text string
}

// faults answers what breaks a habit in one program file.
func (tr tree) faults(f file) []fault {
	return slices.Concat(tr.sizes(f), tr.goStatements(f), tr.mutexes(f))
}

func (tr tree) line(pos token.Pos) int { return tr.fset.Position(pos).Line }

func (tr tree) sizes(f file) (faults []fault) {
	if ast.IsGenerated(f.syntax) {
		return nil
	}
	if lines := tr.line(f.syntax.FileEnd); lines > maxFileLines {
		faults = append(faults, fault{lines, "more than 400 lines: move a noun out, not half a verb"})
	}
	ast.Inspect(f.syntax, func(node ast.Node) bool {
		function, ok := node.(*ast.FuncDecl)
		if ok && tr.line(function.End())-tr.line(function.Pos())+1 > maxFunctionLines {
			faults = append(faults, fault{tr.line(function.Pos()), function.Name.Name + " is longer than 70 lines: it does not fit a screen"})
		}
		return true
	})
	return faults
}

// goStatements finds the goroutines started where nobody looks for them.
func (tr tree) goStatements(f file) (faults []fault) {
	name := filepath.Base(f.path)
	inSession := covers([]string{"sync/session/..."}, f.folder())
	kit := strings.HasSuffix(f.folder(), "test") // a conformance suite is a test, though its file is not named one
	allowed := covers([]string{"cmd/..."}, f.folder()) || kit || name == "server.go" || name == "link.go"
	if allowed && !inSession {
		return nil
	}
	ast.Inspect(f.syntax, func(node ast.Node) bool {
		if statement, ok := node.(*ast.GoStmt); ok {
			text := "a go statement: goroutines are started in server.go or link.go, where who waits for them is named"
			if inSession {
				text = "a go statement: a session is driven by its owner and starts nothing"
			}
			faults = append(faults, fault{tr.line(statement.Pos()), text})
		}
		return true
	})
	return faults
}

// ourCore is where mutable things have one owner and are shared by channel.
var ourCore = []string{"protocol/...", "sync/session/...", "agent/...", "hub/..."}

// mutexes finds the locks of the core that do not say which fields they guard.
func (tr tree) mutexes(f file) (faults []fault) {
	if !covers(ourCore, f.folder()) {
		return nil
	}
	ast.Inspect(f.syntax, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok || !isMutex(selector) || tr.saysWhatItGuards(f, tr.line(selector.Pos())) {
			return true
		}
		faults = append(faults, fault{tr.line(selector.Pos()),
			"a mutex without a comment that says which fields it guards: give the thing one owner and share by channel, or say why not"})
		return true
	})
	return faults
}

func isMutex(selector *ast.SelectorExpr) bool {
	from, ok := selector.X.(*ast.Ident)
	return ok && from.Name == "sync" && (selector.Sel.Name == "Mutex" || selector.Sel.Name == "RWMutex")
}

// saysWhatItGuards looks for "guards" in the comment on the line or just above it.
func (tr tree) saysWhatItGuards(f file, line int) bool {
	return slices.ContainsFunc(f.syntax.Comments, func(group *ast.CommentGroup) bool {
		end := tr.line(group.End())
		return (end == line || end == line-1) && strings.Contains(group.Text(), "guards")
	})
}
