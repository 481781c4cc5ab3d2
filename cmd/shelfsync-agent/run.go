package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/till"
	"github.com/shelfsync/shelfsync/agent/volume"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// config is what flags, SHELFSYNC_AGENT_… and the file may set.
type config struct {
	Location  string   `koanf:"location"`
	Hub       []string `koanf:"hub"`
	Replace   bool     `koanf:"replace"`
	Listen    string   `koanf:"listen"`
	Data      string   `koanf:"data"`
	Hosts     []string `koanf:"hosts"`
	AnyVolume bool     `koanf:"any_volume"`
	LogLevel  string   `koanf:"log_level"`
	LogFormat string   `koanf:"log_format"`
}

func runCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     "run --location CODE --hub ADDR[,ADDR…]",
		Short:   "Run the agent of one store",
		Example: "  shelfsync-agent run --location S014 --hub hub.example:7420\n  shelfsync-agent run --config /etc/shelfsync/agent.toml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			settings, err := read(cmd, file)
			if err != nil {
				return err
			}
			return run(ctx, settings)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "TOML file")
	cmd.Flags().String("location", "", "code of the store's location")
	cmd.Flags().StringSlice("hub", nil, "addresses of hub nodes; without any, the store sells by itself")
	cmd.Flags().Bool("replace", false, "take the location over from another installation")
	cmd.Flags().String("listen", "127.0.0.1:7410", "address that tills call")
	cmd.Flags().String("data", "shelfsync-agent", "folder of the ledger")
	cmd.Flags().Bool("any-volume", false, "keep the ledger on a network or removable volume all the same: a sale that was answered may be lost there")
	cmd.Flags().String("log-level", "info", "debug, info, warn or error")
	return cmd
}

// read takes the settings of a command from its flags, the environment and a file.
func read(cmd *cobra.Command, file string) (config, error) {
	settings := config{Listen: "127.0.0.1:7410", Data: "shelfsync-agent", LogLevel: cmd.Flags().Lookup("log-level").DefValue, LogFormat: "auto"}
	flags := map[string]any{}
	for name, key := range map[string]string{"location": "location", "listen": "listen", "data": "data", "any-volume": "any_volume", "log-level": "log_level", "replace": "replace"} {
		if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed {
			flags[key] = flag.Value.String()
		}
	}
	if hubs, _ := cmd.Flags().GetStringSlice("hub"); len(hubs) > 0 {
		flags["hub"] = hubs
	}
	_, err := serve.LoadConfig(&settings, serve.Sources{File: file, EnvPrefix: "SHELFSYNC_AGENT_", Environ: os.Environ(), Flags: flags})
	return settings, err
}

var errLocation = errors.New("location is required: 1 to 64 printable characters, such as S014")

func run(ctx context.Context, settings config) error {
	if !stock.ValidCode(settings.Location) {
		return errLocation
	}
	log, _, err := serve.NewLogger(serve.LogConfig{Level: settings.LogLevel, Format: settings.LogFormat}, os.Stderr)
	if err != nil {
		return err
	}
	if err := folder(settings); err != nil {
		return err
	}
	kept, err := ledger.Open(settings.Data, nil)
	if err != nil {
		return err
	}
	defer kept.Close()
	store, err := agent.Open(agent.Config{Location: settings.Location, Ledger: kept, Now: time.Now, Replace: settings.Replace, Nodes: len(settings.Hub), Program: version,
		Room: watch(settings.Data, log)})
	if err != nil {
		return err
	}
	warn(store, log)
	metrics := serve.NewMetrics("shelfsync_agent")
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	server := agent.Start(ctx, store, agent.ServerConfig{Hubs: settings.Hub, Random: rand.Uint64, Log: log, Observed: till.Observe(metrics)})
	go func() { // ends with the agent, which run waits for below
		if err := server.Wait(); err != nil {
			cancel(fmt.Errorf("storage failed; nothing more is recorded: %w", err))
		}
	}()
	surface := till.New(till.Config{Store: server, Location: settings.Location, Version: api.Version{Program: "shelfsync-agent", Version: version},
		Log: log, Metrics: metrics, Now: time.Now, Hosts: settings.Hosts, Disk: func() (api.Disk, error) { return room(settings.Data) }})
	err = listen(ctx, settings, log, surface)
	cancel(err)
	return errors.Join(err, server.Wait())
}

// folder makes the ledger's folder, where a ledger may be.
func folder(settings config) error {
	if err := os.MkdirAll(settings.Data, 0o750); err != nil {
		return fmt.Errorf("make ledger folder: %w", err)
	}
	if settings.AnyVolume {
		return nil
	}
	if err := volume.Refuse(settings.Data); err != nil {
		return fmt.Errorf("%w, or take the risk with --any-volume", err)
	}
	return nil
}

// watch looks at the room on the disk, for the agent's loop.
func watch(dir string, log *slog.Logger) func() volume.Stage {
	watch, before := volume.NewWatch(dir), volume.Plenty
	return func() volume.Stage {
		stage, err := watch.Look()
		if err != nil {
			log.Warn("the room on the disk is not known", "err", err)
		}
		if stage != before {
			log.Warn("the room on the disk has changed", "state", stage.String(), "says", stage.Sentence())
			before = stage
		}
		return stage
	}
}

// warn writes what people have not seen yet into the log as well.
func warn(store *agent.Agent, log *slog.Logger) {
	notices, _ := store.Notices() // an error of the ledger stops the agent below
	for _, n := range notices {
		log.Warn("the ledger could not vouch for its end: a new epoch was begun", "why", n.Kind, "epoch", n.Epoch, "last_here", n.After, "recorded_up_to", n.UpTo)
	}
}

func listen(ctx context.Context, settings config, log *slog.Logger, surface *serve.Server) error {
	listener, err := net.Listen("tcp", settings.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", settings.Listen, err)
	}
	log.Info("agent is up", "location", settings.Location, "listen", listener.Addr().String(), "data", settings.Data)
	return surface.Serve(ctx, listener)
}

// room is what is left on the ledger's disk, and how much the ledger has of it.
func room(dir string) (api.Disk, error) {
	free, _, err := volume.Room(dir)
	disk := api.Disk{FreeBytes: free}
	if err != nil {
		return disk, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "ledger.db*"))
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			disk.LedgerBytes += uint64(info.Size())
		}
	}
	return disk, err
}
