// Package engine is the part of the container engine's API that clusters need,
// and the questions asked of it more than once.
package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// API is satisfied by *client.Client.
type API interface {
	ContainerList(context.Context, client.ContainerListOptions) (client.ContainerListResult, error)
	ContainerInspect(context.Context, string, client.ContainerInspectOptions) (client.ContainerInspectResult, error)
	ContainerRemove(context.Context, string, client.ContainerRemoveOptions) (client.ContainerRemoveResult, error)
	ImageInspect(context.Context, string, ...client.ImageInspectOption) (client.ImageInspectResult, error)
	NetworkCreate(context.Context, string, client.NetworkCreateOptions) (client.NetworkCreateResult, error)
	NetworkList(context.Context, client.NetworkListOptions) (client.NetworkListResult, error)
	NetworkRemove(context.Context, string, client.NetworkRemoveOptions) (client.NetworkRemoveResult, error)
	VolumeList(context.Context, client.VolumeListOptions) (client.VolumeListResult, error)
	VolumeRemove(context.Context, string, client.VolumeRemoveOptions) (client.VolumeRemoveResult, error)
}

// Label is the filter for things that carry key with value.
func Label(key, value string) client.Filters {
	return make(client.Filters).Add("label", key+"="+value)
}

// Containers lists the containers, also stopped ones, that carry key with value.
func Containers(ctx context.Context, api API, key, value string) ([]container.Summary, error) {
	list, err := api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: Label(key, value)})
	if err != nil {
		return nil, fmt.Errorf("list containers with label %s=%s: %w", key, value, err)
	}
	return list.Items, nil
}

// Name is the container's name without the engine's leading slash.
func Name(c container.Summary) string {
	if len(c.Names) == 0 {
		return c.ID
	}
	return strings.TrimPrefix(c.Names[0], "/")
}
