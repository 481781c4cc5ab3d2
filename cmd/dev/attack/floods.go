package attack

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/shelfsync/shelfsync/protocol"
)

// floods is much at once. Each is over when the programs have answered in spite
// of it, and what it opened is closed.
var floods = []attack{
	{name: "500 agents that read nothing while the hub broadcasts", target: onSync, expects: "broadcast", leaves: 500 + broadcasts, run: deafAgents(500)},
	{name: "500 messages that never end", target: onSync, expects: "500 closed 1009", run: unending(500)},
	{name: "50 admitted agents with messages that never end", target: onSync, expects: "served", leaves: 50, run: unendingAgents(50)},
	{name: "500 connections, one after another", target: onSync, expects: "500 welcomed", run: comeAndGo(500, false)},
	{name: "500 connections, each reset", target: onSync, expects: "500 welcomed", run: comeAndGo(500, true)},
	{name: "200 readers of the feed that read nothing", target: onHub, expects: "broadcast", leaves: broadcasts, run: deafReaders},
	{name: "200 readers of events that read nothing", target: onStore, expects: "served", run: deafPages},
	{name: "claims on everything there is", target: onHub, expects: "50 held, 150 short", leaves: 200, run: hoard},
	{name: "64 bodies of 1 MiB of nothing at once", target: onHub, expects: "64 times 413 too_large", run: bodies(onHub, "/v1/movements", "document")},
	{name: "64 bodies of 1 MiB of nothing at once", target: onStore, expects: "64 times 413 too_large", run: bodies(onStore, "/v1/sales", "receipt")},
	{name: "64 readings of the whole journal at once", target: onHub, expects: "64 times 200", run: atOnce(64, onHub, read("/v1/journal?limit=1000&item=nothing"))},
	{name: "64 queries of 1,000 lines at once", target: onHub, expects: "64 times 200", run: queries},
}

// broadcasts is how often the catalogue is changed for everybody to be told.
const broadcasts = 4

// broadcast changes the catalogue so that every store and reader is sent it.
func (w *world) broadcast(ctx context.Context) (string, error) {
	for n := range broadcasts {
		var rows strings.Builder
		for i := range 200 {
			fmt.Fprintf(&rows, `{"code":"B%03d","unit":"piece","class":"c%d"}`+"\n", i, n)
		}
		if said, err := load("/v1/items", rows.String()).to(ctx, w.hub.address); err != nil || said != "200" {
			return "the catalogue is answered " + said, err
		}
	}
	return "broadcast", nil
}

// deafAgents connects agents, each the writer of a new location, that say Hello
// and never read again.
func deafAgents(n int) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		conns, err := w.crowd(ctx, n)
		defer conns.leave()
		if err != nil {
			return "", err
		}
		for i, conn := range conns {
			s := &socket{conn}
			s.send([]byte(handshake(w.hub.address, nil)), message(protocol.EncodeFrame(but(func(h *protocol.Hello) { h.Agent = fmt.Sprintf("DEAF%d", i) }))))
		}
		for i := range conns { // known to the log, and so admitted
			for known := false; !known; {
				said, err := read(fmt.Sprintf("/v1/levels?location=DEAF%d", i)).to(ctx, w.hub.address)
				if err != nil {
					return "", err
				}
				known = said == "200"
			}
		}
		return w.broadcast(ctx)
	}
}

// unending sends almost a whole message on each connection, and no more, and
// counts how they end.
func unending(n int) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		conns, err := w.crowd(ctx, n)
		defer conns.leave()
		if err != nil {
			return "", err
		}
		for _, conn := range conns {
			s := &socket{conn}
			s.send([]byte(handshake(w.hub.address, nil)), full)
		}
		ends := map[string]int{}
		for _, conn := range conns {
			if _, err := http.ReadResponse(conn.in, nil); err != nil {
				return "", fmt.Errorf("wait for the upgrade: %w", err)
			}
			ends[(&socket{conn}).end()]++
		}
		return counted(ends), nil
	}
}

// counted words answers and how many there were of each.
func counted(answers map[string]int) string {
	var words []string
	for _, answer := range slices.Sorted(maps.Keys(answers)) {
		words = append(words, fmt.Sprintf("%d %s", answers[answer], answer))
	}
	return strings.Join(words, ", ")
}

// unendingAgents do the same once they were welcomed, and so may send full frames.
func unendingAgents(n int) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		conns, err := w.crowd(ctx, n)
		defer conns.leave()
		if err != nil {
			return "", err
		}
		for i, conn := range conns {
			s := &socket{conn}
			s.send([]byte(handshake(w.hub.address, nil)), message(protocol.EncodeFrame(but(func(h *protocol.Hello) { h.Agent = fmt.Sprintf("LONG%d", i) }))))
			if _, err := http.ReadResponse(conn.in, nil); err != nil {
				return "", fmt.Errorf("wait for the upgrade: %w", err)
			}
			if _, err := s.next(); err != nil {
				return "", fmt.Errorf("wait for Welcome: %w", err)
			}
			s.send(full)
		}
		return w.served(ctx, w.hub)
	}
}

func (w *world) served(ctx context.Context, p *program) (string, error) {
	said, err := read("/readyz").to(ctx, p.address)
	if err != nil || said != "200" {
		return "ready is answered " + said, err
	}
	return "served", nil
}

// comeAndGo connects, is welcomed and leaves, without a goodbye where it resets.
func comeAndGo(n int, reset bool) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		welcomed := 0
		for range n {
			s, _, err := w.admitted(ctx)
			if err != nil {
				return fmt.Sprintf("%d welcomed, then %v", welcomed, err), nil
			}
			welcomed++
			if tcp, ok := s.Conn.(*net.TCPConn); ok && reset {
				_ = tcp.SetLinger(0) // without it the end is only politer
			}
			s.Close()
		}
		return fmt.Sprintf("%d welcomed", welcomed), nil
	}
}

func deafReaders(ctx context.Context, w *world) (string, error) {
	conns, err := w.crowd(ctx, 200)
	defer conns.leave()
	if err != nil {
		return "", err
	}
	for _, conn := range conns {
		if _, err := io.WriteString(conn, strings.ReplaceAll(to("GET /v1/feed"), "{host}", w.hub.address)+"\r\n"); err != nil {
			return "", fmt.Errorf("ask for the feed: %w", err)
		}
	}
	return w.broadcast(ctx)
}

func deafPages(ctx context.Context, w *world) (string, error) {
	var conns crowd
	defer func() { conns.leave() }()
	for range 200 {
		conn, err := dial(ctx, w.victim.address)
		if err != nil {
			return "", err
		}
		conns = append(conns, conn)
		if _, err := io.WriteString(conn, strings.ReplaceAll(to("GET /v1/events"), "{host}", w.victim.address)+"\r\n"); err != nil {
			return "", fmt.Errorf("ask for events: %w", err)
		}
	}
	return w.served(ctx, w.victim)
}

// hoard claims a unit at a time until long after there is none.
func hoard(ctx context.Context, w *world) (string, error) {
	count := map[string]int{}
	for n := range 200 {
		said, err := post("/v1/reservations", fmt.Sprintf(`{"id":"hoard-%d","channel":"evil","ttl_s":60,"lines":[{"item":%q,"quantity":1,"candidates":[%q]}]}`,
			n, itemHoard, storeVictim)).to(ctx, w.hub.address)
		if err != nil {
			return "", err
		}
		count[said]++
	}
	return fmt.Sprintf("%d held, %d short", count["201"], count["409 short"]), nil
}

// bodies sends bodies that are as large as may be and hold as many values as
// fit, all at once.
func bodies(on, path, member string) func(context.Context, *world) (string, error) {
	body := `{"` + member + `":[` + strings.Repeat("[],", (protocol.MaxBodyBytes-64)/3) + `[]]}`
	return atOnce(64, on, post(path, body))
}

func queries(ctx context.Context, w *world) (string, error) {
	line := fmt.Sprintf(`{"item":%q,"location":%q},`, itemVictim, storeVictim)
	return atOnce(64, onHub, post("/v1/availability/query", `{"lines":[`+strings.TrimSuffix(strings.Repeat(line, 1000), ",")+`]}`))(ctx, w)
}

// atOnce makes the same call many times side by side; all must be answered alike.
func atOnce(n int, on string, c call) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		address := w.hub.address
		if on == onStore {
			address = w.victim.address
		}
		answers := make([]string, n)
		var failed atomic.Value
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() { // waited for below
				said, err := c.to(ctx, address)
				if answers[i] = said; err != nil {
					failed.Store(err)
				}
			})
		}
		all.Wait()
		if err, ok := failed.Load().(error); ok {
			return "", err
		}
		for _, said := range answers {
			if said != answers[0] {
				return "some " + answers[0] + ", some " + said, nil
			}
		}
		return fmt.Sprintf("%d times %s", n, answers[0]), nil
	}
}
