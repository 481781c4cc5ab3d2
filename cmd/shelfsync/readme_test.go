package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	sections = regexp.MustCompile(`(?m)^## .*$`)
	endless  = regexp.MustCompile(`^curl -N `)
	refused  = regexp.MustCompile(`"type":"/problems/`)
)

// readmeCommands are the indented commands of some sections of README.md.
func readmeCommands(t *testing.T, names ...string) (all []string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	heads := sections.FindAllStringIndex(string(text), -1)
	for i, head := range heads {
		if !slices.Contains(names, strings.TrimPrefix(string(text[head[0]:head[1]]), "## ")) {
			continue
		}
		end := len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		for line := range strings.Lines(string(text[head[1]:end])) {
			command, indented := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "    ")
			switch {
			case !indented:
			case strings.HasPrefix(command, "  "):
				all[len(all)-1] += "\n" + command
			default:
				all = append(all, strings.TrimPrefix(command, "bin/"))
			}
		}
	}
	return all
}

// The commands that the README asks a reader to type do what they should.
func TestTheReadme(t *testing.T) {
	commands := readmeCommands(t, "Connect a till", "Connect a channel", "Ask at the terminal")
	if len(commands) < 12 {
		t.Fatalf("only %d commands were found", len(commands))
	}
	s := newShop(t)
	s.sh.run(t, "cd "+t.TempDir()+"; export SHELFSYNC_HUB="+s.real.Replace("127.0.0.1:7420"))
	for _, command := range commands {
		if endless.MatchString(command) {
			continue // the feed: TestTheExamples reads it
		}
		command = strings.NewReplacer("curl ", "curl -sS ", "bin/shelfsync", "shelfsync").Replace(s.real.Replace(command))
		if out, code := s.sh.run(t, command); code != "0" || refused.MatchString(out) {
			t.Errorf("exit %s: %s\n%s", code, command, out)
		}
	}
}
