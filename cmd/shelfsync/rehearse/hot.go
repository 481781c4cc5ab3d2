package rehearse

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/linear"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Hot items: beside the day, a few clients fight over a few goods at a location
// that no store sells from, on all nodes at once and through every fault. What
// they were answered is judged by package linear: nothing else moves these
// goods, so every answer must fit.
const (
	hotLocation = "HOT-ITEMS"
	hotClients  = 8
	hotKinds    = 6  // items
	hotOpening  = 12 // units of each: refusals happen all the time
	hotPause    = 25 * time.Millisecond
	hotRetry    = 400 * time.Millisecond // the least that a hub without a leader asks for
	hotTimeout  = 8 * time.Second        // of one call: longer than an election holds it
	hotHold     = 3600                   // seconds: nothing expires while the day is played
	// judgeWithin bounds the check of one item.
	judgeWithin = 10 * time.Second
)

// hot is the workload and its history.
type hot struct {
	items   []string
	http    *http.Client
	began   time.Time
	mutex   sync.Mutex // guards history and ids: all clients add to them
	history []linear.Call
	ids     []hotID
	known   map[string]bool
}

// hotID is a reservation that somebody asked for.
type hotID struct{ item, id string }

func newHot() *hot {
	h := &hot{began: time.Now(), known: map[string]bool{}, http: &http.Client{Timeout: hotTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 2 * hotClients}}}
	for i := range hotKinds {
		h.items = append(h.items, fmt.Sprintf("HOT-%d", i+1))
	}
	return h
}

// hotItems runs the clients until the day is over and asks once more for every
// reservation, when everything is healed.
func (r *Run) hotItems(ctx context.Context) error {
	day, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup // waits for the clients
	for n := range hotClients {
		group.Go(func() { r.hotClient(day, n) })
	}
	<-r.faultsOver
	cancel()
	group.Wait()
	return nil
}

// hotClient does one thing after the other, each at the next node.
func (r *Run) hotClient(ctx context.Context, number int) {
	c := &hotWorker{hot: r.hot, number: number, node: number, nodes: r.nodes, random: rand.New(rand.NewPCG(r.options.Seed, 0x407+uint64(number)))}
	for ctx.Err() == nil {
		c.act(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(hotPause/2 + rand.N(hotPause)):
		}
	}
}

// hotWorker is one client and its own reservations.
type hotWorker struct {
	hot    *hot
	number int
	node   int // where its next call goes
	nodes  []*node
	random *rand.Rand
	mine   []hotID
}

// habits are what a client does, in hundredths.
var habits = []struct {
	share int
	kind  linear.Kind
}{{35, linear.Reserve}, {15, linear.Confirm}, {25, linear.Release}, {5, linear.Extend}, {12, linear.Get}, {8, linear.Available}}

func (c *hotWorker) act(ctx context.Context) {
	drawn := c.random.IntN(100)
	kind := linear.Reserve
	for _, h := range habits {
		if drawn -= h.share; drawn < 0 {
			kind = h.kind
			break
		}
	}
	call := linear.Call{Kind: kind, Item: c.hot.items[c.random.IntN(hotKinds)]}
	switch kind {
	case linear.Reserve:
		call.ID, call.Quantity = fmt.Sprintf("hot-%d-%d", c.number, len(c.mine)), 1+c.random.IntN(3)
		c.mine = append(c.mine, hotID{call.Item, call.ID})
		c.hot.asked(hotID{call.Item, call.ID})
	case linear.Available:
	case linear.Get:
		of, ok := c.hot.any(c.random)
		if !ok {
			return
		}
		call.Item, call.ID = of.item, of.id
	default:
		if len(c.mine) == 0 {
			return
		}
		of := c.mine[len(c.mine)-1-c.random.IntN(min(len(c.mine), 6))]
		call.Item, call.ID = of.item, of.id
	}
	c.insist(ctx, call)
	// Half of the writes are read at once at the next node: it has to know of them,
	// however late it hears.
	if call.Kind <= linear.Extend && c.random.IntN(2) == 0 {
		c.insist(ctx, linear.Call{Kind: linear.Get, Item: call.Item, ID: call.ID})
	}
}

// insist repeats a call with the same id until it is answered; each attempt is a
// call of its own in the history.
func (c *hotWorker) insist(ctx context.Context, call linear.Call) {
	for wait := hotRetry; ; wait = min(2*wait, time.Second) {
		call.Client, call.Node = c.number, c.node%len(c.nodes)
		c.node++
		sent := c.hot.attempt(&call, c.nodes[call.Node].Address)
		if sent {
			c.hot.note(call)
		}
		if sent && call.Outcome != linear.Unknown {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

func (h *hot) note(call linear.Call) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.history = append(h.history, call)
}

func (h *hot) asked(id hotID) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.ids = append(h.ids, id)
	h.known[id.id] = true
}

// asks reports whether the clients asked for a reservation of this id; a run
// without hot items has none.
func (h *hot) asks(id string) bool {
	return h != nil && h.known[id]
}

func (h *hot) any(random *rand.Rand) (hotID, bool) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if len(h.ids) == 0 {
		return hotID{}, false
	}
	return h.ids[len(h.ids)-1-random.IntN(min(len(h.ids), 40))], true
}

// attempt makes one call at one node and fills in what it was answered. It is
// false if the call never left: nobody listened.
func (h *hot) attempt(call *linear.Call, address string) (sent bool) {
	request, err := requestOf(call, address)
	if err != nil {
		return false
	}
	call.Outcome, call.State, call.Free = linear.Unknown, "", 0
	call.Began = time.Since(h.began)
	reply, err := (&client{h.http}).send(request)
	call.Ended = time.Since(h.began)
	if refused := (*net.OpError)(nil); errors.As(err, &refused) && refused.Op == "dial" {
		return false
	}
	if err == nil && reply.status == http.StatusTooManyRequests {
		return false // too much waited: nothing was done
	}
	if err == nil {
		understand(call, reply)
	}
	return true
}

func requestOf(call *linear.Call, address string) (*http.Request, error) {
	base := "http://" + address
	if call.Kind == linear.Get {
		return http.NewRequest(http.MethodGet, base+"/v1/reservations/"+call.ID+"?consistency=linearizable", nil)
	}
	if call.Kind == linear.Available {
		return http.NewRequest(http.MethodGet, base+"/v1/availability?consistency=linearizable&channel=web&location="+hotLocation+"&item="+call.Item, nil)
	}
	path, body := "/v1/reservations/"+call.ID+"/"+call.Kind.String(), any(api.Step{})
	switch call.Kind {
	case linear.Reserve:
		path, body = "/v1/reservations", api.ReservationRequest{ID: call.ID, Channel: "web", TTLSeconds: hotHold, Lines: []api.ReservationWant{
			{Item: call.Item, Quantity: units(call.Quantity), Candidates: []string{hotLocation}}}}
	case linear.Extend:
		body = api.Step{TTLSeconds: hotHold}
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodPost, base+path, bytes.NewReader(encoded))
	if err == nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, err
}

func units(n int) api.Quantity { return api.Of(stock.Quantity(n) * 1000) }

func whole(q api.Quantity) int { return int(q.Stock() / 1000) }

// understand reads an answer. What is neither an answer of the surface nor whole
// leaves the outcome unknown.
func understand(call *linear.Call, reply reply) {
	var body struct {
		api.Reservation
		Code         api.Code         `json:"code"`
		Of           *api.Reservation `json:"reservation"`
		Availability []api.Shortage   `json:"availability"`
		Data         []struct {
			Quantity api.Quantity `json:"quantity"`
		} `json:"data"`
	}
	if json.Unmarshal(reply.body, &body) != nil {
		return
	}
	switch {
	case reply.status == http.StatusOK && call.Kind == linear.Available && len(body.Data) == 1:
		call.Outcome, call.Free = linear.Done, whole(body.Data[0].Quantity)
	case (reply.status == http.StatusOK || reply.status == http.StatusCreated) && call.Kind != linear.Available:
		call.Outcome, call.State = linear.Done, body.State
	case body.Code == api.CodeShort && len(body.Availability) == 1:
		call.Outcome, call.Free = linear.Short, whole(body.Availability[0].Available)
	case body.Code == api.CodeNotAllowed && body.Of != nil:
		call.Outcome, call.State = linear.NotAllowed, body.Of.State
	case body.Code == api.CodeNotFound:
		call.Outcome = linear.NotFound
	}
}

// closing asks, once all is healed, for every reservation that was asked for,
// so that the end is part of the history.
func (h *hot) closing(nodes []*node) {
	var group sync.WaitGroup // waits for the clients
	for n := range hotClients {
		group.Go(func() {
			c := &hotWorker{hot: h, number: n, node: n, nodes: nodes, random: rand.New(rand.NewPCG(uint64(n), 0))}
			ctx, cancel := context.WithTimeout(context.Background(), settleWithin)
			defer cancel()
			for i := n; i < len(h.ids); i += hotClients {
				c.insist(ctx, linear.Call{Kind: linear.Get, Item: h.ids[i].item, ID: h.ids[i].id})
			}
			if n < len(h.items) {
				c.insist(ctx, linear.Call{Kind: linear.Available, Item: h.items[n]})
			}
		})
	}
	group.Wait()
}

// linearizable judges the history and keeps it beside the programs' logs.
func (a *auditor) linearizable() error {
	h := a.run.hot
	h.closing(a.run.nodes)
	if err := h.write(filepath.Join(a.run.dir, "history.ndjson")); err != nil {
		return err
	}
	result := linear.Check(h.history, hotOpening, judgeWithin)
	a.report.Linearizability = &result
	for _, took := range h.resumed(a.run.kills) {
		a.report.ResumedMS = append(a.report.ResumedMS, ms(took))
	}
	switch {
	case result.Violated != "":
		a.report.fail(fmt.Sprintf("not linearizable: the answers about %s fit no order of the calls", result.Violated))
	case result.Timeouts > 0:
		a.report.fail(fmt.Sprintf("linearizability of %d items could not be judged within %s", result.Timeouts, judgeWithin))
	case 10*result.Known < 9*result.Operations || result.Operations == 0:
		a.report.fail(fmt.Sprintf("vacuous: only %d of %d operations on hot items have a known outcome", result.Known, result.Operations))
	}
	return nil
}

func (h *hot) write(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	encoder := json.NewEncoder(out)
	slices.SortFunc(h.history, func(a, b linear.Call) int { return cmp.Compare(a.Began, b.Began) })
	for i := range h.history {
		if err := encoder.Encode(&h.history[i]); err != nil {
			return fmt.Errorf("write history: %w", err)
		}
	}
	return out.Flush()
}

// resumed is how long after each kill of a leader the first write on a hot item,
// begun after it, was answered.
func (h *hot) resumed(kills []time.Time) (took []time.Duration) {
	for _, killed := range kills {
		at := killed.Sub(h.began)
		best := time.Duration(-1)
		for i := range h.history {
			c := &h.history[i]
			if wrote := c.Kind <= linear.Extend && c.Outcome != linear.Unknown; wrote && c.Began >= at && (best < 0 || c.Ended-at < best) {
				best = c.Ended - at
			}
		}
		if best >= 0 {
			took = append(took, best)
		}
	}
	return took
}
