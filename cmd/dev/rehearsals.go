package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse"
)

// rehearsalsFile holds the table of all days.
const rehearsalsFile = "docs/rehearsals.md"

func rehearsalsCommand() *cobra.Command {
	var folder, faults string
	var hubs, first int
	cmd := &cobra.Command{
		Use:   "rehearsals",
		Short: "Rehearse every day of a folder and write the table to " + rehearsalsFile,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := moduleRoot()
			if err != nil {
				return err
			}
			days, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*.csv"))
			if err != nil || len(days) == 0 {
				return fmt.Errorf("no *.csv in %s, seen from the project's folder", folder)
			}
			if first > 0 {
				days = days[:min(first, len(days))]
			}
			return rehearseAll(cmd, root, days, mode{hubs, faults})
		},
	}
	cmd.Flags().StringVar(&folder, "data", "../shared/data/online-retail", "folder of CSV files, from the project's folder")
	cmd.Flags().IntVar(&hubs, "hubs", 3, "hub nodes: 1 or 3")
	cmd.Flags().StringVar(&faults, "faults", "standard", "none, standard or harsh")
	cmd.Flags().IntVar(&first, "days", 0, "only the first so many; 0: all")
	return cmd
}

// mode is how the days are rehearsed; each has its own table on the page.
type mode struct {
	hubs   int
	faults string
}

func (m mode) args() []string {
	return []string{"rehearse", "--hubs", strconv.Itoa(m.hubs), "--stores", "8", "--faults", m.faults}
}

// title begins the part of the page that is about the mode.
func (m mode) title() string {
	if m.hubs == 1 {
		return fmt.Sprintf("## One node, %s faults", m.faults)
	}
	return fmt.Sprintf("## Three nodes, %s faults", m.faults)
}

// rehearseAll plays each day with the programs in a temporary folder and writes
// the table even if a day fails: its row says so.
func rehearseAll(cmd *cobra.Command, root string, days []string, m mode) error {
	programs, err := os.MkdirTemp("", "shelfsync-rehearsals-")
	if err != nil {
		return fmt.Errorf("make folder for the programs: %w", err)
	}
	defer os.RemoveAll(programs)
	build := exec.CommandContext(cmd.Context(), "go", "build", "-o", programs+string(filepath.Separator), "./cmd/...")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	failed := 0
	var table strings.Builder
	for _, day := range days {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s … ", filepath.Base(day))
		report, err := rehearseDay(cmd, filepath.Join(programs, "shelfsync"), append(m.args(), "--data", day))
		if err != nil {
			return err
		}
		if report.Verdict != "pass" {
			failed++
			fmt.Fprintln(cmd.ErrOrStderr(), strings.Join(report.Failures, "\n"))
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s in %.1f s\n", report.Verdict, report.Seconds)
		writeDay(&table, strings.TrimSuffix(filepath.Base(day), ".csv"), report)
	}
	if err := writeRehearsals(filepath.Join(root, filepath.FromSlash(rehearsalsFile)), commit(root), m, table.String()); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d days failed", failed, len(days))
	}
	return nil
}

// rehearsalsIntro stands above the tables.
const rehearsalsIntro = "# Rehearsals of real trading days\n\n" +
	"Real programs, disks and sockets on one machine of two cores. The terms are defined in `cmd/shelfsync/rehearse/report.go`.\n" +
	"Latencies are milliseconds, p50 / p99, faults included. \"Resumed\" is how long after the kill of a leader writes went on, in milliseconds, the longest of the day.\n" +
	"Goods: operations that are neither sales nor returns. Early: arrived before the hub knew of the dispatch; twice: arrived of a transfer that was over. Again: counts that had to be made anew.\n" +
	"Mapped: lines of codes that nobody knew when they were sold. Imported: operations brought from the disk of a replaced PC.\n"

// writeRehearsals puts a mode's table in the place of the one before, and leaves
// those of other modes as they are.
func writeRehearsals(file, commit string, m mode, table string) error {
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("read %s: %w", rehearsalsFile, err)
	}
	parts := strings.Split(string(text), "\n## ")
	page := rehearsalsIntro
	written := fmt.Sprintf("\n%s\n\nWritten by `go run ./cmd/dev rehearsals --hubs %d --faults %s` at commit %s: `shelfsync %s --data DAY.csv` for each day.\n\n%s%s",
		m.title(), m.hubs, m.faults, commit, strings.Join(m.args(), " "), tableHead, table)
	placed := false
	for _, part := range parts[1:] {
		part = "\n## " + strings.TrimRight(part, "\n") + "\n"
		if strings.HasPrefix(part, "\n"+m.title()+"\n") {
			part, placed = written, true
		}
		page += part
	}
	if !placed {
		page += written
	}
	if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", rehearsalsFile, err)
	}
	return nil
}

// rehearseDay plays one day; a failed verdict is a report, not an error.
func rehearseDay(cmd *cobra.Command, program string, args []string) (*rehearse.Report, error) {
	var out, words bytes.Buffer
	play := exec.CommandContext(cmd.Context(), program, args...)
	play.Stdout, play.Stderr = &out, io.Writer(&words)
	err := play.Run()
	var report rehearse.Report
	if json.Unmarshal(out.Bytes(), &report) != nil {
		return nil, fmt.Errorf("rehearsal gave no report: %w\n%s", err, words.String())
	}
	return &report, nil
}

const tableHead = "| Day | Baskets | Lines | Sales | Lost | Doubled | Leaked | Goods | Transfers / early / twice | Counts / again | Mapped | Imported | Orders | Fulfilled | Conflicts / moved | Oversold | Stores cut | Kills leader / nodes / agents | Bad frames | Resumed | Hashes equal | Agents equal hub | Sums zero | Hot calls, linearizable | Sale | Seconds | Verdict |\n" +
	"|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"

func writeDay(table *strings.Builder, day string, r *rehearse.Report) {
	hot, resumed := "-", "-"
	if h := r.Linearizability; h != nil {
		hot = fmt.Sprintf("%d, %t", h.Operations, h.OK)
	}
	if len(r.ResumedMS) > 0 {
		resumed = fmt.Sprintf("%.0f", slices.Max(r.ResumedMS))
	}
	fmt.Fprintf(table, "| %s | %d | %d | %d | %d | %d | %d | %d | %d / %d / %d | %d / %d | %d | %d | %d | %d | %d / %d | %g | %d | %d / %d / %d | %d | %s | %t | %t | %t | %s | %.1f / %.1f | %.1f | %s |\n",
		day, r.Data.Baskets, r.Data.Lines, r.Sales.Acknowledged, r.Sales.Lost+r.Lines.Lost+r.Returns.Lost+r.Goods.Lost, r.Sales.Doubled+r.Lines.Doubled+r.Returns.Doubled+r.Goods.Doubled,
		r.Reservations.Leaked, r.Goods.Acknowledged, r.Transfers.Sent, r.Transfers.AheadOfPapers, r.Transfers.Duplicates, r.Counts.Booked, r.Counts.Again+r.Counts.AgainAtStore,
		r.Backroom.Mapped, r.Faults.OperationsImported, r.Reservations.Accepted, r.Reservations.Fulfilled, r.Reservations.Conflicts, r.Reservations.Moved, r.OversoldUnits, r.Faults.StoresCut,
		r.Faults.LeaderKills, r.Faults.HubKills, r.Faults.AgentKills, r.Faults.BadFrames, resumed, r.Convergence.HubHashesEqual,
		r.Convergence.AgentsEqualHub, r.Convergence.MovementsSumToZero, hot, r.LatencyMS.SaleP50, r.LatencyMS.SaleP99, r.Seconds, r.Verdict)
}
