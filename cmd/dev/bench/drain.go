package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
)

const (
	// visibleWithin is the promise: another store's sale is visible in the hub.
	visibleWithin = 250.0 // ms, at the 99th percentile
	// grownWithin is what a drain may add to a process at most: bounded memory is
	// promised without a number, so it is held to the hub's bound on what waits
	// for its log.
	grownWithin = float64(protocol.MaxIntakeBytes >> 20) // MiB
	// sellEvery is the steady store's pace.
	sellEvery = 10 * time.Millisecond
	// ownEvery is the draining store's, slower, so that it is seen with nothing unsent.
	ownEvery = 50 * time.Millisecond
)

// drained is one round: a store that was offline empties itself into the hub.
type drained struct {
	store      string
	operations int       // written offline
	from, to   time.Time // it may reach the hub; it has said that nothing is unsent
	own        []sold    // what its own tills sold meanwhile
	before     []float64 // peaks of hub, selling store, draining store, MiB
	after      []float64
	ledger     float64 // MiB
}

// drainRun is what all rounds share.
type drainRun struct {
	*Bench
	line     bool // the store runs throughout, its line comes back; else it restarts
	hub      *program
	selling  *store
	receipts atomic.Int64
	rounds   []drained

	standings [2]standing // of the hub, before and after
}

// drain: stores that were offline reach the hub again while another one sells.
func (b *Bench) drain(ctx context.Context, line bool) (Row, error) {
	r := &drainRun{Bench: b, line: line}
	rounds, operations := pick(b, 5, 1), pick(b, 50_000, 5_000)
	if line {
		rounds = pick(b, 3, 1) // its backoff may let it wait for a minute
	}
	if err := r.open(ctx, rounds); err != nil {
		return Row{}, err
	}
	near, whole := follow(ctx, r.hub.address, "location="+storeCode(0)), follow(ctx, r.hub.address, "")
	defer func() { _, _ = near.stop(), whole.stop() }()
	alone := nodes{all: []*program{r.hub}}
	var err error
	if r.standings[0], err = alone.standing(ctx); err != nil {
		return Row{}, err
	}
	stream := r.selling.sellSteadily(ctx, sellEvery)
	err = r.playRounds(ctx, rounds, operations)
	sales, failed := stream.end()
	if err := errors.Join(err, failed); err != nil {
		return Row{}, err
	}
	if r.standings[1], err = alone.standing(ctx); err != nil {
		return Row{}, err
	}
	if err := r.settled(ctx, r.selling); err != nil {
		return Row{}, err
	}
	at, err := places(ctx, r.hub.address)
	if err != nil {
		return Row{}, err
	}
	last := slices.Max(slices.Collect(maps.Values(at)))
	if err := errors.Join(near.stopAt(ctx, last), whole.stopAt(ctx, last)); err != nil {
		return Row{}, err
	}
	return r.row(sales, at, near, whole)
}

// open starts a hub with a catalogue, and the store that sells throughout.
func (r *drainRun) open(ctx context.Context, rounds int) (err error) {
	raft, err := freePort()
	if err != nil {
		return err
	}
	if r.hub, err = r.start(ctx, "shelfsync-hub", "hub", "run", "--single", "--raft-listen", raft); err != nil {
		return err
	}
	var items, locations bytes.Buffer
	rows := json.NewEncoder(&items)
	for n := range int64(assortment) {
		if err := rows.Encode(api.Item{Code: itemCode(n), Unit: "piece"}); err != nil {
			return err
		}
	}
	rows = json.NewEncoder(&locations)
	for n := range rounds + 1 {
		if err := rows.Encode(api.Location{Code: storeCode(n), Name: "Store " + storeCode(n)}); err != nil {
			return err
		}
	}
	if err := putRows(ctx, r.hub.address, "/v1/items", &items); err != nil {
		return err
	}
	if err := putRows(ctx, r.hub.address, "/v1/locations", &locations); err != nil {
		return err
	}
	agent, err := r.start(ctx, "shelfsync-agent", storeCode(0), "run", "--location", storeCode(0), "--hub", r.hub.address)
	if err != nil {
		return err
	}
	r.selling = newStore(agent, &r.receipts)
	if _, err := r.selling.deliver(ctx); err != nil {
		return err
	}
	return r.settled(ctx, r.selling)
}

// storeCode is S001 for the store that sells, then those that drain.
func storeCode(n int) string { return fmt.Sprintf("S%03d", n+1) }

// putRows sends rows of NDJSON to a hub.
func putRows(ctx context.Context, address, path string, rows *bytes.Buffer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+address+path, rows)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	_, err = call(http.DefaultClient, request, http.StatusOK)
	return err
}

func (r *drainRun) playRounds(ctx context.Context, rounds, operations int) error {
	for n := range rounds {
		round := drained{store: storeCode(n + 1)}
		if err := r.playRound(ctx, &round, operations); err != nil {
			return fmt.Errorf("round %d: %w", n+1, err)
		}
		r.say("drain round %d of %d: %s, offline with %d operations, had nothing unsent %.1f s after it could reach the hub; peaks of hub, %s, %s: before %.0f, after %.0f MiB",
			n+1, rounds, round.store, round.operations, round.to.Sub(round.from).Seconds(), storeCode(0), round.store, round.before, round.after)
		r.rounds = append(r.rounds, round)
	}
	return nil
}

// calm is how long a store waits offline before it may reach the hub; half of it
// the other store is watched alone. The hub takes a store for a draining one only
// when its oldest operation has waited for 5 s.
func (r *drainRun) calm() time.Duration {
	if r.line {
		return pick(r.Bench, 10*time.Second, 6*time.Second)
	}
	return pick(r.Bench, 10*time.Second, 2*time.Second)
}

// playRound lets a new store sell without a hub, then lets it reach the hub and
// waits until nothing of it is unsent.
func (r *drainRun) playRound(ctx context.Context, round *drained, operations int) error {
	wire, err := rehearse.NewProxy(r.hub.address)
	if err != nil {
		return fmt.Errorf("open a line to the hub: %w", err)
	}
	defer wire.Close()
	wire.Cut()
	args := []string{"run", "--location", round.store}
	reach := append(args, "--hub", wire.Address())
	if r.line {
		args = reach
	}
	agent, err := r.start(ctx, "shelfsync-agent", round.store, args...)
	if err != nil {
		return err
	}
	defer func() { agent.stop() }()
	if err := r.fill(ctx, newStore(agent, &r.receipts), round, operations); err != nil {
		return err
	}
	select {
	case <-time.After(r.calm()):
	case <-ctx.Done():
		return ctx.Err()
	}
	if !r.line {
		agent.stop()
		if agent, err = r.start(ctx, "shelfsync-agent", round.store, reach...); err != nil {
			return err
		}
	}
	return r.empty(ctx, agent, wire, round)
}

// fill lets a store sell as fast as it can, and asks what it has unsent.
func (r *drainRun) fill(ctx context.Context, s *store, round *drained, operations int) error {
	delivered, err := s.deliver(ctx)
	if err != nil {
		return err
	}
	var left atomic.Int64
	left.Store(int64(operations - delivered))
	if _, err := s.rush(ctx, tills, func() bool { return left.Add(-1) >= 0 }); err != nil {
		return err
	}
	status, err := s.status(ctx)
	round.operations, round.ledger = int(status.Backlog.Operations), float64(status.Disk.LedgerBytes)/(1<<20)
	return err
}

// empty heals a store's line while its tills sell on.
func (r *drainRun) empty(ctx context.Context, agent *program, wire *rehearse.Proxy, round *drained) (err error) {
	watched := []*program{r.hub, r.selling.program, agent}
	if round.before, err = peaks(watched); err != nil {
		return err
	}
	s := newStore(agent, &r.receipts)
	own := s.sellSteadily(ctx, ownEvery)
	round.from = time.Now()
	wire.Heal()
	err = r.settled(ctx, s)
	round.to = time.Now()
	var failed error
	if round.own, failed = own.end(); err != nil || failed != nil {
		return errors.Join(err, failed)
	}
	if err := r.settled(ctx, s); err != nil {
		return err
	}
	round.after, err = peaks(watched)
	return err
}

func peaks(programs []*program) (out []float64, err error) {
	for _, p := range programs {
		peak, err := p.peak()
		if err != nil {
			return nil, err
		}
		out = append(out, peak)
	}
	return out, nil
}

func (s *store) status(ctx context.Context) (status api.Status, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/v1/status", nil)
	if err != nil {
		return status, err
	}
	body, err := call(s.http, request, http.StatusOK)
	if err != nil {
		return status, err
	}
	return status, json.Unmarshal(body, &status)
}

// settleWait bounds how long a store may take until nothing of it is unsent.
const settleWait = 5 * time.Minute

func (r *drainRun) settled(ctx context.Context, s *store) error {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	for {
		status, err := s.status(ctx)
		if err != nil {
			return err
		}
		if status.Link.State == "online" && status.Backlog.Operations == 0 {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s still has %d operations unsent, link %s %s: %w", s.name, status.Backlog.Operations, status.Link.State, status.Link.LastError, ctx.Err())
		}
	}
}

// entered finds, of a store's operations in the journal, how many there are, and
// where the first took effect and the one with a sequence did.
func entered(at map[string]uint64, store string, sequence int) (count int, first, last uint64) {
	for operation, index := range at {
		if !strings.HasPrefix(operation, store+".") {
			continue
		}
		if count++; count == 1 || index < first {
			first = index
		}
		if strings.HasSuffix(operation, "."+strconv.Itoa(sequence)) {
			last = index
		}
	}
	return count, first, last
}
