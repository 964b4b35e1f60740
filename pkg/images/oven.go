package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/environment"
)

const (
	// cleanUp bounds the removal of what baking left, after its own context ended.
	cleanUp = 60 * time.Second
	// ovenStop bounds the copy out of the volume, gigabytes on a slow disk, in seconds.
	ovenStop = 600
)

// oven is a running container of the node image with containerd alone in it.
type oven struct {
	api        *client.Client
	id         string
	labels     map[string]string
	entrypoint []string // of the node image
	command    []string // of the node image
}

// startOven starts the container. The node's own entrypoint would start an init
// system, which needs far more than baking does.
func (r *Resolver) startOven(ctx context.Context, node Resolution, hash string) (*oven, error) {
	api := r.opts.Docker
	img, err := api.ImageInspect(ctx, node.Local)
	if err != nil {
		return nil, fmt.Errorf("inspect node image %s: %w", node.Local, err)
	}
	o := &oven{api: api, labels: maps.Clone(r.opts.Labels)}
	if o.labels == nil {
		o.labels = map[string]string{}
	}
	o.labels[environment.LabelPart] = "bake"
	if img.Config != nil {
		o.entrypoint, o.command = img.Config.Entrypoint, img.Config.Cmd
	}
	name := "airworthy-bake-" + hash
	// Whoever held this name before held the lock too, and is gone.
	if _, err := api.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil && !cerrdefs.IsNotFound(err) {
		return nil, fmt.Errorf("remove container %s of an interrupted run: %w", name, err)
	}
	made, err := api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: name,
		Config: &container.Config{
			Image: node.Local, Labels: o.labels,
			Entrypoint: []string{"bash", "-c", bakeScript, "bake"}, Cmd: []string{"serve"},
		},
		HostConfig: &container.HostConfig{
			Privileged: true, NetworkMode: "none",
			Tmpfs:  map[string]string{"/run": "", "/tmp": ""}, // not to be committed
			Mounts: []mount.Mount{{Type: mount.TypeVolume, Target: "/bake", VolumeOptions: &mount.VolumeOptions{Labels: o.labels}}},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("create container %s: %w", name, err)
	}
	o.id = made.ID
	if _, err := api.ContainerStart(ctx, o.id, client.ContainerStartOptions{}); err != nil {
		return nil, errors.Join(fmt.Errorf("start container %s: %w", name, err), o.remove(ctx))
	}
	return o, nil
}

// ready waits for containerd, and gives up when the container ends.
func (o *oven) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	_, err := await.Until(ctx, "containerd in the node image", 200*time.Millisecond,
		func(ctx context.Context) (string, error) {
			out, err := o.exec(ctx, nil, "ctr", "version")
			if err != nil {
				return out, errors.Join(err, await.Stop(o.running(ctx)))
			}
			return out, nil
		},
		func(string) error { return nil })
	return err
}

// running is an error with the last output when the container has ended.
func (o *oven) running(ctx context.Context) error {
	got, err := o.api.ContainerInspect(ctx, o.id, client.ContainerInspectOptions{})
	if err != nil {
		return err
	}
	if got.Container.State == nil || got.Container.State.Running {
		return nil
	}
	return fmt.Errorf("the container ended with code %d: %s", got.Container.State.ExitCode, o.output(ctx))
}

func (o *oven) output(ctx context.Context) string {
	logs, err := o.api.ContainerLogs(ctx, o.id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "20"})
	if err != nil {
		return err.Error()
	}
	defer logs.Close()
	out := &limited{room: 4096}
	if _, err := stdcopy.StdCopy(out, out, logs); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(out.String())
}

// stop ends containerd; the script then copies its files into the container.
func (o *oven) stop(ctx context.Context) error {
	limit := ovenStop
	if _, err := o.api.ContainerStop(ctx, o.id, client.ContainerStopOptions{Signal: "SIGTERM", Timeout: &limit}); err != nil {
		return fmt.Errorf("stop containerd in the node image: %w", err)
	}
	got, err := o.api.ContainerInspect(ctx, o.id, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("inspect the container that bakes: %w", err)
	}
	if code := got.Container.State.ExitCode; code != 0 {
		return fmt.Errorf("copy containerd's files into the node image: exit code %d: %s", code, o.output(ctx))
	}
	return nil
}

// remove removes the container with its volume, also when ctx has ended.
func (o *oven) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	_, err := o.api.ContainerRemove(ctx, o.id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("remove the container that bakes: %w", err)
	}
	return nil
}

// execError is a command in the container that ended with a code but 0.
type execError struct {
	command string
	code    int
	output  string
}

func (e *execError) Error() string {
	return fmt.Sprintf("run %s in the node image: exit code %d: %s", e.command, e.code, strings.TrimSpace(e.output))
}

// script runs a function of bake.sh.
func (o *oven) script(ctx context.Context, words ...string) (string, error) {
	out, err := o.exec(ctx, nil, slices.Concat([]string{"bash", "-c", bakeScript, "bake"}, words)...)
	if failed, ok := errors.AsType[*execError](err); ok {
		failed.command = strings.Join(words, " ")
	}
	return out, err
}

// exec runs a command in the container and returns its output, of both kinds.
func (o *oven) exec(ctx context.Context, stdin io.Reader, command ...string) (string, error) {
	made, err := o.api.ExecCreate(ctx, o.id, client.ExecCreateOptions{
		Cmd: command, AttachStdin: stdin != nil, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return "", fmt.Errorf("run %s in the node image: %w", command[0], err)
	}
	stream, err := o.api.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return "", fmt.Errorf("run %s in the node image: %w", command[0], err)
	}
	defer stream.Close()
	// A hijacked connection knows nothing of ctx.
	defer context.AfterFunc(ctx, stream.Close)()

	fed := make(chan error, 1)
	go func() {
		var err error
		if stdin != nil {
			_, err = io.Copy(stream.Conn, stdin)
		}
		fed <- errors.Join(err, stream.CloseWrite())
	}()
	out := &limited{room: 64 << 10}
	if _, err := stdcopy.StdCopy(out, out, stream.Reader); err != nil {
		return out.String(), errors.Join(fmt.Errorf("run %s in the node image: %w", command[0], err), ctx.Err())
	}
	ended, err := o.api.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
	if err != nil {
		return out.String(), fmt.Errorf("run %s in the node image: %w", command[0], err)
	}
	if ended.ExitCode != 0 {
		return out.String(), &execError{strings.Join(command, " "), ended.ExitCode, out.String()}
	}
	if stdin != nil {
		if err := <-fed; err != nil {
			return out.String(), fmt.Errorf("feed %s in the node image: %w", command[0], err)
		}
	}
	return out.String(), nil
}

// lock keeps other processes of this machine from the same work. Without a
// folder there is nothing to share, and no lock.
func lock(ctx context.Context, dir, name string) (unlock func(), err error) {
	if dir == "" {
		return func() {}, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, name+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	_, err = await.Until(ctx, "another airworthy that makes an image", 500*time.Millisecond,
		func(context.Context) (string, error) {
			return f.Name(), unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		},
		func(string) error { return nil })
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // closing gives the lock back
}
