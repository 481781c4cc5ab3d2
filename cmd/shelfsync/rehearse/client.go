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

// target is a call and where it may go: to a store's agent, or to any node of
// the hub. Each attempt goes to the next address.
type target struct {
	addresses []string
	first     int // the address of the first attempt, counted round
	path      string
}

func (t target) attempt(n int) string {
	return "http://" + t.addresses[(t.first+n)%len(t.addresses)] + t.path
}

// reply is one HTTP answer.
type reply struct {
	status int
	body   []byte
	took   time.Duration
	pc     string // of a store: the PC that answered
}

// post sends a body until somebody answers it; 5xx and 429 are repeated with
// the same key, at the next address. It returns the time from the first attempt
// to the answer.
func (c *client) post(ctx context.Context, to target, key string, body any) (reply, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return reply{}, err
	}
	return c.repeat(ctx, func(n int) (reply, error) {
		return c.once(ctx, outgoing{http.MethodPost, to.attempt(n), key, "application/json", encoded})
	})
}

// repeat makes attempts until one is answered for good.
func (c *client) repeat(ctx context.Context, attempt func(n int) (reply, error)) (reply, error) {
	began := time.Now()
	wait := 10 * time.Millisecond
	for n := 0; ; n++ {
		answer, err := attempt(n)
		if err == nil && answer.status < 500 && answer.status != http.StatusTooManyRequests {
			answer.took = time.Since(began)
			return answer, nil
		}
		select {
		case <-ctx.Done():
			return reply{}, fmt.Errorf("no answer after %d attempts, the last: %d %.200s %w: %w", n+1, answer.status, answer.body, err, context.Cause(ctx))
		case <-time.After(wait/2 + rand.N(wait)):
		}
		wait = min(2*wait, 400*time.Millisecond)
	}
}

// outgoing is one request.
type outgoing struct {
	method, address, key, content string
	body                          []byte
}

func (c *client) once(ctx context.Context, out outgoing) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, out.method, out.address, bytes.NewReader(out.body))
	if err != nil {
		return reply{}, err
	}
	if out.content != "" {
		request.Header.Set("Content-Type", out.content)
	}
	if out.key != "" {
		request.Header.Set("Idempotency-Key", out.key)
	}
	return c.send(request)
}

func (c *client) send(request *http.Request) (reply, error) {
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

// put sends a bulk body until it is answered: the same values again change nothing.
func (c *client) put(ctx context.Context, to target, body []byte) error {
	answer, err := c.repeat(ctx, func(n int) (reply, error) {
		return c.once(ctx, outgoing{http.MethodPut, to.attempt(n), "", "application/x-ndjson", body})
	})
	if err != nil {
		return err
	}
	if answer.status != http.StatusOK {
		return fmt.Errorf("PUT %s answered %d: %s", to.path, answer.status, answer.body)
	}
	return nil
}

// get reads one JSON answer into out, from the first address that gives one; a
// 404 is reported as found false.
func (c *client) get(ctx context.Context, from target, out any) (found bool, err error) {
	for n := range from.addresses {
		var answer reply
		answer, err = c.once(ctx, outgoing{method: http.MethodGet, address: from.attempt(n)})
		switch {
		case err != nil:
		case answer.status == http.StatusNotFound:
			return false, nil
		case answer.status != http.StatusOK:
			err = fmt.Errorf("GET %s answered %d: %.300s", from.attempt(n), answer.status, answer.body)
		default:
			return true, json.Unmarshal(answer.body, out)
		}
	}
	return false, err
}

// pages walks a list to its end, at one address: a cursor is its server's own.
func pages[T any](ctx context.Context, c *client, from target, query url.Values, visit func(T)) error {
	query.Set("limit", "1000")
	for {
		var page struct {
			Data       []T    `json:"data"`
			NextCursor string `json:"next_cursor"`
		}
		at := from
		at.addresses, at.first = []string{from.addresses[from.first%len(from.addresses)]}, 0
		at.path += "?" + query.Encode()
		if found, err := c.get(ctx, at, &page); err != nil || !found {
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
