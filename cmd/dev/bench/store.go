package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

const (
	// assortment is how many items the stores sell.
	assortment = 5000
	// basketLines is how many lines a basket has.
	basketLines = 3
	// tills is how many callers share an agent where many do.
	tills = 64
	// deliveredEach is how many units of each item a store starts with.
	deliveredEach = 1_000_000
)

// store is an agent with tills around it. Its receipts are numbered, so each
// sale is another one.
type store struct {
	*program
	http     *http.Client
	receipts *atomic.Int64
}

func newStore(p *program, receipts *atomic.Int64) *store {
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * tills, MaxConnsPerHost: 2 * tills}
	return &store{p, &http.Client{Timeout: 30 * time.Second, Transport: transport}, receipts}
}

func itemCode(n int64) string { return fmt.Sprintf("B%04d", n%assortment) }

// deliver gives the store goods of the whole assortment; it answers how many
// operations that took.
func (s *store) deliver(ctx context.Context) (operations int, err error) {
	for first := int64(0); first < assortment; first += 1000 {
		delivery := api.Delivery{Document: "first-" + strconv.FormatInt(first, 10)}
		for n := first; n < min(first+1000, assortment); n++ {
			delivery.Lines = append(delivery.Lines, api.DeliveryLine{Item: itemCode(n), Quantity: api.Of(deliveredEach * stock.Unit)})
		}
		if _, err := s.post(ctx, "/v1/deliveries", delivery.Document, delivery); err != nil {
			return operations, err
		}
		operations++
	}
	return operations, nil
}

// sell records one basket and answers the operation's id.
func (s *store) sell(ctx context.Context) (operation string, err error) {
	n := s.receipts.Add(1)
	sale := api.Sale{Receipt: "R" + strconv.FormatInt(n, 10), Till: "T" + strconv.FormatInt(n%tills, 10)}
	for line := range int64(basketLines) {
		sale.Lines = append(sale.Lines, api.SaleLine{Item: itemCode(n*7919 + line*1777), Quantity: api.Of(stock.Unit)})
	}
	body, err := s.post(ctx, "/v1/sales", "", sale)
	if err != nil {
		return "", err
	}
	var recorded api.Recorded
	if err := json.Unmarshal(body, &recorded); err != nil {
		return "", fmt.Errorf("answer to receipt %s: %w", sale.Receipt, err)
	}
	return recorded.Operation, nil
}

func (s *store) post(ctx context.Context, path, key string, body any) ([]byte, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+path, bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	return call(s.http, request, http.StatusCreated)
}

// call makes one request that must be answered as wanted.
func call(client *http.Client, request *http.Request, want int) ([]byte, error) {
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", request.URL.Path, err)
	}
	if response.StatusCode != want {
		return nil, fmt.Errorf("%s answered %d: %.300s", request.URL.Path, response.StatusCode, body)
	}
	return body, nil
}

// rush lets callers sell one basket after the other for as long as more says so;
// it answers how long each sale took, in ms.
func (s *store) rush(ctx context.Context, callers int, more func() bool) (took []float64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	times := make([][]float64, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			for ctx.Err() == nil && more() {
				began := time.Now()
				if _, err := s.sell(ctx); err != nil {
					cancel(err)
					return
				}
				times[i] = append(times[i], milliseconds(time.Since(began)))
			}
		})
	}
	group.Wait()
	for _, t := range times {
		took = append(took, t...)
	}
	return took, context.Cause(ctx)
}

// metrics reads the named samples of the agent's own metrics.
func (s *store) metrics(ctx context.Context, names ...string) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	body, err := call(s.http, request, http.StatusOK)
	if err != nil {
		return nil, err
	}
	return samples(string(body), names...)
}

func samples(text string, names ...string) (map[string]float64, error) {
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] = v
		}
	}
	for _, name := range names {
		if _, ok := values[name]; !ok {
			return nil, fmt.Errorf("the metrics have no %s", name)
		}
	}
	return values, nil
}
