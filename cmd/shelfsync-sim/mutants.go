package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/shelfsync/shelfsync/cmd/planted"
)

// mutant is a bug planted by an edit of one file, which is laid over the source at
// build time. No switch for it exists in the product.
type mutant struct {
	name  string
	rule  string // the failure mode of reliability.md, or the rule of domain.md, that it breaks
	edits []edit
}

// edit replaces text that stands in a file once.
type edit struct{ file, old, new string }

// outcome is what seeds made of a mutant.
type outcome struct {
	Name   string `json:"name"`
	Caught bool   `json:"caught"`
	Seeds  int    `json:"seeds"` // how many were played until one failed
	By     string `json:"by,omitempty"`
}

// mutantSeeds bounds the seeds that are played to find a mutant.
const mutantSeeds = 2000

// mutantBuilds bounds the builds at once: each takes a core.
const mutantBuilds = 2

// plant builds the simulator with each mutant and plays seeds until one fails.
func plant(ctx context.Context, out io.Writer, o options) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "shelfsync-mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var chosen []mutant
	for _, m := range allMutants() {
		if strings.Contains(m.name, o.mutant) {
			chosen = append(chosen, m)
		}
	}
	outcomes := make([]outcome, len(chosen))
	failures := make([]error, len(chosen))
	slots := make(chan struct{}, mutantBuilds)
	var all sync.WaitGroup
	for i, m := range chosen {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			outcomes[i], failures[i] = m.hunt(ctx, root, filepath.Join(dir, strconv.Itoa(i)))
			if !o.json && failures[i] == nil {
				fmt.Fprintf(out, "%-8s after %4d seeds  %s: %s\n", map[bool]string{true: "caught", false: "SURVIVED"}[outcomes[i].Caught], outcomes[i].Seeds, m.name, outcomes[i].By)
			}
		})
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	if o.json {
		b, err := json.Marshal(map[string][]outcome{"mutants": outcomes})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\n", b)
	}
	for _, found := range outcomes {
		if !found.Caught {
			return fmt.Errorf("%w: %s", errSurvived, found.Name)
		}
	}
	return nil
}

func moduleRoot(ctx context.Context) (string, error) {
	b, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module (mutants are built from its source): %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// hunt builds one mutant and plays seeds until one fails.
func (m *mutant) hunt(ctx context.Context, root, dir string) (outcome, error) {
	found := outcome{Name: m.name}
	overlay, err := m.overlay(root, dir)
	if err != nil {
		return found, err
	}
	program := filepath.Join(dir, "sim")
	build := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", program, "./cmd/shelfsync-sim")
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		return found, fmt.Errorf("mutant %q does not build: %w\n%s", m.name, err, text)
	}
	for from := 1; from <= mutantSeeds && !found.Caught; from += enoughSeeds / 2 {
		run := exec.CommandContext(ctx, program, "--workers", "1", "--first", "--from", strconv.Itoa(from), "--seeds", strconv.Itoa(enoughSeeds/2))
		text, err := run.Output()
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit) && bytes.HasPrefix(text, []byte("seed ")):
			seed, by, _ := strings.Cut(strings.TrimPrefix(string(text), "seed "), " breaks ")
			n, _ := strconv.Atoi(seed)
			found.Caught, found.Seeds = true, n
			found.By, _, _ = strings.Cut(by, " at step")
		case err != nil:
			return found, fmt.Errorf("mutant %q: %w\n%s", m.name, err, text)
		default:
			found.Seeds = from + enoughSeeds/2 - 1
		}
	}
	return found, nil
}

// overlay is the list that go build reads.
func (m *mutant) overlay(root, dir string) (string, error) {
	edits := make([]planted.Edit, len(m.edits))
	for i, e := range m.edits {
		edits[i] = planted.Edit{File: e.file, Old: e.old, New: e.new}
	}
	list, err := planted.Overlay(root, dir, edits...)
	if err != nil {
		return "", fmt.Errorf("mutant %q: %w", m.name, err)
	}
	return list, nil
}
