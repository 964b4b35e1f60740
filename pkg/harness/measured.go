package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/airworthy/airworthy/pkg/await"
)

// measuredDAG is run by this scenario alone, so that what its series rise by is
// the doing of one DAG run.
const measuredDAG = "measured"

// Measured is what the metrics said of a DAG before and after one run of it.
type Measured struct {
	Run    Run      `json:"run"`
	Before []Sample `json:"before"`
	After  []Sample `json:"after"`
}

// MeasuredRun runs a DAG once for all checks that look at its metrics.
func (s *Session) MeasuredRun(ctx context.Context) (Measured, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.DAGRun+2*s.metricsTimeout())
	defer cancel()
	measured, err := once(ctx, s.suite.sharedDir(), measuredDAG, s.measure)
	s.fact(measuredDAG, measured)
	return measured, err
}

func (s *Session) measure(ctx context.Context) (Measured, error) {
	var m Measured
	// Counters of earlier runs must be in Prometheus before they are read. The
	// series of an exporter that was replaced stay for some seconds more.
	target, err := s.ScrapeTarget(ctx, time.Now())
	if err != nil {
		return m, err
	}
	expression := fmt.Sprintf(`{__name__=~"airflow_.+", dag_id=%q, pod=%q}`, measuredDAG, target.Labels["pod"])
	if m.Before, err = s.query(ctx, expression); err != nil {
		return m, err
	}
	if _, err := s.start(ctx, measuredDAG); err != nil {
		return m, err
	}
	if m.Run, err = s.finish(ctx, measuredDAG); err != nil {
		return m, err
	}
	// A task pod sends its last metrics after Airflow knows how its task ended.
	if _, err := s.FinishedPods(ctx, m.Run); err != nil {
		return m, err
	}
	now, err := s.ScrapeTarget(ctx, time.Now().Add(time.Second))
	if err != nil {
		return m, err
	}
	if now.Labels["pod"] != target.Labels["pod"] {
		return m, fmt.Errorf("measure a DAG run: the exporter's pod %s gave way to %s during it", target.Labels["pod"], now.Labels["pod"])
	}
	m.After, err = s.query(ctx, expression)
	return m, err
}

// Rose is how much the series of a metric rose that have these labels, summed up.
func (m Measured) Rose(metric string, labels map[string]string) float64 {
	return sum(m.After, metric, labels) - sum(m.Before, metric, labels)
}

func sum(samples []Sample, metric string, labels map[string]string) (total float64) {
	for _, one := range samples {
		if one.Labels["__name__"] == metric && one.Has(labels) {
			total += one.Value
		}
	}
	return total
}

// Has says that the sample has all of these labels.
func (s Sample) Has(labels map[string]string) bool {
	for name, value := range labels {
		if s.Labels[name] != value {
			return false
		}
	}
	return true
}

// MetricNames gives the names of all metrics of the platform.
func (s *Session) MetricNames(ctx context.Context) ([]string, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	samples, err := s.query(ctx, `group by (__name__) ({__name__=~"airflow_.+"})`)
	names := make([]string, 0, len(samples))
	for _, one := range samples {
		names = append(names, one.Labels["__name__"])
	}
	s.fact("metric-names", names)
	return names, err
}

// Alert is a rule of the platform with labels that its alert must have.
type Alert struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

func (a Alert) selector() string {
	parts := []string{fmt.Sprintf("alertname=%q", a.Name), `alertstate="firing"`}
	for name, value := range a.Labels {
		parts = append(parts, fmt.Sprintf("%s=%q", name, value))
	}
	return "ALERTS{" + strings.Join(parts, ",") + "}"
}

// WaitAlert waits until the alert has fired at any time since then: another
// check may have made its cause, and it may be over.
func (s *Session) WaitAlert(ctx context.Context, alert Alert, since time.Time) error {
	_, err := s.waitSeries(ctx, "alert "+alert.Name+" to fire", func() []string {
		return []string{fmt.Sprintf("count_over_time(%s[%ds])", alert.selector(), int(time.Since(since).Seconds())+1)}
	}, HasData)
	return err
}

// WaitNoAlert waits until the alert does not fire any more.
func (s *Session) WaitNoAlert(ctx context.Context, alert Alert) error {
	// The count of nothing is no value, so that an answer is told from none.
	_, err := s.WaitSeries(ctx, "alert "+alert.Name+" to be resolved", []string{"count(" + alert.selector() + ") or vector(0)"},
		func(_ string, samples []Sample) error {
			for _, one := range samples {
				if one.Value > 0 {
					return errors.New("it still fires")
				}
			}
			return nil
		})
	return err
}

// HasData accepts an answer that holds at least one value.
func HasData(_ string, samples []Sample) error {
	if len(samples) == 0 {
		return errors.New("no data")
	}
	return nil
}

// RestartedExporter is what became of the metrics when the exporter's pod was killed.
type RestartedExporter struct {
	Killed string `json:"killed"` // pod
	Now    string `json:"now"`    // pod that took its place
}

// RestartExporter kills the exporter's pod by force and waits until Prometheus
// scrapes another one, once for all that call it.
func (s *Session) RestartExporter(ctx context.Context) (RestartedExporter, error) {
	ctx, cancel := s.within(ctx, 2*s.metricsTimeout())
	defer cancel()
	r, err := once(ctx, s.suite.sharedDir(), "restarted-exporter", s.restartExporter)
	s.fact("restarted-exporter", r)
	return r, err
}

func (s *Session) restartExporter(ctx context.Context) (RestartedExporter, error) {
	var r RestartedExporter
	before, err := s.ScrapeTarget(ctx, time.Time{})
	if err != nil {
		return r, err
	}
	r.Killed = before.Labels["pod"]
	killed := time.Now()
	if err := s.killPod(ctx, r.Killed); err != nil {
		return r, err
	}
	ctx, cancel := s.within(ctx, s.metricsTimeout())
	defer cancel()
	pool, err := s.pool()
	if err != nil {
		return r, err
	}
	after, err := await.Until(ctx, "another pod of the exporter to be scraped", everyScrape,
		func(ctx context.Context) (Target, error) { return s.target(ctx, pool) },
		func(t Target) error {
			if t.Labels["pod"] == r.Killed || t.Health != "up" || !t.LastScrape.After(killed) {
				return fmt.Errorf("the target is pod %s, %s", t.Labels["pod"], t.Health)
			}
			return nil
		})
	r.Now = after.Labels["pod"]
	return r, err
}

// dashboards reads what the platform gives to Grafana's side-car.
func (s *Session) dashboards(ctx context.Context) ([]corev1.ConfigMap, error) {
	list, err := s.suite.clients.kube.Typed().CoreV1().ConfigMaps(s.suite.clients.kube.Namespace()).
		List(ctx, metav1.ListOptions{LabelSelector: "grafana_dashboard=1"})
	if err != nil {
		return nil, fmt.Errorf("list dashboards: %w", err)
	}
	return list.Items, nil
}
