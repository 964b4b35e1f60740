package environment

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/environment/internal/engine"
)

// Engine is the part of the container engine's API that this package uses; a
// *client.Client of github.com/moby/moby/client satisfies it.
type Engine = engine.API

// Name is the name of the stack's kind cluster, of its container network, and
// the beginning of its containers' names.
func Name(stack string) string { return "airworthy-" + stack }

// EnsureNetwork makes the stack's container network, labelled, unless it is
// there already, and returns its name. A network of that name without the
// stack's label belongs to somebody else and is an error.
func EnsureNetwork(ctx context.Context, docker Engine, stack string) (string, error) {
	name := Name(stack)
	found, err := networkNamed(ctx, docker, name)
	if err != nil {
		return "", err
	}
	for _, owner := range found {
		if owner != stack {
			return "", fmt.Errorf("make network %s: a network of this name without the label %s=%s is there already; remove it (docker network rm %s) or choose another name for the stack",
				name, LabelStack, stack, name)
		}
	}
	if len(found) > 0 {
		return name, nil
	}
	_, err = docker.NetworkCreate(ctx, name, client.NetworkCreateOptions{
		Driver:  "bridge",
		Options: map[string]string{"com.docker.network.bridge.enable_ip_masquerade": "true"},
		Labels:  map[string]string{LabelStack: stack, LabelPart: "network"},
	})
	if errdefs.IsConflict(err) || errdefs.IsAlreadyExists(err) {
		return name, nil // made at the same time by another part of the same stack
	}
	if err != nil {
		return "", fmt.Errorf("make network %s: %w", name, err)
	}
	return name, nil
}

// RemoveNetwork removes the networks that carry the stack's label; none is no error.
func RemoveNetwork(ctx context.Context, docker Engine, stack string) error {
	list, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: engine.Label(LabelStack, stack)})
	if err != nil {
		return fmt.Errorf("list networks of stack %s: %w", stack, err)
	}
	var errs []error
	for _, network := range list.Items {
		if _, err := docker.NetworkRemove(ctx, network.ID, client.NetworkRemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("remove network %s: %w", network.Name, err))
		}
	}
	return errors.Join(errs...)
}

// networkNamed gives the stack label of each network with exactly this name, by id.
func networkNamed(ctx context.Context, docker Engine, name string) (map[string]string, error) {
	// The engine's name filter matches parts of names too.
	list, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: make(client.Filters).Add("name", name)})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	found := make(map[string]string)
	for _, network := range list.Items {
		if network.Name == name {
			found[network.ID] = network.Labels[LabelStack]
		}
	}
	return found, nil
}
