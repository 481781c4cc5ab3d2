package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

const (
	hotItem     = "HOT"
	hotLocation = "DC1"
	hotUnits    = 100_000_000 // more than any run can claim
	hotGoal     = 10          // times PostgreSQL
	// hotReference is what the peer did on two quiet cores of the machine that
	// the goals were set on; a peer far below it says that something disturbs.
	hotReference = 1009.0
	fewClients   = 8 // where a row lock still serves its queue well
)

// claims numbers the reservations of a run and counts those that were accepted.
type claims struct{ asked, accepted atomic.Int64 }

// reserver makes callers that claim one unit of the hot item with each call. HTTP
// today; a channel's frames on /sync take this place when there are any.
type reserver func(address string, c *claims) crowd

// httpReserver claims by POST /v1/reservations, one reservation a request.
type httpReserver struct {
	*wire
	claims *claims
	body   []byte
}

func overHTTP(address string, c *claims) crowd {
	return func(ctx context.Context) (caller, error) {
		w, err := dialWire(ctx, address)
		return &httpReserver{wire: w, claims: c}, err
	}
}

func (r *httpReserver) call() error {
	r.body = append(r.body[:0], `{"id":"web-`...)
	r.body = strconv.AppendInt(r.body, r.claims.asked.Add(1), 10)
	r.body = append(r.body, `","channel":"web","ttl_s":86400,"lines":[{"item":"`+hotItem+`","quantity":1,"candidates":["`+hotLocation+`"]}]}`...)
	if _, err := r.post("/v1/reservations", r.body); err != nil {
		return err
	}
	r.claims.accepted.Add(1)
	return nil
}

// claimOne is the peer's best single-row form: one statement that checks, books
// and records, prepared, so one round trip and one lock held until the commit.
const claimOne = `\set id random(1, 9223372036854775806)
WITH taken AS (UPDATE level SET reserved = reserved + 1 WHERE item = 1 AND on_hand - reserved >= 1 RETURNING item)
INSERT INTO reservation (id, item, units) SELECT :id, item, 1 FROM taken;
`

// hotTables start every leg of the peer: the row with room beside it, so that
// its versions stay on one page.
var hotTables = []string{
	"DROP TABLE IF EXISTS level, reservation",
	"CREATE TABLE level (item bigint PRIMARY KEY, on_hand bigint NOT NULL, reserved bigint NOT NULL) WITH (fillfactor = 50)",
	"CREATE TABLE reservation (id bigint PRIMARY KEY, item bigint NOT NULL, units bigint NOT NULL)",
	fmt.Sprintf("INSERT INTO level VALUES (1, %d, 0)", hotUnits),
	"VACUUM ANALYZE level, reservation",
	"CHECKPOINT",
}

func hotLoad(name string, clients int) *load {
	return &load{name: name, script: claimOne, clients: clients, before: hotTables, count: "SELECT count(*) FROM reservation"}
}

// hotRun is what all rounds of hot_item_single share.
type hotRun struct {
	*Bench
	hub    *nodes
	leader *program
	peer   *postgres
	claims claims

	product, locked, few phase
}

// hotItemSingle: many callers claim the same item, one unit each.
func (b *Bench) hotItemSingle(ctx context.Context) (Row, error) {
	rounds, each := pick(b, 9, 3), turn
	r := &hotRun{Bench: b}
	before, err := r.open(ctx)
	if err != nil {
		return Row{}, err
	}
	var by reserver = overHTTP
	callers := by(r.leader.address, &r.claims)
	legs := []leg{
		{"hub, " + strconv.Itoa(tills) + " callers", &r.product, func(ctx context.Context, _ int) error {
			_, err := callers.press(ctx, tills, &r.product, each)
			return err
		}},
		{"PostgreSQL, " + strconv.Itoa(tills) + " clients", &r.locked, func(ctx context.Context, _ int) error {
			return r.peer.press(ctx, b, hotLoad("hot", tills), &r.locked, each)
		}},
		{"PostgreSQL, " + strconv.Itoa(fewClients) + " clients", &r.few, func(ctx context.Context, _ int) error {
			return r.peer.press(ctx, b, hotLoad("hot-few", fewClients), &r.few, each)
		}},
	}
	if err := b.inTurns(ctx, "hot_item_single", rounds, legs); err != nil {
		return Row{}, err
	}
	after, err := r.settle(ctx)
	if err != nil {
		return Row{}, err
	}
	return r.row(rounds, each, legs, [2]standing{before, after}), nil
}

// open starts both and stocks the hub.
func (r *hotRun) open(ctx context.Context) (before standing, err error) {
	if r.peer, err = r.startPostgres(ctx); err != nil {
		return before, err
	}
	r.say("%s", r.peer.about)
	if r.hub, err = r.startHub(ctx); err != nil {
		return before, err
	}
	if r.leader, before, err = r.hub.leader(ctx); err != nil {
		return before, err
	}
	r.say("hub of %d, callers at %s", len(r.hub.all), r.leader.name)
	location, err := json.Marshal(api.Location{Code: hotLocation, Name: "Warehouse"})
	if err != nil {
		return before, err
	}
	if err := putRows(ctx, r.leader.address, "/v1/locations", bytes.NewBuffer(location)); err != nil {
		return before, err
	}
	opening, err := json.Marshal(api.Movements{Document: "opening", Location: hotLocation,
		Lines: []api.MovementLine{{Movement: "adjust", Item: hotItem, Quantity: api.Of(hotUnits * stock.Unit), Reason: "opening"}}})
	if err != nil {
		return before, err
	}
	first, err := dialWire(ctx, r.leader.address)
	if err != nil {
		return before, err
	}
	defer first.close()
	_, err = first.post("/v1/movements", opening)
	return before, err
}

// settle checks that the hub holds exactly the claims it has answered.
func (r *hotRun) settle(ctx context.Context) (after standing, err error) {
	query := url.Values{"item": {hotItem}, "location": {hotLocation}, "consistency": {"linearizable"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.leader.address+"/v1/availability?"+query.Encode(), nil)
	if err != nil {
		return after, err
	}
	body, err := call(http.DefaultClient, request, http.StatusOK)
	if err != nil {
		return after, err
	}
	var held api.Availability
	if err := json.Unmarshal(body, &held); err != nil {
		return after, fmt.Errorf("availability: %w", err)
	}
	if len(held.Data) != 1 || held.Data[0].Parts.Claims.Stock() != stock.Quantity(r.claims.accepted.Load())*stock.Unit {
		return after, fmt.Errorf("the hub accepted %d reservations of one unit and says: %.300s", r.claims.accepted.Load(), body)
	}
	return r.hub.standing(ctx)
}

func (r *hotRun) row(rounds int, each time.Duration, legs []leg, standings [2]standing) Row {
	count, election := elections(&standings[0], &standings[1])
	against := rival("reservations/s", &r.product, &r.locked)
	perNode := "one node, so durable on one disk, as the peer"
	if len(r.hub.all) > 1 {
		perNode = fmt.Sprintf("%d nodes, so durable on a quorum, which the peer does not promise; callers at the leader", len(r.hub.all))
	}
	row := Row{
		Method: []string{
			fmt.Sprintf("%d rounds; in each, in the same order, %s each: the hub with %d callers, PostgreSQL with %d and with %d clients. One unit of one item a call.", rounds, each, tills, tills, fewClients),
			fmt.Sprintf("Product: the shipped hub, %s; POST /v1/reservations on keep-alive HTTP over loopback, one reservation a request (there are no channel frames on /sync yet).", perNode),
			"Peer: " + r.peer.about + "; pgbench, prepared, one statement that checks, books and records; tables rebuilt before each turn.",
			"At the end the hub's claims are exactly the reservations it answered, and PostgreSQL's rows the transactions it answered. " + election,
			reached(r.locked.rates, hotReference),
			"Ratios are formed round by round, against the same number of clients. Callers, nodes and peer share the CPUs.",
		},
		Figures: []Figure{figure("hub : PostgreSQL, "+strconv.Itoa(tills)+" clients", "times", against.ratio).compared(hotGoal)},
		Line: against.line(count, map[string]float64{
			"nodes": float64(len(r.hub.all)), "ratio_peer_8_clients": median(ratio(r.product.rates, r.few.rates)), "peer_8_clients": median(r.few.rates),
			"peer_8_clients_p99_ms": median(r.few.p99), "peer_p99_over_p99": median(ratio(r.locked.p99, r.product.p99)), "peer_of_reference": median(r.locked.rates) / hotReference,
		}),
	}
	row.Figures = append(row.Figures, figure("hub : PostgreSQL, "+strconv.Itoa(fewClients)+" clients", "times", ratio(r.product.rates, r.few.rates)).compared(1),
		figure("PostgreSQL's p99 : the hub's", "times", ratio(r.locked.p99, r.product.p99)).compared(20))
	for i := range legs {
		row.Figures = append(row.Figures, legs[i].figures()...)
	}
	return row
}
