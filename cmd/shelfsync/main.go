// Command shelfsync is the operator's tool.
//
// Promise. Data goes to standard output and everything else to standard error;
// -o json and yaml are stable shapes for scripts, the hub's own; the exit code
// says how it went.
//
// Owner. Each command owns what it starts and leaves nothing behind.
//
// Flow. A command that asks the hub is a row of a table (calls.go,
// exceptions.go, policy.go): flags -> a request to the hub's HTTP API -> table, JSON or
// YAML. The others (rehearse, cluster, status) stand in files of their own.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the build of a release.
var version = "0.1.0-dev"

// errFailed is a verdict that was printed already.
var errFailed = errors.New("failed")

// Exit codes beside 0 and 1 (it failed).
const (
	exitUsage     = 2
	exitUnhealthy = 3
	exitNotFound  = 4
	exitForbidden = 5
	exitTemporary = 75 // repeat in a moment: EX_TEMPFAIL
)

// usage is a fault of the command line.
type usage struct{ error }

func (u usage) Unwrap() error { return u.error }

// errUnhealthy is a status that was printed already and is not well.
var errUnhealthy = errors.New("unhealthy")

var exits = map[int]int{
	http.StatusUnauthorized: exitForbidden, http.StatusForbidden: exitForbidden, http.StatusNotFound: exitNotFound,
	http.StatusTooManyRequests: exitTemporary, http.StatusServiceUnavailable: exitTemporary,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, rootCommand()))
}

// rootCommand is every command of the tool.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "shelfsync",
		Short: "Watch, ask and rehearse Shelfsync",
		Long: "Commands that ask the hub take --hub (or SHELFSYNC_HUB) and -o table, json or yaml.\n" +
			"Exit codes: 0 done, 1 failed, 2 used wrongly, 3 unhealthy (status), 4 not found, 5 not allowed, 75 not now: repeat.",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage{err} })
	root.AddCommand(rehearseCommand(), clusterCommand(), statusCommand())
	addCalls(root, calls, exceptionCalls, policyCalls)
	return root
}

// execute runs a command line and answers its exit code.
func execute(ctx context.Context, root *cobra.Command) int {
	started := false
	cobra.EnableTraverseRunHooks = true // a command's own hook runs after this one, not in its place
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if !started {
		err = usage{err} // cobra refused the words before any command began
	}
	if !errors.Is(err, errFailed) && !errors.Is(err, errUnhealthy) {
		fmt.Fprintln(root.ErrOrStderr(), "shelfsync: "+err.Error())
	}
	code := exitCode(err)
	if code == exitUsage {
		fmt.Fprintf(root.ErrOrStderr(), "See: %s --help\n", cmd.CommandPath())
	}
	return code
}

func exitCode(err error) int {
	var wrong usage
	var refused *refusal
	switch {
	case errors.As(err, &wrong):
		return exitUsage
	case errors.Is(err, errUnhealthy):
		return exitUnhealthy
	case errors.Is(err, errNoHub):
		return exitTemporary
	case errors.As(err, &refused) && exits[refused.problem.Status] != 0:
		return exits[refused.problem.Status]
	}
	return 1
}
