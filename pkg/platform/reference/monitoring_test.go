package reference

import (
	"context"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"

	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/addon"
)

// The cluster knows the operator's kinds by name alone, so nothing there would
// refuse a field that upstream does not have.
func TestMonitoringObjectsAreUpstreams(t *testing.T) {
	s := spec()
	s.Metrics = platform.MetricsSpec{Enabled: true, ExporterImage: "prom/statsd-exporter:v0.31.0"}
	plan, err := New().Plan(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	around, err := addon.Addon{Name: "metrics"}.Plan(context.Background(), addon.Place{Namespace: "air-addons", Stack: "golden"})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]any{
		"ServiceMonitor": &monitoringv1.ServiceMonitor{}, "PrometheusRule": &monitoringv1.PrometheusRule{}, "Prometheus": &monitoringv1.Prometheus{},
	}
	for _, document := range strings.Split(plan.Manifests+"\n---\n"+around.Manifests, "\n---\n") {
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatal(err)
		}
		into, ours := kinds[head.Kind]
		if !ours || head.APIVersion != monitoringv1.SchemeGroupVersion.String() {
			continue
		}
		if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
			t.Errorf("%s: %v", head.Kind, err)
		}
		delete(kinds, head.Kind)
	}
	for kind := range kinds {
		t.Errorf("no %s is installed", kind)
	}
}
