package rehearse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/day"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Options say what to rehearse.
type Options struct {
	Files       []string
	Day         day.Options
	Hubs        int
	Opening     float64 // share of what the day asks for that is there in the morning
	OnlineShare float64 // share of the baskets that arrive as online orders
	Faults      string  // none, standard, harsh
	Seed        uint64
	Programs    string // folder of the built programs; empty: beside this one, else they are built
	Dir         string // where the programs' folders go; empty: a temporary one
	Keep        bool   // leave the folder behind
	Out         io.Writer
	Terminal    bool // show progress in place
}

// Run is one rehearsal.
type Run struct {
	options    Options
	planned    planner
	plan       *plan
	day        *day.Day
	opening    map[string]map[string]int64
	stores     []day.Basket    // sold over the counter
	online     []day.Basket    // arrive at the channel
	drawn      map[string]bool // slips of the online orders that were drawn
	dir        string
	nodes      []*node
	agents     map[string]*store
	noise      *noise
	faultsOver chan struct{} // closed when all faults are done
	record     *Record
	client     *client
	feed       *feed
	hot        *hot // nil: no hot items
	screen     *screen
	clock      clock
	beside     func(do func(context.Context) error) // while the day is played
	played     atomic.Int64
	errands    []errand
	ledgers    map[string]papers // of PCs, as far as they were read
	kept       string            // the image of a disk
	classes    map[string]string // of items, where it is not the default
	office     sync.Mutex        // held by one decision of central IT at a time
	held       []net.PacketConn  // the ports of the programs
	tries      atomic.Int64      // of clerks at their tasks
	problems   sync.Mutex        // guards report.Failures and ledgers while the day is played
	total      int
	began      time.Time
	kills      []time.Time // of leaders
	report     Report
}

// Rehearse plays and audits one day. An error means that it could not be
// played; what the audit found is in the report.
func Rehearse(ctx context.Context, options Options) (*Report, error) {
	return rehearse(ctx, options, planFor)
}

// planner draws the faults of a day; the kill loop has its own.
type planner func(r *Run) (*plan, error)

func rehearse(ctx context.Context, options Options, planned planner) (*Report, error) {
	r := &Run{options: options, planned: planned, client: newClient(256), agents: map[string]*store{}, ledgers: map[string]papers{}, faultsOver: make(chan struct{}), screen: newScreen(options.Out, options.Terminal), began: time.Now()}
	r.report.Verdict, r.report.Failures, r.report.Conflicts = "pass", []string{}, []Explained{}
	defer r.stop()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"reading the day", r.read}, {"starting the hub and the stores", r.start}, {"loading catalogue and opening stock", r.load},
		{"playing", r.play}, {"waiting until nothing is on its way", r.converge}, {"auditing", r.audit},
	} {
		r.screen.say(step.name)
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, errors.Join(err, r.ended()))
		}
	}
	r.report.Seconds = seconds(time.Since(r.began))
	return &r.report, nil
}

// problem is a failure that is seen while the day is played.
func (r *Run) problem(sentence string) {
	r.problems.Lock()
	defer r.problems.Unlock()
	r.report.fail(sentence)
}

// ended names programs that went away although nobody ended them: outside of a
// fault that is a failure by itself, and the reason of others.
func (r *Run) ended() (err error) {
	for _, n := range r.nodes {
		err = errors.Join(err, n.ended())
	}
	for _, s := range r.agents {
		err = errors.Join(err, s.agent.ended())
	}
	return err
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// read makes the day and decides what is sold in stores and what online.
func (r *Run) read(context.Context) (err error) {
	if r.day, err = day.Read(r.options.Files, r.options.Day); err != nil {
		return err
	}
	if len(r.day.Baskets) == 0 {
		return errEmpty
	}
	d := &r.report.Data
	d.Baskets, d.Lines = len(r.day.Baskets), r.day.PlayedLines
	d.Locations, d.Items = len(r.day.Locations), len(r.day.Items)
	d.NotPlayed, d.NotUnderstood = r.day.NotPlayed, r.day.NotUnderstood
	for _, problem := range r.day.Problems {
		r.screen.say("  not understood: " + problem.String())
	}
	r.opening = r.day.Opening(r.options.Opening)
	r.stores, r.online = r.day.Split(r.options.OnlineShare, r.options.Seed)
	r.drawn = map[string]bool{}
	for i := range r.online {
		r.drawn[slip(&r.online[i])] = true
	}
	if r.plan, err = r.planned(r); err != nil {
		return err
	}
	if r.options.OnlineShare > 0 {
		r.split()
	}
	r.planErrands()
	r.total = len(r.stores) + len(r.online)
	return nil
}

var errEmpty = errors.New("the day has no baskets")

// start runs the programs on fresh folders, free ports and loopback only.
func (r *Run) start(ctx context.Context) (err error) {
	if r.dir = r.options.Dir; r.dir == "" {
		r.dir, err = os.MkdirTemp("", "shelfsync-rehearsal-")
	} else {
		err = os.MkdirAll(r.dir, 0o755)
	}
	if err != nil {
		return err
	}
	if r.record, err = OpenRecord(r.dir); err != nil {
		return err
	}
	hubProgram, agentProgram, err := programs(ctx, r.options.Programs, r.dir, r.screen.say)
	if err != nil {
		return err
	}
	if err := r.startHub(ctx, hubProgram); err != nil {
		return err
	}
	if len(r.nodes) > 1 {
		r.hot = newHot()
	}
	if r.plan.noisy {
		r.noise = &noise{seed: r.options.Seed}
	}
	for _, location := range r.day.Locations {
		if err := r.startStore(location, agentProgram); err != nil {
			return err
		}
	}
	for _, s := range r.agents {
		if err := s.agent.Ready(ctx); err != nil {
			return err
		}
	}
	r.feed = follow(r.hub(0, "/v1/feed"))
	return nil
}

// startStore runs an agent, with a wire to each node of the hub. Stores begin at
// different ones.
func (r *Run) startStore(location, program string) (err error) {
	s, number := &store{pc: location}, len(r.agents)
	addresses := make([]string, len(r.nodes))
	for i := range r.nodes {
		wire, err := newProxy(r.nodes[(i+number)%len(r.nodes)].Address, r.noise)
		if err != nil {
			return err
		}
		s.wires = append(s.wires, wire)
		addresses[i] = wire.Address()
	}
	if s.agent, err = r.process(fmt.Sprintf("agent-%03d", number+1), program, "run", "--location", location, "--hub", strings.Join(addresses, ",")); err != nil {
		return err
	}
	r.agents[location] = s
	return s.agent.Start()
}

func (r *Run) process(name, binary string, args ...string) (*Process, error) {
	address, err := r.freePort()
	if err != nil {
		return nil, err
	}
	p := &Process{Name: name, Address: address, binary: binary, log: filepath.Join(r.dir, name+".log")}
	p.args = append(args, "--listen", address, "--data", filepath.Join(r.dir, name))
	return p, nil
}

// documentLines bounds an opening document, well below the hub's own limit.
const documentLines = 400

// load puts the catalogue, the locations and the opening stock into the hub and
// waits until every store has them.
func (r *Run) load(ctx context.Context) error {
	var items, locations bytes.Buffer
	catalogue, encode := json.NewEncoder(&items), json.NewEncoder(&locations)
	encodeItem := func(item api.Item) { _ = catalogue.Encode(item) } // into memory
	no := false
	for _, code := range r.day.Items {
		item := api.Item{Code: code, Unit: "piece", Class: r.class(code)}
		if r.day.Weighed[code] {
			item.Unit, item.Decimals = "kg", 3
		}
		encodeItem(item)
	}
	for _, code := range r.day.Services {
		encodeItem(api.Item{Code: code, Stocked: &no})
	}
	if r.hot != nil {
		_ = encode.Encode(api.Location{Code: hotLocation, Name: "Hot items"})
		r.opening[hotLocation] = map[string]int64{}
		for _, code := range r.hot.items {
			encodeItem(api.Item{Code: code, Unit: "piece"})
			r.opening[hotLocation][code] = hotOpening * 1000
		}
	}
	_ = encode.Encode(api.Location{Code: nowhere, Name: "Nothing is ever here"})
	for _, code := range r.day.Locations {
		_ = encode.Encode(api.Location{Code: code, Name: nameOf(code)})
	}
	if err := r.client.put(ctx, r.hub(0, "/v1/items"), items.Bytes()); err != nil {
		return err
	}
	if err := r.client.put(ctx, r.hub(0, "/v1/locations"), locations.Bytes()); err != nil {
		return err
	}
	for _, location := range slices.Sorted(maps.Keys(r.opening)) {
		if err := r.open(ctx, location, r.opening[location]); err != nil {
			return err
		}
	}
	return r.caughtUp(ctx)
}

func (r *Run) open(ctx context.Context, location string, levels map[string]int64) error {
	codes := slices.Sorted(maps.Keys(levels))
	for n := 0; len(codes) > 0; n++ {
		slice := codes[:min(documentLines, len(codes))]
		codes = codes[len(slice):]
		document := api.Movements{Source: "rehearsal", Document: fmt.Sprintf("opening-%s-%d", location, n), Location: location}
		answer := Answer{Kind: "opening", Location: location, Receipt: document.Document}
		for _, code := range slice {
			q := levels[code]
			document.Lines = append(document.Lines, api.MovementLine{Movement: "adjust", Item: code, Quantity: api.Of(stock.Quantity(q)), Reason: "opening"})
			answer.Lines = append(answer.Lines, Line{Kind: "adjust", Item: code, Thousandths: q, Account: "sellable"})
		}
		reply, err := r.client.post(ctx, r.hub(0, "/v1/movements"), "", document)
		if err != nil {
			return err
		}
		if reply.status != 201 && reply.status != 200 { // 200: the first attempt took effect, unheard
			return fmt.Errorf("opening stock of %s answered %d: %s", location, reply.status, reply.body)
		}
		answer.Status, answer.At = reply.status, time.Now()
		r.record.Note(answer)
	}
	return nil
}

// stop ends every program and removes the folder unless it is to be kept.
func (r *Run) stop() {
	if r.feed != nil {
		r.feed.stop()
	}
	for _, s := range r.agents {
		if s.agent != nil {
			s.agent.Stop()
		}
		for _, wire := range s.wires {
			wire.Close()
		}
	}
	for _, n := range r.nodes {
		n.Stop()
	}
	for _, port := range r.held {
		port.Close()
	}
	if r.dir != "" && r.options.Dir == "" && !r.options.Keep && r.report.Verdict == "pass" {
		os.RemoveAll(r.dir)
	} else if r.dir != "" {
		r.screen.say("the programs' folders and logs are in " + r.dir)
	}
}
