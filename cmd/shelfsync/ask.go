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
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// hubs is where an operator's command asks, and how it answers.
type hubs struct {
	addresses []string
	output    string
	client    http.Client
	out, say  io.Writer // data; everything else
}

// askWithin bounds one question to one node.
const askWithin = 15 * time.Second

// maxAnswer bounds what a node may answer, in bytes.
const maxAnswer = 64 << 20

var (
	errOutput = usage{errors.New("-o is table, json or yaml")}
	errNoHub  = errors.New("no node of the hub answered: is one running, and is its address in --hub or SHELFSYNC_HUB?")
)

// flags adds --hub and -o to a command and everything below it.
func (h *hubs) flags(cmd *cobra.Command) {
	listed := strings.Split(cmp.Or(os.Getenv("SHELFSYNC_HUB"), "127.0.0.1:7420"), ",")
	cmd.PersistentFlags().StringSliceVar(&h.addresses, "hub", listed, "`ADDR,…` of hub nodes; the first that answers is asked (SHELFSYNC_HUB)")
	cmd.PersistentFlags().StringVarP(&h.output, "output", "o", "table", "table, json or yaml")
	h.client.Timeout = askWithin
}

// begin checks what the flags said and takes the command's streams.
func (h *hubs) begin(cmd *cobra.Command) error {
	h.out, h.say = cmd.OutOrStdout(), cmd.ErrOrStderr()
	if !slices.Contains(outputs, h.output) {
		return errOutput
	}
	return nil
}

// question is one request to the hub.
type question struct {
	method, path string // the path with its query
	body         []byte // nil: none
	media        string // of the body; empty: JSON
}

// send asks the first node that answers for JSON. Every call of the hub may be
// repeated, so a node that broke off is followed by the next; a node that says
// that it cannot answer is followed by the next where nothing is written.
func (h *hubs) send(ctx context.Context, q question) ([]byte, error) {
	failures := []error{errNoHub}
	for i, address := range h.addresses {
		content, err := h.sendTo(ctx, address, q)
		var refused *refusal
		switch {
		case err == nil:
			return content, nil
		case ctx.Err() != nil:
			return nil, err
		case !errors.As(err, &refused):
			failures = append(failures, err)
		case q.method != http.MethodGet || refused.problem.Status != http.StatusServiceUnavailable || i == len(h.addresses)-1:
			return nil, err
		}
	}
	return nil, errors.Join(failures...)
}

func (h *hubs) sendTo(ctx context.Context, address string, q question) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, q.method, "http://"+address+q.path, bytes.NewReader(q.body))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}
	if q.body != nil {
		request.Header.Set("Content-Type", cmp.Or(q.media, "application/json"))
	}
	response, err := h.client.Do(request)
	if err != nil {
		return nil, err // it names method and address
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", address, err)
	}
	if response.StatusCode/100 == 2 {
		return content, nil
	}
	refused := &refusal{asked: q.method + " http://" + address + q.path, content: content}
	if json.Unmarshal(content, &refused.problem) != nil || refused.problem.Title == "" {
		refused.problem = api.Problem{Title: response.Status}
	}
	refused.problem.Status = response.StatusCode
	return nil, refused
}

// ask sends a value and reads the answer into another; either may be nil.
func (h *hubs) ask(ctx context.Context, method, path string, body, out any) error {
	q := question{method: method, path: path}
	if body != nil {
		var err error
		if q.body, err = json.Marshal(body); err != nil {
			return err
		}
	}
	content, err := h.send(ctx, q)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(content, out); err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return nil
}

// refusal is a problem that the hub answered with.
type refusal struct {
	asked   string
	content []byte // as it came
	problem api.Problem
}

// Error says what was asked where, what is wrong, and with which parts of it.
func (r *refusal) Error() string {
	p := &r.problem
	text := p.Title
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	for _, fault := range p.Errors {
		text += "\n  " + fault.Path + " " + fault.Message
	}
	for _, short := range p.Availability {
		text += fmt.Sprintf("\n  line %s: %s of %s asked for, %s available", short.Line, short.Requested, short.Item, short.Available)
	}
	if at := p.Reservation; at != nil {
		for _, line := range at.Lines {
			text += fmt.Sprintf("\n  %s line %s: %s of %s is %s", at.ID, line.Line, line.Quantity, line.Item, line.State)
			if line.Location != "" {
				text += " at " + line.Location
			}
		}
	}
	text += "\n  asked: " + r.asked
	if p.RequestID != "" {
		text += ", request " + p.RequestID
	}
	return plain(text)
}
