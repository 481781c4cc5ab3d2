package attack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 20

// answerOf words an HTTP answer: its status, the code of its problem and the
// place of the first fault. Where the answer is no problem its body says nothing
// that counts, and may be cut off by a server that hangs up on what still comes.
func answerOf(answer *http.Response) string {
	body, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	said := strconv.Itoa(answer.StatusCode)
	var problem struct {
		Code   string `json:"code"`
		Errors []struct {
			Location string `json:"location"`
		} `json:"errors"`
	}
	if !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(body, &problem) != nil {
		return said
	}
	said += " " + problem.Code
	if len(problem.Errors) > 0 {
		said += " at " + problem.Errors[0].Location
	}
	return said
}

// ask sends raw bytes of HTTP/1.1 and words the answer; a connection that ends
// without one was cut.
func ask(ctx context.Context, address string, bytes ...string) (string, error) {
	conn, err := dial(ctx, address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	for _, b := range bytes {
		if _, err := io.WriteString(conn, b); err != nil {
			break // it may have answered before it hung up
		}
	}
	return conn.answer()
}

func (r *raw) answer() (string, error) {
	answer, err := http.ReadResponse(r.in, nil)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err != nil && strings.Contains(err.Error(), "reset") {
		return "cut", nil
	}
	if err != nil {
		return "", fmt.Errorf("read an answer: %w", err)
	}
	defer answer.Body.Close()
	return answerOf(answer), nil
}

// call is a request as a client's library sends it.
type call struct {
	method, path, contentType, body string
	headers                         map[string]string
}

func (c call) to(ctx context.Context, address string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, c.method, "http://"+address+c.path, strings.NewReader(c.body))
	if err != nil {
		return "", fmt.Errorf("make a request: %w", err)
	}
	if c.contentType != "" {
		request.Header.Set("Content-Type", c.contentType)
	}
	for name, value := range c.headers {
		if name == "Host" {
			request.Host = value
		}
		request.Header.Set(name, value)
	}
	answer, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", c.method, c.path, err)
	}
	defer answer.Body.Close()
	return answerOf(answer), nil
}

// client follows no redirect: where one leads is the answer.
var client = &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// get reads a JSON answer.
func get(ctx context.Context, address, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("ask for %s: %s", path, answerOf(answer))
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
