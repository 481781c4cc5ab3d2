package rehearse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// client calls our HTTP surfaces as a till or a channel would: with a key, and
// again with the same key until there is an answer.
type client struct{ http *http.Client }

func newClient(connections int) *client {
	return &client{&http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}}
}

// reply is one HTTP answer.
type reply struct {
	status int
	body   []byte
	took   time.Duration
}

// post sends a body until somebody answers it; 5xx and 429 are repeated with
// the same key. It returns the time from the first attempt to the answer.
func (c *client) post(ctx context.Context, address, key string, body any) (reply, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return reply{}, err
	}
	began := time.Now()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 400*time.Millisecond) {
		answer, err := c.once(ctx, address, key, encoded)
		if err == nil && answer.status < 500 && answer.status != http.StatusTooManyRequests {
			answer.took = time.Since(began)
			return answer, nil
		}
		select {
		case <-ctx.Done():
			return reply{}, fmt.Errorf("no answer from %s: %w", address, ctx.Err())
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

func (c *client) once(ctx context.Context, address, key string, body []byte) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	return c.do(request)
}

func (c *client) do(request *http.Request) (reply, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{}, err
	}
	return reply{status: response.StatusCode, body: body}, nil
}

// put sends a bulk body once; the hub is known to be up.
func (c *client) put(ctx context.Context, address string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	answer, err := c.do(request)
	if err != nil {
		return err
	}
	if answer.status != http.StatusOK {
		return fmt.Errorf("PUT %s answered %d: %s", address, answer.status, answer.body)
	}
	return nil
}

// get reads one JSON answer into out; a 404 is reported as found false.
func (c *client) get(ctx context.Context, address string, out any) (found bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, err
	}
	answer, err := c.do(request)
	switch {
	case err != nil:
		return false, err
	case answer.status == http.StatusNotFound:
		return false, nil
	case answer.status != http.StatusOK:
		return false, fmt.Errorf("GET %s answered %d: %.300s", address, answer.status, answer.body)
	}
	return true, json.Unmarshal(answer.body, out)
}

// pages walks a list to its end.
func pages[T any](ctx context.Context, c *client, address string, query url.Values, visit func(T)) error {
	query.Set("limit", "1000")
	for {
		var page struct {
			Data       []T    `json:"data"`
			NextCursor string `json:"next_cursor"`
		}
		if found, err := c.get(ctx, address+"?"+query.Encode(), &page); err != nil || !found {
			return err
		}
		for _, row := range page.Data {
			visit(row)
		}
		if page.NextCursor == "" {
			return nil
		}
		query.Set("cursor", page.NextCursor)
	}
}
