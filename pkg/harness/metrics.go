package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	prometheus "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/airworthy/airworthy/internal/rest"
	"github.com/airworthy/airworthy/pkg/await"
)

// Where the metrics add-on serves Prometheus, in the namespace of the add-ons.
const (
	prometheusService = "service/prometheus"
	prometheusPort    = 9090
)

// everyScrape is how often Prometheus is asked while a scrape is waited for.
const everyScrape = time.Second

// Sample is one series at one time.
type Sample struct {
	Labels map[string]string `json:"labels"` // the name of the metric as __name__
	Value  float64           `json:"value"`
}

// Target is how Prometheus sees what it scrapes.
type Target struct {
	Pool       string            `json:"pool"` // Prometheus' name of the scrape configuration
	URL        string            `json:"url"`
	Health     string            `json:"health"` // up | down | unknown
	LastError  string            `json:"lastError,omitempty"`
	LastScrape time.Time         `json:"lastScrape"`
	Labels     map[string]string `json:"labels"`
}

// prometheus connects to Prometheus once for each process. Its pod may come
// later than the platform, as an operator makes it.
func (s *Session) prometheus(ctx context.Context) (prometheus.API, error) {
	c := s.suite.clients
	if c.metrics != nil {
		return c.metrics, nil
	}
	var err error
	c.metrics, err = await.Until(ctx, "Prometheus to answer", everyScrape,
		func(ctx context.Context) (prometheus.API, error) {
			// The forwarding outlives the wait; it ends with the process.
			addr, closing, err := c.kube.In(s.suite.stack.AddonsIn).Forward(context.WithoutCancel(ctx), prometheusService, prometheusPort)
			if err != nil {
				return nil, err
			}
			client, err := api.NewClient(api.Config{Address: "http://" + addr})
			if err != nil {
				closing()
				return nil, await.Stop(err)
			}
			asked := prometheus.NewAPI(client)
			if _, err := asked.Buildinfo(ctx); err != nil {
				closing()
				return nil, err
			}
			return asked, nil
		},
		func(prometheus.API) error { return nil })
	return c.metrics, err
}

// unanswered lets the next question find Prometheus anew where this one got no
// answer at all: a forwarded port ends with its pod.
func (s *Session) unanswered(err error) error {
	if rest.Unreachable(err) {
		s.suite.clients.metrics = nil
	}
	return err
}

// query evaluates an expression now.
func (s *Session) query(ctx context.Context, expression string) ([]Sample, error) {
	client, err := s.prometheus(ctx)
	if err != nil {
		return nil, err
	}
	value, _, err := client.Query(ctx, expression, time.Now())
	if err != nil {
		return nil, fmt.Errorf("ask Prometheus for %s: %w", expression, s.unanswered(err))
	}
	switch value := value.(type) {
	case model.Vector:
		samples := make([]Sample, 0, len(value))
		for _, one := range value {
			if math.IsNaN(float64(one.Value)) || math.IsInf(float64(one.Value), 0) {
				continue // nothing divided by nothing: a graph shows nothing either
			}
			samples = append(samples, Sample{Labels: plain(one.Metric), Value: float64(one.Value)})
		}
		sort.Slice(samples, func(i, j int) bool { return fmt.Sprint(samples[i].Labels) < fmt.Sprint(samples[j].Labels) })
		return samples, nil
	case *model.Scalar:
		return []Sample{{Value: float64(value.Value)}}, nil
	}
	return nil, fmt.Errorf("ask Prometheus for %s: the answer is a %s", expression, value.Type())
}

func plain[M ~map[K]V, K, V ~string](labels M) map[string]string {
	out := make(map[string]string, len(labels))
	for k, v := range labels {
		out[string(k)] = string(v)
	}
	return out
}

// pool is how Prometheus' configuration of the platform's ServiceMonitor begins.
func (s *Session) pool() (string, error) {
	release := s.suite.stack.Release
	if release.Metrics == nil {
		return "", errors.New("the platform exports no metrics")
	}
	return fmt.Sprintf("serviceMonitor/%s/%s/", release.Namespace, release.Metrics.Monitor), nil
}

// ScrapeTarget waits until Prometheus has scraped the platform's exporter
// through its ServiceMonitor, after the given time.
func (s *Session) ScrapeTarget(ctx context.Context, after time.Time) (Target, error) {
	ctx, cancel := s.within(ctx, s.metricsTimeout())
	defer cancel()
	pool, err := s.pool()
	if err != nil {
		return Target{}, err
	}
	target, err := await.Until(ctx, "Prometheus to scrape the exporter through the ServiceMonitor", everyScrape,
		func(ctx context.Context) (Target, error) { return s.target(ctx, pool) },
		func(t Target) error {
			switch {
			case t.Health != "up":
				return fmt.Errorf("the target %s is %s: %s", t.URL, t.Health, t.LastError)
			case !t.LastScrape.After(after):
				return fmt.Errorf("the target %s was scraped last at %s", t.URL, t.LastScrape.UTC().Format(time.TimeOnly))
			}
			return nil
		})
	s.fact("scrape-target", target)
	return target, err
}

// target finds the one target of a pool.
func (s *Session) target(ctx context.Context, pool string) (Target, error) {
	client, err := s.prometheus(ctx)
	if err != nil {
		return Target{}, err
	}
	all, err := client.Targets(ctx)
	if err != nil {
		return Target{}, fmt.Errorf("ask Prometheus for its targets: %w", s.unanswered(err))
	}
	var found []Target
	for _, t := range all.Active {
		if strings.HasPrefix(t.ScrapePool, pool) {
			found = append(found, Target{Pool: t.ScrapePool, URL: t.ScrapeURL, Health: string(t.Health),
				LastError: t.LastError, LastScrape: t.LastScrape, Labels: plain(t.Labels)})
		}
	}
	if len(found) != 1 {
		return Target{}, fmt.Errorf("%d of Prometheus' %d targets come from %s*", len(found), len(all.Active), pool)
	}
	return found[0], nil
}

// metricsTimeout is longer than one observation: what an operator changes
// reaches Prometheus when the kubelet next looks at its volumes, which it does
// about once a minute.
func (s *Session) metricsTimeout() time.Duration { return 2 * s.Asked().Timeouts.Observe }

// WaitSeries waits until every expression has a value that is accepted, and
// returns what each gave last.
func (s *Session) WaitSeries(ctx context.Context, what string, expressions []string, accept func(expression string, samples []Sample) error) (map[string][]Sample, error) {
	return s.waitSeries(ctx, what, func() []string { return expressions }, accept)
}

// waitSeries is WaitSeries of expressions that change with time.
func (s *Session) waitSeries(ctx context.Context, what string, expressions func() []string, accept func(expression string, samples []Sample) error) (map[string][]Sample, error) {
	ctx, cancel := s.within(ctx, s.metricsTimeout())
	defer cancel()
	seen, err := await.Until(ctx, what, everyScrape,
		func(ctx context.Context) (map[string][]Sample, error) {
			seen := map[string][]Sample{}
			for _, expression := range expressions() {
				samples, err := s.query(ctx, expression)
				if err != nil {
					return nil, err
				}
				seen[expression] = samples
			}
			return seen, nil
		},
		func(seen map[string][]Sample) error {
			var errs []error
			for _, expression := range slices.Sorted(maps.Keys(seen)) {
				if err := accept(expression, seen[expression]); err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", expression, err))
				}
			}
			return errors.Join(errs...)
		})
	s.fact("series", seen)
	return seen, err
}
