package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/await"
)

// How long a containerd that was just started, or told to end, may take, and
// how often that is looked at.
const (
	containerdPatience = time.Minute
	containerdEvery    = 100 * time.Millisecond
)

// cleanupPatience bounds the removal of the container, also after a cancel.
const cleanupPatience = 30 * time.Second

// startContainerd runs containerd in the background and leaves its process id behind.
const startContainerd = `echo $$ > /run/preload.pid; exec containerd > /run/preload.log 2>&1`

// stopContainerd ends it and leaves nothing of it in /run.
const stopContainerd = `pid=$(cat /run/preload.pid) && kill "$pid" && tail --pid="$pid" -f /dev/null; rm -rf /run/containerd /run/preload.*`

// preload makes want out of the image from, whose containerd then holds the
// images under the names in r.Preload. It takes a privileged container: layers
// are stored by a running containerd. They are not unpacked, as what the
// container writes to is no file system for containerd's snapshots.
func (b *Builder) preload(ctx context.Context, r *recipe, from string, inside []Built, want Built, progress func(string)) (err error) {
	progress(fmt.Sprintf("putting %d images into %s", len(inside), r.name))
	all := maps.Clone(b.opts.Labels)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, labels(want))
	created, err := b.opts.Docker.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config:     &container.Config{Image: from, Entrypoint: []string{"sleep", "infinity"}, Labels: all},
		HostConfig: &container.HostConfig{Privileged: true, NetworkMode: "none"},
	})
	if err != nil {
		return fmt.Errorf("create a container of %s: %w", from, err)
	}
	defer func() {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupPatience)
		defer cancel()
		_, removeErr := b.opts.Docker.ContainerRemove(fresh, created.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		err = errors.Join(err, removeErr)
	}()
	if _, err := b.opts.Docker.ContainerStart(ctx, created.ID, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start a container of %s: %w", from, err)
	}
	if err := b.importInside(ctx, created.ID, r.Preload, inside); err != nil {
		return err
	}
	return b.commit(ctx, created.ID, from, want)
}

func (b *Builder) importInside(ctx context.Context, id string, names []string, inside []Built) error {
	detached, err := b.opts.Docker.ExecCreate(ctx, id, client.ExecCreateOptions{Cmd: []string{"sh", "-c", startContainerd}})
	if err != nil {
		return fmt.Errorf("start containerd: %w", err)
	}
	if _, err := b.opts.Docker.ExecStart(ctx, detached.ID, client.ExecStartOptions{Detach: true}); err != nil {
		return fmt.Errorf("start containerd: %w", err)
	}
	waiting, cancel := context.WithTimeout(ctx, containerdPatience)
	defer cancel()
	_, err = await.Until(waiting, "containerd in the build container", containerdEvery,
		func(ctx context.Context) (string, error) { return b.exec(ctx, id, nil, "ctr", "version") },
		func(string) error { return nil })
	if err != nil {
		log, _ := b.exec(ctx, id, nil, "tail", "-n", "30", "/run/preload.log")
		return fmt.Errorf("%w; its log:\n%s", err, log)
	}
	locals := make([]string, len(inside))
	for i, image := range inside {
		locals[i] = image.Local
	}
	saved, err := b.opts.Docker.ImageSave(ctx, locals)
	if err != nil {
		return fmt.Errorf("save images for the node: %w", err)
	}
	defer saved.Close()
	// Pinned images survive the kubelet's clearing of disk space.
	if _, err := b.exec(ctx, id, saved, "ctr", "-n", "k8s.io", "images", "import", "--label=io.cri-containerd.pinned=pinned", "--all-platforms", "--no-unpack", "-"); err != nil {
		return fmt.Errorf("import images into the node: %w", err)
	}
	if _, err := b.exec(ctx, id, nil, "sh", "-ec", renameScript(names, locals)); err != nil {
		return fmt.Errorf("name images in the node: %w", err)
	}
	if _, err := b.exec(ctx, id, nil, "sh", "-c", stopContainerd); err != nil {
		return fmt.Errorf("stop containerd: %w", err)
	}
	return nil
}

// renameScript gives the images the names that manifests use. Only here do they
// carry them: in the local engine they have names of their own.
func renameScript(names, locals []string) string {
	var out strings.Builder
	for i, local := range locals {
		fmt.Fprintf(&out, "ctr -n k8s.io images tag %s %s\n", shellQuote(local), shellQuote(names[i]))
		fmt.Fprintf(&out, "ctr -n k8s.io images rm %s\n", shellQuote(local))
	}
	return out.String()
}

// commit makes an image of the container, started as the image it came from.
func (b *Builder) commit(ctx context.Context, id, from string, want Built) error {
	inspected, err := b.opts.Docker.ImageInspect(ctx, from)
	if err != nil {
		return fmt.Errorf("inspect image %s: %w", from, err)
	}
	changes := append(labelChanges(want), "CMD []")
	for _, key := range slices.Sorted(maps.Keys(b.opts.Labels)) {
		changes = append(changes, fmt.Sprintf("LABEL %s=", key)) // the container's own, which a commit would keep
	}
	if inspected.Config != nil {
		changes = append(changes, "ENTRYPOINT "+jsonList(inspected.Config.Entrypoint))
	}
	if _, err := b.opts.Docker.ContainerCommit(ctx, id, client.ContainerCommitOptions{Reference: want.Local, Changes: changes}); err != nil {
		return fmt.Errorf("commit image %s: %w", want.Local, err)
	}
	return nil
}

func jsonList(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = fmt.Sprintf("%q", word)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// exec runs a command in a container and gives its output; stdin may be nil.
func (b *Builder) exec(ctx context.Context, id string, stdin io.Reader, command ...string) (string, error) {
	created, err := b.opts.Docker.ExecCreate(ctx, id, client.ExecCreateOptions{
		Cmd: command, AttachStdin: stdin != nil, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return "", err
	}
	attached, err := b.opts.Docker.ExecAttach(ctx, created.ID, client.ExecAttachOptions{})
	if err != nil {
		return "", err
	}
	defer attached.Close()
	stop := context.AfterFunc(ctx, attached.Close) // the connection knows no context
	defer stop()
	sent := make(chan error, 1)
	go func() {
		var err error
		if stdin != nil {
			_, err = io.Copy(attached.Conn, stdin)
		}
		sent <- errors.Join(err, attached.CloseWrite())
	}()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, attached.Reader); err != nil {
		return out.String(), fmt.Errorf("read the output of %s: %w", command[0], errors.Join(err, ctx.Err()))
	}
	// A command that failed closes its input early: its exit code says more.
	result, err := b.opts.Docker.ExecInspect(ctx, created.ID, client.ExecInspectOptions{})
	if err != nil {
		return out.String(), err
	}
	if result.ExitCode != 0 {
		return out.String(), fmt.Errorf("%s ended with exit code %d: %s", strings.Join(command, " "), result.ExitCode, strings.TrimSpace(out.String()))
	}
	return out.String(), <-sent
}
