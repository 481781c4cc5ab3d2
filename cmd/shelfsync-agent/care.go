package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol/api"
)

// ledgerFile is the ledger in its folder.
const ledgerFile = "ledger.db"

func backupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the ledger to a new file, while the store sells or not, and prove the copy",
		Long: "Copies the ledger, proves every byte of the copy, and only then gives it its name: what is called FILE is whole.\n" +
			"The agent may run; then it makes the copy itself, between sales. A copy of the folder made by other means while the\n" +
			"agent runs is no backup.",
		Example: "  shelfsync-agent backup /mnt/backup/S014-monday.db --data /var/lib/shelfsync-agent",
	}
	return care(cmd, cobra.ExactArgs(1), func(settings config, args []string, out io.Writer) error {
		return backup(settings, args[0], out)
	})
}

func verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Prove every byte of a backup, or of this PC's ledger",
		Example: "  shelfsync-agent verify /mnt/backup/S014-monday.db\n" +
			"  shelfsync-agent verify --data /var/lib/shelfsync-agent",
	}
	return care(cmd, cobra.MaximumNArgs(1), func(settings config, args []string, out io.Writer) error {
		if len(args) == 1 {
			return verify(args[0], out)
		}
		return withCopy(settings, func(file string) error { return verify(file, out) })
	})
}

func restoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of this PC's ledger, which is kept beside it",
		Long: "Proves the backup and puts it in the place of the ledger; the agent must not run. What was replaced is kept in a folder\n" +
			"beside it. The store sells on in a new epoch; what it sold after the backup comes back from the hub, as far as the hub\n" +
			"had heard of it, and the rest from what was replaced: shelfsync-agent import.",
		Example: "  shelfsync-agent restore /mnt/backup/S014-monday.db --data /var/lib/shelfsync-agent",
	}
	return care(cmd, cobra.ExactArgs(1), func(settings config, args []string, out io.Writer) error {
		return restore(settings, args[0], out)
	})
}

// care gives a command the flags that say where the ledger and its agent are.
func care(cmd *cobra.Command, args cobra.PositionalArgs, run func(config, []string, io.Writer) error) *cobra.Command {
	var file string
	cmd.Args = args
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		settings, err := read(cmd, file)
		if err != nil {
			return err
		}
		return run(settings, args, cmd.OutOrStdout())
	}
	cmd.Flags().StringVar(&file, "config", "", "TOML file of the agent")
	cmd.Flags().String("data", "shelfsync-agent", "folder of the ledger")
	cmd.Flags().String("listen", "127.0.0.1:7410", "address at which the agent answers, where it runs")
	cmd.Flags().String("log-level", "warn", "debug, info, warn or error")
	return cmd
}

// backup makes a copy and gives it its name when it is proved and on the disk.
func backup(settings config, file string, out io.Writer) error {
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("%s is there already: a backup never replaces one", file)
	}
	part := file + ".part"
	return withCopy(settings, func(copied string) error {
		if err := moved(copied, part); err != nil {
			return errors.Join(fmt.Errorf("write %s: %w", part, err), os.Remove(part))
		}
		proved, err := ledger.Verify(part)
		if err != nil {
			return errors.Join(err, os.Remove(part))
		}
		if err := errors.Join(os.Rename(part, file), synced(filepath.Dir(file))); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
		fmt.Fprintf(out, "%s: ", file)
		say(out, proved)
		return nil
	})
}

// withCopy lets use have a copy of the ledger: made by the agent where it runs, else
// here.
func withCopy(settings config, use func(file string) error) error {
	if _, err := os.Stat(filepath.Join(settings.Data, ledgerFile)); err != nil {
		return fmt.Errorf("look for the ledger: %w; name its folder with --data", err)
	}
	copied := filepath.Join(settings.Data, ledger.CopyName)
	err := ownFolder(settings.Data)
	if err != nil { // then only the agent itself may open it
		if asked := askAgent(settings.Listen); asked != nil {
			return errors.Join(err, asked)
		}
	} else if err := openCopy(settings); err != nil {
		return err
	}
	err = use(copied)
	if gone := os.Remove(copied); !errors.Is(gone, os.ErrNotExist) { // it may have been moved
		err = errors.Join(err, gone)
	}
	return err
}

// openCopy copies the ledger here, or lets the agent that has it open do so.
func openCopy(settings config) error {
	kept, err := ledger.Open(settings.Data, nil)
	if errors.Is(err, ledger.ErrInUse) {
		return askAgent(settings.Listen)
	}
	if err != nil {
		return err
	}
	return errors.Join(copyLedger(kept), kept.Close())
}

// ownFolder keeps root from leaving files in the folder that the agent's user could
// not open any more.
func ownFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return nil // whoever makes it owns it
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() {
		return nil
	}
	name := strconv.Itoa(int(stat.Uid))
	if owner, err := user.LookupId(name); err == nil {
		name = owner.Username
	}
	return fmt.Errorf("%s belongs to the user %s: run this as that user, with sudo -u %s", dir, name, name)
}

func copyLedger(kept *ledger.SQLite) error {
	c, err := kept.Backup()
	if err != nil {
		return err
	}
	for done := false; !done && err == nil; {
		done, err = c.Step()
	}
	return errors.Join(err, c.Close())
}

// askAgent lets the agent that has the ledger open make the copy.
func askAgent(listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", listen, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	client := http.Client{Timeout: time.Hour}
	answer, err := client.Post("http://"+net.JoinHostPort(host, port)+"/v1/backups", "application/json", nil)
	if err != nil {
		return fmt.Errorf("another program has the ledger open, and the agent does not answer; say where it listens with --listen: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusCreated {
		return nil
	}
	var problem api.Problem
	if err := json.NewDecoder(answer.Body).Decode(&problem); err != nil || problem.Detail == "" {
		return fmt.Errorf("the agent answered %s", answer.Status)
	}
	return errors.New(problem.Detail)
}

// moved renames a file, or copies it where the other place is on another disk.
func moved(from, to string) error {
	if os.Rename(from, to) == nil {
		return errors.Join(os.Chmod(to, 0o600), synced(to))
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

func synced(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func verify(file string, out io.Writer) error {
	proved, err := ledger.Verify(file)
	if err != nil {
		return err
	}
	say(out, proved)
	return nil
}

func say(out io.Writer, p ledger.Proved) {
	last := p.Epochs[len(p.Epochs)-1]
	fmt.Fprintf(out, "whole: %d operations of installation %s, the last is number %d of epoch %s\n", p.Operations, p.Installation, last.Position.Sequence, last.Name)
}

func restore(settings config, file string, out io.Writer) error {
	if err := ownFolder(settings.Data); err != nil {
		return err
	}
	r, err := ledger.Restore(settings.Data, file, nil)
	if errors.Is(err, ledger.ErrInUse) {
		return fmt.Errorf("stop the agent first: %w", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "restored %s into %s; the store sells on in epoch %s\n", file, settings.Data, r.Head.Epoch)
	if r.Replaced != "" {
		fmt.Fprintf(out, "what was replaced is kept in %s\nwhat only that has goes to the hub with: shelfsync-agent import %s --location CODE --hub ADDR\n",
			r.Replaced, filepath.Join(r.Replaced, ledgerFile))
	}
	return nil
}
