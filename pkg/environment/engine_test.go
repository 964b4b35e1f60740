//go:build engine

package environment_test

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"k8s.io/client-go/rest"

	"github.com/airworthy/airworthy/pkg/environment"
)

// These tests need a container engine and a node image:
//
//	go test -tags engine ./pkg/environment -node-image=NAME -cgroup-v1 -no-sys-resource
var (
	nodeImage     = flag.String("node-image", "airworthy/proto-node:dev", "node image in the container engine")
	workers       = flag.Int("workers", 1, "worker nodes")
	cgroupV1      = flag.Bool("cgroup-v1", false, "the machine has cgroup v1")
	noSysResource = flag.Bool("no-sys-resource", false, "the machine lacks CAP_SYS_RESOURCE")
	keep          = flag.Bool("keep", false, "leave the cluster standing, and write its kubeconfig to the working directory")
)

const stack = "aw-env"

func engine(t *testing.T) *client.Client {
	t.Helper()
	docker, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { docker.Close() })
	return docker
}

func options(t *testing.T, docker *client.Client, progress *[]string) environment.Options {
	return environment.Options{
		Kind: environment.KindKind, Stack: stack, Docker: docker, NodeImage: *nodeImage, Workers: *workers,
		CgroupV1: *cgroupV1, NoSysResource: *noSysResource,
		Progress: func(line string) { t.Log(line); *progress = append(*progress, line) },
	}
}

func TestKindUpGoOnAttachRemove(t *testing.T) {
	docker := engine(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if !*keep {
		t.Cleanup(func() {
			gone, err := environment.Remove(context.Background(), docker, stack)
			t.Logf("removed %+v", gone)
			if err != nil {
				t.Error(err)
			}
			left, err := environment.Leftovers(context.Background(), docker, stack)
			if err != nil || !left.Empty() {
				t.Errorf("left over: %+v, %v", left, err)
			}
		})
	}

	var progress []string
	start := time.Now()
	cluster, err := environment.Up(ctx, options(t, docker, &progress))
	if err != nil {
		t.Fatal(err)
	}
	info := cluster.Info()
	t.Logf("up in %s: %s, nodes %v, image %s", time.Since(start).Round(100*time.Millisecond), info.Kubernetes, info.Nodes, info.Images)
	if len(info.Nodes) != 1+*workers {
		t.Errorf("nodes are %v, want %d", info.Nodes, 1+*workers)
	}
	if address, ok := cluster.(environment.HostReacher).HostAddress(environment.APINodePort); !ok {
		t.Errorf("the API's node port is not published: %q", address)
	}
	if *keep {
		if err := os.WriteFile("kubeconfig.tmp", info.Kubeconfig, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	progress, start = nil, time.Now()
	if _, err = environment.Up(ctx, options(t, docker, &progress)); err != nil {
		t.Fatal(err)
	}
	t.Logf("up again in %s", time.Since(start).Round(100*time.Millisecond))
	if len(progress) != 1 || progress[0] != "going on with the standing cluster airworthy-aw-env" {
		t.Errorf("the second time it said %q", progress)
	}

	again, err := environment.Attach(ctx, docker, info)
	if err != nil {
		t.Fatal(err)
	}
	healthz(t, again.REST())
	dir := t.TempDir()
	if err := again.(environment.LogExporter).ExportLogs(ctx, dir); err != nil {
		t.Error(err)
	}
	if logs, _ := filepath.Glob(filepath.Join(dir, "*", "kubelet.log")); len(logs) != 1+*workers {
		t.Errorf("kubelet logs are %v, want one for each node", logs)
	}
}

func healthz(t *testing.T, config *rest.Config) {
	t.Helper()
	transport, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := transport.Get(config.Host + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("/readyz answers %s", answer.Status)
	}
}

// TestInterruptedUpLeavesNothing cancels while kind is at work, and also makes
// sure that a container of a cluster that was never finished is started over.
func TestInterruptedUpLeavesNothing(t *testing.T) {
	docker := engine(t)
	const stack = "aw-env-stop"
	t.Cleanup(func() {
		if _, err := environment.Remove(context.Background(), docker, stack); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	o := options(t, docker, &[]string{})
	o.Stack, o.Workers = stack, 0
	o.Progress = func(line string) {
		t.Log(line)
		if line == "Starting control-plane ..." {
			cancel()
		}
	}
	start := time.Now()
	if _, err := environment.Up(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v", err)
	}
	t.Logf("stopped after %s", time.Since(start))
	left, err := environment.Leftovers(t.Context(), docker, stack)
	if err != nil || len(left.Containers) > 0 {
		t.Errorf("left over: %+v, %v", left, err)
	}
}
