// Command shelfsync is the operator's tool.
//
// Promise. Data goes to standard output and everything else to standard error;
// -o json is a stable shape for scripts; the exit code says how it went.
//
// Owner. Each command owns what it starts and leaves nothing behind.
//
// Flow. flags -> options -> a package of ours or the hub's HTTP API -> table or
// JSON.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// version is set by the build of a release.
var version = "0.1.0-dev"

// errFailed is a verdict that was printed already.
var errFailed = errors.New("failed")

func main() {
	root := &cobra.Command{
		Use:           "shelfsync",
		Short:         "Watch, ask and rehearse Shelfsync",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(rehearseCommand(), clusterCommand())
	err := root.Execute()
	if err != nil && !errors.Is(err, errFailed) {
		fmt.Fprintln(os.Stderr, "shelfsync: "+err.Error())
	}
	if err != nil {
		os.Exit(1)
	}
}
