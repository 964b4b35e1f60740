// Package bench measures what a run would cost by hand, as the floor that
// airworthy's own runs are held against: a cluster made of a plain node image,
// the images loaded onto its node, the platform installed, one DAG run of two
// task pods. None of airworthy's own short cuts is taken.
package bench

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/client"
	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/engine"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/minio"
	"github.com/airworthy/airworthy/pkg/stack"
)

// DAG is the one that is run: two tasks that do nothing.
const DAG = "bench_two_tasks"

//go:embed bench_two_tasks.py
var dagFile string

// idle is how long the installed platform is watched doing nothing, to know
// what it costs by itself: time is what is measured here.
const idle = 10 * time.Second

// Options of Measure.
type Options struct {
	Run      config.Run // Name names the stack that is made and removed
	Spec     platform.Spec
	Images   []images.Resolution // of every image, present in the engine
	Docker   *client.Client
	Engine   engine.Status
	Progress stack.Progress
}

// Floor is what each part took by hand, and what a task pod costs.
type Floor struct {
	Create  time.Duration `json:"create"`  // cluster, until its node is ready
	Load    time.Duration `json:"load"`    // images onto the node
	Install time.Duration `json:"install"` // platform, until every component is ready
	DAGRun  time.Duration `json:"dagRun"`  // from the DAG's appearance to the end of its run

	// PodCPU is the processor time of one task pod, with what the platform
	// spends on it; Idle is what the platform takes for every second of doing nothing.
	PodCPU time.Duration `json:"podCPU"`
	Idle   float64       `json:"idle"` // cores
}

// Total is the floor itself.
func (f Floor) Total() time.Duration { return f.Create + f.Load + f.Install + f.DAGRun }

// taskPods is how many task pods the bench's DAG run has.
const taskPods = 2

// Ideal is the least that a run with so many task pods can take on so many
// cores: the floor, and the processor time of all further task pods.
func (f Floor) Ideal(pods, cores int) time.Duration {
	further := max(0, pods-taskPods)
	return f.Total() + time.Duration(further)*f.PodCPU/time.Duration(max(1, cores))
}

// Measure does by hand what a run does, once. Whoever calls removes the stack
// Options.Run.Name, whatever the outcome.
func Measure(ctx context.Context, o Options) (Floor, error) {
	var f Floor
	step := func(name string, into *time.Duration, do func() error) error {
		end := o.Progress.Step(name)
		began := time.Now()
		err := do()
		if into != nil {
			*into = time.Since(began)
		}
		end(err)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	spec := o.Spec
	spec.DAGs = map[string]string{DAG + ".py": dagFile}
	spec.NodePort = environment.APINodePort
	// The services stand before the clock starts: by hand they are there already.
	if err := step("services", nil, func() error { return o.services(ctx, &spec) }); err != nil {
		return f, err
	}
	var c environment.Cluster
	err := step("create the cluster", &f.Create, func() (err error) { c, err = o.create(ctx); return err })
	if err != nil {
		return f, err
	}
	if err := step("load the images", &f.Load, func() error { return o.load(ctx) }); err != nil {
		return f, err
	}
	adapter, err := stack.AdapterOf(o.Run)
	if err != nil {
		return f, err
	}
	if err := step("install the platform", &f.Install, func() error {
		_, err := adapter.Install(ctx, c.REST(), spec, o.Run.Timeouts.Scaled().Install, func(step, waitingFor string) {
			o.Progress.Waiting("install the platform", step+": "+waitingFor)
		})
		return err
	}); err != nil {
		return f, err
	}
	return f, o.dagRun(ctx, c, spec, &f, step)
}

// services starts what the platform needs beside the cluster.
func (o Options) services(ctx context.Context, spec *platform.Spec) error {
	if _, err := environment.EnsureNetwork(ctx, o.Docker, o.Run.Name); err != nil {
		return err
	}
	place := func(part string) service.Placement {
		return service.Placement{
			Network: environment.Name(o.Run.Name), Name: environment.Name(o.Run.Name) + "-" + part,
			Labels: map[string]string{environment.LabelStack: o.Run.Name, environment.LabelPart: part},
		}
	}
	image, err := o.local(images.Ref(o.Run.Database.Image), images.RoleService)
	if err != nil {
		return err
	}
	kind := spec.Database.Kind
	db, err := stack.RunDatabase(ctx, kind, image, place(kind), spec.Database.Endpoint, rand.Text())
	if err != nil {
		return err
	}
	spec.Database.Endpoint = db.Endpoint()
	if o.Run.ObjectStorage.Kind != "minio" {
		return nil
	}
	if image, err = o.local(images.Ref(o.Run.ObjectStorage.Image), images.RoleService); err != nil {
		return err
	}
	e := spec.ObjectStorage
	objects, err := minio.Run(ctx, image, place("minio"), minio.WithRoot("bench-root", e.Secret),
		minio.WithBucket(e.Bucket), minio.WithUser(e.User, e.Secret))
	if err != nil {
		return err
	}
	spec.ObjectStorage = objects.Endpoint()
	return nil
}

// create makes a cluster of the plain node image.
func (o Options) create(ctx context.Context) (environment.Cluster, error) {
	node, err := o.local(stack.NodeRef(o.Run), images.RoleNode)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Run.Timeouts.Scaled().Cluster)
	defer cancel()
	return environment.Up(ctx, environment.Options{
		Kind: environment.KindKind, Stack: o.Run.Name, Docker: o.Docker, NodeImage: node,
		CgroupV1: o.Engine.CgroupV1, NoSysResource: o.Engine.RestrictOOMScoreAdj,
		Progress: func(line string) { o.Progress.Waiting("create the cluster", line) },
	})
}

// load puts the platform's images onto the node as kind's own command does.
func (o Options) load(ctx context.Context) error {
	nodes, err := cluster.NewProvider(cluster.ProviderWithDocker()).ListInternalNodes(environment.Name(o.Run.Name))
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	for _, r := range o.Images {
		if r.Role != images.RoleWorkload {
			continue
		}
		full, err := images.FullName(r.Ref)
		if err != nil {
			return err
		}
		local, err := images.FullName(images.Ref(r.Local))
		if err != nil {
			return err
		}
		for _, node := range nodes {
			archive, err := o.Docker.ImageSave(ctx, []string{r.Local})
			if err != nil {
				return fmt.Errorf("save image %s: %w", r.Local, err)
			}
			if err := errors.Join(nodeutils.LoadImageArchive(node, archive), archive.Close()); err != nil {
				return err
			}
			if local == full {
				continue
			}
			if err := node.CommandContext(ctx, "ctr", "--namespace=k8s.io", "images", "tag", "--force", local, full).Run(); err != nil {
				return fmt.Errorf("name image %s on the node: %w", full, err)
			}
		}
	}
	return nil
}

// dagRun runs the DAG once, and says what that cost beyond doing nothing.
func (o Options) dagRun(ctx context.Context, c environment.Cluster, spec platform.Spec, f *Floor, step func(string, *time.Duration, func() error) error) error {
	const every = 250 * time.Millisecond
	reacher, ok := c.(environment.HostReacher)
	if !ok {
		return errors.New("the cluster publishes no address on this machine")
	}
	address, ok := reacher.HostAddress(environment.APINodePort)
	if !ok {
		return errors.New("the cluster does not publish the API's port on this machine")
	}
	within, cancel := context.WithTimeout(ctx, o.Run.Timeouts.Scaled().Observe)
	defer cancel()
	api, err := airflow.Connect(within, airflow.Options{URL: "http://" + address, User: spec.AdminUser, Password: spec.AdminPassword}, every)
	if err != nil {
		return err
	}
	var before, after time.Duration
	runOnce := func() error {
		ctx, cancel := context.WithTimeout(ctx, o.Run.Timeouts.Scaled().DAGRun)
		defer cancel()
		if _, err := airflow.WaitDAG(ctx, api, DAG, every); err != nil {
			return err
		}
		if err := api.SetPaused(ctx, DAG, false); err != nil {
			return err
		}
		if _, err := api.Trigger(ctx, DAG, "bench", nil); err != nil {
			return err
		}
		run, err := airflow.WaitRun(ctx, api, DAG, "bench", every)
		if err == nil && run.State != airflow.Success {
			err = fmt.Errorf("the DAG run ended as %s", run.State)
		}
		return err
	}
	if before, err = o.nodeCPU(ctx); err != nil {
		return err
	}
	if err := step("one DAG run", &f.DAGRun, runOnce); err != nil {
		return err
	}
	if after, err = o.nodeCPU(ctx); err != nil {
		return err
	}
	used := after - before
	if err := step("the platform at rest", nil, func() error { return o.rest(ctx, f) }); err != nil {
		return err
	}
	f.PodCPU = max(0, used-time.Duration(f.Idle*float64(f.DAGRun))) / taskPods
	return nil
}

// rest watches the platform doing nothing.
func (o Options) rest(ctx context.Context, f *Floor) error {
	before, err := o.nodeCPU(ctx)
	if err != nil {
		return err
	}
	t := time.NewTimer(idle)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
	}
	after, err := o.nodeCPU(ctx)
	f.Idle = (after - before).Seconds() / idle.Seconds()
	return err
}

// nodeCPU is the processor time that the node, pods included, has used so far.
func (o Options) nodeCPU(ctx context.Context) (time.Duration, error) {
	answer, err := o.Docker.ContainerStats(ctx, environment.Name(o.Run.Name)+"-control-plane", client.ContainerStatsOptions{})
	if err != nil {
		return 0, fmt.Errorf("ask for the node's processor time: %w", err)
	}
	defer answer.Body.Close()
	var s struct {
		CPU struct {
			Usage struct {
				Total int64 `json:"total_usage"` // nanoseconds
			} `json:"cpu_usage"`
		} `json:"cpu_stats"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		return 0, fmt.Errorf("read the node's processor time: %w", err)
	}
	return time.Duration(s.CPU.Usage.Total), nil
}

// local is the name of an image in the engine.
func (o Options) local(ref images.Ref, role images.Role) (string, error) {
	for _, r := range o.Images {
		if r.Ref == ref && r.Role == role {
			return r.Local, nil
		}
	}
	return "", fmt.Errorf("image %s (%s) was not made available", ref, role)
}
