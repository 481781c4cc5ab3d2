package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse"
)

// rehearsalsFile holds the table of all days.
const rehearsalsFile = "docs/rehearsals.md"

func rehearsalsCommand() *cobra.Command {
	var folder, faults string
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
			return rehearseAll(cmd, root, days, faults)
		},
	}
	cmd.Flags().StringVar(&folder, "data", "../shared/data/online-retail", "folder of CSV files, from the project's folder")
	cmd.Flags().StringVar(&faults, "faults", "standard", "none, standard or harsh")
	return cmd
}

// rehearseAll plays each day with the programs in a temporary folder and writes
// the table even if a day fails: its row says so.
func rehearseAll(cmd *cobra.Command, root string, days []string, faults string) error {
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
	args := []string{"rehearse", "--hubs", "1", "--stores", "8", "--faults", faults}
	failed := 0
	var table strings.Builder
	for _, day := range days {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s … ", filepath.Base(day))
		report, err := rehearseDay(cmd, filepath.Join(programs, "shelfsync"), append(args, "--data", day))
		if err != nil {
			return err
		}
		if report.Verdict != "pass" {
			failed++
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s in %.1f s\n", report.Verdict, report.Seconds)
		writeDay(&table, strings.TrimSuffix(filepath.Base(day), ".csv"), report)
	}
	page := fmt.Sprintf("# Rehearsals of real trading days\n\nWritten by `go run ./cmd/dev rehearsals` at commit %s: `shelfsync %s --data DAY.csv` for each day,\nreal programs, disks and sockets on one machine of two cores. The terms are defined in `cmd/shelfsync/rehearse/report.go`.\nLatencies are milliseconds, p50 / p99, faults included.\n\n%s%s",
		commit(root), strings.Join(args, " "), tableHead, table.String())
	if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(rehearsalsFile)), []byte(page), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", rehearsalsFile, err)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d days failed", failed, len(days))
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

const tableHead = "| Day | Baskets | Lines | Sales | Lost | Doubled | Leaked | Orders | Fulfilled | Oversold | Stores cut | Kills hub / agents | Agents equal hub | Sums zero | Sale | Seconds | Verdict |\n" +
	"|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"

func writeDay(table *strings.Builder, day string, r *rehearse.Report) {
	fmt.Fprintf(table, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %g | %d | %d / %d | %t | %t | %.1f / %.1f | %.1f | %s |\n",
		day, r.Data.Baskets, r.Data.Lines, r.Sales.Acknowledged, r.Sales.Lost+r.Lines.Lost+r.Returns.Lost, r.Sales.Doubled+r.Lines.Doubled+r.Returns.Doubled,
		r.Reservations.Leaked, r.Reservations.Accepted, r.Reservations.Fulfilled, r.OversoldUnits, r.Faults.StoresCut, r.Faults.HubKills, r.Faults.AgentKills,
		r.Convergence.AgentsEqualHub, r.Convergence.MovementsSumToZero, r.LatencyMS.SaleP50, r.LatencyMS.SaleP99, r.Seconds, r.Verdict)
}
