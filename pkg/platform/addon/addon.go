// Package addon installs what stands around a platform in its cluster: an
// ingress controller, certificates, metrics, log shipping. Each is a small
// chart of airworthy's own below fixtures/addons. It must not know Airflow.
package addon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/airworthy/airworthy/fixtures"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/internal/helm"
)

// Addon is one of the charts with its values.
type Addon struct {
	Name   string         `json:"name"` // folder below fixtures/addons, and name of the release
	Values map[string]any `json:"-"`
	// CRDs are definitions of custom resources beyond the chart's own, as YAML
	// documents: upstream's Go modules embed theirs.
	CRDs string `json:"-"`
	// Images of pods that an operator of the add-on makes: no manifest has them.
	Images []string `json:"-"`
	// Overlays change what was rendered; used by sabotages.
	Overlays []platform.Overlay `json:"-"`
}

// Place says where add-ons go.
type Place struct {
	Namespace string
	Stack     string // value of the stack label put on every object
}

// Plan is what would be installed, known before any cluster exists.
type Plan struct {
	Name      string   `json:"name"`
	Version   string   `json:"version"` // of the chart
	Digest    string   `json:"digest"`  // sha256 of the chart's content
	Images    []string `json:"images"`  // every image the manifests name, sorted
	Manifests string   `json:"-"`
}

func (p Place) labels() map[string]string {
	return map[string]string{environment.LabelStack: p.Stack}
}

// labels of one add-on: they share a namespace, and each watches its own pods.
func (a Addon) labels(place Place) map[string]string {
	return map[string]string{environment.LabelStack: place.Stack, Label: a.Name}
}

// Label names the add-on on each of its objects and pods.
const Label = "airworthy.dev/addon"

func (a Addon) request(place Place) (helm.Source, helm.Request, error) {
	src, err := helm.LoadFS(fixtures.FS, "addons/"+a.Name)
	if err != nil {
		return src, helm.Request{}, fmt.Errorf("add-on %s: %w", a.Name, err)
	}
	return src, helm.Request{
		Release: a.Name, Namespace: place.Namespace, Values: a.Values,
		Labels: a.labels(place), Overlays: a.Overlays,
	}, nil
}

// Plan renders the add-on without a cluster.
func (a Addon) Plan(ctx context.Context, place Place) (Plan, error) {
	src, r, err := a.request(place)
	if err != nil {
		return Plan{}, err
	}
	rendered, err := helm.Render(ctx, src, r)
	if err != nil {
		return Plan{}, fmt.Errorf("add-on %s: %w", a.Name, err)
	}
	manifests, err := rendered.Manifests()
	images := slices.Compact(slices.Sorted(slices.Values(slices.Concat(rendered.Images(), a.Images))))
	return Plan{
		Name: a.Name, Version: src.Chart.Metadata.Version, Digest: src.Digest,
		Images: images, Manifests: manifests,
	}, err
}

// Define makes the namespace of all add-ons, and their custom resources known to the cluster. The
// platform may have objects of their kinds, so this comes before its install.
func Define(ctx context.Context, cfg *rest.Config, place Place, addons ...Addon) error {
	var all []*unstructured.Unstructured
	for _, a := range addons {
		src, r, err := a.request(place)
		if err != nil {
			return err
		}
		rendered, err := helm.Render(ctx, src, r)
		if err != nil {
			return fmt.Errorf("add-on %s: %w", a.Name, err)
		}
		_, crds, err := rendered.WithoutCRDs(src)
		if err != nil {
			return fmt.Errorf("add-on %s: %w", a.Name, err)
		}
		more, err := helm.ParseObjects(a.CRDs)
		if err != nil {
			return fmt.Errorf("add-on %s: %w", a.Name, err)
		}
		all = slices.Concat(all, crds, more)
	}
	if err := helm.MakeNamespace(ctx, cfg, place.Namespace, place.labels()); err != nil {
		return err
	}
	return helm.Define(ctx, cfg, all, place.labels())
}

// Install returns once everything of the add-on is ready, or as soon as
// something cannot become ready. Over a release that stands it is an upgrade.
// Define comes before it.
func (a Addon) Install(ctx context.Context, cfg *rest.Config, place Place, timeout time.Duration, progress platform.Progress) error {
	src, r, err := a.request(place)
	if err != nil {
		return err
	}
	if _, _, err := helm.Put(ctx, cfg, src, r, false, timeout, progress); err != nil {
		return fmt.Errorf("add-on %s: %w", a.Name, err)
	}
	return nil
}

// Remove takes all add-ons of a stack off a cluster, with their namespace and
// the custom resources that were defined for them.
func Remove(ctx context.Context, cfg *rest.Config, place Place, addons ...Addon) error {
	for _, a := range slices.Backward(addons) {
		if err := helm.Remove(ctx, cfg, place.Namespace, a.Name, a.labels(place)); err != nil {
			return fmt.Errorf("add-on %s: %w", a.Name, err)
		}
	}
	if err := helm.Undefine(ctx, cfg, place.labels()); err != nil {
		return err
	}
	return helm.RemoveNamespace(ctx, cfg, place.Namespace, place.labels())
}

// Names lists add-ons for a person.
func Names(addons []Addon) string {
	var names []string
	for _, a := range addons {
		names = append(names, a.Name)
	}
	return strings.Join(names, ", ")
}
