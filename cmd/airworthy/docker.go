package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/engine"
	"github.com/airworthy/airworthy/pkg/environment"
)

// machine is the container engine, and what is known of where it runs.
type machine struct {
	docker *client.Client
	status engine.Status
}

// engine finds the container engine and sets the variables that the libraries
// below read for themselves. The error lists everything that stands in the way.
func (a *app) engine(ctx context.Context) (machine, error) {
	return a.engineIf(ctx, engine.Status.Err)
}

// engineToRemove is engine for what only removes.
func (a *app) engineToRemove(ctx context.Context) (machine, error) {
	return a.engineIf(ctx, engine.Status.ErrToRemove)
}

func (a *app) engineIf(ctx context.Context, unfit func(engine.Status) error) (machine, error) {
	opts, err := a.engineOptions()
	if err != nil {
		return machine{}, err
	}
	status, err := engine.Detect(ctx, opts)
	if err != nil {
		return machine{}, usageError(err)
	}
	if err := unfit(status); err != nil {
		return machine{}, err
	}
	if err := prepareLibraries(status); err != nil {
		return machine{}, err
	}
	docker, err := client.New(client.FromEnv)
	if err != nil {
		return machine{}, fmt.Errorf("reach the container engine at %s: %w", status.Host, err)
	}
	return machine{docker, status}, nil
}

// prepareLibraries sets what kind and testcontainers take from the environment.
func prepareLibraries(s engine.Status) error {
	set := map[string]string{
		"DOCKER_HOST": s.Host,
		// Its reaper's image would have to be pulled; everything that is made
		// carries a label, and is removed by it.
		"TESTCONTAINERS_RYUK_DISABLED": "true",
		"KIND_EXPERIMENTAL_PROVIDER":   "docker",
	}
	if s.Bin != "" {
		set["PATH"] = s.Bin + string(os.PathListSeparator) + os.Getenv("PATH")
	}
	for name, value := range set {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// labelled lists the stacks that anything on the engine belongs to, sorted.
func labelled(ctx context.Context, docker *client.Client) ([]string, error) {
	filter := client.Filters{}.Add("label", environment.LabelStack)
	var names []string
	add := func(labels map[string]string) {
		if n := labels[environment.LabelStack]; n != "" {
			names = append(names, n)
		}
	}
	containers, err := docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	for _, c := range containers.Items {
		add(c.Labels)
	}
	networks, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	for _, n := range networks.Items {
		add(n.Labels)
	}
	volumes, err := docker.VolumeList(ctx, client.VolumeListOptions{Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	for _, v := range volumes.Items {
		add(v.Labels)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
