package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

const (
	saleGoal          = 8 // times PostgreSQL pipelined
	saleStatementGoal = 30
	// saleReference: see hotReference.
	saleReference = 4264.0
)

// saleStatements are a durable sale in the peer: the ledger's row of about 110
// bytes, three lines and three levels, the items in order so that no two sales
// can lock each other.
var saleStatements = []string{
	"BEGIN",
	"INSERT INTO sale (receipt, body) VALUES (:receipt, repeat('x', 100))",
	"INSERT INTO line (receipt, item, quantity) VALUES (:receipt, :a, 1), (:receipt, :b, 1), (:receipt, :c, 1)",
	"INSERT INTO level (item, quantity) VALUES (:a, -1), (:b, -1), (:c, -1) ON CONFLICT (item) DO UPDATE SET quantity = level.quantity + excluded.quantity",
	"COMMIT",
}

var saleTables = []string{
	"DROP TABLE IF EXISTS sale, line, level",
	"CREATE TABLE sale (receipt bigint PRIMARY KEY, body text NOT NULL)",
	"CREATE TABLE line (receipt bigint NOT NULL, item bigint NOT NULL, quantity bigint NOT NULL)",
	"CREATE TABLE level (item bigint PRIMARY KEY, quantity bigint NOT NULL) WITH (fillfactor = 50)",
	fmt.Sprintf("INSERT INTO level SELECT n, %d FROM generate_series(0, %d) AS n", deliveredEach, wide-1),
	"VACUUM ANALYZE sale, line, level",
	"CHECKPOINT",
}

// saleLoad sells three items of the three thirds; pipelined, all statements of a
// sale go out at once.
func saleLoad(name string, pipelined bool) *load {
	var script strings.Builder
	script.WriteString("\\set receipt random(1, 9223372036854775806)\n")
	for line, variable := range []string{"a", "b", "c"} {
		fmt.Fprintf(&script, "\\set %s random(%d, %d)\n", variable, line*third, (line+1)*third-1)
	}
	statements := strings.Join(saleStatements, ";\n") + ";\n"
	if pipelined {
		statements = "\\startpipeline\n" + statements + "\\endpipeline\n"
	}
	return &load{name: name, script: script.String() + statements, clients: tills, before: saleTables, count: "SELECT count(*) FROM sale"}
}

// saleRun is what all rounds of sale_64 share.
type saleRun struct {
	*Bench
	peer  *postgres
	agent *store
	in    *inside
	sold  [2]int // over HTTP, at the handler

	handler, http, pipelined, statement, bare phase
}

// sale64: 64 tills of one store sell as fast as they are answered.
func (b *Bench) sale64(ctx context.Context) (row Row, err error) {
	rounds, each := pick(b, 9, 3), turn
	r := &saleRun{Bench: b}
	if r.peer, err = b.startPostgres(ctx); err != nil {
		return Row{}, err
	}
	b.say("%s", r.peer.about)
	served, err := b.start(ctx, "shelfsync-agent", "served", "run", "--location", "S001")
	if err != nil {
		return Row{}, err
	}
	r.agent = newStore(served, new(atomic.Int64))
	if r.in, err = openInside(ctx, b.folder("inside")); err != nil {
		return Row{}, err
	}
	defer func() { err = errors.Join(err, r.in.close()) }()
	legs := r.legs(tillsAt(served.address), r.in.tills(), each)
	if err := r.deliverWide(ctx); err != nil {
		return Row{}, err
	}
	if err := b.inTurns(ctx, "sale_64", rounds, legs); err != nil {
		return Row{}, err
	}
	if err := r.settled(ctx); err != nil {
		return Row{}, err
	}
	return r.row(rounds, each, legs), nil
}

func (r *saleRun) legs(over, within crowd, each time.Duration) []leg {
	press := func(c crowd, p *phase, sold *int) func(context.Context, int) error {
		return func(ctx context.Context, _ int) error {
			answered, err := c.press(ctx, tills, p, each)
			*sold += answered
			return err
		}
	}
	peer := func(p *phase, l *load) func(context.Context, int) error {
		return func(ctx context.Context, _ int) error { return r.peer.press(ctx, r.Bench, l, p, each) }
	}
	return []leg{
		{"agent at the handler", &r.handler, press(within, &r.handler, &r.sold[1])},
		{"PostgreSQL, pipelined", &r.pipelined, peer(&r.pipelined, saleLoad("pipelined", true))},
		{"agent over HTTP", &r.http, press(over, &r.http, &r.sold[0])},
		{"PostgreSQL, by statement", &r.statement, peer(&r.statement, saleLoad("statement", false))},
		{"bare append + fdatasync", &r.bare, func(ctx context.Context, _ int) error { return r.bareSyncs(ctx, &r.bare, each/4) }},
	}
}

// deliverWide stocks both agents.
func (r *saleRun) deliverWide(ctx context.Context) error {
	for first := 0; first < wide; first += 1000 {
		delivery := api.Delivery{Document: "first-" + strconv.Itoa(first)}
		for n := first; n < min(first+1000, wide); n++ {
			delivery.Lines = append(delivery.Lines, api.DeliveryLine{Item: wideCode(n), Quantity: api.Of(deliveredEach * stock.Unit)})
		}
		if _, err := r.agent.post(ctx, "/v1/deliveries", delivery.Document, delivery); err != nil {
			return err
		}
		body, err := json.Marshal(delivery)
		if err != nil {
			return err
		}
		if _, err := r.in.ask(ctx, http.MethodPost, "/v1/deliveries", delivery.Document, body, http.StatusCreated); err != nil {
			return err
		}
	}
	return nil
}

// settled checks that each ledger has exactly the sales that were answered.
func (r *saleRun) settled(ctx context.Context) error {
	over, err := r.agent.status(ctx)
	if err != nil {
		return err
	}
	body, err := r.in.ask(ctx, http.MethodGet, "/v1/status", "", nil, http.StatusOK)
	if err != nil {
		return err
	}
	var within api.Status
	if err := json.Unmarshal(body, &within); err != nil {
		return fmt.Errorf("status: %w", err)
	}
	const deliveries = (wide + 999) / 1000
	for i, status := range []api.Status{over, within} {
		if int(status.Backlog.Operations) != r.sold[i]+deliveries {
			return fmt.Errorf("%d sales were answered, and the ledger has %d operations after %d deliveries", r.sold[i], status.Backlog.Operations, deliveries)
		}
	}
	return nil
}

func (r *saleRun) row(rounds int, each time.Duration, legs []leg) Row {
	against := rival("sales/s", &r.handler, &r.pipelined)
	byHTTP, byStatement := ratio(r.http.rates, r.pipelined.rates), ratio(r.handler.rates, r.statement.rates)
	row := Row{
		Method: []string{
			fmt.Sprintf("%d rounds; in each, in the same order, %s each: the agent at its handler, PostgreSQL pipelined, the agent over HTTP, PostgreSQL statement by statement; then a bare append.", rounds, each),
			fmt.Sprintf("%d tills sell baskets of %d lines over %d items, uniform; the next sale when the last is answered, which is after its sync. No hub.", tills, basketLines, wide),
			"Product: agent, ledger and till handler in this process, called with JSON bodies and no sockets. Over HTTP: the shipped agent, keep-alive over loopback.",
			"Peer: " + r.peer.about + "; pgbench, prepared, one transaction a sale in one round trip (statement by statement: five): the sale, three lines, three levels.",
			reached(r.pipelined.rates, saleReference) + " Its load tool was a Go program then; pgbench leaves it more of the CPUs.",
			"At the end both ledgers have exactly the sales that were answered, and PostgreSQL's rows are the transactions it answered. Callers share the CPUs with what they call.",
			"The ledgers grow over the rounds; PostgreSQL's tables start each turn without sales, which is in its favour.",
		},
		Figures: []Figure{
			figure("handler : PostgreSQL pipelined", "times", against.ratio).compared(saleGoal),
			figure("over HTTP : PostgreSQL pipelined", "times", byHTTP).compared(1),
			figure("handler : PostgreSQL by statement", "times", byStatement).compared(saleStatementGoal),
			figure("handler : bare fdatasync", "times", ratio(r.handler.rates, r.bare.rates)).compared(1),
		},
		Line: against.line(0, map[string]float64{
			"http": median(r.http.rates), "http_ratio": median(byHTTP), "http_p50_ms": median(r.http.p50), "http_p99_ms": median(r.http.p99),
			"peer_by_statement": median(r.statement.rates), "ratio_by_statement": median(byStatement),
			"bare_fdatasync": median(r.bare.rates), "bare_fdatasync_p50_ms": median(r.bare.p50), "bare_fdatasync_p99_ms": median(r.bare.p99),
			"ratio_bare_fdatasync": median(ratio(r.handler.rates, r.bare.rates)), "peer_of_reference": median(r.pipelined.rates) / saleReference,
		}),
	}
	for i := range legs {
		row.Figures = append(row.Figures, legs[i].figures()...)
	}
	return row
}
