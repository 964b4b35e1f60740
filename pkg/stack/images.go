package stack

import (
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

// NewResolver makes the resolver that a run file asks for. labels are put on
// the containers it runs.
func NewResolver(docker *client.Client, run config.Run, cache string, labels map[string]string, progress func(image, line string)) (*images.Resolver, error) {
	recipes, err := fs.Sub(fixtures.FS, "images")
	if err != nil {
		return nil, fmt.Errorf("open image recipes: %w", err)
	}
	return images.New(images.Options{
		Docker: docker,
		Builder: build.New(build.Options{
			Recipes: recipes, Cache: filepath.Join(cache, "build"), Docker: docker, Progress: progress,
		}),
		Policy: run.Images.Policy, Mirror: run.Images.Mirror, Bundle: run.Images.Bundle, PerImage: run.Images.PerImage,
		Cache:        filepath.Join(cache, "images"),
		ClusterPulls: run.Cluster.Kind != "kind",
		Labels:       labels,
		Progress:     progress,
	}), nil
}

// Wants lists every image of a run: the node's, the services', the platform's.
func Wants(run config.Run, plan platform.Plan, addons []addon.Plan) []images.Want {
	var wants []images.Want
	if run.Cluster.Kind == "kind" {
		wants = append(wants, images.Want{Ref: NodeRef(run), Role: images.RoleNode})
	}
	if !servicesInside(run) {
		wants = append(wants, images.Want{Ref: images.Ref(run.Database.Image), Role: images.RoleService})
		if run.ObjectStorage.Kind == "minio" {
			wants = append(wants, images.Want{Ref: images.Ref(run.ObjectStorage.Image), Role: images.RoleService})
		}
	}
	wants = append(wants, shippingImages(run)...)
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
			want := images.Want{Ref: images.Ref(ref), Role: images.RoleWorkload}
			if !slices.Contains(wants, want) {
				wants = append(wants, want)
			}
		}
	}
	return wants
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
