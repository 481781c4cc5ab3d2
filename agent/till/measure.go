package till

import (
	"context"
	"math"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// measure registers the store's own metrics.
func (t *till) measure() {
	m := t.Metrics
	t.recorded = m.Counter("operations_total", "Operations recorded, by what the till called.", "kind")
	t.replayed = m.Counter("idempotency_replayed_total", "Requests answered again from the ledger.")
	t.reused = m.Counter("idempotency_key_reused_total", "Keys that came with another body: a till that makes its keys wrongly.")
	m.Gauge("backlog_operations", "Operations the hub has not yet said it applied.", t.gauge(func(a *agent.Agent) float64 {
		operations, _ := a.Backlog()
		return float64(operations)
	}))
	m.Gauge("oldest_unsent_seconds", "Age of the oldest of them.", t.gauge(func(a *agent.Agent) float64 {
		_, oldest := a.Backlog()
		return oldest.Seconds()
	}))
	m.Gauge("link_online", "1 while the hub is connected.", t.gauge(func(a *agent.Agent) float64 {
		if a.Link().Online {
			return 1
		}
		return 0
	}))
}

// Observe registers the metrics of commits and returns what counts one: how
// many operations it made durable, and how long that took.
func Observe(m *serve.Metrics) func(group int, took time.Duration) {
	seconds := m.Histogram("commit_seconds", "Time of one durable commit.", []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5})
	operations := m.Histogram("commit_operations", "Requests answered by one commit.", []float64{1, 2, 4, 8, 16, 32, 64, 128, 256})
	return func(group int, took time.Duration) {
		seconds(took.Seconds())
		operations(float64(group))
	}
}

// gauge reads one number from the agent; not a number where it does not answer.
func (t *till) gauge(read func(*agent.Agent) float64) func() float64 {
	return func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), protocol.GaugeWaitMS*time.Millisecond)
		defer cancel()
		value := math.NaN()
		if err := t.Store.Ask(ctx, func(a *agent.Agent) { value = read(a) }); err != nil {
			return math.NaN()
		}
		return value
	}
}
