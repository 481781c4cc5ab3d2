package serve

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// httpBuckets reach from a read in memory to a write that waits for a disk or a quorum.
var httpBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}

// Metrics is a program's registry. Names get the program's prefix; use base
// units and _total on counters. Label values must come from a small closed
// set: never an id, an item or a code. Registering a name twice panics.
type Metrics struct {
	prefix   string
	registry *prometheus.Registry
}

// NewMetrics makes a registry with the metrics of the Go runtime and the process.
func NewMetrics(prefix string) *Metrics {
	m := &Metrics{prefix: prefix, registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Counter returns a function that adds one. Without labels it starts at zero.
func (m *Metrics) Counter(name, help string, labels ...string) func(values ...string) {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: m.prefix, Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	if len(labels) == 0 {
		c.WithLabelValues()
	}
	return func(values ...string) { c.WithLabelValues(values...).Inc() }
}

// Histogram returns a function that observes a value in base units.
func (m *Metrics) Histogram(name, help string, buckets []float64, labels ...string) func(value float64, values ...string) {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: m.prefix, Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	return func(value float64, values ...string) { h.WithLabelValues(values...).Observe(value) }
}

// Gauge is read from its source whenever somebody looks.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: m.prefix, Name: name, Help: help}, read))
}

// GaugeOf is a gauge of one kind of several, which a label names.
func (m *Metrics) GaugeOf(name, help, label, kind string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: m.prefix, Name: name, Help: help, ConstLabels: prometheus.Labels{label: kind}}, read))
}

// Total is a counter that its source keeps itself.
func (m *Metrics) Total(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: m.prefix, Name: name, Help: help}, read))
}

// Info is a constant 1 whose labels say what runs.
func (m *Metrics) Info(name, help string, labels map[string]string) {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: m.prefix, Name: name, Help: help, ConstLabels: labels})
	g.Set(1)
	m.registry.MustRegister(g)
}

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
