package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/cmd/dev/bench"
)

func benchCommand() *cobra.Command {
	var quick, asJSON bool
	var dir string
	cmd := &cobra.Command{
		Use:   "bench [name…]",
		Short: "Measure what the product promises: " + strings.Join(bench.Names(), ", "),
		Long: "Builds the programs, runs them on the disk of --dir and prints every figure with its rounds.\n" +
			"Nothing is asserted on time: what loses is printed last, and the exit code is 0.",
		RunE: func(cmd *cobra.Command, names []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			root, err := moduleRoot()
			if err != nil {
				return err
			}
			programs, err := os.MkdirTemp("", "shelfsync-programs-")
			if err != nil {
				return fmt.Errorf("make a folder for the programs: %w", err)
			}
			defer os.RemoveAll(programs)
			fmt.Fprintln(cmd.ErrOrStderr(), "building the programs")
			for _, args := range [][]string{
				{"build", "-o", programs + string(filepath.Separator), "./cmd/shelfsync-hub", "./cmd/shelfsync-agent"},
				{"build", "-C", filepath.Join("cmd", "dev", "bench", "reflection"), "-o", programs + string(filepath.Separator), "."},
			} {
				build := exec.CommandContext(ctx, "go", args...)
				build.Dir, build.Stderr = root, cmd.ErrOrStderr()
				if err := build.Run(); err != nil {
					return fmt.Errorf("build the programs: %w", err)
				}
			}
			report, err := bench.Run(ctx, bench.Options{Names: names, Quick: quick, Programs: programs, Dir: dir, Commit: commit(root), Progress: cmd.ErrOrStderr()})
			if report == nil {
				return err
			}
			return errors.Join(show(report, asJSON, cmd.OutOrStdout()), err)
		},
	}
	cmd.Flags().BoolVar(&quick, "quick", false, "fewer and shorter rounds: all rows within six minutes, the shape and not the figures")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one line of JSON for each row")
	cmd.Flags().StringVar(&dir, "dir", os.TempDir(), "folder on the disk to measure")
	return cmd
}

func show(report *bench.Report, asJSON bool, to io.Writer) error {
	if asJSON {
		return report.JSON(to)
	}
	return report.Table(to)
}
