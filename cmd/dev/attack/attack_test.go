package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// built is the folder of the programs, built once for all tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "shelfsync-programs-")
	if err != nil {
		return "", err
	}
	command := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./cmd/shelfsync-hub", "./cmd/shelfsync-agent")
	command.Dir = filepath.Join("..", "..", "..")
	out, err := command.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return dir, err
})

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if dir, _ := built(); dir != "" {
			os.RemoveAll(dir)
		}
		os.Exit(code)
	}))
}

func root(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func programs(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("/proc/self/clear_refs"); err != nil {
		t.Skip("the peak memory of a process is read from Linux's /proc, which is not here")
	}
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestEveryAttackIsHeldOff is the suite as `go run ./cmd/dev attack` runs it.
func TestEveryAttackIsHeldOff(t *testing.T) {
	t.Parallel()
	heldOff(t, 1)
}

func TestEveryAttackIsHeldOffByThreeNodes(t *testing.T) {
	if os.Getenv("SHELFSYNC_DEEP") == "" {
		t.Skip("three nodes are attacked by make test-deep; one is attacked here")
	}
	heldOff(t, 3)
}

func heldOff(t *testing.T, hubs int) {
	t.Helper()
	report, err := Run(t.Context(), Options{Programs: programs(t), Dir: t.TempDir(), Hubs: hubs})
	if err != nil {
		t.Error(err)
	}
	for _, a := range report.Attacks {
		if !a.OK {
			t.Errorf("%s, %s: got %s, want %s: %s", a.Target, a.Name, a.Got, a.Expected, strings.Join(a.Faults, "; "))
		}
	}
	if report.Neighbour.faulty() {
		t.Errorf("the neighbour sold %d, the hub has %d, %d requests failed: %q", report.Neighbour.Sold, report.Neighbour.InHub, report.Neighbour.Refused, report.Neighbour.Faults)
	}
	if report.Failed > 0 {
		t.Errorf("%d failed", report.Failed)
	}
	var table strings.Builder
	if err := report.Table(&table); err != nil {
		t.Error(err)
	}
	t.Logf("%d attacks\n%s", len(report.Attacks), table.String()[strings.Index(table.String(), "\nthe neighbour"):])
}

// TestTheSuiteCanFail: what is expected wrongly, or left without leave, fails.
func TestTheSuiteCanFail(t *testing.T) {
	t.Parallel()
	sale := func(receipt string) func(context.Context, *world) (string, error) {
		return toStore(post("/v1/sales", saleOf(receipt, "1")))
	}
	table := []attack{
		{name: "as it is", target: onSync, expects: "welcome", run: greeted(evilHello())},
		{name: "another answer", target: onSync, expects: "bye protocol", run: greeted(evilHello())},
		{name: "another field", target: onHub, expects: "422 invalid at body.lines[1].quantity", run: toHub(post("/v1/reservations", claimOf("c", "0")))},
		{name: "a sale without leave", target: onStore, expects: "201", run: sale("a")},
		{name: "a claim without leave", target: onHub, expects: "201", run: toHub(post("/v1/reservations", claimOf("taken", "1")))},
		{name: "a sale that does not come", target: onStore, expects: "422 invalid at body.lines[0].quantity", leaves: 1, run: toStore(post("/v1/sales", saleOf("b", "0")))},
		{name: "a sale with leave", target: onStore, expects: "201", leaves: 1, run: sale("c")},
	}
	report, err := run(t.Context(), Options{Programs: programs(t), Dir: t.TempDir(), quiet: time.Millisecond}, []kind{{"inverted", false, [][]attack{table}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range report.Attacks {
		if good := slices.Contains([]string{"as it is", "a sale with leave", "what all of it leaves behind", "what the hub's nodes know"}, a.Name); good != a.OK {
			t.Errorf("%s: ok is %v: %q", a.Name, a.OK, a.Faults)
		}
	}
	if report.Failed != 5 {
		t.Errorf("%d failed, want 5", report.Failed)
	}
}

// A program that dies under an attack fails it, and the run ends there.
func TestAProgramThatDiesIsFound(t *testing.T) {
	t.Parallel()
	table := []attack{{name: "a kill", target: onHub, expects: "killed", run: func(_ context.Context, w *world) (string, error) {
		err := w.hub.command.Process.Kill()
		<-w.hub.exited
		return "killed", err
	}}}
	report, err := run(t.Context(), Options{Programs: programs(t), Dir: t.TempDir(), quiet: time.Millisecond}, []kind{{"deadly", false, [][]attack{table}}})
	if err == nil || !strings.Contains(err.Error(), "hub-a has ended") || len(report.Attacks) != 1 || len(report.Attacks[0].Faults) == 0 {
		t.Errorf("the run ends with %v and %+v", err, report.Attacks)
	}
}

// mutant is a bound taken out of the hub by an edit of one file, laid over the
// source at build time; an edit that no longer fits fails the test.
type mutant struct {
	name, file, old, new string
	attacks              []string
	says                 []string // what the failures must name
}

var mutants = []mutant{
	{"no limit of reading", "sync/link/websocket.go", "conn.SetReadLimit(protocol.MaxGreetingBytes)", "conn.SetReadLimit(-1)",
		[]string{"a Hello as large as a frame", "500 messages that never end"}, []string{"another answer", "memory grew by"}},
	{"no check of the host", "sync/serve/request.go", "!s.hosts[host]", "!s.hosts[host] && host == \"\"",
		[]string{"a rebound host name"}, []string{"another answer"}},
	{"no limit of values", "sync/serve/body.go", "valuesIn(body) > protocol.MaxBodyValues", "valuesIn(body) < 0",
		[]string{"33,000 values"}, []string{"another answer"}},
}

func TestMutantsAreCaught(t *testing.T) {
	t.Parallel()
	good := programs(t)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Link(filepath.Join(good, "shelfsync-agent"), filepath.Join(dir, "shelfsync-agent")); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), "go", "build", "-overlay", m.overlay(t), "-o", dir+string(filepath.Separator), "./cmd/shelfsync-hub")
			command.Dir = root(t)
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("build the mutant: %v\n%s", err, out)
			}
			chosen, err := choose(kinds(), m.attacks)
			if err != nil {
				t.Fatal(err)
			}
			report, err := run(t.Context(), Options{Programs: dir, Dir: t.TempDir(), quiet: time.Millisecond}, chosen)
			if err != nil {
				t.Fatal(err)
			}
			var faults []string
			for _, a := range report.Attacks {
				faults = append(faults, a.Faults...)
			}
			for _, want := range m.says {
				if !strings.Contains(strings.Join(faults, "\n"), want) {
					t.Errorf("nothing says %q: %+v", want, report.Attacks)
				}
			}
			if report.Failed == 0 {
				t.Errorf("all were held off: %+v", report.Attacks)
			}
		})
	}
}

func (m mutant) overlay(t *testing.T) string {
	t.Helper()
	path := filepath.Join(root(t), filepath.FromSlash(m.file))
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(source, []byte(m.old)); n != 1 {
		t.Fatalf("the edit fits %d places of %s, not one: write it anew", n, m.file)
	}
	dir := t.TempDir()
	edited, list := filepath.Join(dir, "edited.go"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{path: edited}})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{edited: bytes.Replace(source, []byte(m.old), []byte(m.new), 1), list: replace} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// Names are unique, so that one can be run again by its name.
func TestAttacksHaveNamesOfTheirOwn(t *testing.T) {
	seen, count := map[string]bool{}, 0
	for _, k := range kinds() {
		for _, a := range slices.Concat(k.tables...) {
			if key := a.target + ", " + a.name; seen[key] {
				t.Errorf("two attacks are named %s", key)
			} else {
				seen[key] = true
			}
			if count++; a.expects == "" || a.run == nil {
				t.Errorf("%s expects nothing", a.name)
			}
		}
	}
	if count < 70 {
		t.Errorf("%d attacks", count)
	}
	if _, err := Run(t.Context(), Options{Names: []string{"no such attack"}}); err == nil {
		t.Error("a name that chooses nothing is taken")
	}
}

func TestRanksAndRatios(t *testing.T) {
	if got := rank([]time.Duration{3e6, 1e6, 2e6}, 50); got != 2 {
		t.Errorf("p50 is %v ms", got)
	}
	if got := rank(nil, 99); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
