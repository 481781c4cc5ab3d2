package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/installer"
)

func installCommand() *cobra.Command {
	var options installer.Options
	var dryRun, remove bool
	cmd := &cobra.Command{
		Use:   "install --location CODE --hub ADDR[,ADDR…]",
		Short: "Install this program as a service: program, unit, configuration, data folder",
		Example: "  shelfsync-agent install --location S014 --hub hub.example:7420 --dry-run\n" +
			"  sudo shelfsync-agent install --location S014 --hub hub.example:7420",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options.Role = installer.Agent
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			options.Program = self
			if remove {
				return installer.Remove(cmd.Context(), options, dryRun, cmd.OutOrStdout())
			}
			return installer.Run(cmd.Context(), options, dryRun, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&options.Location, "location", "", "code of the store's location")
	cmd.Flags().StringSliceVar(&options.Hubs, "hub", nil, "addresses of hub nodes")
	cmd.Flags().StringVar(&options.Prefix, "prefix", "/", "root to install under; another than / touches nothing else")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print what would be done")
	cmd.Flags().BoolVar(&remove, "remove", false, "take program and unit away; data and configuration stay")
	return cmd
}
