package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rewrite puts answers into the document, from the last to the first so that
// line numbers stay.
func rewrite(t *testing.T, source string, examples []*example) {
	t.Helper()
	lines := strings.Split(source, "\n")
	for _, e := range slices.Backward(examples) {
		if e.answer == "" {
			continue
		}
		kind := "text"
		if _, err := values(e.answer); err == nil {
			kind, e.answer = "json", pretty(t, e.answer)
		}
		fresh := strings.Split("```"+kind+"\n"+e.answer+"\n```", "\n")
		if e.from == 0 {
			end := e.line + slices.Index(lines[e.line:], "```") + 1
			e.from, e.to, fresh = end, end, append([]string{""}, fresh...)
		}
		lines = slices.Replace(lines, e.from, e.to, fresh...)
	}
	if err := os.WriteFile(filepath.Clean(examplesFile), []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// pretty breaks JSON into lines that fit a page; what fits a line stays on one.
func pretty(t *testing.T, text string) string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	var all []string
	for {
		var value json.RawMessage
		if err := decoder.Decode(&value); err == io.EOF {
			return strings.Join(all, "\n")
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, layout(t, value, "", 0))
	}
}

const pageWidth = 130

func layout(t *testing.T, value json.RawMessage, indent string, taken int) string {
	t.Helper()
	value = bytes.TrimSpace(value)
	if len(indent)+taken+len(value) <= pageWidth || value[0] != '{' && value[0] != '[' {
		return string(value)
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	var members []string
	for decoder.More() {
		name := ""
		if value[0] == '{' {
			key, err := decoder.Token()
			if err != nil {
				t.Fatal(err)
			}
			name = fmt.Sprintf("%q: ", key)
		}
		var inner json.RawMessage
		if err := decoder.Decode(&inner); err != nil {
			t.Fatal(err)
		}
		members = append(members, indent+"  "+name+layout(t, inner, indent+"  ", len(name)))
	}
	return string(value[0]) + "\n" + strings.Join(members, ",\n") + "\n" + indent + string(value[len(value)-1])
}
