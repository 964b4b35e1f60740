package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics have git-sync's names and labels, so that its dashboards serve.
type metrics struct {
	registry *prometheus.Registry
	duration *prometheus.SummaryVec
	syncs    *prometheus.CounterVec
	fetches  prometheus.Counter
}

func newMetrics() metrics {
	m := metrics{
		registry: prometheus.NewRegistry(),
		duration: prometheus.NewSummaryVec(prometheus.SummaryOpts{Name: "git_sync_duration_seconds", Help: "Duration of syncs, by how they ended."}, []string{"status"}),
		syncs:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "git_sync_count_total", Help: "Syncs, by how they ended."}, []string{"status"}),
		fetches:  prometheus.NewCounter(prometheus.CounterOpts{Name: "git_fetch_count_total", Help: "Runs of git fetch."}),
	}
	m.registry.MustRegister(m.duration, m.syncs, m.fetches)
	return m
}

// count notes one sync.
func (m metrics) count(changed bool, err error, took time.Duration) {
	status := "noop"
	switch {
	case err != nil:
		status = "error"
	case changed:
		status = "success"
	}
	m.duration.WithLabelValues(status).Observe(took.Seconds())
	m.syncs.WithLabelValues(status).Inc()
}

// serve answers probes, with an error until the first sync is done, and the
// scrapes of --http-metrics.
func (s *syncer) serve(address string) (closing func(), err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--http-bind: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		if !s.synced.Load() {
			http.Error(w, "the first sync is not done", http.StatusServiceUnavailable)
		}
	})
	if s.o.httpMetrics {
		mux.Handle("/metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the HTTP endpoint ended", "error", err.Error())
		}
	}()
	s.log.Info("serving HTTP", "endpoint", listener.Addr().String())
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx) // the process is about to end
	}, nil
}
