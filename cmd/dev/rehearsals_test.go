package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTablesShareAPage writes two modes in turn: each has one table, the newest.
func TestTablesShareAPage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rehearsals.md")
	standard, harsh := mode{3, "standard"}, mode{3, "harsh"}
	for _, write := range []struct {
		mode  mode
		table string
	}{{standard, "| old |\n"}, {harsh, "| harsh |\n"}, {standard, "| new |\n"}, {mode{1, "standard"}, "| one |\n"}} {
		if err := writeRehearsals(file, "abc", write.mode, write.table); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	at := -1
	for _, want := range []string{"# Rehearsals", standard.title(), "--faults standard", "| new |\n", harsh.title(), "--faults harsh", "| harsh |\n", mode{1, "standard"}.title(), "| one |\n"} {
		next := strings.Index(page[at+1:], want)
		if next < 0 {
			t.Fatalf("%q is not where it belongs:\n%s", want, page)
		}
		at += 1 + next
	}
	if strings.Contains(page, "| old |") || strings.Count(page, "\n## ") != 3 || strings.Contains(page, "\n\n\n") {
		t.Fatalf("three tables and nothing else should be there:\n%s", page)
	}
}
