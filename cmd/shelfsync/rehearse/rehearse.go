package rehearse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
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
	Dir         string // where the programs' folders go; empty: a temporary one
	Keep        bool   // leave the folder behind
	Out         io.Writer
	Terminal    bool // show progress in place
}

// Run is one rehearsal.
type Run struct {
	options Options
	planned planner
	plan    *plan
	day     *day.Day
	stores  []day.Basket
	online  []day.Basket
	dir     string
	hub     *Process
	agents  map[string]*store
	record  *Record
	client  *client
	feed    *feed
	screen  *screen
	played  atomic.Int64
	total   int
	began   time.Time
	report  Report
}

// store is one store of the day: its agent and its wire to the hub.
type store struct {
	agent *Process
	proxy *Proxy
}

// Rehearse plays and audits one day. An error means that it could not be
// played; what the audit found is in the report.
func Rehearse(ctx context.Context, options Options) (*Report, error) {
	return rehearse(ctx, options, planFor)
}

// planner draws the faults of a day; the kill loop has its own.
type planner func(faults string, locations []string, seed uint64) (*plan, error)

func rehearse(ctx context.Context, options Options, planned planner) (*Report, error) {
	r := &Run{options: options, planned: planned, client: newClient(256), agents: map[string]*store{}, screen: newScreen(options.Out, options.Terminal), began: time.Now()}
	r.report.Verdict, r.report.Failures = "pass", []string{}
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
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	r.report.Seconds = seconds(time.Since(r.began))
	return &r.report, nil
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// read makes the day and decides what is sold in stores and what online.
func (r *Run) read(context.Context) (err error) {
	if r.day, err = day.Read(r.options.Files, r.options.Day); err != nil {
		return err
	}
	r.stores, r.online = r.day.Split(r.options.OnlineShare, r.options.Seed)
	r.total = len(r.stores) + len(r.online)
	d := &r.report.Data
	d.Baskets, d.Lines = len(r.day.Baskets), r.day.PlayedLines
	d.Locations, d.Items = len(r.day.Locations), len(r.day.Items)
	d.NotPlayed, d.NotUnderstood = r.day.NotPlayed, r.day.NotUnderstood
	for _, problem := range r.day.Problems {
		r.screen.say("  not understood: " + problem.String())
	}
	r.plan, err = r.planned(r.options.Faults, r.day.Locations, r.options.Seed)
	return err
}

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
	hubProgram, agentProgram, err := programs(ctx, r.dir, r.screen.say)
	if err != nil {
		return err
	}
	if r.hub, err = r.process("hub", hubProgram, "run", "--single"); err != nil {
		return err
	}
	raft, err := freePort()
	if err != nil {
		return err
	}
	r.hub.args = append(r.hub.args, "--raft-listen", raft)
	if err := r.hub.Start(); err != nil {
		return err
	}
	if err := r.hub.Ready(ctx); err != nil {
		return err
	}
	for _, location := range r.day.Locations {
		s := &store{}
		if s.proxy, err = NewProxy(r.hub.Address); err != nil {
			return err
		}
		if s.agent, err = r.process("agent-"+fmt.Sprintf("%03d", len(r.agents)+1), agentProgram, "run", "--location", location, "--hub", s.proxy.Address()); err != nil {
			return err
		}
		r.agents[location] = s
		if err := s.agent.Start(); err != nil {
			return err
		}
	}
	for _, s := range r.agents {
		if err := s.agent.Ready(ctx); err != nil {
			return err
		}
	}
	r.feed = follow(r.hub.Address)
	return nil
}

func (r *Run) process(name, binary string, args ...string) (*Process, error) {
	address, err := freePort()
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
	encode := json.NewEncoder(&items)
	no := false
	for _, code := range r.day.Items {
		item := api.Item{Code: code, Unit: "piece"}
		if r.day.Weighed[code] {
			item.Unit, item.Decimals = "kg", 3
		}
		_ = encode.Encode(item)
	}
	for _, code := range r.day.Services {
		_ = encode.Encode(api.Item{Code: code, Stocked: &no})
	}
	encode = json.NewEncoder(&locations)
	for _, code := range r.day.Locations {
		_ = encode.Encode(api.Location{Code: code, Name: "Store " + code})
	}
	if err := r.client.put(ctx, r.at("/v1/items"), items.Bytes()); err != nil {
		return err
	}
	if err := r.client.put(ctx, r.at("/v1/locations"), locations.Bytes()); err != nil {
		return err
	}
	opening := r.day.Opening(r.options.Opening)
	for _, location := range slices.Sorted(maps.Keys(opening)) {
		if err := r.open(ctx, location, opening[location]); err != nil {
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
			answer.Lines = append(answer.Lines, Line{"adjust", code, q})
		}
		reply, err := r.client.post(ctx, r.at("/v1/movements"), "", document)
		if err != nil {
			return err
		}
		if reply.status != 201 {
			return fmt.Errorf("opening stock of %s answered %d: %s", location, reply.status, reply.body)
		}
		answer.Status, answer.At = reply.status, time.Now()
		r.record.Note(answer)
	}
	return nil
}

func (r *Run) at(path string) string { return "http://" + r.hub.Address + path }

// stop ends every program and removes the folder unless it is to be kept.
func (r *Run) stop() {
	if r.feed != nil {
		r.feed.stop()
	}
	for _, s := range r.agents {
		if s.agent != nil {
			s.agent.Stop()
		}
		if s.proxy != nil {
			s.proxy.Close()
		}
	}
	if r.hub != nil {
		r.hub.Stop()
	}
	if r.dir != "" && r.options.Dir == "" && !r.options.Keep && r.report.Verdict == "pass" {
		os.RemoveAll(r.dir)
	} else if r.dir != "" {
		r.screen.say("the programs' folders and logs are in " + r.dir)
	}
}
