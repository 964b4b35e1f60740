package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/airworthy/airworthy/fixtures"
	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/evidence/verdict"
	"github.com/airworthy/airworthy/pkg/sabotage"
	"github.com/airworthy/airworthy/pkg/stack"
)

// sabotages reads every sabotage that airworthy carries.
func sabotages() ([]sabotage.Sabotage, error) {
	files, err := fs.Sub(fixtures.FS, "sabotage")
	if err != nil {
		return nil, fmt.Errorf("open sabotages: %w", err)
	}
	return sabotage.Load(files)
}

func (a *app) sabotageCommand() *cobra.Command {
	var keep bool
	var procs int
	cmd := &cobra.Command{
		Use:   "sabotage [CHECK...]",
		Short: "Break the platform on purpose: every check must notice",
		Long: `sabotage brings the platform up and breaks it, several ways at a time where they
do not disturb each other. Exactly the checks that a sabotage names must fail,
for the reason that it names. CHECK is a check id, or CHECK/NAME for one
sabotage. The exit code is 1 when anything was not caught.`,
		Example: `  airworthy sabotage
  airworthy sabotage executor.pod_per_task logs.persisted
  airworthy checks                                  # the coverage`,
		ValidArgsFunction: completeChecks,
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := sabotages()
			if err != nil {
				return err
			}
			groups, err := sabotage.Groups(all, args)
			if err != nil {
				return usageError(err)
			}
			run, err := a.loadRun()
			if err != nil {
				return err
			}
			f, err := a.takeOff(cmd.Context(), run, selection{repeat: 1, procs: procs, parts: true}, a.commandLine(cmd))
			if err != nil {
				return err
			}
			defer f.land()
			return f.sabotage(cmd.Context(), groups, keep)
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the stack standing")
	cmd.Flags().IntVar(&procs, "procs", 3, "parallel processes that run the checks")
	return cmd
}

// sabotage brings the stack up, breaks it group by group, and removes it.
func (f *flight) sabotage(ctx context.Context, groups []sabotage.Group, keep bool) error {
	var findings []sabotage.Finding
	err := f.phase(ctx, "set-up", func(ctx context.Context) error {
		s, err := f.up(ctx, keep)
		if err != nil {
			return err
		}
		// Each group records into a run directory of its own.
		f.stopRecording()
		findings, err = f.breakAll(ctx, s, groups, keep) // what is removed need not be mended
		return err
	})
	err = errors.Join(err, f.dir.WriteJSON("sabotage.json", filled(findings)))
	if !keep {
		err = errors.Join(err, f.phase(ctx, "clean-up", func(context.Context) error { return f.down() }))
	}
	err = errors.Join(err, f.leaks(), f.dir.Seal())
	f.land()
	missed := printFindings(f, findings)
	switch {
	case err != nil:
		return err
	case missed > 0:
		return &exitError{exitNotConformant, nil}
	}
	return nil
}

// breakAll tries every group. One that could not be tried is said to be so, and
// does not keep the others from being tried: each is installed whole.
func (f *flight) breakAll(ctx context.Context, s *stack.Stack, groups []sabotage.Group, mend bool) (all []sabotage.Finding, err error) {
	var at string
	runner := sabotage.Runner{
		Stack: s,
		Configure: func(settings []string) (config.Run, error) {
			return f.app.loadRunWith(slices.Concat(f.app.sets, settings))
		},
		Test: func(ctx context.Context, group string, h stack.Handoff, checks []string) ([]conformance.Record, error) {
			return f.broken(ctx, s, group, h, checks)
		},
		Progress: func(_, line string) { f.view.Waiting(at, line) },
	}
	for _, g := range groups {
		g, leftOut := g.On(s.Handoff.Features, s.Handoff.Run.Database.Kind)
		for _, line := range leftOut {
			fmt.Fprintf(f.app.out, "left out  %s\n", line)
		}
		if len(g.Sabotages) == 0 {
			continue
		}
		at = "sabotage " + g.Name
		end := f.view.Step(at)
		findings, groupErr := runner.Run(ctx, g)
		end(groupErr)
		if groupErr != nil {
			findings = g.Untried(groupErr)
		}
		all = append(all, findings...)
		for _, one := range findings {
			f.view.Note("%s", one.Line())
		}
		err = errors.Join(err, groupErr)
		if ctx.Err() != nil {
			break
		}
	}
	if !mend || at == "" {
		return all, err
	}
	// A fresh context: what was broken is mended also after an interrupt.
	fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.run.Timeouts.Scaled().Install)
	defer cancel()
	at = "mending"
	end := f.view.Step(at)
	mendErr := runner.Mend(fresh)
	end(mendErr)
	return all, errors.Join(err, mendErr)
}

// broken runs checks against the broken platform, in a run directory of its own.
func (f *flight) broken(ctx context.Context, s *stack.Stack, group string, h stack.Handoff, checks []string) (_ []conformance.Record, err error) {
	path := filepath.Join(filepath.Dir(f.path), "sabotage", h.Name+"-"+group+".json")
	if err := stack.WriteHandoff(path, h); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(path)) }()
	dir, err := evidence.Create(f.dir.Path(), group, h.AllSecrets())
	if err != nil {
		return nil, err
	}
	run := h.Run
	run.Profile = string(conformance.Extended) // checks of every level own sabotages
	one := &flight{
		app: f.app, run: run, pick: selection{checks: checks, repeat: 1, procs: f.pick.procs},
		machine: f.machine, dir: dir, path: path, meter: f.meter, memory: f.memory, view: f.view, handoff: h,
	}
	if err := one.record(ctx, s); err != nil {
		return nil, err
	}
	checksErr := one.checks(ctx)
	one.stopRecording()
	records, err := verdict.Records(dir)
	return records, errors.Join(checksErr, err)
}

// printFindings says of every sabotage whether it was caught, and returns how
// many were not.
func printFindings(f *flight, findings []sabotage.Finding) int {
	caught := 0
	for _, one := range findings {
		fmt.Fprintln(f.app.out, one.Line())
		if one.Caught {
			caught++
			continue
		}
		if one.Reason != "" {
			fmt.Fprintf(f.app.out, "        the check said: %s\n", strings.ReplaceAll(strings.TrimSpace(one.Reason), "\n", "\n        "))
		}
	}
	fmt.Fprintf(f.app.out, "run directory: %s\n%d passed, %d failed\n", f.dir.Path(), caught, len(findings)-caught)
	return len(findings) - caught
}
