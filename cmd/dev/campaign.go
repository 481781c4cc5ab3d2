package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// A campaign is a test that is worth running for as long as there is time, each
// time with another seed, which it reads from SHELFSYNC_SEED.
type campaign struct {
	name     string
	packages string
	run      string
	env      []string
}

var campaigns = []campaign{
	{name: "sim", packages: "./cmd/shelfsync-sim", run: "^TestAThousandSeeds$"},
	{name: "kills", packages: "./cmd/shelfsync/...", run: "^TestKillLoop$", env: []string{"SHELFSYNC_DEEP=1"}},
	{name: "leaders", packages: "./cmd/shelfsync/...", run: "^TestLeaderKills$", env: []string{"SHELFSYNC_DEEP=1"}},
	{name: "hours", packages: "./cmd/compressed", run: "^TestOneVirtualHour$"},
	{name: "harsh", packages: "./cmd/shelfsync/...", run: "^TestHarshDay$", env: []string{"SHELFSYNC_DEEP=1"}},
	{name: "cuts", packages: "./agent/ledger", run: "^TestAPowerCutLosesNothingAcknowledged$", env: []string{"SHELFSYNC_DEEP=1"}},
	{name: "flips", packages: "./agent/ledger", run: "^TestAFlippedBitIsFoundOrHarmless$", env: []string{"SHELFSYNC_DEEP=1"}},
}

// command is how one seed of the campaign is run again by hand.
func (c campaign) command(seed int) string {
	env := append([]string{"SHELFSYNC_SEED=" + strconv.Itoa(seed)}, c.env...)
	return fmt.Sprintf("%s go test -count=1 -run '%s' %s", strings.Join(env, " "), c.run, c.packages)
}

// seedTimeout bounds one seed, so that a hang ends as a failure with stacks.
const seedTimeout = 30 * time.Minute

func campaignCommand() *cobra.Command {
	var minutes int
	var only []string
	cmd := &cobra.Command{
		Use:   "campaign",
		Short: "Run seeded tests until the minutes are up; results go to " + recordFile,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if minutes < 1 {
				return fmt.Errorf("--minutes %d: give at least one minute", minutes)
			}
			chosen, err := chosenCampaigns(only)
			if err != nil {
				return err
			}
			root, err := moduleRoot()
			if err != nil {
				return err
			}
			r := runner{
				out:    cmd.OutOrStdout(),
				record: filepath.Join(root, filepath.FromSlash(recordFile)),
				commit: commit(root) + ", core " + core(root),
				now:    time.Now,
				try: func(c campaign, seed int) ([]byte, error) {
					return goTest(cmd.Context(), root, c, seed)
				},
			}
			share := time.Duration(minutes) * time.Minute / time.Duration(len(chosen))
			for _, c := range chosen {
				if err := r.runFor(share, c); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&minutes, "minutes", 30, "how long to run, shared by the campaigns")
	cmd.Flags().StringSliceVar(&only, "only", nil, "the campaigns to run; all, if none is named")
	return cmd
}

// chosenCampaigns are those of some names, or all.
func chosenCampaigns(names []string) ([]campaign, error) {
	if len(names) == 0 {
		return campaigns, nil
	}
	var chosen []campaign
	for _, name := range names {
		i := slices.IndexFunc(campaigns, func(c campaign) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("--only %s: there is no such campaign", name)
		}
		chosen = append(chosen, campaigns[i])
	}
	return chosen, nil
}

// runner plays one campaign after another. The row of a campaign is written anew
// after each seed, so one that is killed resumes after the last seed it finished.
type runner struct {
	out    io.Writer
	record string
	commit string
	now    func() time.Time
	// try runs one seed and answers what it printed.
	try func(c campaign, seed int) ([]byte, error)
}

// runFor runs seeds for as long as one more is likely to end in time. It stops
// at the first seed that fails: that seed is the finding.
func (r runner) runFor(limit time.Duration, c campaign) error {
	text, err := readRecord(r.record)
	if err != nil {
		return err
	}
	start := r.now()
	row := row{date: start, campaign: c.name, commit: r.commit, first: nextSeed(text, c.name)}
	longest, sums := time.Duration(0), tally{}
	for seed := row.first; seed == row.first || r.now().Sub(start)+longest <= limit; seed++ {
		began := r.now()
		output, failure := r.try(c, seed)
		longest = max(longest, r.now().Sub(began))
		sums.add(output)
		row.last, row.took, row.result = seed, r.now().Sub(start), "pass"+sums.String()
		row.command = c.command(seed)
		if failure != nil {
			row.result = fmt.Sprintf("FAIL at seed %d: %v", seed, failure)
		}
		if err := writeRecord(r.record, text+row.line()); err != nil {
			return err
		}
		fmt.Fprintf(r.out, "%s seed %d: %.1f s\n", c.name, seed, r.now().Sub(began).Seconds())
		if failure != nil {
			r.out.Write(output)
			return fmt.Errorf("campaign %s, seed %d: %w; run it again with: %s", c.name, seed, failure, c.command(seed))
		}
	}
	return nil
}

// tally adds up what the seeds of a row print on lines "campaign: name=number …".
type tally struct {
	names []string
	of    map[string]int
}

func (t *tally) add(output []byte) {
	for line := range strings.Lines(string(output)) {
		said, ok := strings.CutPrefix(line, "campaign: ")
		if !ok {
			continue
		}
		for _, pair := range strings.Fields(said) {
			name, text, _ := strings.Cut(pair, "=")
			n, err := strconv.Atoi(text)
			if err != nil {
				continue
			}
			if t.of == nil {
				t.of = map[string]int{}
			}
			if _, known := t.of[name]; !known {
				t.names = append(t.names, name)
			}
			t.of[name] += n
		}
	}
}

func (t *tally) String() (text string) {
	for i, name := range t.names {
		text += map[bool]string{true: ": ", false: ", "}[i == 0] + strconv.Itoa(t.of[name]) + " " + name
	}
	return text
}

// goTest runs one seed. A run in which no test passed found nothing out, and is
// a failure too.
func goTest(ctx context.Context, root string, c campaign, seed int) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-v", "-count=1", "-timeout", seedTimeout.String(), "-run", c.run, c.packages)
	cmd.Dir = root
	cmd.Env = append(append(os.Environ(), c.env...), "SHELFSYNC_SEED="+strconv.Itoa(seed))
	output, err := cmd.CombinedOutput()
	if err == nil && !bytes.Contains(output, []byte("\n--- PASS: ")) {
		err = fmt.Errorf("no test ran")
	}
	return output, err
}

// coreFolders are where the product's promises are kept; a row says of which core it
// is, so that rows of one core add up.
var coreFolders = []string{"agent", "hub", "protocol", "sync"}

// core is a print of the core's source, tests left out.
func core(root string) string {
	sum := sha256.New()
	for _, folder := range coreFolders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			source := strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".sql")
			if err != nil || entry.IsDir() || !source {
				return err
			}
			text, err := os.ReadFile(path)
			fmt.Fprintf(sum, "%s %d\n%s", strings.TrimPrefix(path, root), len(text), text)
			return err
		})
		if err != nil {
			return "unknown"
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:4])
}

// commit names what was tested, and says so when the tree differed from it.
func commit(root string) string {
	git := func(args ...string) (string, error) {
		out, err := exec.Command("git", append([]string{"-C", root}, args...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	name, err := git("rev-parse", "--short=12", "HEAD")
	if err != nil {
		return "unknown"
	}
	if changed, _ := git("status", "--porcelain", "--", ".", ":!"+recordFile); changed != "" {
		name += " with changes"
	}
	return name
}
