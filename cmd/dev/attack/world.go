package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// Who is in the world. The victim's surface and ledger are attacked; the
// neighbour's never are; the attacker has a location of its own.
const (
	storeVictim = "VICTIM"
	storeNear   = "NEAR"
	storeEvil   = "EVIL"
	storeHub    = "DC" // without an agent: its facts are posted to the hub
	itemVictim  = "A"
	itemNear    = "N"
	itemHoard   = "H"
	claimsNear  = "near-"
	openingNear = 1_000_000
	openHoard   = 50
)

// world is the programs under attack and what is known about them.
type world struct {
	options Options
	dir     string
	running []*program
	nodes   []*program // of the hub
	hub     *program   // the node that is attacked
	raft    string     // its address for other nodes
	victim  *program   // an agent
	near    *program   // another
	mark    string     // position of the hub up to which effects were counted
	ledger  uint64     // the victim's last operation then
	facts   string     // what no attack may change without leave
	lured   int        // agents that were started on a hostile hub

	luredGrowth uint64 // bytes by which the last of them grew; judge takes it
}

// begin starts hub and agents and gives them something to lose.
func begin(ctx context.Context, options Options) (*world, error) {
	dir, err := os.MkdirTemp(options.Dir, "shelfsync-attack-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	w := &world{options: options, dir: dir}
	if err := w.populate(ctx); err != nil {
		w.end()
		return nil, err
	}
	return w, nil
}

func (w *world) populate(ctx context.Context) (err error) {
	if err := w.found(ctx); err != nil {
		return err
	}
	addresses := w.hub.address
	for _, node := range w.nodes[1:] {
		addresses += "," + node.address
	}
	for _, store := range []struct {
		at   **program
		code string
	}{{&w.victim, storeVictim}, {&w.near, storeNear}} {
		if *store.at, err = w.start(ctx, "shelfsync-agent", store.code, "run", "--location", store.code, "--hub", addresses); err != nil {
			return err
		}
	}
	if err := w.stock(ctx); err != nil {
		return err
	}
	return w.online(ctx)
}

// found starts the hub: one node, or three that agree.
func (w *world) found(ctx context.Context) error {
	names, ports, peers := []string{"a", "b", "c"}[:max(1, w.options.Hubs)], []string{}, ""
	for _, name := range names {
		port, err := freePort()
		if err != nil {
			return fmt.Errorf("find a port: %w", err)
		}
		ports, peers = append(ports, port), peers+","+name+"="+port
	}
	for i, name := range names {
		args := []string{"run", "--raft-listen", ports[i]}
		if len(names) == 1 {
			args = append(args, "--single")
		} else {
			args = append(args, "--peers", peers[1:], "--node", name)
		}
		node, err := w.launch("shelfsync-hub", "hub-"+name, args...)
		if err != nil {
			return err
		}
		w.nodes = append(w.nodes, node)
	}
	w.hub, w.raft = w.nodes[0], ports[0]
	for _, node := range w.nodes {
		if err := node.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// stock loads a catalogue, opening balances, a claim and a sale to abuse.
func (w *world) stock(ctx context.Context) error {
	items, places := "", ""
	for _, code := range []string{itemVictim, itemNear, itemHoard} {
		items += fmt.Sprintf(`{"code":%q}`+"\n", code)
	}
	for _, code := range []string{storeHub, storeVictim, storeNear} { // its agents may not have come yet
		places += fmt.Sprintf(`{"code":%q}`+"\n", code)
	}
	opening := func(location, item string, quantity int) call {
		return post("/v1/movements", fmt.Sprintf(`{"document":"opening-%s-%s","location":%q,"lines":[{"movement":"adjust","item":%q,"quantity":%d,"reason":"opening"}]}`,
			location, item, location, item, quantity))
	}
	hub, victim := w.hub.address, w.victim.address
	for _, step := range []struct {
		address string
		call    call
		want    string
	}{
		{hub, call{method: "PUT", path: "/v1/items", contentType: ndjson, body: items}, "200"},
		{hub, call{method: "PUT", path: "/v1/locations", contentType: ndjson, body: places}, "200"},
		{hub, opening(storeVictim, itemVictim, 1000), "201"},
		{hub, opening(storeVictim, itemHoard, openHoard), "201"},
		{hub, opening(storeNear, itemNear, openingNear), "201"},
		{hub, post("/v1/reservations", claimOf("held", "1")), "201"},
		{victim, post("/v1/sales", saleOf("used", "1")), "201"},
	} {
		said, err := step.call.to(ctx, step.address)
		if err == nil && said != step.want {
			err = fmt.Errorf("%s %s answered %s, want %s", step.call.method, step.call.path, said, step.want)
		}
		if err != nil {
			return fmt.Errorf("set the scene: %w", err)
		}
	}
	return w.settleEvil(ctx)
}

// settleEvil gives the attacker a place in the log: a location, an epoch and
// three operations that were taken.
func (w *world) settleEvil(ctx context.Context) error {
	s, welcome, err := w.admitted(ctx)
	if err != nil {
		return fmt.Errorf("set the scene: %w", err)
	}
	batch := batchAfter(welcome.Through, adjustment(1), adjustment(1), adjustment(1))
	s.send(message(protocol.EncodeFrame(batch)))
	for {
		frame, err := s.next()
		if err != nil {
			return fmt.Errorf("set the scene: the attacker's first operations: %w", err)
		}
		if ack, ok := frame.(*protocol.Ack); ok && ack.Through == batch.End {
			return s.Close()
		}
	}
}

// online waits until the hub has heard the agents' first operations and they
// have what the hub knows.
func (w *world) online(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		left, err := w.sellable(ctx, storeVictim, itemVictim)
		if err != nil {
			return err
		}
		if left == 999 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the agents do not reach the hub: %s", w.victim.lastWords())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (w *world) end() {
	for _, p := range w.running {
		p.stop()
	}
	_ = os.RemoveAll(w.dir) // a folder for temporary files
}

// sellable is what the hub says a location has of an item, in whole units.
func (w *world) sellable(ctx context.Context, location, item string) (int, error) {
	var levels struct {
		Data []struct {
			Item     string      `json:"item"`
			Sellable json.Number `json:"sellable"`
		} `json:"data"`
	}
	if err := get(ctx, w.hub.address, "/v1/levels?location="+location, &levels); err != nil {
		return 0, err
	}
	for _, level := range levels.Data {
		if level.Item == item {
			units, err := level.Sellable.Int64()
			return int(units), err
		}
	}
	return 0, nil
}

// effects lists what happened since the last call that was not the neighbour's:
// records of the hub's journal, which names every applied command, and
// operations of the victim's ledger. Unless they are none, what the hub knows of
// the others is looked at anew; with none it must be as it was.
func (w *world) effects(ctx context.Context) (effects []string, err error) {
	var items struct {
		Position string `json:"position"`
	}
	if err := get(ctx, w.hub.address, "/v1/items?limit=1&consistency=linearizable", &items); err != nil {
		return nil, err
	}
	if w.mark != "" {
		if effects, err = w.journal(ctx, w.mark, items.Position); err != nil {
			return nil, err
		}
	}
	var status struct {
		Sequence uint64 `json:"sequence"`
	}
	if err := get(ctx, w.victim.address, "/v1/status", &status); err != nil {
		return nil, err
	}
	for n := w.ledger + 1; w.mark != "" && n <= status.Sequence; n++ {
		effects = append(effects, fmt.Sprintf("operation %d of the store", n))
	}
	facts, err := look(ctx, w.hub)
	if err != nil {
		return nil, err
	}
	if w.mark != "" && len(effects) == 0 && facts != w.facts {
		effects = append(effects, "levels, claims or exceptions changed without a command: "+difference(w.facts, facts))
	}
	w.mark, w.ledger, w.facts = items.Position, status.Sequence, facts
	return effects, nil
}

// record is what of a journal record tells whose it is.
type record struct {
	Position, Kind, Operation, Document, Reservation, Location, Detail string
}

// ours says that a record is of the neighbour, or of the victim's own ledger,
// whose operations are counted there.
func (r record) ours() bool {
	return strings.HasPrefix(r.Reservation, claimsNear) || r.Kind == "operation" && (r.Location == storeNear || r.Location == storeVictim)
}

// journal lists the records after a position up to another, which may still be
// on its way into the journal.
func (w *world) journal(ctx context.Context, after, upTo string) (effects []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	query := "?limit=1000&after=" + url.QueryEscape(after)
	for {
		var page struct {
			Data       []record `json:"data"`
			NextCursor string   `json:"next_cursor"`
			Position   string   `json:"position"`
		}
		if err := get(ctx, w.hub.address, "/v1/journal"+query, &page); err != nil {
			return nil, err
		}
		if indexOf(page.Position) < indexOf(upTo) {
			select {
			case <-ctx.Done():
				return nil, fmt.Errorf("the journal stays at %s, the state is at %s", page.Position, upTo)
			case <-time.After(5 * time.Millisecond):
				continue
			}
		}
		for _, r := range page.Data {
			if !r.ours() && indexOf(r.Position) <= indexOf(upTo) {
				effects = append(effects, strings.TrimSpace(strings.Join([]string{r.Kind, r.Operation, r.Document, r.Reservation, r.Location, r.Detail}, " ")))
			}
		}
		if page.NextCursor == "" {
			return effects, nil
		}
		query = "?limit=1000&cursor=" + page.NextCursor
	}
}
