package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/environment"
)

// sideBySide lets each stack go in a process of its own: what is set for one
// process, such as the network of its cluster, cannot be shared by two stacks.
// The images are made first, in this process: two would compile the same at the
// same time. end must be called.
func (a *app) sideBySide(cmd *cobra.Command, files []string, runs []config.Run, atOnce int) (t turns, end func(), err error) {
	environ := os.Environ() // before the engine's variables are set for the libraries here
	program, err := os.Executable()
	if err != nil {
		return t, nil, fmt.Errorf("find airworthy itself: %w", err)
	}
	state, err := a.stateDir()
	if err != nil {
		return t, nil, err
	}
	if err := a.makeImages(cmd.Context(), runs); err != nil {
		return t, nil, err
	}
	folder, err := os.MkdirTemp("", "airworthy-several-*")
	if err != nil {
		return t, nil, fmt.Errorf("make a directory for the outcomes: %w", err)
	}
	r := room{runs: runs, free: freeMemory(), now: freeMemory}
	for _, run := range runs {
		r.needs = append(r.needs, memoryNeed(state, run))
	}
	var mu sync.Mutex
	t = turns{atOnce: atOnce, fits: r.fits}
	t.waits = func(i int, why error) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(a.err, "[%s] waits: %v\n", runs[i].Name, why)
	}
	t.fly = func(i int) outcome {
		name := runs[i].Name
		told := filepath.Join(folder, name+".json")
		out, errs := &prefixed{mu: &mu, to: a.out, prefix: "[" + name + "] "}, &prefixed{mu: &mu, to: a.err, prefix: "[" + name + "] "}
		c := child{
			name: name, program: program, args: childArgs(cmd, files[i], told), environ: environ, outcome: told, out: out, err: errs,
		}
		a.stands(name)
		o := c.fly(cmd.Context())
		out.flush()
		errs.flush()
		a.gone(name) // what it left all the same, it has said
		return o
	}
	return t, func() { _ = os.RemoveAll(folder) }, nil
}

// makeImages makes the images of all stacks available, one stack after the
// other. One whose images cannot be had fails by itself, with a report.
func (a *app) makeImages(ctx context.Context, runs []config.Run) error {
	var m machine
	for _, run := range runs {
		if run.Cluster.Kind == environment.KindExisting {
			continue // its cluster pulls for itself
		}
		if m.docker == nil {
			var err error
			if m, err = a.engine(ctx); err != nil {
				return err
			}
			if err := m.status.CanServe(); err != nil {
				return usageError(err)
			}
		}
		fmt.Fprintf(a.out, "images of %s\n", run.Name)
		h, err := a.hangarOf(ctx, m, run)
		if err == nil {
			_, err = h.resolve(ctx)
			h.view.Close()
		}
		switch {
		case ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case err != nil:
			fmt.Fprintf(a.err, "[%s] its images are not all here: %v\n", run.Name, err)
		}
	}
	return nil
}
