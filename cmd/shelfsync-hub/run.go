package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/hub"
	hubapi "github.com/shelfsync/shelfsync/hub/api"
	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/console"
	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// config is what flags, SHELFSYNC_HUB_… and the file may set.
type config struct {
	Single     bool     `koanf:"single"`
	Node       string   `koanf:"node"`
	Peers      []string `koanf:"peers"`
	Join       []string `koanf:"join"`
	Advertise  string   `koanf:"advertise"`
	Listen     string   `koanf:"listen"`
	RaftListen string   `koanf:"raft_listen"`
	Data       string   `koanf:"data"`
	Hosts      []string `koanf:"hosts"`
	KeepDays   int64    `koanf:"journal_days"`
	KeepBytes  int64    `koanf:"journal_bytes"`
	LogLevel   string   `koanf:"log_level"`
	LogFormat  string   `koanf:"log_format"`
}

func runCommand() *cobra.Command {
	var file string
	flags := map[string]any{}
	cmd := &cobra.Command{
		Use:   "run --single | --peers NAME=ADDR,… --node NAME | --join ADDR",
		Short: "Run one hub node",
		Long: "A hub is one node, or three that agree. The nodes of --peers found it together, once all of them are up and new; after that\n" +
			"the same command starts a node again. A node whose folder was wiped joins as a new one. --join adds a node to a hub that runs.",
		Example: "  shelfsync-hub run --single\n" +
			"  shelfsync-hub run --peers a=10.0.0.1:7421,b=10.0.0.2:7421,c=10.0.0.3:7421 --node a --raft-listen 10.0.0.1:7421\n" +
			"  shelfsync-hub run --join 10.0.0.1:7421 --raft-listen 10.0.0.4:7421\n" +
			"  shelfsync-hub run --config /etc/shelfsync/hub.toml",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			settings := config{Listen: "127.0.0.1:7420", RaftListen: "127.0.0.1:7421", Data: "shelfsync-hub", LogLevel: "info", LogFormat: "auto"}
			for _, name := range []string{"single", "node", "advertise", "listen", "raft-listen", "data", "log-level", "journal-days", "journal-bytes"} {
				if flag := cmd.Flags().Lookup(name); flag.Changed {
					flags[keyOf(name)] = flag.Value.String()
				}
			}
			for _, name := range []string{"peers", "join"} {
				if list, err := cmd.Flags().GetStringSlice(name); err == nil && len(list) > 0 {
					flags[keyOf(name)] = list
				}
			}
			if _, err := serve.LoadConfig(&settings, serve.Sources{File: file, EnvPrefix: "SHELFSYNC_HUB_", Environ: os.Environ(), Flags: flags}); err != nil {
				return err
			}
			return run(ctx, settings)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "TOML file")
	cmd.Flags().Bool("single", false, "one node that is a hub by itself")
	cmd.Flags().StringSlice("peers", nil, "the nodes of a new hub, this one among them: `NAME=ADDR,…` (addresses of --raft-listen)")
	cmd.Flags().String("node", "", "this node's `NAME` in --peers")
	cmd.Flags().StringSlice("join", nil, "`ADDR` of a node of a running hub that this one is to join")
	cmd.Flags().String("advertise", "", "address at which the other nodes reach this one, where that is not --raft-listen")
	cmd.Flags().String("listen", "127.0.0.1:7420", "address of the HTTP API and of agents")
	cmd.Flags().String("raft-listen", "127.0.0.1:7421", "address of the log between nodes")
	cmd.Flags().String("data", "shelfsync-hub", "folder of log, snapshots and journal")
	cmd.Flags().Int64("journal-days", protocol.JournalDays, "days of the journal that are kept, with an image of the state for each")
	cmd.Flags().Int64("journal-bytes", protocol.JournalBytes, "bytes of the journal that are kept at most")
	cmd.Flags().String("log-level", "info", "debug, info, warn or error")
	return cmd
}

// keyOf is the configuration key of a flag.
func keyOf(flag string) string {
	key := []byte(flag)
	for i := range key {
		if key[i] == '-' {
			key[i] = '_'
		}
	}
	return string(key)
}

func run(ctx context.Context, settings config) error {
	place, err := settings.place()
	if err != nil {
		return err
	}
	log, _, err := serve.NewLogger(serve.LogConfig{Level: settings.LogLevel, Format: settings.LogFormat}, os.Stderr)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(settings.Data, 0o750); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	kept, err := journal.Open(filepath.Join(settings.Data, "journal"), journal.Config{})
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	defer kept.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	open := func(machine cluster.Machine) (cluster.Order, error) {
		place.Dir, place.Machine, place.Log = filepath.Join(settings.Data, "raft"), machine, log
		place.Fatal = func(err error) { // at once: what such a node does on its way down cannot be trusted
			log.Error("the node stops", "err", err)
			if errors.Is(err, cluster.ErrStartAgain) {
				again(log)
			}
			os.Exit(1)
		}
		order, err := cluster.Open(place)
		if err != nil {
			return nil, err // a nil *Raft is no nil Order
		}
		return order, nil
	}
	node, err := hub.Start(ctx, hub.Config{Now: time.Now, Node: settings.Listen, Program: version, Log: log,
		Retain: hub.Retention{Days: settings.KeepDays, Bytes: settings.KeepBytes}}, kept, open)
	if err != nil {
		return err
	}
	go func() { // ends with the node, which run waits for below
		if err := node.Wait(); err != nil {
			cancel(err) // a node that stopped must not go on answering
		}
	}()
	served := listen(ctx, settings, log, node)
	cancel(served)
	return errors.Join(node.Wait(), served)
}

// again replaces this program by itself. Where the system cannot, its service
// manager does.
func again(log *slog.Logger) {
	self, err := os.Executable()
	if err == nil {
		err = syscall.Exec(self, os.Args, os.Environ())
	}
	log.Error("start again", "err", err)
}

// listen serves HTTP until ctx ends.
func listen(ctx context.Context, settings config, log *slog.Logger, node *hub.Server) error {
	metrics := serve.NewMetrics("shelfsync_hub")
	server := serve.New(serve.Config{Title: "Shelfsync hub", Version: api.Version{Program: "shelfsync-hub", Version: version},
		Log: log, Metrics: metrics, Hosts: settings.Hosts, Checks: []serve.Check{{Name: "hub time moves", Run: func(context.Context) error { return ready(node) }}}})
	hubapi.Register(server, node)
	console.Register(server, node)
	measure(metrics, node)
	server.Raw("GET /sync", http.HandlerFunc(node.Sync))
	listener, err := net.Listen("tcp", settings.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", settings.Listen, err)
	}
	log.Info("hub is up", "listen", listener.Addr().String(), "data", settings.Data)
	return server.Serve(ctx, listener)
}

var errNotReady = errors.New("no tick was applied within 5 s: no leader, or this node is cut off")

func ready(node *hub.Server) error {
	if !node.Ready() {
		return errNotReady
	}
	return nil
}

// measure tells what the node holds; never an id as a label.
func measure(metrics *serve.Metrics, node *hub.Server) {
	gauge := func(name, help string, read func() float64) { metrics.Gauge(name, help, read) }
	gauge("applied_index", "Log index of the last applied entry.", func() float64 { return float64(node.Board().State().Index()) })
	gauge("tick_age_seconds", "How long ago this node applied a tick.", func() float64 { return node.TickAge().Seconds() })
	gauge("items", "Items in the catalogue.", func() float64 { return float64(node.Board().State().Sizes().Items) })
	gauge("locations", "Locations known.", func() float64 { return float64(node.Board().State().Sizes().Locations) })
	gauge("reservations", "Reservations remembered.", func() float64 { return float64(node.Board().State().Sizes().Reservations) })
	for _, code := range stock.ExceptionCodes() {
		metrics.GaugeOf("exceptions", "What waits for a person, by kind.", "kind", code.String(), func() float64 { return float64(node.Board().State().OpenExceptions(code)) })
	}
	total := func(name, help string, read func(t stock.Totals) float64) {
		metrics.Total(name, help, func() float64 { return read(node.Board().State().Totals()) })
	}
	total("conflicts_total", "Claims that gave way since the log began.", func(t stock.Totals) float64 { return float64(t.Conflicts) })
	total("late_picks_total", "Goods that left for a claim that had ended.", func(t stock.Totals) float64 { return float64(t.LatePicks) })
	total("picked_twice_total", "Goods that left again for a claim that was fulfilled.", func(t stock.Totals) float64 { return float64(t.PickedTwice) })
	total("oversold_units_total", "Units of confirmed and staged claims that ended short.", func(t stock.Totals) float64 { return float64(t.Oversold) / float64(stock.Unit) })
	total("lost_cart_units_total", "Units of held claims that ended short.", func(t stock.Totals) float64 { return float64(t.LostCarts) / float64(stock.Unit) })
	gauge("journal_index", "Log index of the last journalled entry.", func() float64 { return float64(node.Journal().Last()) })
}
