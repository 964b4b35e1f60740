package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
)

// answerWithin is how long an engine may take to say what it is; one that is
// busy building on two cores was seen to take seconds.
const answerWithin = 20 * time.Second

// daemon is what an engine says about itself.
type daemon struct {
	version, apiVersion  string
	driver, root, cgroup string
	memory               int64
	cpus                 int
	rootless             bool
	podman               bool // it speaks Docker's language, and is podman
}

var (
	errAbsent    = errors.New("nothing answers there")
	errForbidden = errors.New("this user may not use it")
)

// ask lets the engine at host describe itself. The error wraps errAbsent or
// errForbidden where that is the reason.
func ask(ctx context.Context, host string) (daemon, error) {
	if path, ok := strings.CutPrefix(host, "unix://"); ok {
		// The client's own error does not tell these apart.
		conn, err := (&net.Dialer{Timeout: answerWithin}).DialContext(ctx, "unix", path)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return daemon{}, fmt.Errorf("%w: %w", errForbidden, err)
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
			return daemon{}, fmt.Errorf("%w: %w", errAbsent, err)
		case err != nil:
			return daemon{}, err
		}
		conn.Close()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, fmt.Errorf("no answer within %s", answerWithin))
	defer cancel()
	docker, err := client.New(client.WithTLSClientConfigFromEnv(), client.WithHost(host))
	if err != nil {
		return daemon{}, fmt.Errorf("use engine address %s: %w", host, err)
	}
	defer docker.Close()
	version, err := docker.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return daemon{}, asked(ctx, err)
	}
	result, err := docker.Info(ctx, client.InfoOptions{})
	if err != nil {
		return daemon{}, asked(ctx, err)
	}
	info := result.Info
	d := daemon{
		version: version.Version, apiVersion: version.APIVersion,
		driver: info.Driver, root: info.DockerRootDir, cgroup: info.CgroupVersion,
		memory: info.MemTotal, cpus: info.NCPU,
		rootless: slices.ContainsFunc(info.SecurityOptions, func(o string) bool { return strings.Contains(o, "name=rootless") }),
	}
	for _, c := range version.Components {
		d.podman = d.podman || strings.Contains(strings.ToLower(c.Name), "podman")
	}
	return d, nil
}

// asked prefers the reason for giving up over "context deadline exceeded".
func asked(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if client.IsErrConnectionFailed(err) {
		return fmt.Errorf("%w: %w", errAbsent, err)
	}
	return err
}
