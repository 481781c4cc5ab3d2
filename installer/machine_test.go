package installer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A fakeMachine answers as systemd and the account tools would, and keeps what
// was changed. It is a machine in which nothing is installed yet.
type fakeMachine struct {
	account, loaded, stale, enabled bool
	started                         time.Time
	owners                          map[string]string
	ran                             []string
}

func (m *fakeMachine) exec(_ context.Context, args ...string) (string, error) {
	call := strings.Join(args, " ")
	switch {
	case args[0] == "getent":
		if !m.account {
			return "", errors.New("exit status 2")
		}
		return "shelfsync:x:999:999::/nonexistent:/usr/sbin/nologin", nil
	case args[0] == "stat":
		return m.owners[args[3]], nil
	case strings.HasPrefix(call, "systemctl show") || strings.HasPrefix(call, "systemctl is-"):
		return m.ask(call)
	}
	m.ran = append(m.ran, call)
	switch {
	case args[0] == "useradd":
		m.account = true
	case args[0] == "chown":
		m.owners[args[2]] = strings.TrimSuffix(args[1], ":")
	case args[1] == "daemon-reload":
		m.loaded, m.stale = true, false
	case args[1] == "enable":
		m.enabled = true
	case args[1] == "restart":
		m.started = time.Now()
	case args[1] == "disable":
		m.enabled, m.started = false, time.Time{}
	default:
		return "", fmt.Errorf("nobody runs %s", call)
	}
	return "", nil
}

func (m *fakeMachine) ask(call string) (string, error) {
	word := func(yes bool, is, isNot string) string {
		if yes {
			return is
		}
		return isNot
	}
	switch {
	case strings.Contains(call, "LoadState"):
		return word(m.loaded, "loaded", "not-found"), nil
	case strings.Contains(call, "NeedDaemonReload"):
		return word(m.stale, "yes", "no"), nil
	case strings.Contains(call, "is-enabled"):
		return word(m.enabled, "enabled", "disabled"), nil
	case strings.Contains(call, "is-active"):
		return word(!m.started.IsZero(), "active", "inactive"), nil
	case strings.Contains(call, "ActiveEnterTimestamp"):
		return fmt.Sprintf("@%d", m.started.Unix()), nil
	}
	return "", fmt.Errorf("nobody asks %s", call)
}

// onFake is the plan for a machine, with its files below a scratch root: the
// steps of the real one, built as Plan builds them.
func onFake(t *testing.T, m *fakeMachine) (Options, []Step) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "shelfsync-agent")
	if err := os.WriteFile(source, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	o := Options{Role: Agent, Prefix: t.TempDir(), Program: source, Location: "S1", Hubs: []string{"hub:7420"}, Exec: m.exec}
	steps, err := Plan(o)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range steps {
		if left, ok := step.(leftOut); ok {
			steps[i] = left.Step
		}
	}
	data := steps[2].(folder)
	data.owner = account
	steps[2] = data
	return o, steps
}

func applyAll(t *testing.T, m *fakeMachine, steps []Step) []string {
	t.Helper()
	m.ran = nil
	for _, step := range steps {
		if _, err := Apply(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	if err := verify(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	return m.ran
}

func TestOnAMachineTheServiceIsStartedOnce(t *testing.T) {
	m := &fakeMachine{owners: map[string]string{}}
	o, steps := onFake(t, m)
	got := strings.Join(applyAll(t, m, steps), "\n")
	want := "useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin shelfsync\n" +
		"chown shelfsync: " + filepath.Join(o.Prefix, "var/lib/shelfsync-agent") + "\n" +
		"systemctl daemon-reload\nsystemctl enable shelfsync-agent\nsystemctl restart shelfsync-agent"
	if got != want {
		t.Errorf("ran:\n%s\nwant:\n%s", got, want)
	}
	if again := applyAll(t, m, steps); len(again) > 0 {
		t.Errorf("the second time ran %q", again)
	}
}

func TestAServiceThatRunsAnOldProgramIsStartedAgain(t *testing.T) {
	m := &fakeMachine{owners: map[string]string{}}
	o, steps := onFake(t, m)
	applyAll(t, m, steps)
	// The program was replaced, and the installation ended before the restart.
	m.started = time.Now().Add(-time.Hour)
	unit := filepath.Join(o.Prefix, "etc/systemd/system/shelfsync-agent.service")
	if err := os.Chtimes(unit, time.Now().Add(-2*time.Hour), time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := applyAll(t, m, steps); len(got) != 1 || got[0] != "systemctl restart shelfsync-agent" {
		t.Errorf("ran %q", got)
	}
}

func TestTheCheckFindsWhatIsWrongOnTheMachine(t *testing.T) {
	for _, c := range []struct {
		want  string
		spoil func(m *fakeMachine)
	}{
		{"missing", func(m *fakeMachine) { m.account = false }},
		{"owned by root", func(m *fakeMachine) { clearOwners(m) }},
		{"systemd does not know the unit", func(m *fakeMachine) { m.loaded = false }},
		{"the unit changed since systemd read it", func(m *fakeMachine) { m.stale = true }},
		{"the service is disabled", func(m *fakeMachine) { m.enabled = false }},
		{"the service is inactive", func(m *fakeMachine) { m.started = time.Time{} }},
		{"changed since the service started", func(m *fakeMachine) { m.started = m.started.Add(-time.Hour) }},
	} {
		t.Run(c.want, func(t *testing.T) {
			m := &fakeMachine{owners: map[string]string{}}
			_, steps := onFake(t, m)
			applyAll(t, m, steps)
			c.spoil(m)
			err := verify(t.Context(), steps)
			if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("found %v, want one with %q", err, c.want)
			}
		})
	}
}

func clearOwners(m *fakeMachine) {
	for path := range m.owners {
		m.owners[path] = "root"
	}
}

func TestOnAMachineTheServiceIsStoppedBeforeItGoes(t *testing.T) {
	m := &fakeMachine{owners: map[string]string{}}
	o, steps := onFake(t, m)
	applyAll(t, m, steps)
	o, err := o.complete()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(t.Context(), o.disable()); err != nil || m.enabled || !m.started.IsZero() {
		t.Errorf("still enabled or running: %v", err)
	}
	if done, detail := o.forget().check(t.Context()); done || !strings.Contains(detail, "loaded") {
		t.Errorf("a loaded unit counts as forgotten: %s", detail)
	}
}
