package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/cmd/dev/attack"
)

func attackCommand() *cobra.Command {
	var asJSON bool
	var hubs int
	cmd := &cobra.Command{
		Use:   "attack [name…]",
		Short: "Send hostile input to real programs and hold every refusal to its word",
		Long: "Builds the programs, starts a hub and two stores on loopback, and attacks them beside a store and a\n" +
			"channel that work. A name chooses the attacks that have it in their name or target.\n" +
			"The exit code is 1 if one was not held off; the neighbour's latency is shown and never judged.",
		RunE: func(cmd *cobra.Command, names []string) error {
			if hubs != 1 && hubs != 3 {
				return fmt.Errorf("--hubs is 1 or 3, not %d", hubs)
			}
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
			build := exec.CommandContext(ctx, "go", "build", "-o", programs+string(filepath.Separator), "./cmd/shelfsync-hub", "./cmd/shelfsync-agent")
			build.Dir, build.Stderr = root, cmd.ErrOrStderr()
			if err := build.Run(); err != nil {
				return fmt.Errorf("build the programs: %w", err)
			}
			report, err := attack.Run(ctx, attack.Options{Programs: programs, Hubs: hubs, Names: names, Progress: cmd.ErrOrStderr()})
			if report == nil {
				return err
			}
			print := report.Table
			if asJSON {
				print = report.JSON
			}
			if err := errors.Join(err, print(cmd.OutOrStdout())); err != nil {
				return err
			}
			if report.Failed > 0 {
				return fmt.Errorf("%d attacks were not held off", report.Failed)
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&hubs, "hubs", 1, "nodes of the hub: 1, or 3, of which one is attacked")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
