package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func importCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "import LEDGER --location CODE --hub ADDR[,ADDR…]",
		Short: "Bring what a replaced PC had sold to the hub, from the ledger.db of its disk",
		Long: "Brings the operations of a replaced PC to the hub, in that PC's name and sequence, so that none is there twice:\n" +
			"what the hub has is left out, and importing again is harmless. It speaks with the hub itself; the agent that took\n" +
			"the location over may run or not. LEDGER is only read; keep ledger.db-wal beside it if the disk has one.",
		Example: "  shelfsync-agent import /mnt/old/ledger.db --location S014 --hub hub.example:7420",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			settings, err := read(cmd, file)
			if err != nil {
				return err
			}
			return bring(ctx, settings, args[0], cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "TOML file of the agent")
	cmd.Flags().String("location", "", "code of the store's location")
	cmd.Flags().StringSlice("hub", nil, "addresses of hub nodes")
	cmd.Flags().String("log-level", "warn", "debug, info, warn or error")
	return cmd
}

var (
	errHubs    = errors.New("import needs the hub: name its nodes with --hub")
	errMissing = errors.New("not everything of that disk is in the hub: what is missing is named above")
)

// bring imports a ledger's file and says what became of it.
func bring(ctx context.Context, settings config, file string, out io.Writer) error {
	switch {
	case !stock.ValidCode(settings.Location):
		return errLocation
	case len(settings.Hub) == 0:
		return errHubs
	}
	log, _, err := serve.NewLogger(serve.LogConfig{Level: settings.LogLevel, Format: settings.LogFormat}, os.Stderr)
	if err != nil {
		return err
	}
	archive, err := ledger.OpenArchive(file)
	if err != nil {
		return err
	}
	defer archive.Close()
	fmt.Fprintf(out, "%s: installation %s\n", file, archive.Installation())
	server := agent.ServerConfig{Hubs: settings.Hub, Random: rand.Uint64, Log: log}
	var failed error
	for i := range archive.Epochs {
		e := &archive.Epochs[i]
		brought, err := agent.Deliver(ctx, historyOf(archive, e, settings.Location), server)
		if err != nil { // the epochs after it may still be brought
			failed = errors.Join(failed, fmt.Errorf("epoch %s: %w", e.Name, err))
			continue
		}
		if brought.Epoch != e.Name {
			fmt.Fprintf(out, "epoch %s: the hub has another history after operation %d; what it lacked went on as epoch %s\n", e.Name, brought.After, brought.Epoch)
		}
		fmt.Fprintf(out, "epoch %s: the hub has it up to operation %d now; %d were new to it\n", brought.Epoch, brought.Through.Sequence, brought.New)
	}
	for _, damage := range archive.Damages {
		fmt.Fprintln(out, "damage: "+damage)
	}
	if archive.Waiting > 0 {
		fmt.Fprintf(out, "%d operations wait for a person's decision since a fork, and were not brought: see POST /v1/operations/{id}/admit of that PC\n", archive.Waiting)
	}
	if len(archive.Damages) > 0 || archive.Waiting > 0 {
		failed = errors.Join(failed, errMissing)
	}
	return failed
}

// baseOf is what the hub is known to have told this epoch of. What its base says is
// of the newest one: for an older one the hub's journal is asked from its beginning.
func baseOf(archive *ledger.Archive, e *ledger.ArchivedEpoch) (none protocol.HubPosition) {
	if e.Name == archive.Epochs[len(archive.Epochs)-1].Name {
		return archive.Base()
	}
	return none
}

func historyOf(archive *ledger.Archive, e *ledger.ArchivedEpoch, location string) agent.History {
	return agent.History{Location: location, Installation: archive.Installation(), Epoch: e.Name, Program: version, From: e.From, End: e.End, Base: baseOf(archive, e),
		Read: func(after protocol.Position, maxOperations, maxBytes int) ([][]byte, protocol.Position, error) {
			return archive.Read(e, after, int(min(uint64(maxOperations), e.End.Sequence-after.Sequence)), maxBytes)
		},
		Chain: func(sequence uint64) ([32]byte, error) { return archive.Chain(e, sequence) }}
}
