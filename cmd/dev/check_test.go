package main

import (
	"strings"
	"testing"
)

func TestOneFailingStepFailsTheCheckAndShowsAll(t *testing.T) {
	var out strings.Builder
	err := runSteps(&out, t.TempDir(), []step{
		{name: "first", command: []string{"sh", "-c", "echo broken; exit 1"}},
		{name: "second", command: []string{"sh", "-c", "echo chatter"}},
		{name: "third", command: []string{"sh", "-c", "echo a.go"}, listing: true},
		{name: "fourth", command: []string{"no-such-program"}},
	})
	if err == nil || err.Error() != "check failed: first, third, fourth" {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"broken", "a.go", "cannot run no-such-program"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not show %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "chatter") {
		t.Error("shows the output of a step that passed")
	}
}

func TestOnlyTheWebsocketFileMayBeDeprecated(t *testing.T) {
	for line, want := range map[string]bool{
		`sync/link/websocket.go:9:2: "nhooyr.io/websocket" is deprecated: use coder (SA1019)`: true,
		`sync/link/link.go:9:2: "nhooyr.io/websocket" is deprecated: use coder (SA1019)`:      false,
		`sync/link/websocket.go:9:2: func dial is unused (U1000)`:                             false,
	} {
		if got := frozenWebsocket(line); got != want {
			t.Errorf("excused %v: %s", got, line)
		}
	}
	const excused = "echo 'sync/link/websocket.go:1:1: old (SA1019)'; "
	for script, want := range map[string]bool{
		excused + "exit 1":                 true,
		excused + "echo more; exit 1":      false,
		"echo it broke down >&2; exit 1":   false,
		"echo go: downloading >&2; exit 0": true,
	} {
		findings, ok := step{command: []string{"sh", "-c", script}, excused: frozenWebsocket}.run(t.TempDir())
		if ok != want {
			t.Errorf("%s: passes %v, findings %q", script, ok, findings)
		}
	}
}
