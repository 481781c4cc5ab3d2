package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// answerWait bounds how long one answer may take.
const answerWait = 30 * time.Second

// wire is one caller's keep-alive HTTP connection. It writes a request with one
// system call and reads the answer on the caller's own goroutine, as a till's or
// a shop's HTTP library in C would: the callers share the CPUs with what they
// measure, and the peer's load tool is as lean.
type wire struct {
	conn net.Conn
	read *bufio.Reader
	out  []byte
	body bytes.Buffer
}

func dialWire(ctx context.Context, address string) (*wire, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", address, err)
	}
	return &wire{conn: conn, read: bufio.NewReader(conn)}, nil
}

func (w *wire) close() { _ = w.conn.Close() }

// post makes one call that must be answered with 201. The answer's body is valid
// until the next call.
func (w *wire) post(path string, body []byte) ([]byte, error) {
	w.out = append(w.out[:0], "POST "...)
	w.out = append(w.out, path...)
	w.out = append(w.out, " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "...)
	w.out = strconv.AppendInt(w.out, int64(len(body)), 10)
	w.out = append(w.out, "\r\n\r\n"...)
	w.out = append(w.out, body...)
	if err := w.conn.SetDeadline(time.Now().Add(answerWait)); err != nil {
		return nil, err
	}
	if _, err := w.conn.Write(w.out); err != nil {
		return nil, fmt.Errorf("POST %s: %w", path, err)
	}
	response, err := http.ReadResponse(w.read, nil)
	if err != nil {
		return nil, fmt.Errorf("POST %s: %w", path, err)
	}
	w.body.Reset()
	_, err = io.Copy(&w.body, response.Body)
	if err := response.Body.Close(); err != nil {
		return nil, fmt.Errorf("POST %s: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("POST %s: %w", path, err)
	}
	if response.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("POST %s answered %d: %.300s", path, response.StatusCode, w.body.Bytes())
	}
	return w.body.Bytes(), nil
}
