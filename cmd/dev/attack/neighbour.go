package attack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The neighbour's load: a till that sells every saleEvery and a channel that
// reserves and releases every claimEvery, each one after the other.
const (
	saleEvery  = 40 * time.Millisecond
	claimEvery = 80 * time.Millisecond
)

// Round is how the neighbour fared during one kind of attacks, in ms.
type Round struct {
	Name           string  `json:"name"`
	Sales          int     `json:"sales"`
	SaleP50        float64 `json:"sale_p50"`
	SaleP99        float64 `json:"sale_p99"`
	Reservations   int     `json:"reservations"`
	ReservationP50 float64 `json:"reservation_p50"`
	ReservationP99 float64 `json:"reservation_p99"`
}

// Neighbour is how the well-behaved store and channel fared. Ratios compare the
// worst round of attacks with the quiet one of the same run; they are measured
// and never judged. What it lost is judged.
type Neighbour struct {
	Rounds           []Round  `json:"rounds"`
	SaleRatio        float64  `json:"sale_p99_ratio"`
	ReservationRatio float64  `json:"reservation_p99_ratio"`
	Sold             int      `json:"sold"`
	InHub            int      `json:"in_hub"`
	Refused          int      `json:"refused"`
	Faults           []string `json:"faults,omitempty"`
}

// neighbour works on while the others are attacked.
type neighbour struct {
	world *world
	stop  context.CancelFunc
	work  sync.WaitGroup

	mu     sync.Mutex // guards all below
	rounds []*taken
	sold   int
	faults []string
	failed int

	slowest time.Duration // of its requests since slow was asked last
}

type taken struct {
	name          string
	sales, claims []time.Duration
}

// maxFaults bounds the faults that are told; all are counted.
const maxFaults = 10

func (w *world) employ(ctx context.Context) *neighbour {
	ctx, stop := context.WithCancel(ctx)
	n := &neighbour{world: w, stop: stop, rounds: []*taken{{name: "quiet"}}}
	n.work.Go(func() { n.every(ctx, saleEvery, n.sell) }) // settle waits for both
	n.work.Go(func() { n.every(ctx, claimEvery, n.claim) })
	return n
}

func (n *neighbour) every(ctx context.Context, pause time.Duration, once func(number int)) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for number := 1; ; number++ {
		once(number)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (n *neighbour) sell(number int) {
	took, ok := n.post(n.world.near.address, "/v1/sales", 201, fmt.Sprintf(`{"receipt":"N%d","till":"N1","lines":[{"item":%q,"quantity":1}]}`, number, itemNear))
	n.mu.Lock()
	defer n.mu.Unlock()
	if ok {
		n.sold++
	}
	n.slowest = max(n.slowest, took)
	round := n.rounds[len(n.rounds)-1]
	round.sales = append(round.sales, took)
}

func (n *neighbour) claim(number int) {
	id := fmt.Sprintf("%s%d", claimsNear, number)
	took, _ := n.post(n.world.hub.address, "/v1/reservations", 201, fmt.Sprintf(`{"id":%q,"channel":"web","lines":[{"item":%q,"quantity":1,"candidates":[%q]}]}`, id, itemNear, storeNear))
	n.post(n.world.hub.address, "/v1/reservations/"+id+"/release", 200, `{}`)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.slowest = max(n.slowest, took)
	round := n.rounds[len(n.rounds)-1]
	round.claims = append(round.claims, took)
}

// post is one request that has to succeed at its first try.
func (n *neighbour) post(address, path string, want int, body string) (took time.Duration, ok bool) {
	began := time.Now()
	answer, err := http.Post("http://"+address+path, "application/json", strings.NewReader(body)) // no context: what was begun is answered
	took = time.Since(began)
	said := ""
	if err != nil {
		said = err.Error()
	} else {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
		answer.Body.Close()
		if answer.StatusCode == want {
			return took, true
		}
		said = fmt.Sprintf("%d %.200s", answer.StatusCode, text)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failed++; len(n.faults) < maxFaults {
		n.faults = append(n.faults, "POST "+path+": "+said)
	}
	return took, false
}

// enter begins a new round of measuring.
func (n *neighbour) enter(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rounds = append(n.rounds, &taken{name: name})
}

// slow is the slowest request that was answered since the last call.
func (n *neighbour) slow() (slowest time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	slowest, n.slowest = n.slowest, 0
	return slowest
}

// settle ends the work, waits until the hub has every sale, and adds up.
func (n *neighbour) settle(ctx context.Context) (Neighbour, error) {
	n.stop()
	n.work.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	report := Neighbour{Sold: n.sold, Refused: n.failed, Faults: n.faults}
	for i, r := range n.rounds {
		round := Round{Name: r.name, Sales: len(r.sales), SaleP50: rank(r.sales, 50), SaleP99: rank(r.sales, 99),
			Reservations: len(r.claims), ReservationP50: rank(r.claims, 50), ReservationP99: rank(r.claims, 99)}
		report.Rounds = append(report.Rounds, round)
		if quiet := report.Rounds[0]; i > 0 && quiet.SaleP99 > 0 && quiet.ReservationP99 > 0 {
			report.SaleRatio = max(report.SaleRatio, round.SaleP99/quiet.SaleP99)
			report.ReservationRatio = max(report.ReservationRatio, round.ReservationP99/quiet.ReservationP99)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		left, err := n.world.sellable(ctx, storeNear, itemNear)
		if err != nil {
			return report, err
		}
		if report.InHub = openingNear - left; report.InHub >= report.Sold {
			return report, nil
		}
		select {
		case <-ctx.Done():
			return report, nil // the report says what is missing
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// faulty says what the neighbour lost, or nothing.
func (n Neighbour) faulty() bool { return n.Refused > 0 || n.Sold != n.InHub || n.Sold == 0 }

// rank is the nearest-rank percentile in ms.
func rank(values []time.Duration, percent int) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := max(0, (len(sorted)*percent+99)/100-1)
	return float64(sorted[at].Microseconds()) / 1000
}
