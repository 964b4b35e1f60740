package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/conformance"
)

// A run of two_steps whose first task lasts until it is let go: that is in an
// absence of the scheduler that is made for something else.
//
// It does not last until there is a scheduler again: what becomes of a task that
// ends while there is none is one question, and what becomes of one that outlives
// the absence is another, which executor.adoption asks.
const (
	heldDAG     = "two_steps"
	heldTask    = "first"
	heldVariant = "held"
)

// goFile is what the held task waits for, in its own pod. dags/two_steps.py
// names it too.
const goFile = "/tmp/airworthy-go"

// schedulerKilled names the facts of executor.scheduler_killed.
const schedulerKilled = "killed-scheduler"

// RunWithSchedulerKilled starts a run, kills every scheduler pod by force while
// the named task runs, and waits for the run's end. In the minute without the Git
// server it has happened already.
func (s *Session) RunWithSchedulerKilled(ctx context.Context) (Run, error) {
	ctx, cancel := s.within(ctx, 2*s.Asked().Timeouts.DAGRun)
	defer cancel()
	run, err := once(ctx, s.suite.sharedDir(), schedulerKilled, s.killScheduler)
	s.fact("run-"+heldDAG, run)
	return run, err
}

// killScheduler kills the pods and leaves it to their controller to replace them.
func (s *Session) killScheduler(ctx context.Context) (Run, error) {
	if _, err := s.start(ctx, heldDAG); err != nil {
		return Run{}, err
	}
	if _, err := s.waitTask(ctx, heldDAG, heldTask, airflow.Running); err != nil {
		return Run{}, err
	}
	pods, err := s.componentPods(ctx, "scheduler")
	if err != nil {
		return Run{}, err
	}
	if len(pods) == 0 {
		return Run{}, errors.New("kill the scheduler: it has no pod")
	}
	for _, pod := range pods {
		if err := s.killPod(ctx, pod.Name); err != nil {
			return Run{}, err
		}
	}
	return s.finish(ctx, heldDAG)
}

// absentWithoutGit reports whether the scheduler's absence is made in the minute
// without the Git server. A scheduler whose pods fetch the DAG files could not
// start again meanwhile.
func (s *Session) absentWithoutGit() bool {
	return s.suite.selects(conformance.MetricsAlertsScheduler) && !slices.Contains(s.suite.stack.Release.DAGReaders, "scheduler")
}

// Held is a run that outlives the scheduler. What goes wrong with it is kept for
// the check that asks for it.
type Held struct {
	s    *Session
	gone bool // it was let go while there was no scheduler
	err  error
}

// Hold begins the run, or gives nil where nobody will ask for it or no scheduler
// will be absent.
func (s *Session) Hold(ctx context.Context) *Held {
	if !s.absentWithoutGit() || !s.suite.selects(conformance.ExecutorSchedulerKilled) {
		return nil
	}
	h := &Held{s: s.apart(heldVariant)}
	_, h.err = h.s.start(ctx, heldDAG)
	return h
}

// running waits until the first task runs.
func (h *Held) running(ctx context.Context) {
	if h == nil || h.err != nil {
		return
	}
	_, h.err = h.s.waitTask(ctx, heldDAG, heldTask, airflow.Running)
}

// letGo ends the first task while there is no scheduler. The next one finds a
// run whose second task nobody has started.
func (h *Held) letGo(ctx context.Context) {
	if h == nil || h.err != nil {
		return
	}
	h.gone = true
	h.err = h.end(ctx)
}

func (h *Held) end(ctx context.Context) error {
	ctx, cancel := h.s.within(ctx, h.s.Asked().Timeouts.Observe)
	defer cancel()
	if err := h.s.letGo(ctx); err != nil {
		return err
	}
	instance, err := h.s.waitTask(ctx, heldDAG, heldTask, airflow.Success)
	if instance.State.Finished() {
		return nil // as what it ended is for the check to judge
	}
	return err
}

// heldPod is the pod of the held run's first task.
func (s *Session) heldPod(ctx context.Context) (TaskPod, error) {
	pods, err := s.Pods(ctx, Run{DAGRun: airflow.DAGRun{DAG: heldDAG, ID: s.runID()}})
	if err != nil {
		return TaskPod{}, err
	}
	if len(pods) != 1 {
		return TaskPod{}, fmt.Errorf("find the pod of task %s of %s: %d pods belong to the run: %v", heldTask, heldDAG, len(pods), pods.Names())
	}
	return pods[0], nil
}

// letGo has the held run's first task return.
func (s *Session) letGo(ctx context.Context) error {
	pod, err := s.heldPod(ctx)
	if err != nil {
		return err
	}
	_, err = s.execIn(ctx, pod.Name, pod.airflowContainer, "touch", goFile)
	return err
}

// share waits for the run's end and keeps the facts for executor.scheduler_killed.
// Where no scheduler was killed after all, the run says nothing of that: it is
// ended, and the check makes a run of its own.
func (h *Held) share(ctx context.Context) {
	if h == nil {
		return
	}
	if h.err == nil && !h.gone {
		_ = h.end(ctx)
		return
	}
	_, _ = once(ctx, h.s.suite.sharedDir(), schedulerKilled, func(ctx context.Context) (Run, error) {
		if h.err != nil {
			return Run{}, h.err
		}
		return h.s.finish(ctx, heldDAG)
	})
}
