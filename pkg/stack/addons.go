package stack

import (
	"context"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/platform/addon"
)

// addonsOf lists what the run file asks for around the platform, in the order
// in which it is installed. Before services run their addresses are
// placeholders, which is enough for rendering.
func addonsOf(h Handoff) []addon.Addon {
	var all []addon.Addon
	if servicesInside(h.Run) {
		all = append(all, insideServices(h))
	}
	if m := h.Run.Metrics; m.Kind == "prometheus" {
		all = append(all, addon.Addon{Name: "metrics", Images: []string{m.Image, m.ReloaderImage}, Values: map[string]any{
			"prometheus": map[string]any{"image": m.Image},
			"operator":   map[string]any{"image": m.OperatorImage, "reloaderImage": m.ReloaderImage},
		}})
	}
	if h.Grafana {
		all = append(all, grafana(h))
	}
	if shipsLogs(h.Run) {
		all = append(all, logShipping(h))
	}
	all = append(all, ingressAddons(h)...)
	if h.Run.Ingress.NetworkPolicy && h.Run.Cluster.Kind == environment.KindKind {
		// What enforces policies in a cluster of ours. In others it is their own business.
		all = append(all, addon.Addon{Name: "policies"})
	}
	return all
}

// addonPlace keeps add-ons out of the platform's namespace: its checks look at
// every pod there.
func addonPlace(run config.Run) addon.Place {
	return addon.Place{Namespace: run.Cluster.Namespace + "-addons", Stack: run.Name}
}

// planAddons renders every add-on without a cluster.
func planAddons(ctx context.Context, h Handoff) ([]addon.Plan, error) {
	var plans []addon.Plan
	for _, a := range addonsOf(h) {
		plan, err := a.Plan(ctx, addonPlace(h.Run))
		if err != nil {
			return nil, err
		}
		plans = append(plans, plan)
	}
	return plans, nil
}
