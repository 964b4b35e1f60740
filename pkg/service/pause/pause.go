// Package pause silences the container of a service for a while: its processes
// stop where they are, its connections stay open, and nobody is answered. That
// is how a database looks from outside while it fails over, or while the network
// to it is cut.
package pause

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// resumeWithin bounds a resume, which has to happen also when the work was cancelled.
const resumeWithin = 30 * time.Second

// Container is a container of the engine at Host, such as unix:///var/run/docker.sock.
type Container struct {
	Host string
	Name string
}

// Silence pauses the container. The returned function lets it go on; it is
// never nil, may be called twice, and takes no context, so that nothing that
// ends early leaves the container silent.
func (c Container) Silence(ctx context.Context) (resume func() error, err error) {
	resume = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resumeWithin)
		defer cancel()
		return c.Resume(ctx)
	}
	docker, err := client.New(client.WithHost(c.Host))
	if err != nil {
		return resume, fmt.Errorf("reach the container engine at %s: %w", c.Host, err)
	}
	defer docker.Close()
	if _, err := docker.ContainerPause(ctx, c.Name, client.ContainerPauseOptions{}); err != nil {
		return resume, fmt.Errorf("silence container %s: %w", c.Name, err)
	}
	return resume, nil
}

// Resume lets a silenced container go on; one that is not silenced is left alone.
func (c Container) Resume(ctx context.Context) error {
	docker, err := client.New(client.WithHost(c.Host))
	if err != nil {
		return fmt.Errorf("reach the container engine at %s: %w", c.Host, err)
	}
	defer docker.Close()
	state, err := docker.ContainerInspect(ctx, c.Name, client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		return nil // the stack was removed meanwhile
	}
	if err != nil {
		return fmt.Errorf("let container %s go on: %w", c.Name, err)
	}
	if state.Container.State == nil || !state.Container.State.Paused {
		return nil
	}
	if _, err := docker.ContainerUnpause(ctx, c.Name, client.ContainerUnpauseOptions{}); err != nil {
		return fmt.Errorf("let container %s go on: %w", c.Name, err)
	}
	return nil
}
