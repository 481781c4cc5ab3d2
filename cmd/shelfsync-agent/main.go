// Command shelfsync-agent runs on a store's back-office PC.
//
// Promise. It chooses the real clock, disk and network, wires ledger, agent and
// the tills' HTTP surface together, and starts. No rule about stock or sync is
// decided here.
//
// Owner. main owns the context; the agent's server owns everything below it.
//
// Flow. configuration -> ledger in the data folder -> agent -> routes -> serve
// until a signal or a storage error, then stop in the opposite order.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// version is set by the build of a release.
var version = "0.1.0-dev"

func main() {
	root := &cobra.Command{
		Use:           "shelfsync-agent",
		Short:         "The store's own truth: sells with or without a network",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(runCommand(), backupCommand(), verifyCommand(), restoreCommand(), importCommand(), installCommand())
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "shelfsync-agent: "+err.Error())
		os.Exit(1)
	}
}
