// Package metrics shows in Prometheus' text format what the parts of a bridge
// count. It counts little itself: requests to devices and writes of the store,
// at the seams where they pass; everything else is read from its owner when it
// is asked for. No metric has a label for a device, so their number does not
// grow with the fleet. The families table is the list of all, and
// docs/metrics.md says the same.
package metrics

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/report"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// Sources are the parts that count. A nil one has no metrics. They are called
// for every scrape, from its goroutine.
type Sources struct {
	Health     func() engine.Health
	Census     func() engine.Census // of direction A
	Registered func() int           // LwM2M devices
	DTLS       func() dtls.Stats
	Campaigns  func() legacy.Census // of direction B
	Sessions   func() dmlisten.Counts
	Store      func() delivery.Usage // of packages
	Fetches    func() delivery.FetchCounts
	Served     func() delivery.ServeCounts
	Reports    func() report.Counts
	Moving     func() map[transfer.Way]int // packages on their way
}

// Metrics holds what is counted here. Make it with [New].
type Metrics struct {
	requests *prometheus.CounterVec
	writes   prometheus.Histogram
	failures prometheus.Counter
	blocks   *prometheus.CounterVec
	moved    *prometheus.CounterVec
}

// New makes the counters.
func New() *Metrics {
	return &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fwbridge_coap_requests_total", Help: helpRequests}, []string{"outcome"}),
		writes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "fwbridge_store_write_seconds", Help: helpWrites, Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15), // 0.5 ms to 8 s
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "fwbridge_store_write_failures_total", Help: helpFailures}),
		blocks:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fwbridge_block_bytes_total", Help: helpBlocks}, []string{"way"}),
		moved:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "fwbridge_block_transfers_total", Help: helpMoved}, []string{"way", "outcome"}),
	}
}

// Handler serves the metrics of all sources. Nothing of it is in a global
// registry, so several bridges can be in one process. A nil log logs nothing.
func (m *Metrics) Handler(s Sources, log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := m.registry(s)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError})
}

func (m *Metrics) registry(s Sources) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		m.requests, m.writes, m.failures, m.blocks, m.moved, newReader(s),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return r
}

// reader makes metrics of what the sources say.
type reader struct {
	s     Sources
	descs []*prometheus.Desc // as families
}

func newReader(s Sources) *reader {
	r := &reader{s: s}
	for _, f := range families {
		r.descs = append(r.descs, prometheus.NewDesc(f.name, f.help, f.labels, nil))
	}
	return r
}

// Describe implements [prometheus.Collector].
func (r *reader) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range r.descs {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (r *reader) Collect(ch chan<- prometheus.Metric) {
	now := r.s.snapshot()
	for i, f := range families {
		f.read(now, func(value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(r.descs[i], f.kind, value, labels...)
		})
	}
}

// snapshot is what the sources say at one moment, each asked once; nil for what
// is not there.
type snapshot struct {
	health     *engine.Health
	census     *engine.Census
	registered *int
	dtls       *dtls.Stats
	campaigns  *legacy.Census
	sessions   *dmlisten.Counts
	store      *delivery.Usage
	fetches    *delivery.FetchCounts
	served     *delivery.ServeCounts
	reports    *report.Counts
	moving     *map[transfer.Way]int
}

func (s Sources) snapshot() snapshot {
	return snapshot{
		ask(s.Health), ask(s.Census), ask(s.Registered), ask(s.DTLS), ask(s.Campaigns), ask(s.Sessions), ask(s.Store), ask(s.Fetches), ask(s.Served), ask(s.Reports), ask(s.Moving),
	}
}

func ask[T any](f func() T) *T {
	if f == nil {
		return nil
	}
	v := f()
	return &v
}
