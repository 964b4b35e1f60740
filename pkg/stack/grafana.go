package stack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/platform/addon"
)

// Values of metrics.grafana.
const (
	grafanaAuto   = "auto"
	grafanaAlways = "always"
)

// grafana describes the add-on.
func grafana(h Handoff) addon.Addon {
	return addon.Addon{Name: "grafana", Values: map[string]any{
		"image":        h.Run.Metrics.GrafanaImage,
		"sidecarImage": h.Run.Metrics.SidecarImage,
		"namespace":    h.Run.Cluster.Namespace,
	}}
}

func grafanaWants(run config.Run) []images.Want {
	return []images.Want{
		{Ref: images.Ref(run.Metrics.GrafanaImage), Role: images.RoleWorkload},
		{Ref: images.Ref(run.Metrics.SidecarImage), Role: images.RoleWorkload},
	}
}

// grafanaImages are what Grafana runs on: none where the run file leaves it
// open and one of them cannot be had, which missing then explains.
func grafanaImages(ctx context.Context, resolver lister, run config.Run) (wants []images.Want, missing string, err error) {
	switch run.Metrics.Grafana {
	case grafanaAlways:
		return grafanaWants(run), "", nil
	case grafanaAuto:
	default:
		return nil, "", nil
	}
	wants = grafanaWants(run)
	listed, err := resolver.List(ctx, wants)
	if err != nil {
		return nil, "", fmt.Errorf("look for a Grafana: %w", err)
	}
	var closed []string
	for _, one := range listed {
		if one.Unavailable() {
			closed = append(closed, string(one.Ref))
		}
	}
	if len(closed) > 0 {
		return nil, "cannot be had here, for want of " + strings.Join(closed, " and ") +
			": `airworthy images list --set metrics.grafana=always` gives the reasons", nil
	}
	return wants, "", nil
}

// chooseGrafana brings Grafana where the run file leaves it open and its images
// were had; missing says what it lacked where they were not.
func (u *up) chooseGrafana(ctx context.Context, missing string) error {
	if u.Run.Metrics.Grafana != grafanaAuto {
		return nil
	}
	if missing != "" {
		u.h.NoGrafana = missing
		u.h.NotOffered = notOffered(u.h, noPolicies)
		return nil
	}
	u.h.Grafana = true
	u.h.Features = append(u.h.Features, conformance.FeatureGrafana)
	slices.Sort(u.h.Features)
	u.h.NotOffered = notOffered(u.h, noPolicies)
	var err error
	if u.h.Addons, err = planAddons(ctx, u.h); err != nil {
		return err
	}
	return u.keepPlan()
}
