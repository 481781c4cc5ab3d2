package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// hubs is where an operator's command asks, and how it answers.
type hubs struct {
	addresses []string
	output    string
	client    http.Client
}

// askWithin bounds one question to one node.
const askWithin = 15 * time.Second

var (
	errOutput  = errors.New("-o is table or json")
	errNoHub   = errors.New("no node of the hub answered")
	errProblem = errors.New("the hub says no")
)

// flags adds --hub and -o to a command and everything below it.
func (h *hubs) flags(cmd *cobra.Command) {
	listed := strings.Split(cmp.Or(os.Getenv("SHELFSYNC_HUB"), "127.0.0.1:7420"), ",")
	cmd.PersistentFlags().StringSliceVar(&h.addresses, "hub", listed, "`ADDR,…` of hub nodes; the first that answers is asked (SHELFSYNC_HUB)")
	cmd.PersistentFlags().StringVarP(&h.output, "output", "o", "table", "table or json")
	h.client.Timeout = askWithin
}

// ask sends a request to the first node that answers and reads its JSON into out.
// A node that cannot say whether something was done ends the search: only a
// person knows whether to ask again.
func (h *hubs) ask(ctx context.Context, method, path string, body, out any) error {
	var encoded []byte
	if body != nil {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			return err
		}
	}
	failures := []error{errNoHub}
	for _, address := range h.addresses {
		request, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, bytes.NewReader(encoded))
		if err != nil {
			return err
		}
		if body != nil {
			request.Header.Set("Content-Type", "application/json")
		}
		response, err := h.client.Do(request)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		defer response.Body.Close()
		return h.read(response, out)
	}
	return errors.Join(failures...)
}

func (h *hubs) read(response *http.Response, out any) error {
	content, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if response.StatusCode/100 != 2 {
		var problem api.Problem
		if json.Unmarshal(content, &problem) != nil || problem.Title == "" {
			return fmt.Errorf("%w: %s", errProblem, response.Status)
		}
		return fmt.Errorf("%w: %s: %s", errProblem, problem.Title, problem.Detail)
	}
	return json.Unmarshal(content, out)
}

// show prints a value as JSON, or as the table that rows writes, a tab between
// two cells.
func (h *hubs) show(value any, rows func(w io.Writer)) error {
	switch h.output {
	case "json":
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	case "table":
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		rows(w)
		return w.Flush()
	}
	return errOutput
}
