package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var kills = campaign{name: "kills", packages: "./cmd/shelfsync/...", run: "^TestKillLoop$"}

// A clock moves only when a seed runs, by what the seed takes.
func newRunner(t *testing.T, took time.Duration, bad int) (runner, func() string) {
	t.Helper()
	clock := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	file := filepath.Join(t.TempDir(), "docs", "campaigns.md")
	r := runner{
		out: &strings.Builder{}, record: file, commit: "abc123",
		now: func() time.Time { return clock },
		try: func(_ campaign, seed int) ([]byte, error) {
			clock = clock.Add(took)
			if seed == bad {
				return []byte("the lost sale\n"), errors.New("exit status 1")
			}
			return nil, nil
		},
	}
	return r, func() string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(string(text), recordHeader)
	}
}

func TestACampaignGoesOnWhereTheLastEnded(t *testing.T) {
	r, rows := newRunner(t, 25*time.Second, 0)
	for range 2 {
		if err := r.runFor(time.Minute, kills); err != nil {
			t.Fatal(err)
		}
	}
	want := "| 2026-03-01 | kills | `SHELFSYNC_SEED=2 go test -count=1 -run '^TestKillLoop$' ./cmd/shelfsync/...` | abc123 | 1-2 | 50 | pass |\n" +
		"| 2026-03-01 | kills | `SHELFSYNC_SEED=4 go test -count=1 -run '^TestKillLoop$' ./cmd/shelfsync/...` | abc123 | 3-4 | 50 | pass |\n"
	if rows() != want {
		t.Errorf("got:\n%s\nwant:\n%s", rows(), want)
	}
}

func TestACampaignStopsAtTheSeedThatFails(t *testing.T) {
	r, rows := newRunner(t, time.Second, 3)
	err := r.runFor(time.Hour, kills)
	if err == nil || !strings.Contains(err.Error(), "kills, seed 3") {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(rows(), "| 1-3 | 3 | FAIL at seed 3: exit status 1 |") {
		t.Errorf("the row does not say so:\n%s", rows())
	}
	if out := r.out.(*strings.Builder).String(); !strings.Contains(out, "the lost sale") {
		t.Errorf("the output of the failure is not shown:\n%s", out)
	}
}

func TestTheSeedsOfOneCampaignAreNotThoseOfAnother(t *testing.T) {
	text := recordHeader +
		row{campaign: "kills", first: 1, last: 12, result: "pass"}.line() +
		row{campaign: "cuts", first: 1, last: 90, result: "pass"}.line() +
		row{campaign: "kills", first: 13, last: 13, result: "pass"}.line()
	for name, want := range map[string]int{"kills": 14, "cuts": 91, "new": 1} {
		if got := nextSeed(text, name); got != want {
			t.Errorf("%s goes on with %d, want %d", name, got, want)
		}
	}
}

func TestASeedThatRanNoTestIsAFailure(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module scratch\n\ngo 1.26\n",
		"loop_test.go": `package scratch

import (
	"os"
	"testing"
)

func TestKillLoop(t *testing.T) {
	if os.Getenv("SHELFSYNC_SEED") != "7" {
		t.Fatal("lost a sale with seed", os.Getenv("SHELFSYNC_SEED"))
	}
}
`,
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	loop := campaign{packages: "./...", run: "^TestKillLoop$"}
	if output, err := goTest(t.Context(), root, loop, 7); err != nil {
		t.Errorf("seed 7: %v\n%s", err, output)
	}
	if output, err := goTest(t.Context(), root, loop, 8); err == nil || !strings.Contains(string(output), "lost a sale with seed 8") {
		t.Errorf("seed 8: %v\n%s", err, output)
	}
	loop.run = "^TestGone$"
	if _, err := goTest(t.Context(), root, loop, 7); err == nil || err.Error() != "no test ran" {
		t.Errorf("a run without a test: %v", err)
	}
}

func TestACampaignIsChosenByName(t *testing.T) {
	if all, err := chosenCampaigns(nil); err != nil || len(all) != len(campaigns) {
		t.Errorf("without a name: %v, %v", all, err)
	}
	if some, err := chosenCampaigns([]string{"flips", "kills"}); err != nil || len(some) != 2 || some[0].name != "flips" || some[1].name != "kills" {
		t.Errorf("two names: %v, %v", some, err)
	}
	if _, err := chosenCampaigns([]string{"flops"}); err == nil {
		t.Error("a name that is none was taken")
	}
}
