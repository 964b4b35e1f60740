package stack

import (
	"strings"
	"testing"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/platform/addon"
)

// A stack by hand has the run file's add-ons, and the DAG files that it was
// given instead of the checks' own.
func TestByHandPlansTheRunFilesStack(t *testing.T) {
	run := config.Default()
	run.Metrics.Kind, run.LogShipping.Kind = "prometheus", "graylog"
	run.Ingress.Kind, run.Ingress.Certificates = "traefik", "acme"
	b, err := NewByHand(t.Context(), Options{Run: run}, nil, map[string]string{"by_hand.py": "print('by hand')\n"})
	if err != nil {
		t.Fatal(err)
	}
	h := b.Stack().Handoff
	if manifests := h.Plan.Manifests; !strings.Contains(manifests, "by_hand.py") || strings.Contains(manifests, "fan_out.py") {
		t.Error("the platform is not given the one DAG file by_hand.py")
	}
	want := "metrics, log-shipping, certificates, ingress"
	if got := addon.Names(addonsOf(h)); got != want || len(h.Addons) != 4 {
		t.Errorf("the add-ons are %q, of which %d are planned, want %q", got, len(h.Addons), want)
	}
}
