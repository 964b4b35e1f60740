package stack

import (
	"slices"
	"strings"
	"testing"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/platform/addon"
)

func grafanaRun(choice string) config.Run {
	run := config.Default()
	run.Metrics.Kind, run.Metrics.Grafana = "prometheus", choice
	return run
}

func TestWhetherGrafana(t *testing.T) {
	m := config.Default().Metrics
	both := []images.Ref{images.Ref(m.GrafanaImage), images.Ref(m.SidecarImage)}
	for _, row := range []struct {
		name, choice string
		had          had
		brought      bool
		why          string // part of it
	}{
		{"not asked for", "none", had{present: both}, false, "metrics.grafana"},
		{"no registry", "auto", had{}, false, m.GrafanaImage},
		{"no side-car", "auto", had{fetchable: both[:1]}, false, m.SidecarImage},
		{"a registry", "auto", had{fetchable: both}, true, ""},
		{"there already", "auto", had{present: both}, true, ""},
		{"always", "always", had{fetchable: both}, true, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			run := grafanaRun(row.choice)
			u := &up{Options: Options{Run: run}, h: newHandoff(run, Values{})}
			_, missing, err := grafanaImages(t.Context(), row.had, run)
			if err != nil {
				t.Fatal(err)
			}
			u.h.Features = u.features()
			u.h.NotOffered = notOffered(u.h, noPolicies)
			if err := u.chooseGrafana(t.Context(), missing); err != nil {
				t.Fatal(err)
			}
			claimed := slices.Contains(u.h.Features, conformance.FeatureGrafana)
			installed := strings.Contains(addon.Names(addonsOf(u.h)), "grafana")
			if claimed != row.brought || installed != row.brought {
				t.Errorf("claimed %v and installed %v, want %v", claimed, installed, row.brought)
			}
			i := slices.IndexFunc(u.h.NotOffered, func(a conformance.Absence) bool { return a.Feature == conformance.FeatureGrafana })
			if row.brought != (i < 0) {
				t.Fatalf("not offered: %v", u.h.NotOffered)
			}
			if i >= 0 && !strings.Contains(u.h.NotOffered[i].Because, row.why) {
				t.Errorf("why not: %q, which lacks %q", u.h.NotOffered[i].Because, row.why)
			}
		})
	}
}

// The two containers share the dashboards, and the side-car looks for them where the platform is.
func TestGrafanaRenders(t *testing.T) {
	h := newHandoff(grafanaRun("always"), Values{})
	h.Run.Cluster.Namespace = "flights"
	plans, err := planAddons(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	plan := plans[len(plans)-1]
	if want := []string{h.Run.Metrics.GrafanaImage, h.Run.Metrics.SidecarImage}; !slices.Equal(plan.Images, want) {
		t.Errorf("its images are %v, want %v", plan.Images, want)
	}
	for _, text := range []string{"value: flights", "name: flights-addons-grafana", "url: http://prometheus:9090"} {
		if !strings.Contains(plan.Manifests, text) {
			t.Errorf("the manifests lack %q", text)
		}
	}
}
