// Package container is what the services that run in a container beside the
// cluster have in common: checks before the start, placement, and clean-up.
package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	mobycontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	tcnetwork "github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/service"
)

// ErrReaper is returned where testcontainers would start its reaper, whose
// image cannot be had everywhere; airworthy removes by label instead. The
// library offers no option for it: the command sets
// TESTCONTAINERS_RYUK_DISABLED=true in its own environment before the first
// service starts.
var ErrReaper = errors.New("testcontainers' reaper is switched on; set TESTCONTAINERS_RYUK_DISABLED=true in the process's environment")

// startWithin bounds a start whose context carries no deadline.
const startWithin = time.Minute

// Handle is a service's container. It implements service.Handle but for
// Endpoint, and stands also for one whose start failed half-way.
type Handle struct {
	place service.Placement
	id    string
}

// Name is the container's name.
func (h *Handle) Name() string { return h.place.Name }

// ContainerID is the engine's id, or "" while nothing runs.
func (h *Handle) ContainerID() string { return h.id }

// Close removes the container with its volumes. It is safe to call twice, and
// also where the start failed: then a container of the name and of the stack's
// label is removed.
func (h *Handle) Close(ctx context.Context) error {
	docker, err := engine(ctx)
	if err != nil {
		return err
	}
	defer docker.Close()
	return removeOwn(ctx, docker, h.place)
}

// Prepare makes sure that image is there, as it is never pulled here, and
// removes a container of the same stack and name that an interrupted run left.
func Prepare(ctx context.Context, image string, place service.Placement) (*Handle, error) {
	handle := &Handle{place: place}
	if place.Labels[environment.LabelStack] == "" || place.Labels[environment.LabelPart] == "" {
		return handle, fmt.Errorf("start %s: its labels lack %s or %s", place.Name, environment.LabelStack, environment.LabelPart)
	}
	silence()
	if !testcontainers.ReadConfig().Config.RyukDisabled {
		return handle, fmt.Errorf("start %s: %w", place.Name, ErrReaper)
	}
	docker, err := engine(ctx)
	if err != nil {
		return handle, err
	}
	defer docker.Close()
	switch _, err := docker.ImageInspect(ctx, image); {
	case errdefs.IsNotFound(err):
		return handle, fmt.Errorf("start %s: the container engine does not hold image %s; have it pulled, built or loaded first (airworthy images list)", place.Name, image)
	case err != nil:
		return handle, fmt.Errorf("inspect image %s: %w", image, err)
	}
	return handle, removeOwn(ctx, docker, place)
}

// Options place the container and publish each port, such as 5432/tcp, on a
// free port of 127.0.0.1 only.
func Options(place service.Placement, ports ...string) []testcontainers.ContainerCustomizer {
	bindings := network.PortMap{}
	for _, port := range ports {
		bindings[network.MustParsePort(port)] = []network.PortBinding{{HostIP: netip.MustParseAddr("127.0.0.1")}}
	}
	return []testcontainers.ContainerCustomizer{
		testcontainers.WithName(place.Name),
		testcontainers.WithLabels(place.Labels),
		testcontainers.WithLogger(silent{}),
		tcnetwork.WithNetworkName([]string{place.Name}, place.Network),
		testcontainers.WithHostConfigModifier(func(host *mobycontainer.HostConfig) {
			host.PortBindings = bindings
		}),
	}
}

// Within is how long a service may take to answer: until ctx's deadline.
func Within(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return startWithin
}

// Started takes in a container that testcontainers made. got may be nil.
func (h *Handle) Started(got testcontainers.Container) {
	if got != nil {
		h.id = got.GetContainerID()
	}
}

// Find takes in the running container of the placement, by label.
func Find(ctx context.Context, place service.Placement) (*Handle, error) {
	handle := &Handle{place: place}
	docker, err := engine(ctx)
	if err != nil {
		return handle, err
	}
	defer docker.Close()
	found, err := own(ctx, docker, place)
	if err != nil {
		return handle, err
	}
	for _, c := range found {
		if c.State == mobycontainer.StateRunning {
			handle.id = c.ID
			return handle, nil
		}
	}
	return handle, fmt.Errorf("find %s of stack %s: %d containers, none of them running", place.Name, place.Labels[environment.LabelStack], len(found))
}

// HostAddress is where port, such as 5432/tcp, is published on this machine.
func (h *Handle) HostAddress(ctx context.Context, port string) (string, error) {
	docker, err := engine(ctx)
	if err != nil {
		return "", err
	}
	defer docker.Close()
	got, err := docker.ContainerInspect(ctx, h.id, client.ContainerInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("inspect %s: %w", h.place.Name, err)
	}
	if state := got.Container.State; state != nil && !state.Running {
		return "", await.Stop(fmt.Errorf("%s ended with code %d; its last lines were:\n%s", h.place.Name, state.ExitCode, lastLines(ctx, docker, h.id)))
	}
	if got.Container.NetworkSettings != nil {
		for _, b := range got.Container.NetworkSettings.Ports[network.MustParsePort(port)] {
			return net.JoinHostPort("127.0.0.1", b.HostPort), nil
		}
	}
	return "", fmt.Errorf("port %s of %s is not published", port, h.place.Name)
}

// Answer waits until try, which is given the service's address on this
// machine, succeeds, and returns the address. It ends early when the container
// does. testcontainers' own wait strategies are not used: where the harness runs
// in a container itself, they look for published ports on the bridge's gateway,
// and these are bound to 127.0.0.1.
func (h *Handle) Answer(ctx context.Context, port string, try func(ctx context.Context, address string) error) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, Within(ctx))
	defer cancel()
	return await.Until(ctx, h.place.Name+" to answer", 50*time.Millisecond,
		func(ctx context.Context) (string, error) {
			address, err := h.HostAddress(ctx, port)
			if err != nil {
				return "", err
			}
			return address, try(ctx, address)
		},
		func(string) error { return nil })
}

// NoWait replaces a module's own wait strategy; see Answer.
func NoWait() testcontainers.ContainerCustomizer {
	return testcontainers.WithWaitStrategy(wait.ForNop(func(context.Context, wait.StrategyTarget) error { return nil }))
}

// lastLines is the end of the container's output, for an error.
func lastLines(ctx context.Context, docker *testcontainers.DockerClient, id string) string {
	stream, err := docker.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "15"})
	if err != nil {
		return fmt.Sprintf("(its log cannot be read: %v)", err)
	}
	defer stream.Close()
	var text strings.Builder
	if _, err := stdcopy.StdCopy(&text, &text, stream); err != nil {
		fmt.Fprintf(&text, "(the log broke off: %v)", err)
	}
	return strings.TrimSpace(text.String())
}

// own lists the containers of the placement's name that carry the stack's label.
func own(ctx context.Context, docker *testcontainers.DockerClient, place service.Placement) ([]mobycontainer.Summary, error) {
	stack := place.Labels[environment.LabelStack]
	list, err := docker.ContainerList(ctx, client.ContainerListOptions{
		All: true,
		Filters: make(client.Filters).
			Add("label", environment.LabelStack+"="+stack).
			Add("name", "^/"+place.Name+"$"),
	})
	if err != nil {
		return nil, fmt.Errorf("list containers of stack %s: %w", stack, err)
	}
	return list.Items, nil
}

func removeOwn(ctx context.Context, docker *testcontainers.DockerClient, place service.Placement) error {
	found, err := own(ctx, docker, place)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range found {
		_, err := docker.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("remove %s: %w", place.Name, err))
		}
	}
	return errors.Join(errs...)
}

func engine(ctx context.Context) (*testcontainers.DockerClient, error) {
	silence()
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the container engine: %w", err)
	}
	return docker, nil
}

// silence keeps testcontainers from writing to standard error: what a person
// should know is said through errors and progress.
var silence = sync.OnceFunc(func() { log.SetDefault(silent{}) })

type silent struct{}

func (silent) Printf(string, ...any) {}
