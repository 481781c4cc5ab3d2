// Command shelfsync-hub runs a node of the hub.
//
// Promise. It chooses the real clock, disk and network, wires hub, log, journal
// and HTTP surface together, and starts. No rule about stock or sync is decided
// here.
//
// Owner. main owns the context; the hub's server owns everything below it.
//
// Flow. configuration -> journal and log in the data folder -> hub -> routes ->
// serve until a signal or a fault, then stop in the opposite order.
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
		Use:           "shelfsync-hub",
		Short:         "The hub of Shelfsync: one agreed order for every store's operations",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(runCommand())
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "shelfsync-hub: "+err.Error())
		os.Exit(1)
	}
}
