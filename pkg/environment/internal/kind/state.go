package kind

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/environment/internal/engine"
)

// ErrImageMissing is returned where the container engine does not hold the node image.
var ErrImageMissing = errors.New("the container engine does not hold the node image")

// Node is one node container as the engine describes it.
type Node struct {
	Name    string
	Role    string
	Running bool
	ImageID string
	Network string
	// Published maps ports of the node to ports of 127.0.0.1.
	Published map[int]string
}

// Nodes lists the cluster's node containers, by name.
func Nodes(ctx context.Context, docker engine.API, cluster string) ([]Node, error) {
	list, err := engine.Containers(ctx, docker, ClusterLabel, cluster)
	if err != nil {
		return nil, err
	}
	var nodes []Node
	for _, summary := range list {
		got, err := docker.ContainerInspect(ctx, summary.ID, client.ContainerInspectOptions{})
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("inspect node %s: %w", engine.Name(summary), err)
		}
		nodes = append(nodes, node(summary, got.Container))
	}
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	return nodes, nil
}

func node(summary container.Summary, got container.InspectResponse) Node {
	n := Node{
		Name:      engine.Name(summary),
		Role:      summary.Labels[roleLabel],
		ImageID:   got.Image,
		Running:   got.State != nil && got.State.Running,
		Published: make(map[int]string),
	}
	if got.HostConfig != nil {
		n.Network = string(got.HostConfig.NetworkMode)
		// What was asked for survives a stop of the container, unlike what is bound.
		for port, bindings := range got.HostConfig.PortBindings {
			publish(n.Published, port, bindings)
		}
	}
	return n
}

func publish(published map[int]string, port network.Port, bindings []network.PortBinding) {
	for _, b := range bindings {
		if b.HostPort != "" && b.HostPort != "0" {
			published[int(port.Num())] = b.HostPort
		}
	}
}

// ImageID resolves the node image's name.
func ImageID(ctx context.Context, docker engine.API, image string) (string, error) {
	got, err := docker.ImageInspect(ctx, image)
	if errdefs.IsNotFound(err) {
		return "", ErrImageMissing
	}
	if err != nil {
		return "", fmt.Errorf("inspect node image %s: %w", image, err)
	}
	return got.ID, nil
}

// Kubeconfig reads the kubeconfig of a cluster from its control plane, with
// the address for processes on this machine.
func Kubeconfig(c Config) ([]byte, error) {
	text, err := newProvider(c).KubeConfig(c.Name, false)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig of kind cluster %s: %w", c.Name, err)
	}
	return []byte(text), nil
}

// CollectLogs writes the logs of nodes, kubelets and the runtime below dir.
func CollectLogs(name, dir string) error {
	provider := newProvider(Config{Progress: func(string) {}})
	if err := provider.CollectLogs(name, dir); err != nil {
		return fmt.Errorf("export logs of kind cluster %s: %w", name, err)
	}
	return nil
}

// Mismatch says why a cluster with these nodes cannot be gone on with, or ""
// when its containers are as wanted. imageID is the wanted node image's.
func (c Config) Mismatch(nodes []Node, imageID string) string {
	if len(nodes) != c.size() {
		return fmt.Sprintf("it has %d of %d nodes", len(nodes), c.size())
	}
	controlPlanes := 0
	for _, n := range nodes {
		switch {
		case !n.Running:
			return fmt.Sprintf("node %s is not running", n.Name)
		case n.ImageID != imageID:
			return fmt.Sprintf("node %s runs another image than %s", n.Name, c.Image)
		case n.Network != c.Network:
			return fmt.Sprintf("node %s is on network %s, not on %s", n.Name, n.Network, c.Network)
		}
		if n.Role != "control-plane" {
			continue
		}
		controlPlanes++
		for _, wanted := range c.Ports {
			port, published := n.Published[wanted.Node]
			if !published {
				return fmt.Sprintf("port %d of node %s is not published", wanted.Node, n.Name)
			}
			if wanted.Host != 0 && port != fmt.Sprint(wanted.Host) {
				return fmt.Sprintf("port %d of node %s is published on %s, not on %d", wanted.Node, n.Name, port, wanted.Host)
			}
		}
	}
	if controlPlanes != 1 {
		return fmt.Sprintf("it has %d control planes, not 1", controlPlanes)
	}
	return ""
}
