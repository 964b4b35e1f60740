package stack

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/fixtures"
	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/images/build"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/addon"
)

// ImageOptions say how NewResolver makes images available.
type ImageOptions struct {
	Docker   *client.Client
	Cache    string                   // directory for builds and downloads
	Labels   map[string]string        // of the containers that are run on the way
	Proxy    map[string]string        // variables such as HTTPS_PROXY, for what is built in containers
	Progress func(image, line string) // may be nil
}

// NewResolver makes the resolver that a run file asks for.
func NewResolver(run config.Run, o ImageOptions) (*images.Resolver, error) {
	recipes, err := fs.Sub(fixtures.FS, "images")
	if err != nil {
		return nil, fmt.Errorf("open image recipes: %w", err)
	}
	return images.New(images.Options{
		Docker: o.Docker,
		Builder: build.New(build.Options{
			Recipes: recipes, Cache: filepath.Join(o.Cache, "build"), Docker: o.Docker, Progress: o.Progress,
			BuildArgs: o.Proxy, Labels: o.Labels, Limit: run.Timeouts.Scaled().Build,
		}),
		Policy: run.Images.Policy, Mirror: run.Images.Mirror, Bundle: run.Images.Bundle, PerImage: run.Images.PerImage,
		Cache:        filepath.Join(o.Cache, "images"),
		ClusterPulls: run.Cluster.Kind != "kind",
		Labels:       o.Labels,
		Progress:     o.Progress,
	}), nil
}

// Wants lists every image of a run: the node's, the services', the platform's.
// Where the run file leaves a version open, what can be had decides. noGrafana
// says why none is brought where the run file leaves that open.
func Wants(ctx context.Context, resolver *images.Resolver, run config.Run, plan platform.Plan, addons []addon.Plan) (wants []images.Want, noGrafana string, err error) {
	shipping, err := shippingImages(ctx, resolver, run)
	if err != nil {
		return nil, "", err
	}
	around, noGrafana, err := grafanaImages(ctx, resolver, run)
	if err != nil {
		return nil, "", err
	}
	if run.Cluster.Kind == "kind" {
		wants = append(wants, images.Want{Ref: NodeRef(run), Role: images.RoleNode})
	}
	if !servicesInside(run) {
		wants = append(wants, images.Want{Ref: images.Ref(run.Database.Image), Role: images.RoleService})
		if run.ObjectStorage.Kind == "minio" {
			wants = append(wants, images.Want{Ref: images.Ref(run.ObjectStorage.Image), Role: images.RoleService})
		}
	}
	wants = append(wants, shipping...)
	if usesACME(run) {
		wants = append(wants, images.Want{Ref: pebbleImage, Role: images.RoleService})
	}
	if run.Git.Kind != "none" {
		wants = append(wants, images.Want{Ref: images.Ref(run.Git.Server), Role: images.RoleService})
	}
	for _, ref := range plan.Images {
		if bakes(run) && ref == AirflowImage(run) {
			ref = baseImage(run) // the other is made of it
		}
		wants = append(wants, images.Want{Ref: images.Ref(ref), Role: images.RoleWorkload})
	}
	for _, a := range addons {
		for _, ref := range a.Images {
			around = append(around, images.Want{Ref: images.Ref(ref), Role: images.RoleWorkload})
		}
	}
	for _, want := range around {
		if !slices.Contains(wants, want) {
			wants = append(wants, want)
		}
	}
	return wants, noGrafana, nil
}

// NodeRef is upstream's name of the kind node image for the run's Kubernetes.
func NodeRef(run config.Run) images.Ref { return images.Ref("kindest/node:" + run.Cluster.Kubernetes) }

// find gives the resolution of one image by name and role.
func find(all []images.Resolution, ref images.Ref, role images.Role) (images.Resolution, error) {
	for _, r := range all {
		if r.Ref == ref && r.Role == role {
			return r, nil
		}
	}
	return images.Resolution{}, fmt.Errorf("image %s (%s) was not resolved", ref, role)
}
