package kind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/exec"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/environment/internal/engine"
)

// networkVariable is the one way to tell kind which container network to use.
const networkVariable = "KIND_EXPERIMENTAL_DOCKER_NETWORK"

// creating serializes Create: the network is told to kind through the
// environment of the whole process.
var creating sync.Mutex

// Create makes the cluster and returns its kubeconfig, with the address for
// processes on this machine. The API server answers; nodes may not be Ready yet.
// When ctx ends, what was made so far is removed before Create returns.
func Create(ctx context.Context, c Config) ([]byte, error) {
	creating.Lock()
	defer creating.Unlock()
	if err := os.Setenv(networkVariable, c.Network); err != nil {
		return nil, fmt.Errorf("set %s: %w", networkVariable, err)
	}
	defer os.Unsetenv(networkVariable)

	// kind writes the kubeconfig into the user's own unless it is given a file.
	dir, err := os.MkdirTemp("", c.Name+"-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the kubeconfig: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "kubeconfig")

	provider := newProvider(c)
	done := make(chan error, 1)
	go func() {
		done <- provider.Create(c.Name,
			cluster.CreateWithV1Alpha4Config(c.spec()),
			cluster.CreateWithNodeImage(c.Image),
			cluster.CreateWithKubeconfigPath(path),
		)
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		c.say("interrupted: removing the half-made cluster %s", c.Name)
		return nil, errors.Join(fmt.Errorf("create kind cluster %s: %w", c.Name, context.Cause(ctx)), abort(c, done))
	}
	if err != nil {
		return nil, errors.Join(describe(c, err), Delete(context.WithoutCancel(ctx), c.Docker, c.Name))
	}
	kubeconfig, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig of kind cluster %s: %w", c.Name, err)
	}
	return kubeconfig, nil
}

// abort makes a running creation fail by removing its nodes until it returns.
// kind's library cannot be interrupted, but whatever it does next needs a node.
func abort(c Config, done <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := await.Until(ctx, "kind to stop", 500*time.Millisecond,
		func(ctx context.Context) (bool, error) {
			if err := Delete(ctx, c.Docker, c.Name); err != nil {
				return false, err
			}
			select {
			case <-done:
				return true, nil
			default:
				return false, nil
			}
		},
		func(stopped bool) error {
			if !stopped {
				return errors.New("it still runs")
			}
			return nil
		})
	// A node may have been created between the last removal and kind's return.
	return errors.Join(err, Delete(ctx, c.Docker, c.Name))
}

// Delete removes the cluster's node containers with their volumes; none is no error.
func Delete(ctx context.Context, docker engine.API, name string) error {
	nodes, err := engine.Containers(ctx, docker, ClusterLabel, name)
	if err != nil {
		return err
	}
	var (
		wg   sync.WaitGroup
		errs = make([]error, len(nodes))
	)
	for i, node := range nodes {
		wg.Go(func() {
			_, err := docker.ContainerRemove(ctx, node.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			if err != nil && !errdefs.IsNotFound(err) && !RemovalUnderWay(err) {
				errs[i] = fmt.Errorf("remove node %s: %w", engine.Name(node), err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// RemovalUnderWay reports whether the engine refused a removal because the
// same one is in progress.
func RemovalUnderWay(err error) bool {
	return errdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress")
}

func newProvider(c Config) *cluster.Provider {
	return cluster.NewProvider(cluster.ProviderWithLogger(logger{c.Progress}), cluster.ProviderWithDocker())
}

// outputLines is how much of a failed command's output an error keeps.
const outputLines = 15

// describe adds the failed command's last lines, which kind's own error leaves out.
func describe(c Config, err error) error {
	out := fmt.Errorf("create kind cluster %s from image %s: %w", c.Name, c.Image, err)
	var run *exec.RunError
	if run = exec.RunErrorForError(err); run == nil {
		return out
	}
	lines := strings.Split(strings.TrimSpace(string(run.Output)), "\n")
	if len(lines) > outputLines {
		lines = lines[len(lines)-outputLines:]
	}
	return fmt.Errorf("%w\nits last output was:\n%s", out, strings.Join(lines, "\n"))
}
