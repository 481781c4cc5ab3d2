package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/till"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// wide is how many items sale_64 sells from, each as likely as any other: the
// worst case, for a real basket is skewed.
const wide = 20_001

// third is the part of them that each line of a basket is drawn from, so that a
// basket names three items, in order.
const third = wide / basketLines

// basketOf writes the body of a sale into out.
func basketOf(out []byte, receipt int64, random *rand.Rand) []byte {
	out = append(out, `{"receipt":"R-`...)
	out = strconv.AppendInt(out, receipt, 10)
	out = append(out, `","till":"T`...)
	out = strconv.AppendInt(out, receipt%tills, 10)
	out = append(out, `","lines":[`...)
	for line := range basketLines {
		if line > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"item":"`...)
		out = append(out, wideCode(line*third+random.IntN(third))...)
		out = append(out, `","quantity":1}`...)
	}
	return append(out, "]}"...)
}

func wideCode(n int) string { return fmt.Sprintf("W%05d", n) }

// seller is one till: it makes a basket and hands it over.
type seller struct {
	receipts *atomic.Int64 // of all tills of the store
	random   *rand.Rand
	body     []byte
	hand     func(body []byte) error
	hangUp   func()
}

func newSeller(receipts *atomic.Int64, hand func([]byte) error, hangUp func()) *seller {
	return &seller{receipts: receipts, random: rand.New(rand.NewPCG(uint64(receipts.Load()), rand.Uint64())), hand: hand, hangUp: hangUp}
}

func (s *seller) call() error {
	s.body = basketOf(s.body[:0], s.receipts.Add(1), s.random)
	return s.hand(s.body)
}

func (s *seller) close() { s.hangUp() }

// tillsAt connects tills to an agent's address.
func tillsAt(address string) crowd {
	receipts := new(atomic.Int64)
	return func(ctx context.Context) (caller, error) {
		w, err := dialWire(ctx, address)
		if err != nil {
			return nil, err
		}
		return newSeller(receipts, func(body []byte) error { _, err := w.post("/v1/sales", body); return err }, w.close), nil
	}
}

// inside is an agent in this process, with its ledger on the measured disk: what
// a till's call costs without sockets.
type inside struct {
	surface *serve.Server
	server  *agent.Server
	kept    ledger.Ledger
	cancel  context.CancelFunc
}

// openInside starts it as the program does, but for the listener and the hub.
func openInside(ctx context.Context, dir string) (*inside, error) {
	kept, err := ledger.Open(dir, nil)
	if err != nil {
		return nil, err
	}
	store, err := agent.Open(agent.Config{Location: "S001", Ledger: kept, Now: time.Now, Program: "bench"})
	if err != nil {
		return nil, err
	}
	log, metrics := slog.New(slog.DiscardHandler), serve.NewMetrics("shelfsync_agent")
	ctx, cancel := context.WithCancel(ctx)
	in := &inside{kept: kept, cancel: cancel}
	in.server = agent.Start(ctx, store, agent.ServerConfig{Random: rand.Uint64, Log: log, Observed: till.Observe(metrics)})
	in.surface = till.New(till.Config{Store: in.server, Location: "S001", Version: api.Version{Program: "bench"}, Log: log, Metrics: metrics,
		Now: time.Now, Disk: func() (api.Disk, error) { return api.Disk{}, nil }})
	return in, nil
}

func (in *inside) close() error {
	in.cancel()
	if err := in.server.Wait(); err != nil {
		return err
	}
	return in.kept.Close()
}

// ask makes one call at the handler. It answers the body.
func (in *inside) ask(ctx context.Context, method, path, key string, body []byte, want int) ([]byte, error) {
	request := (&http.Request{Method: method, URL: &url.URL{Path: path}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "localhost",
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), RemoteAddr: "127.0.0.1:1"}).WithContext(ctx)
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	w := &heard{header: http.Header{}}
	in.surface.ServeHTTP(w, request)
	if w.status != want {
		return nil, fmt.Errorf("%s %s at the handler answered %d: %.300s", method, path, w.status, w.body.Bytes())
	}
	return w.body.Bytes(), nil
}

// tills call the handler.
func (in *inside) tills() crowd {
	receipts := new(atomic.Int64)
	return func(ctx context.Context) (caller, error) {
		return newSeller(receipts, func(body []byte) error {
			_, err := in.ask(ctx, http.MethodPost, "/v1/sales", "", body, http.StatusCreated)
			return err
		}, func() {}), nil
	}
}

// heard is what a handler answered.
type heard struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heard) Header() http.Header { return h.header }

func (h *heard) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

func (h *heard) Write(p []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(p)
}
