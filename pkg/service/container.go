package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
)

// Customize turns a placement into options for testcontainers: the container's
// name, which is its alias on the network too, its labels, and the promise that
// nothing is pulled here, because images decides where images come from.
func (p Placement) Customize() []testcontainers.ContainerCustomizer {
	return []testcontainers.ContainerCustomizer{
		testcontainers.WithName(p.Name),
		testcontainers.WithLabels(p.Labels),
		network.WithNetworkName([]string{p.Name}, p.Network),
	}
}

// Container is the Handle of a service that runs as one container.
type Container struct {
	name      string
	container testcontainers.Container
	endpoint  Endpoint

	closing sync.Once
	closed  error
}

// NewContainer wraps what testcontainers started; container may be nil when
// nothing was. It never returns nil, so that clean-up can be registered before
// the error of the start is looked at.
func NewContainer(name string, container testcontainers.Container) *Container {
	return &Container{name: name, container: container}
}

// Name is the container's name.
func (c *Container) Name() string { return c.name }

// Endpoint is where the service answers.
func (c *Container) Endpoint() Endpoint { return c.endpoint }

// ContainerID is empty when no container was made.
func (c *Container) ContainerID() string {
	if c.container == nil {
		return ""
	}
	return c.container.GetContainerID()
}

// Close removes the container with its volumes. It may be called again.
func (c *Container) Close(ctx context.Context) error {
	c.closing.Do(func() {
		if c.container == nil {
			return
		}
		if err := testcontainers.TerminateContainer(c.container); err != nil && !errdefs.IsNotFound(err) {
			c.closed = fmt.Errorf("remove container %s: %w", c.name, err)
		}
	})
	return c.closed
}

// Locate fills in the endpoint's two addresses for a port such as 5432/tcp.
// Pods use the container's address on the network rather than its name: a name
// would pass through the cluster's DNS and the engine's, and fail with either.
func (c *Container) Locate(ctx context.Context, p Placement, port string, e Endpoint) error {
	host, err := c.container.PortEndpoint(ctx, port, "")
	if err != nil {
		return fmt.Errorf("find port %s of container %s: %w", port, c.name, err)
	}
	details, err := c.container.Inspect(ctx)
	if err != nil {
		return fmt.Errorf("inspect container %s: %w", c.name, err)
	}
	joined, ok := details.NetworkSettings.Networks[p.Network]
	if !ok {
		return fmt.Errorf("container %s is not on network %s", c.name, p.Network)
	}
	number, _, _ := strings.Cut(port, "/")
	e.FromHost, e.FromPod = host, net.JoinHostPort(joined.IPAddress.String(), number)
	c.endpoint = e
	return nil
}

// SetEndpoint replaces the endpoint, for services that make users of their own.
func (c *Container) SetEndpoint(e Endpoint) { c.endpoint = e }

// Explain makes the usual reasons of a failed start readable.
func Explain(name, image string, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	switch {
	case errdefs.IsNotFound(err) || strings.Contains(text, "No such image") || strings.Contains(text, "pull access denied"):
		return fmt.Errorf("start %s: image %s is not in the container engine: `airworthy images list` says how it can be had: %w", name, image, err)
	case strings.Contains(text, "Cannot connect to the Docker daemon"):
		return fmt.Errorf("start %s: the container engine is gone: start it again (`airworthy doctor --fix`), then `airworthy up`: %w", name, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("start %s: it did not answer in time; its log is in the error below: %w", name, err)
	}
	return fmt.Errorf("start %s: %w", name, err)
}
