package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
)

// health is the hub at one glance: what shelfsync status prints.
type health struct {
	Ready    bool         `json:"ready"`
	Checks   []api.Health `json:"checks,omitempty"` // those that fail
	Position string       `json:"position"`
	Leader   string       `json:"leader,omitempty"`
	Nodes    int          `json:"nodes"`
	Silent   []string     `json:"silent_nodes,omitempty"`
	Agents   fleet        `json:"agents"`
	Waiting  []waiting    `json:"exceptions,omitempty"`
	Tasks    int          `json:"tasks"`
	Well     bool         `json:"well"` // ready, led, and every node heard
}

type fleet struct {
	Online         int    `json:"online"`
	Offline        int    `json:"offline"`
	Backlog        int64  `json:"backlog"`
	OldestUnsentMS int64  `json:"oldest_unsent_ms"`
	Oldest         string `json:"oldest,omitempty"` // whose that is
}

// waiting is how many exceptions of one kind wait for a person.
type waiting struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
}

// heardWithin is how long ago a node that is well last said where it stands:
// nodes speak every second.
const heardWithin = 10 * time.Second

func statusCommand() *cobra.Command {
	h := &hubs{}
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Is the hub well, are the stores linked, does anything wait for a person?",
		Long:    "Exit code 0: well; 3: not ready, without a leader, or a node is silent. Stores that are offline sell, and waiting exceptions are work: neither makes the hub unwell.",
		Example: "  shelfsync status\n  shelfsync status -o json --hub 10.0.0.1:7420,10.0.0.2:7420",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := h.begin(cmd); err != nil {
				return err
			}
			return h.status(cmd.Context())
		},
	}
	h.flags(cmd)
	return cmd
}

func (h *hubs) status(ctx context.Context) error {
	var s health
	if err := errors.Join(s.readiness(ctx, h), s.cluster(ctx, h)); err != nil {
		return err
	}
	s.Well = s.Ready && s.Leader != "" && len(s.Silent) == 0
	if err := errors.Join(s.fleet(ctx, h), s.work(ctx, h)); err != nil && s.Well {
		return err // of a hub that is unwell this much is known without it
	}
	answer, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := h.show(answer, s.rows); err != nil {
		return err
	}
	if !s.Well {
		return errUnhealthy
	}
	return nil
}

// readiness reads /readyz, which says what is wrong with a status of its own.
func (s *health) readiness(ctx context.Context, h *hubs) error {
	var answer api.Ready
	err := h.ask(ctx, http.MethodGet, "/readyz?verbose", nil, &answer)
	var refused *refusal
	if errors.As(err, &refused) && refused.problem.Status == http.StatusServiceUnavailable {
		err = json.Unmarshal(refused.content, &answer)
	}
	s.Ready = answer.Ready
	for _, check := range answer.Checks {
		if !check.OK {
			s.Checks = append(s.Checks, check)
		}
	}
	return err
}

func (s *health) cluster(ctx context.Context, h *hubs) error {
	var answer api.Cluster
	if err := h.ask(ctx, http.MethodGet, "/v1/cluster", nil, &answer); err != nil {
		return err
	}
	s.Position, s.Leader, s.Nodes = answer.Position, answer.Leader, len(answer.Nodes)
	for _, node := range answer.Nodes {
		never := node.HeardMS == 0 && node.ID != answer.Node
		if never || time.Duration(node.HeardMS)*time.Millisecond > heardWithin {
			s.Silent = append(s.Silent, node.ID+" "+node.Address)
		}
	}
	return nil
}

func (s *health) fleet(ctx context.Context, h *hubs) error {
	return each(ctx, h, "/v1/agents", func(agent api.Agent) {
		if agent.State == "online" {
			s.Agents.Online++
		} else {
			s.Agents.Offline++
		}
		s.Agents.Backlog += agent.Backlog
		if agent.OldestUnsentMS > s.Agents.OldestUnsentMS {
			s.Agents.OldestUnsentMS, s.Agents.Oldest = agent.OldestUnsentMS, agent.Location
		}
	})
}

func (s *health) work(ctx context.Context, h *hubs) error {
	return errors.Join(
		each(ctx, h, "/v1/exceptions", func(e api.Exception) {
			for i := range s.Waiting {
				if s.Waiting[i].Kind == e.Kind {
					s.Waiting[i].Count++
					return
				}
			}
			s.Waiting = append(s.Waiting, waiting{e.Kind, 1})
		}),
		each(ctx, h, "/v1/tasks", func(api.Task) { s.Tasks++ }))
}

// each takes every row of a list.
func each[T any](ctx context.Context, h *hubs, path string, take func(T)) error {
	for cursor := ""; ; {
		query := url.Values{"limit": {fmt.Sprint(protocol.MaxPage)}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		var page api.Page[T]
		if err := h.ask(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &page); err != nil {
			return err
		}
		for _, row := range page.Data {
			take(row)
		}
		if cursor = page.NextCursor; cursor == "" {
			return nil
		}
	}
}

// rows says it for a person.
func (s *health) rows(w io.Writer) error {
	verdict := "well"
	if !s.Well {
		verdict = "NOT WELL"
	}
	fmt.Fprintf(w, "Hub\t%s, position %s, %d nodes, leader %s\n", verdict, cmp.Or(s.Position, "unknown"), s.Nodes, cmp.Or(s.Leader, "none"))
	for _, check := range s.Checks {
		fmt.Fprintf(w, "Failing\t%s: %s\n", check.Name, check.Detail)
	}
	for _, node := range s.Silent {
		fmt.Fprintf(w, "Silent\tnode %s\n", node)
	}
	fmt.Fprintf(w, "Stores\t%d online, %d offline, %d operations waiting", s.Agents.Online, s.Agents.Offline, s.Agents.Backlog)
	if s.Agents.Oldest != "" {
		fmt.Fprintf(w, ", the oldest for %s at %s", time.Duration(s.Agents.OldestUnsentMS)*time.Millisecond, oneLine(s.Agents.Oldest))
	}
	var kinds []string
	for _, kind := range s.Waiting {
		kinds = append(kinds, fmt.Sprintf("%d %s", kind.Count, kind.Kind))
	}
	_, err := fmt.Fprintf(w, "\nExceptions\t%s\nTasks\t%d in stores\n", cmp.Or(strings.Join(kinds, ", "), "none"), s.Tasks)
	return err
}
