package environment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/environment/internal/engine"
	"github.com/airworthy/airworthy/pkg/environment/internal/kind"
)

// Left is what a stack has on the container engine, by name, sorted.
type Left struct {
	Containers []string `json:"containers,omitempty"`
	Networks   []string `json:"networks,omitempty"`
	Volumes    []string `json:"volumes,omitempty"`
}

// Empty reports whether there is nothing.
func (l Left) Empty() bool { return len(l.Containers)+len(l.Networks)+len(l.Volumes) == 0 }

// Leftovers lists everything of the stack: what carries its label, and the
// nodes of its kind cluster, which carry kind's label only.
func Leftovers(ctx context.Context, docker Engine, stack string) (Left, error) {
	owned, err := find(ctx, docker, stack)
	left := Left{Containers: owned.containers.names(), Networks: owned.networks.names(), Volumes: owned.volumes.names()}
	return left, err
}

// Remove removes what Leftovers lists, with the anonymous volumes of the
// containers, and returns what it removed. It goes on after an error, joins the
// errors, and may be called again.
func Remove(ctx context.Context, docker Engine, stack string) (Left, error) {
	owned, err := find(ctx, docker, stack)
	errs := []error{err}
	var gone Left
	for _, it := range owned.containers {
		_, err := docker.ContainerRemove(ctx, it.id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		gone.Containers, errs = note(gone.Containers, errs, "container", it, err)
	}
	// Networks and volumes go last: the engine keeps those that are in use.
	for _, it := range owned.networks {
		_, err := docker.NetworkRemove(ctx, it.id, client.NetworkRemoveOptions{})
		gone.Networks, errs = note(gone.Networks, errs, "network", it, err)
	}
	for _, it := range owned.volumes {
		_, err := docker.VolumeRemove(ctx, it.id, client.VolumeRemoveOptions{})
		gone.Volumes, errs = note(gone.Volumes, errs, "volume", it, err)
	}
	return gone, errors.Join(errs...)
}

// note files the outcome of one removal. Something that another process
// removes at the same moment is as good as removed.
func note(gone []string, errs []error, what string, it thing, err error) ([]string, []error) {
	if err != nil && !errdefs.IsNotFound(err) && !kind.RemovalUnderWay(err) {
		return gone, append(errs, fmt.Errorf("remove %s %s: %w", what, it.name, err))
	}
	return append(gone, it.name), errs
}

type thing struct{ id, name string }

type things []thing

func (t things) names() []string {
	var names []string
	for _, it := range t {
		names = append(names, it.name)
	}
	slices.Sort(names)
	return names
}

type owned struct{ containers, networks, volumes things }

// find lists by label. What could be listed is returned with the error.
func find(ctx context.Context, docker Engine, stack string) (owned, error) {
	var (
		o    owned
		errs []error
		seen = make(map[string]bool)
	)
	for _, label := range [][2]string{{LabelStack, stack}, {kind.ClusterLabel, Name(stack)}} {
		list, err := engine.Containers(ctx, docker, label[0], label[1])
		errs = append(errs, err)
		for _, c := range list {
			if !seen[c.ID] {
				seen[c.ID] = true
				o.containers = append(o.containers, thing{c.ID, engine.Name(c)})
			}
		}
	}
	mine := engine.Label(LabelStack, stack)
	if list, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: mine}); err != nil {
		errs = append(errs, fmt.Errorf("list networks of stack %s: %w", stack, err))
	} else {
		for _, n := range list.Items {
			o.networks = append(o.networks, thing{n.ID, n.Name})
		}
	}
	if list, err := docker.VolumeList(ctx, client.VolumeListOptions{Filters: mine}); err != nil {
		errs = append(errs, fmt.Errorf("list volumes of stack %s: %w", stack, err))
	} else {
		for _, v := range list.Items {
			o.volumes = append(o.volumes, thing{v.Name, v.Name})
		}
	}
	return o, errors.Join(errs...)
}
