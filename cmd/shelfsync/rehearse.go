package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse"
	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/day"
)

func rehearseCommand() *cobra.Command {
	var options rehearse.Options
	var columns, report string
	cmd := &cobra.Command{
		Use:   "rehearse",
		Short: "Play a trading day through real programs, injure them, and audit every answer",
		Long: "Starts the hub's nodes and one agent a store on loopback, plays a day of baskets through their HTTP APIs, cuts stores off and kills programs,\n" +
			"heals them, and compares every answer that a till or a channel received with what hub and stores then say.\n" +
			"A table goes to standard error, one JSON object to standard output. Exit code 0: pass.",
		Example: "  shelfsync rehearse\n  shelfsync rehearse --data day.csv --columns location=Shop,receipt=Bon,item=SKU,quantity=Qty,time=When --faults harsh",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			if err := check(&options, columns); err != nil {
				return err
			}
			options.Out = os.Stderr
			info, err := os.Stderr.Stat()
			options.Terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
			result, err := rehearse.Rehearse(ctx, options)
			if err != nil {
				return err
			}
			result.Table(os.Stderr)
			object, err := json.Marshal(result)
			if err != nil {
				return fmt.Errorf("write report: %w", err)
			}
			object = append(object, '\n')
			if report != "" {
				if err := os.WriteFile(report, object, 0o644); err != nil {
					return fmt.Errorf("write report: %w", err)
				}
			}
			if _, err := os.Stdout.Write(object); err != nil {
				return fmt.Errorf("write report: %w", err)
			}
			if result.Verdict != "pass" {
				return errFailed
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&options.Files, "data", nil, "CSV `file` of a trading day, may be given again; without one a generated day is played")
	f.StringVar(&columns, "columns", "", "which header is what: location=…,receipt=…,item=…,quantity=…,time=…")
	f.IntVar(&options.Day.Stores, "stores", 8, "stores to play")
	f.IntVar(&options.Day.Limit, "limit", 0, "play only the first so many baskets")
	f.IntVar(&options.Day.Repeat, "repeat", 1, "play the day so often")
	f.IntVar(&options.Hubs, "hubs", 3, "hub nodes: 1 or 3")
	f.Float64Var(&options.Opening, "opening", 0.8, "share of what the day will ask for that is there in the morning")
	f.Float64Var(&options.OnlineShare, "online-share", 0.15, "share of the baskets that arrive as online orders")
	f.StringVar(&options.Faults, "faults", "standard", "none, standard or harsh")
	f.Uint64Var(&options.Seed, "seed", 1, "of the generated day, the orders' fates and the faults")
	f.StringVar(&report, "report", "", "write the JSON object to this `file` as well")
	f.StringVar(&options.Dir, "dir", "", "folder of the programs' data and logs; absent: a temporary one")
	f.BoolVar(&options.Keep, "keep", false, "leave the folder behind")
	return cmd
}

var (
	errHubs  = errors.New("--hubs is 1 or 3")
	errShare = errors.New("--opening and --online-share are shares: 0 and more, --online-share at most 1")
)

func check(options *rehearse.Options, columns string) (err error) {
	if options.Hubs != 1 && options.Hubs != 3 {
		return errHubs
	}
	if options.Opening < 0 || options.OnlineShare < 0 || options.OnlineShare > 1 {
		return errShare
	}
	options.Day.Seed = options.Seed
	if columns != "" {
		options.Day.Columns, err = day.ParseColumns(columns)
	}
	return err
}
