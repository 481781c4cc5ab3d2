package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/protocol/api"
)

func clusterCommand() *cobra.Command {
	var h hubs
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "The hub's nodes: who leads, where each stands, and who belongs to it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return h.cluster(cmd.Context(), http.MethodGet, "/v1/cluster", nil)
		},
	}
	h.flags(cmd)
	cmd.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return h.begin(cmd) }
	cmd.AddCommand(&cobra.Command{
		Use:     "add ADDR",
		Short:   "Make a running node a member; wait until it votes",
		Long:    "ADDR is the node's --raft-listen, or its --advertise. A node that was started with --join asks by itself.",
		Example: "  shelfsync cluster add 10.0.0.4:7421",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return h.add(cmd.Context(), args[0]) },
	}, &cobra.Command{
		Use:   "remove ID",
		Short: "Take a node out for ever: it stops, and its folder never joins again",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return h.cluster(cmd.Context(), http.MethodDelete, "/v1/cluster/members/"+url.PathEscape(args[0]), nil)
		},
	}, &cobra.Command{
		Use:     "replace ID ADDR",
		Short:   "Let the running node at ADDR take the place of another: added first, then the other is removed",
		Example: "  shelfsync cluster replace 4f101ebec36745164ccd627b87c4547f 10.0.0.4:7421",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := h.add(cmd.Context(), args[1]); err != nil {
				return err
			}
			return h.cluster(cmd.Context(), http.MethodDelete, "/v1/cluster/members/"+url.PathEscape(args[0]), nil)
		},
	})
	return cmd
}

// votesWithin bounds the wait for a new member to catch up.
const votesWithin = 10 * time.Minute

// add asks until the node votes: it follows first, and gets its vote when it has
// caught up.
func (h *hubs) add(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, votesWithin)
	defer cancel()
	for {
		var answer api.Cluster
		if err := h.ask(ctx, http.MethodPost, "/v1/cluster/members", api.NewMember{Address: address}, &answer); err != nil {
			return err
		}
		for _, node := range answer.Nodes {
			if node.Address == address && node.Votes {
				return h.showCluster(&answer)
			}
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("%s is a member and has no vote yet: it has not caught up: %w", address, ctx.Err())
		}
	}
}

func (h *hubs) cluster(ctx context.Context, method, path string, body any) error {
	var answer api.Cluster
	if err := h.ask(ctx, method, path, body, &answer); err != nil {
		return err
	}
	return h.showCluster(&answer)
}

func (h *hubs) showCluster(c *api.Cluster) error {
	answer, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return h.show(answer, func(w io.Writer) error {
		fmt.Fprintln(w, "ID\tADDRESS\tAPI\tROLE\tVOTES\tPOSITION\tSTATE HASH\tJOURNAL FROM\tHEARD")
		for _, n := range c.Nodes {
			heard := "this node"
			switch {
			case n.HeardMS > 0:
				heard = (time.Duration(n.HeardMS) * time.Millisecond).Round(100*time.Millisecond).String() + " ago"
			case n.ID != c.Node:
				heard = "never"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%t\t%s\t%s\t%s\t%s\n", n.ID, n.Address, n.API, n.Role, n.Votes, n.Position, n.StateHash, cmp.Or(n.Horizon, "-"), heard)
		}
		return nil
	})
}
