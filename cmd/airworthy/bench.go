package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/airworthy/airworthy/internal/bench"
	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/stack"
)

// benchName is the stack that the bench makes and removes.
const benchName = "bench"

// benchResult is what `airworthy bench` prints.
type benchResult struct {
	Floor bench.Floor    `json:"floor"`
	Total time.Duration  `json:"total"` // nanoseconds, as all durations here
	Cores int            `json:"cores"`
	Last  *bench.LastRun `json:"last,omitempty"`
	Ideal time.Duration  `json:"ideal,omitempty"` // of the last run
}

func (a *app) benchCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what a run would cost by hand, and compare the last one",
		Long: `bench does by hand what a run of the same run file does, with none of airworthy's
short cuts: a cluster of a plain node image, the images loaded onto it one after
the other, the platform and its add-ons installed, one DAG run of two task pods.
That is the floor. The services beside the cluster stand before anything of it is
counted; an ACME server, which has to be told the node's address, is started
between cluster and images, and not counted either.

At rest the stack uses processor time too. The ideal of a run adds the processor
time of all its further task pods, divided by what the stack at rest leaves of
the cores. The last run of e2e of a stack of that name below --out is compared
with both, and so is what is left of it without the time that it waited for
something that needs no processor. That time is reckoned from what the run left of
the cores: while it waits, the stack at rest goes on taking its share.

Only figures of one session on an idle machine can be compared.`,
		Example: `  airworthy bench
  airworthy bench -f environments/minimal.yaml
  airworthy bench -o json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := a.bench(cmd.Context())
			if err != nil {
				return err
			}
			if format == "json" {
				return printJSON(a.out, r)
			}
			printBench(a.out, r)
			return nil
		},
	}
	formats(cmd, &format, "table", "json")
	return cmd
}

func (a *app) bench(ctx context.Context) (_ benchResult, err error) {
	run, err := a.loadRun()
	if err != nil {
		return benchResult{}, err
	}
	if err := benchable(run); err != nil {
		return benchResult{}, err
	}
	benched := run.Name
	run.Name, run.Cluster.Workers, run.Cluster.APIPort = benchName, 0, 0
	m, err := a.engine(ctx)
	if err != nil {
		return benchResult{}, err
	}
	if err := m.status.CanServe(); err != nil {
		return benchResult{}, usageError(err)
	}
	state, err := a.stateDir()
	if err != nil {
		return benchResult{}, err
	}
	release, err := stack.Hold(state, benchName)
	if err != nil {
		return benchResult{}, err
	}
	defer release()
	all, err := a.benchImages(ctx, m, run.Name)
	if err != nil {
		return benchResult{}, err
	}
	view := a.view(nil)
	defer view.Close()
	values, err := fileValues(ctx, run)
	if err != nil {
		return benchResult{}, err
	}
	// What a bench that was killed left would be gone on with, in no time.
	if err := a.removeBench(m); err != nil {
		return benchResult{}, err
	}
	a.stands(run.Name)
	defer func() { err = errors.Join(err, a.removeBench(m)) }()
	floor, err := bench.Measure(ctx, bench.Options{
		Run: run, Values: values, Images: all, Docker: m.docker, Engine: m.status, Progress: view,
	})
	if err != nil {
		return benchResult{}, err
	}
	r := benchResult{Floor: floor, Total: floor.Total(), Cores: m.status.CPUs}
	last, ok, err := bench.FindLast(a.outDir, benched)
	if ok {
		r.Last, r.Ideal = &last, floor.Ideal(last.TaskPods, r.Cores)
	}
	return r, err
}

// benchable is a usage error where the bench cannot make what the run file
// describes.
func benchable(run config.Run) error {
	switch {
	case run.Cluster.Kind != environment.KindKind:
		return usageError(errors.New("bench makes a cluster of its own: use a run file with cluster.kind: kind"))
	case run.Platform.DAGDelivery == platform.DAGsBaked:
		return usageError(errors.New("bench delivers a DAG of its own, which platform.dagDelivery: baked would need an image for: add --set platform.dagDelivery=mounted"))
	}
	return nil
}

// benchImages makes every image available before anything is measured.
func (a *app) benchImages(ctx context.Context, m machine, name string) ([]images.Resolution, error) {
	h, err := a.hangarFor(ctx, m, "", name)
	if err != nil {
		return nil, err
	}
	defer h.view.Close()
	return h.resolve(ctx)
}

// removeBench removes the bench's stack under a context of its own.
func (a *app) removeBench(m machine) error {
	state, err := a.stateDir()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupLimit)
	defer cancel()
	if _, err := stack.Down(ctx, m.docker, state, benchName); err != nil {
		return err
	}
	a.gone(benchName)
	return nil
}

func printBench(w io.Writer, r benchResult) {
	f := r.Floor
	fmt.Fprintf(w, "floor by hand: %.1fs = create %.1fs + load %.1fs + install %.1fs + DAG run %.1fs\n",
		r.Total.Seconds(), f.Create.Seconds(), f.Load.Seconds(), f.Install.Seconds(), f.DAGRun.Seconds())
	fmt.Fprintf(w, "one task pod: %.1fs of processor time; the stack at rest: %.2f of %d cores\n", f.PodCPU.Seconds(), f.Idle, r.Cores)
	if r.Last == nil {
		fmt.Fprintln(w, "no run of `airworthy e2e` to compare with")
		return
	}
	fmt.Fprintf(w, "ideal of the last run: %.1fs, with %d task pods on the %.2f cores that the stack at rest leaves\n",
		r.Ideal.Seconds(), r.Last.TaskPods, f.Free(r.Cores))
	fmt.Fprintf(w, "last run: %.1fs, %.2f x the floor, %.2f x the ideal (%s)\n",
		r.Last.Took.Seconds(), r.Last.Took.Seconds()/r.Total.Seconds(), r.Last.Took.Seconds()/r.Ideal.Seconds(), r.Last.Dir)
	if r.Last.CPU > 0 {
		waited := f.Waited(*r.Last, r.Cores)
		worked := r.Last.Took - waited
		fmt.Fprintf(w, "without what it waited for, the stack being at rest: %.1fs, %.2f x the ideal; for %.1fs it waited\n",
			worked.Seconds(), worked.Seconds()/r.Ideal.Seconds(), waited.Seconds())
	}
}
