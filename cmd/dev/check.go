package main

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// A step is one command of the check. It passes when the command exits 0, or when
// all that it found is excused; a listing must also have found nothing, because
// its command exits 0 all the same.
type step struct {
	name    string
	command []string
	listing bool
	excused func(line string) bool
}

var steps = []step{
	{name: "format", command: []string{"gofmt", "-l", "."}, listing: true},
	{name: "vet", command: []string{"go", "vet", "./..."}},
	{
		name:    "staticcheck",
		command: []string{"go", "tool", "-modfile=cmd/dev/tools/go.mod", "staticcheck", "./..."},
		excused: frozenWebsocket,
	},
	{name: "architecture", command: []string{"go", "test", "-count=1", "-run", "TestArchitecture|TestStyle", "./cmd/dev"}},
}

// frozenWebsocket excuses the deprecation of nhooyr.io/websocket in the one file
// that imports it: every exported name of that library carries the notice.
func frozenWebsocket(line string) bool {
	return strings.HasPrefix(line, "sync/link/websocket.go:") && strings.HasSuffix(line, "(SA1019)")
}

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Format, vet, staticcheck and the architecture test",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := moduleRoot()
			if err != nil {
				return err
			}
			return runSteps(cmd.OutOrStdout(), root, steps)
		},
	}
}

// runSteps runs every step, whatever the ones before it found, so that one run
// shows all there is to mend.
func runSteps(out io.Writer, root string, steps []step) error {
	var failed []string
	for _, s := range steps {
		start := time.Now()
		findings, ok := s.run(root)
		verdict := "ok"
		if !ok {
			verdict = "FAILED"
			failed = append(failed, s.name)
		}
		fmt.Fprintf(out, "%-13s %-7s %5.1f s\n", s.name, verdict, time.Since(start).Seconds())
		if !ok {
			fmt.Fprintln(out, findings)
		}
	}
	if len(failed) > 0 {
		return errors.New("check failed: " + strings.Join(failed, ", "))
	}
	return nil
}

// run carries out the step and answers what it found, less what is excused.
// Findings are on standard output; standard error only explains.
func (s step) run(root string) (findings string, ok bool) {
	cmd := exec.Command(s.command[0], s.command[1:]...)
	cmd.Dir = root
	var explained strings.Builder
	cmd.Stderr = &explained
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Sprintf("cannot run %s: %v", s.command[0], err), false
	}
	var left []string
	excused := false
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimRight(line, "\n"); s.excused != nil && s.excused(line) {
			excused = true
			continue
		}
		left = append(left, line)
	}
	ok = err == nil || excused && len(left) == 0
	if s.listing {
		ok = ok && len(left) == 0
	}
	return strings.TrimSpace(strings.Join(left, "\n") + "\n" + explained.String()), ok
}
