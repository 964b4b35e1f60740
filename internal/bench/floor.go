// Package bench measures what a run would cost by hand, as the floor that
// airworthy's own runs are held against: a cluster made of a plain node image,
// the images loaded onto its node, the platform and its add-ons installed, one DAG
// run of two task pods. None of airworthy's own short cuts is taken, and the
// services beside the cluster stand before the clock starts.
package bench

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/moby/moby/client"
	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/engine"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/kube"
	"github.com/airworthy/airworthy/pkg/stack"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// DAG is the one that is run: two tasks that do nothing.
const DAG = "bench_two_tasks"

//go:embed bench_two_tasks.py
var dagFile string

// idle is how long the installed stack is watched doing nothing, to know what
// it costs by itself: time is what is measured here. steady is how far two such
// looks may lie apart, in cores.
const (
	idle   = 10 * time.Second
	steady = 0.1
)

// Options of Measure.
type Options struct {
	Run      config.Run // Name names the stack that is made and removed
	Values   stack.Values
	Images   []images.Resolution // of every image, present in the engine
	Docker   *client.Client
	Engine   engine.Status
	Progress stack.Progress
}

// Floor is what each part took by hand, and what a task pod costs.
type Floor struct {
	Create  time.Duration `json:"create"`  // cluster, until its node is ready
	Load    time.Duration `json:"load"`    // images onto the node
	Install time.Duration `json:"install"` // platform and add-ons, until every component is ready
	DAGRun  time.Duration `json:"dagRun"`  // from the DAG's appearance to the end of its run

	// PodCPU is the processor time of one task pod, with what the stack spends on
	// it; Idle is what the whole stack, services beside the cluster included, takes
	// for every second of doing nothing.
	PodCPU time.Duration `json:"podCPU"`
	Idle   float64       `json:"idle"` // cores
}

// Total is the floor itself.
func (f Floor) Total() time.Duration { return f.Create + f.Load + f.Install + f.DAGRun }

// taskPods is how many task pods the bench's DAG run has.
const taskPods = 2

// Free is what the stack at rest leaves of so many cores. Half a core is left at
// least: work would go on, however slowly, where the stack alone takes them all.
func (f Floor) Free(cores int) float64 { return max(0.5, float64(max(1, cores))-f.Idle) }

// Ideal is the least that a run with so many task pods can take on so many
// cores: the floor, and the processor time of all further task pods on what the
// stack at rest leaves of the cores.
func (f Floor) Ideal(pods, cores int) time.Duration {
	further := max(0, pods-taskPods)
	return f.Total() + time.Duration(float64(further)*float64(f.PodCPU)/f.Free(cores))
}

// Measure does by hand what a run does, once. Whoever calls removes the stack
// Options.Run.Name, whatever the outcome.
func Measure(ctx context.Context, o Options) (Floor, error) {
	var f Floor
	hand, err := stack.NewByHand(ctx, stack.Options{
		Run: o.Run, Docker: o.Docker, Engine: o.Engine, Progress: o.Progress, Values: o.Values,
	}, o.Images, map[string]string{DAG + ".py": dagFile})
	if err != nil {
		return f, err
	}
	for _, part := range []struct {
		into *time.Duration // nil: it is not counted
		do   func(context.Context) error
	}{
		// By hand the services are there already. The ACME server has to be told
		// the node's address, and comes as soon as there is one.
		{nil, hand.Services},
		{&f.Create, hand.Cluster},
		{nil, hand.ServicesAfter},
		{&f.Load, o.load},
		{&f.Install, hand.Install},
	} {
		if err := timed(ctx, part.into, part.do); err != nil {
			return f, err
		}
	}
	return f, o.dagRun(ctx, hand.Stack(), &f)
}

// timed says how long a part took.
func timed(ctx context.Context, into *time.Duration, do func(context.Context) error) error {
	began := time.Now()
	err := do(ctx)
	if into != nil {
		*into = time.Since(began)
	}
	return err
}

// step shows a part that the stack does not know of.
func (o Options) step(ctx context.Context, name string, do func(context.Context) error) error {
	end := o.Progress.Step(name)
	err := do(ctx)
	end(err)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// load puts the images of platform and add-ons onto the node, one after the
// other, as kind's own command does.
func (o Options) load(ctx context.Context) error {
	return o.step(ctx, "load the images", o.loadAll)
}

func (o Options) loadAll(ctx context.Context) error {
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

// dagRun runs the DAG once for the time that it takes, and again for what that
// costs beyond doing nothing.
func (o Options) dagRun(ctx context.Context, made *stack.Stack, f *Floor) error {
	const every = 250 * time.Millisecond
	h := made.Handoff
	cluster, err := kube.New(made.Cluster.REST(), h.Release.Namespace)
	if err != nil {
		return err
	}
	url, closing, err := standing.ReachAirflow(ctx, cluster, h.AirflowURL, h.Release)
	if err != nil {
		return err
	}
	defer closing()
	within, cancel := context.WithTimeout(ctx, o.Run.Timeouts.Scaled().Observe)
	defer cancel()
	api, err := airflow.Connect(within, airflow.Options{URL: url, User: h.AdminUser, Password: h.AdminPassword}, every)
	if err != nil {
		return err
	}
	runOnce := func(ctx context.Context, id string) error {
		ctx, cancel := context.WithTimeout(ctx, o.Run.Timeouts.Scaled().DAGRun)
		defer cancel()
		if _, err := airflow.WaitDAG(ctx, api, DAG, every); err != nil {
			return err
		}
		if err := api.SetPaused(ctx, DAG, false); err != nil {
			return err
		}
		if _, err := api.Trigger(ctx, DAG, id, nil); err != nil {
			return err
		}
		run, err := airflow.WaitRun(ctx, api, DAG, id, every)
		if err == nil && run.State != airflow.Success {
			err = fmt.Errorf("the DAG run ended as %s", run.State)
		}
		return err
	}
	if err := o.step(ctx, "one DAG run", func(ctx context.Context) error {
		return timed(ctx, &f.DAGRun, func(ctx context.Context) error { return runOnce(ctx, "bench") })
	}); err != nil {
		return err
	}
	if err := o.step(ctx, "the stack at rest", func(ctx context.Context) error { return o.rest(ctx, f) }); err != nil {
		return err
	}
	// While the first ran, much of the stack was still busy with its own start: its
	// processor time was not that of task pods alone.
	before, err := o.stackCPU(ctx)
	if err != nil {
		return err
	}
	var again time.Duration
	if err := o.step(ctx, "another DAG run", func(ctx context.Context) error {
		return timed(ctx, &again, func(ctx context.Context) error { return runOnce(ctx, "again") })
	}); err != nil {
		return err
	}
	after, err := o.stackCPU(ctx)
	if err != nil {
		return err
	}
	f.PodCPU = max(0, after-before-time.Duration(f.Idle*float64(again))) / taskPods
	return nil
}

// rest watches the stack doing nothing, until two looks in a row say the same:
// for a while after its start it is busy with that.
func (o Options) rest(ctx context.Context, f *Floor) error {
	ctx, cancel := context.WithTimeout(ctx, o.Run.Timeouts.Scaled().Service)
	defer cancel()
	for before := -1.0; ; before = f.Idle {
		if err := o.look(ctx, f); err != nil {
			return err
		}
		if before >= 0 && math.Abs(before-f.Idle) <= steady {
			return nil
		}
		o.Progress.Waiting("the stack at rest", fmt.Sprintf("it takes %.2f cores", f.Idle))
	}
}

// look measures what the stack takes at the moment.
func (o Options) look(ctx context.Context, f *Floor) error {
	before, err := o.stackCPU(ctx)
	if err != nil {
		return err
	}
	t := time.NewTimer(idle)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("it never came to rest, and takes %.2f cores: %w", f.Idle, context.Cause(ctx))
	case <-t.C:
	}
	after, err := o.stackCPU(ctx)
	f.Idle = max(0, (after-before).Seconds()/idle.Seconds())
	return err
}

// stackCPU is the processor time that the stack has used so far: the node, pods
// included, and the services beside it.
func (o Options) stackCPU(ctx context.Context) (time.Duration, error) {
	stands, err := environment.Leftovers(ctx, o.Docker, o.Run.Name)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, name := range stands.Containers {
		used, err := o.containerCPU(ctx, name)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

func (o Options) containerCPU(ctx context.Context, name string) (time.Duration, error) {
	answer, err := o.Docker.ContainerStats(ctx, name, client.ContainerStatsOptions{})
	if err != nil {
		return 0, fmt.Errorf("ask for the processor time of %s: %w", name, err)
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
		return 0, fmt.Errorf("read the processor time of %s: %w", name, err)
	}
	return time.Duration(s.CPU.Usage.Total), nil
}
