package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/airworthy/airworthy/internal/usage"
	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/evidence/verdict"
	"github.com/airworthy/airworthy/pkg/progress"
	"github.com/airworthy/airworthy/pkg/service/pause"
	"github.com/airworthy/airworthy/pkg/stack"
)

// cleanupLimit bounds what is done after the work was cancelled.
const cleanupLimit = 5 * time.Minute

// flight is one run with a run directory: up, checks, report, down, or a part
// of these.
type flight struct {
	app  *app
	run  config.Run
	pick selection

	machine   machine
	values    stack.Values
	dir       *evidence.Dir
	view      *progress.View
	meter     *usage.Sampler
	memory    *stackMeter
	handoff   stack.Handoff
	path      string // file of the handoff
	recording *stack.Recording
	facts     reportv1.Facts
	phases    []phase
	release   func() // lets others work on the stack
}

// takeOff finds the engine, makes the run directory and writes what is known
// before anything is started. land must be called.
func (a *app) takeOff(ctx context.Context, run config.Run, pick selection, command []string) (*flight, error) {
	var m machine
	if run.Cluster.Kind != environment.KindExisting {
		// On a cluster that is there nothing is needed of this machine's.
		var err error
		if m, err = a.engine(ctx); err != nil {
			return nil, err
		}
		if err := m.status.CanServe(); err != nil {
			return nil, usageError(err)
		}
	}
	values, err := fileValues(ctx, run)
	if err != nil {
		return nil, err
	}
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	release, err := stack.Hold(state, run.Name)
	if held := (*stack.HeldError)(nil); errors.As(err, &held) {
		err = fmt.Errorf("%w, or give this run another name by --set name=NAME", err)
	}
	if err != nil {
		return nil, err
	}
	dir, err := evidence.Create(a.outDir, run.Name, nil)
	if err != nil {
		release()
		return nil, err
	}
	last := lastDurations(state, run.Name)
	if !pick.whole() {
		delete(last, progress.ChecksPart)
	}
	f := &flight{
		release: release,
		app:     a, run: run, pick: pick, machine: m, values: values, dir: dir, path: stack.HandoffPath(state, run.Name),
		meter: usage.Start(2 * time.Second), memory: watchStack(m.docker, run.Name), view: a.view(last),
	}
	f.facts = reportv1.Facts{
		Run: dir.Name(), Airworthy: thisBuild().Version, Command: command,
		RunFile: string(evidence.RunFile), Started: time.Now().UTC(),
	}
	f.view.Note("run directory: %s", dir.Path())
	if err := dir.WriteJSON(evidence.RunFile, run.Redacted()); err != nil {
		f.land()
		return nil, err
	}
	return f, nil
}

// land ends the view and the measuring, remembers how long it all took and how
// much memory, and lets go of the stack.
func (f *flight) land() {
	defer f.release()
	f.view.Close()
	f.rememberDurations()
	f.rememberMemory()
	f.meter.Stop()
	f.memory.stop()
}

// phase runs one part of the run and keeps its time. It ends with the engine.
func (f *flight) phase(ctx context.Context, name string, do func(context.Context) error) error {
	began := time.Now()
	release := func() error { return nil }
	if f.machine.docker != nil {
		ctx, release = guardEngine(ctx, f.machine.docker, f.machine.status.Host, f.run.Name, everyPing)
	}
	err := do(ctx)
	if gone := release(); gone != nil {
		err = gone // what else there is follows from it
	}
	f.phases = append(f.phases, phase{name, time.Since(began)})
	return err
}

// problem keeps what went wrong outside any check for the report.
func (f *flight) problem(what string, err error) {
	if err != nil {
		f.facts.Problems = append(f.facts.Problems, fmt.Sprintf("%s: %v", what, err))
	}
}

// knows takes over a stack, whole or half-made: its secrets must be known
// before anything of it is written.
func (f *flight) knows(h stack.Handoff) error {
	f.handoff = h
	if err := f.dir.AddSecrets(h.AllSecrets()...); err != nil && !errors.Is(err, evidence.ErrShortSecret) {
		return err
	}
	return nil
}

// up brings the stack up. Where that fails, what was known of it is taken over
// all the same, so that the report can name what was to be tested.
func (f *flight) up(ctx context.Context, keep bool) (*stack.Stack, error) {
	state, err := f.app.stateDir()
	if err != nil {
		return nil, err
	}
	cache, err := f.app.cacheDir()
	if err != nil {
		return nil, err
	}
	f.app.stands(f.run.Name)
	s, err := stack.Up(ctx, stack.Options{
		Run: f.run, State: state, Cache: cache, Dir: f.dir, Docker: f.machine.docker, Engine: f.machine.status,
		Keep: keep, Progress: f.view, Values: f.values, Proxy: f.app.env.Proxy,
	})
	var mistake *environment.ConfigError
	switch {
	case errors.As(err, &mistake):
		return nil, usageError(err)
	case err != nil:
		return nil, err
	}
	f.recording = s.Recording
	if err := f.knows(s.Handoff); err != nil {
		return s, err
	}
	return s, f.record(ctx, s)
}

// attach uses the stack that stands under the flight's name.
func (f *flight) attach(ctx context.Context) (*stack.Stack, error) {
	state, err := f.app.stateDir()
	if err != nil {
		return nil, err
	}
	s, err := stack.Attach(ctx, f.machine.docker, state, f.run.Name, f.values)
	if err != nil {
		return nil, err
	}
	if err := f.knows(s.Handoff); err != nil {
		return s, err
	}
	return s, f.record(ctx, s)
}

// record keeps what the cluster does from now on, unless that is under way.
func (f *flight) record(ctx context.Context, s *stack.Stack) error {
	if f.recording != nil {
		return nil
	}
	var err error
	f.recording, err = stack.Record(ctx, s.Cluster.REST(), s.Handoff, f.dir)
	return err
}

// stopRecording ends the recording, before the directory is sealed or the
// cluster removed.
func (f *flight) stopRecording() {
	if f.recording != nil {
		f.problem("recording the cluster", f.recording.Stop())
		f.recording = nil
	}
}

// plan writes the plan. It comes before the first check, and is written for a
// set-up that failed too: its checks are missing then, and not forgotten.
func (f *flight) plan() (conformance.Plan, error) {
	p, err := f.pick.plan(f.run, f.handoff.Features, f.handoff.NotOffered)
	if err != nil {
		return p, usageError(err)
	}
	return p, f.dir.WritePlan(p)
}

// check runs the planned checks, as often as was asked for.
func (f *flight) check(ctx context.Context, p conformance.Plan) error {
	ids := runnable(p)
	if len(ids) == 0 {
		return nil
	}
	ginkgo, binary, err := suiteBinaries()
	if err != nil {
		return err
	}
	runDir, err := filepath.Abs(f.dir.Path())
	if err != nil {
		return fmt.Errorf("find the run directory: %w", err)
	}
	secrets, err := inMemory(f.handoff.FileSecrets)
	if err != nil {
		return err
	}
	defer secrets.Close()
	f.view.Expect(len(ids) * f.pick.repeat)
	// The suites take memory now, and what a set-up needs is needed no more.
	usage.Release()
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	seen := make(chan struct{})
	go func() { f.view.Follow(watch, f.dir.Path()); close(seen) }()
	defer func() { stop(); <-seen }()
	for attempt := 1; attempt <= f.pick.repeat && err == nil; attempt++ {
		err = f.attempt(ctx, suiteRun{
			ginkgo: ginkgo, binary: binary, runDir: runDir, handoff: f.path, secrets: pathOf(secrets),
			attempt: attempt, checks: ids, procs: f.pick.procs,
		})
	}
	return err
}

// attempt runs the suites once. When they leave no record at all, the end of
// what they said is the only explanation there is.
func (f *flight) attempt(ctx context.Context, r suiteRun) error {
	log, err := f.dir.Log(evidence.SetupFile(fmt.Sprintf("suite-%d.log", r.attempt)))
	if err != nil {
		return err
	}
	end := &tail{max: 4000}
	r.log = io.MultiWriter(log, end)
	if f.app.verbose {
		r.log = io.MultiWriter(log, end, f.app.err)
	}
	err = errors.Join(r.run(ctx), log.Close(), f.resume())
	records, interrupted, readErr := f.dir.ReadRecords()
	if err == nil && readErr == nil && len(records)+len(interrupted) == 0 {
		return fmt.Errorf("the suites ran no check; they ended with:\n%s", f.dir.Redactor().Text(end.lines()))
	}
	return err
}

// resume lets services go on that a suite silenced and, being killed, could not
// let go on itself.
func (f *flight) resume() error {
	if f.handoff.Engine == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupLimit)
	defer cancel()
	var errs []error
	for _, name := range []string{f.handoff.Database.Container, f.handoff.ObjectStorage.Container} {
		if name != "" {
			errs = append(errs, pause.Container{Host: f.handoff.Engine, Name: name}.Resume(ctx))
		}
	}
	return errors.Join(errs...)
}

// report writes facts, reports and sums from what the directory holds. It may
// be called again when more is known.
func (f *flight) report() (reportv1.Document, error) {
	f.stopRecording()
	if err := f.havePlan(); err != nil {
		return reportv1.Document{}, err
	}
	now := time.Now().UTC()
	h := f.handoff
	if h.Run.Name == "" {
		h.Run = f.run
	}
	describeStack(&f.facts, h)
	var spans []stack.Span
	if err := f.dir.ReadJSON(evidence.TimelineFile, &spans); err == nil {
		describeSetup(&f.facts.Timings, f.facts.Started, spans)
	}
	records, err := verdict.Records(f.dir)
	if err == nil {
		f.facts.Timings.ChecksTook = checksTook(records)
	}
	for _, p := range f.phases {
		switch p.name {
		case "set-up":
			f.facts.Timings.SetupTook = p.took
		case "clean-up":
			f.facts.Timings.CleanupTook = p.took
		}
	}
	f.facts.Ended, f.facts.Timings.Total = now, now.Sub(f.facts.Started)
	f.facts.Harness = describeHarness(f.meter.Now(), f.memory.peakBytes())
	return verdict.Write(f.dir, f.facts)
}

// leaks is an error that names the files of the run directory that hold a
// secret, where no report says so.
func (f *flight) leaks() error {
	files, err := f.dir.Leaks()
	if err == nil && len(files) > 0 {
		err = fmt.Errorf("the run directory holds a secret of the stack, so it must not be handed on: look into %v", files)
	}
	return err
}

// havePlan writes a plan where the run ended before its own: with every
// feature claimed, so that every check of the profile shows as missing.
func (f *flight) havePlan() error {
	_, err := os.Stat(f.dir.Abs(evidence.PlanFile))
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	features := f.handoff.Features
	if len(features) == 0 {
		for _, c := range conformance.All() {
			features = append(features, c.Requires...)
		}
	}
	p, err := f.pick.plan(f.run, features, f.handoff.NotOffered)
	if err != nil {
		return usageError(err)
	}
	return f.dir.WritePlan(p)
}

// down removes the stack under a context of its own: it runs also when the
// work was cancelled.
func (f *flight) down() error {
	state, err := f.app.stateDir()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupLimit)
	defer cancel()
	end := f.view.Step("clean-up")
	_, err = stack.Down(ctx, f.machine.docker, state, f.run.Name)
	end(err)
	if err == nil {
		f.app.gone(f.run.Name)
	}
	return err
}
