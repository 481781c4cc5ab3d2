package installer_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/shelfsync/shelfsync/installer"
)

var update = flag.Bool("update", false, "write the golden files anew")

// agent is an installation of an agent below a scratch root.
func agent(t *testing.T) installer.Options {
	t.Helper()
	return installer.Options{
		Role: installer.Agent, Prefix: filepath.Join(t.TempDir(), "root"), Program: executable(t, "first build"),
		Location: "S014", Hubs: []string{"hub-a.example:7420", "[2001:db8::1]:7420"},
		Exec: func(_ context.Context, args ...string) (string, error) {
			t.Errorf("below a prefix it ran %s", strings.Join(args, " "))
			return "", nil
		},
	}
}

func executable(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shelfsync")
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// install runs the whole plan and answers what it said, one line for each step.
func install(t *testing.T, o installer.Options) []string {
	t.Helper()
	var out strings.Builder
	if err := installer.Run(t.Context(), o, false, &out); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

func plan(t *testing.T, o installer.Options) []installer.Step {
	t.Helper()
	steps, err := installer.Plan(o)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// contents maps each path below the root to its mode and content.
func contents(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String()
		if info.Mode().IsRegular() {
			text += " " + info.ModTime().String() + " " + read(t, path)
		}
		found[path] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestThePrintedPlan(t *testing.T) {
	agentOptions := installer.Options{
		Role: installer.Agent, Program: "./bin/shelfsync-agent", Location: `Oslo "Øst" \ 7`,
		Hubs: []string{"hub-a.example:7420", "[2001:db8::1]:7420"},
	}
	scratch := agentOptions
	scratch.Prefix, scratch.DataDir, scratch.Listen = "/scratch", "/srv/shelfsync", "10.0.0.5:7410"
	hub := installer.Options{Role: installer.Hub, Program: "./bin/shelfsync-hub"}
	for _, c := range []struct {
		golden  string
		plan    func(installer.Options) ([]installer.Step, error)
		options installer.Options
	}{
		{"agent.txt", installer.Plan, agentOptions},
		{"agent-below-a-prefix.txt", installer.Plan, scratch},
		{"hub.txt", installer.Plan, hub},
		{"agent-removal.txt", installer.PlanRemoval, installer.Options{Role: installer.Agent}},
		{"hub-removal-below-a-prefix.txt", installer.PlanRemoval, installer.Options{Role: installer.Hub, Prefix: "/scratch"}},
	} {
		t.Run(c.golden, func(t *testing.T) {
			steps, err := c.plan(c.options)
			if err != nil {
				t.Fatal(err)
			}
			got, golden := installer.Print(steps), filepath.Join("testdata", c.golden)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := read(t, golden); got != want {
				t.Errorf("the plan changed; if it should, run: go test ./installer -update\ngot:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestADryRunTouchesNothing(t *testing.T) {
	o := agent(t)
	var out strings.Builder
	if err := installer.Run(t.Context(), o, true, &out); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(o.Prefix); !os.IsNotExist(err) {
		t.Errorf("the prefix is there: %v", err)
	}
	if out.String() != installer.Print(plan(t, o)) {
		t.Error("the dry run is not the printed plan")
	}
}

func TestTheSecondTimeChangesNothing(t *testing.T) {
	o := agent(t)
	install(t, o)
	before := contents(t, o.Prefix)
	if len(before) < 10 {
		t.Fatalf("hardly anything was installed: %v", before)
	}
	for _, said := range install(t, o) {
		if !strings.HasSuffix(said, ": as planned") && !strings.HasSuffix(said, ": left out") {
			t.Errorf("the second time it said: %s", said)
		}
	}
	after := contents(t, o.Prefix)
	for path, was := range before {
		if after[path] != was {
			t.Errorf("%s changed:\n%s\n%s", path, was, after[path])
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d paths became %d", len(before), len(after))
	}
}

func TestAnEditedConfigurationIsKept(t *testing.T) {
	o := agent(t)
	install(t, o)
	config := filepath.Join(o.Prefix, "etc/shelfsync/agent.toml")
	planned, edited := read(t, config), "location = \"S015\"\n"
	if err := os.WriteFile(config, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	said := strings.Join(install(t, o), "\n")
	if read(t, config) != edited || read(t, config+".new") != planned {
		t.Error("the edit is lost, or the planned configuration is not beside it")
	}
	if !strings.Contains(said, "edited, and kept; wrote the planned one to "+config+".new") {
		t.Errorf("it does not say so:\n%s", said)
	}
	before := contents(t, o.Prefix)
	install(t, o)
	if after := contents(t, o.Prefix); after[config+".new"] != before[config+".new"] {
		t.Error("the third time wrote the planned configuration again")
	}
}

// An installation may stop after any step, and in the middle of a file.
func TestAnInterruptedInstallationGoesOn(t *testing.T) {
	whole := agent(t)
	install(t, whole)
	for stop := range plan(t, whole) {
		o := agent(t)
		for _, step := range plan(t, o)[:stop] {
			if _, err := installer.Apply(t.Context(), step); err != nil {
				t.Fatal(err)
			}
		}
		torn := filepath.Join(o.Prefix, "usr/local/bin/.shelfsync-agent.part")
		if err := os.MkdirAll(filepath.Dir(torn), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(torn, []byte("half a pro"), 0o600); err != nil {
			t.Fatal(err)
		}
		install(t, o)
		if _, err := os.Lstat(torn); stop < 4 && !os.IsNotExist(err) {
			t.Errorf("stopped after %d steps: the torn file is left", stop)
		}
		if got := read(t, filepath.Join(o.Prefix, "usr/local/bin/shelfsync-agent")); got != "first build" {
			t.Errorf("stopped after %d steps: the program is %q", stop, got)
		}
		if got, want := len(contents(t, o.Prefix)), len(contents(t, whole.Prefix)); stop < 4 && got != want {
			t.Errorf("stopped after %d steps: %d paths, want %d", stop, got, want)
		}
	}
}

func TestANewProgramReplacesTheOld(t *testing.T) {
	o := agent(t)
	install(t, o)
	o.Program = executable(t, "second build")
	install(t, o)
	if got := read(t, filepath.Join(o.Prefix, "usr/local/bin/shelfsync-agent")); got != "second build" {
		t.Errorf("the program is %q", got)
	}
}

func TestTheCheckFindsEachDrift(t *testing.T) {
	for _, c := range []struct {
		name, path, want string
		drift            func(path string) error
	}{
		{"no program", "usr/local/bin/shelfsync-agent", "missing", os.Remove},
		{"another program", "usr/local/bin/shelfsync-agent", "another content", overwrite},
		{"a program that cannot run", "usr/local/bin/shelfsync-agent", "mode is 0644", chmod(0o644)},
		{"a program that is a link", "usr/local/bin/shelfsync-agent", "not a regular file", relink},
		{"no unit", "etc/systemd/system/shelfsync-agent.service", "missing", os.Remove},
		{"an edited unit", "etc/systemd/system/shelfsync-agent.service", "another content", overwrite},
		{"a unit that all may write", "etc/systemd/system/shelfsync-agent.service", "mode is 0666", chmod(0o666)},
		{"no configuration", "etc/shelfsync/agent.toml", "missing", os.Remove},
		{"an edited configuration", "etc/shelfsync/agent.toml", "not yet in", overwrite},
		{"no data folder", "var/lib/shelfsync-agent", "missing", os.Remove},
		{"data that all may read", "var/lib/shelfsync-agent", "mode is 0755", chmod(0o755)},
		{"a file for a data folder", "var/lib/shelfsync-agent", "not a folder", func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.WriteFile(path, nil, 0o644)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := agent(t)
			install(t, o)
			if err := c.drift(filepath.Join(o.Prefix, c.path)); err != nil {
				t.Fatal(err)
			}
			before := contents(t, o.Prefix)
			var found []string
			for _, finding := range installer.Check(t.Context(), plan(t, o)) {
				if !finding.Done {
					found = append(found, finding.Detail)
				}
			}
			if len(found) != 1 || !strings.Contains(found[0], c.want) {
				t.Errorf("found %q, want one with %q", found, c.want)
			}
			if after := contents(t, o.Prefix); len(after) != len(before) {
				t.Error("the check changed something")
			}
		})
	}
}

func overwrite(path string) error { return os.WriteFile(path, []byte("other\n"), 0o644) }

func chmod(mode os.FileMode) func(string) error {
	return func(path string) error { return os.Chmod(path, mode) }
}

func relink(path string) error {
	if err := os.Rename(path, path+".moved"); err != nil {
		return err
	}
	return os.Symlink(path+".moved", path)
}

func TestTheConfigurationReadsBack(t *testing.T) {
	o := agent(t)
	o.Location = `Oslo "Øst" \ 7 '#'`
	install(t, o)
	var got struct {
		Location string   `toml:"location"`
		Hub      []string `toml:"hub"`
		Listen   string   `toml:"listen"`
		Data     string   `toml:"data"`
		LogLevel string   `toml:"log_level"`
	}
	strict(t, filepath.Join(o.Prefix, "etc/shelfsync/agent.toml"), &got, 5)
	if got.Location != o.Location || !slices.Equal(got.Hub, o.Hubs) || got.Listen != "127.0.0.1:7410" ||
		got.Data != "/var/lib/shelfsync-agent" || got.LogLevel != "info" {
		t.Errorf("the agent reads %+v", got)
	}

	o = agent(t)
	o.Role, o.Location, o.Hubs, o.DataDir = installer.Hub, "", nil, "/srv/hub"
	install(t, o)
	var hub struct {
		Single     bool   `toml:"single"`
		Listen     string `toml:"listen"`
		RaftListen string `toml:"raft_listen"`
		Data       string `toml:"data"`
		LogLevel   string `toml:"log_level"`
	}
	strict(t, filepath.Join(o.Prefix, "etc/shelfsync/hub.toml"), &hub, 5)
	if !hub.Single || hub.Listen != "127.0.0.1:7420" || hub.RaftListen != "127.0.0.1:7421" || hub.Data != "/srv/hub" || hub.LogLevel != "info" {
		t.Errorf("the hub reads %+v", hub)
	}
}

// strict decodes a file that must have these keys and no other.
func strict(t *testing.T, path string, into any, keys int) {
	t.Helper()
	meta, err := toml.DecodeFile(path, into)
	if err != nil {
		t.Fatal(err)
	}
	if left := meta.Undecoded(); len(left) > 0 || len(meta.Keys()) != keys {
		t.Errorf("%d keys, of which nobody reads %v", len(meta.Keys()), left)
	}
}

func TestRemovalLeavesDataAndConfiguration(t *testing.T) {
	o := agent(t)
	install(t, o)
	ledger := filepath.Join(o.Prefix, "var/lib/shelfsync-agent/ledger.db")
	if err := os.WriteFile(ledger, []byte("sales"), 0o600); err != nil {
		t.Fatal(err)
	}
	gone := installer.Options{Role: installer.Agent, Prefix: o.Prefix}
	for range 2 {
		var out strings.Builder
		if err := installer.Remove(t.Context(), gone, false, &out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "keep the data: "+filepath.Dir(ledger)) {
			t.Errorf("it does not say what it leaves:\n%s", out.String())
		}
	}
	for path, want := range map[string]bool{
		"usr/local/bin/shelfsync-agent":              false,
		"etc/systemd/system/shelfsync-agent.service": false,
		"etc/shelfsync/agent.toml":                   true,
		"var/lib/shelfsync-agent/ledger.db":          true,
	} {
		if _, err := os.Lstat(filepath.Join(o.Prefix, path)); (err == nil) != want {
			t.Errorf("%s: there %v, want %v", path, err == nil, want)
		}
	}
}
