package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
)

// How often facts are read while something is waited for. Reading costs the
// API server CPU that the task pods need on a small machine.
const (
	everyRun    = 700 * time.Millisecond
	everyRecord = 150 * time.Millisecond // a local file
	everyDAG    = time.Second
)

// runID is the same in every process of one attempt, which is what lets them
// share a run.
func (s *Session) runID() string {
	return fmt.Sprintf("airworthy-%s-%d%s", s.suite.token, s.suite.attempt, s.variant)
}

// apart is a session whose runs are its own, and not those that checks share.
func (s *Session) apart(variant string) *Session {
	other := *s
	other.variant = "-" + variant
	return &other
}

// start triggers the run of a DAG that all checks of this attempt share, or
// finds it when another process was first.
func (s *Session) start(ctx context.Context, dag string) (airflow.DAGRun, error) {
	if _, err := airflow.WaitDAG(ctx, s.Airflow, dag, everyDAG); err != nil {
		return airflow.DAGRun{}, err
	}
	// Asked for first: Airflow logs an error for a run id that is taken.
	run, err := s.Airflow.Run(ctx, dag, s.runID())
	if !airflow.NotFound(err) {
		return run, err
	}
	run, err = s.Airflow.Trigger(ctx, dag, s.runID(), s.conf(dag))
	if err != nil {
		return run, fmt.Errorf("trigger %s: %w", dag, err)
	}
	return run, nil
}

// SharedRun runs a DAG once for all checks that look at it, and returns the
// finished run, whatever its state. It takes at most the run file's dagRun timeout.
func (s *Session) SharedRun(ctx context.Context, dag string) (Run, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.DAGRun)
	defer cancel()
	run, err := once(ctx, s.suite.sharedDir(), "run-"+dag, func(ctx context.Context) (Run, error) {
		if _, err := s.start(ctx, dag); err != nil {
			return Run{}, err
		}
		return s.finish(ctx, dag)
	})
	s.fact("run-"+dag, run)
	return run, err
}

// finish waits for the end of the shared run and reads its task instances.
func (s *Session) finish(ctx context.Context, dag string) (Run, error) {
	run, err := airflow.WaitRun(ctx, s.Airflow, dag, s.runID(), everyRun)
	tasks, tasksErr := s.tasks(ctx, dag)
	done := Run{DAGRun: run, Tasks: tasks}
	if err != nil || run.State != airflow.Success {
		done.Aftermath = s.aftermath(ctx, dag, tasks)
	}
	if err != nil {
		err = fmt.Errorf("%w; its tasks: %s", err, done.Story())
	}
	return done, errors.Join(err, tasksErr)
}

// tasks reads the task instances under a context of its own when the caller's
// has ended, because they are what explains a run that did not end in time.
func (s *Session) tasks(ctx context.Context, dag string) ([]airflow.TaskInstance, error) {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
	}
	return s.Airflow.TaskInstances(ctx, dag, s.runID())
}

// XCom reads the return value of a task. mapIndex is -1 unless it is mapped.
func (s *Session) XCom(ctx context.Context, run Run, task string, mapIndex int) (any, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	value, err := s.Airflow.XCom(ctx, run.DAG, run.ID, task, mapIndex, "return_value")
	if err != nil {
		return nil, fmt.Errorf("read XCom of %s: %w", TaskKey(task, mapIndex, 0), err)
	}
	s.fact(fmt.Sprintf("xcom-%s-%s-%d", run.DAG, task, mapIndex), value)
	return value, nil
}

// TaskLog reads the whole log of a try through the API and keeps it as evidence.
func (s *Session) TaskLog(ctx context.Context, ref airflow.TaskRef) (airflow.TaskLog, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	log, err := s.Airflow.TaskLog(ctx, ref, "")
	if err != nil {
		return log, fmt.Errorf("read log of %s: %w", LogKey(ref), err)
	}
	s.keep(fmt.Sprintf("task-%s-%s-%d-try-%d.json", ref.DAG, ref.Task, ref.MapIndex, ref.Try), log.Raw)
	return log, nil
}

// Pods gives the pods recorded for a run so far.
func (s *Session) Pods(ctx context.Context, run Run) (Pods, error) {
	all, err := s.suite.recorded.pods(ctx)
	if err != nil {
		return nil, err
	}
	var pods Pods
	for _, pod := range all {
		if pod.Annotations["dag_id"] == run.DAG && pod.Annotations["run_id"] == run.ID {
			pods = append(pods, taskPod(pod))
		}
	}
	s.fact("pods-"+run.DAG, pods)
	return pods, nil
}

// FinishedPods waits until no pod of the run is running any more, and returns
// them all. Airflow knows the end of a task before Kubernetes knows its pod's.
func (s *Session) FinishedPods(ctx context.Context, run Run) (Pods, error) {
	return s.waitPods(ctx, run, "to finish", func(pod TaskPod) bool {
		return !pod.Finished.IsZero() || !pod.Deleted.IsZero() || pod.Phase == "Succeeded" || pod.Phase == "Failed"
	})
}

// GonePods waits until every pod of a run that was begun before the first check is
// gone, or has ended where finished pods are kept. It asks the record alone, so a
// platform that is just being restarted does not matter. Pods that stay block the
// spec: what it looks for is what nobody can see any more.
func (s *Session) GonePods(ctx context.Context, dag string) (Pods, error) {
	run := Run{DAGRun: airflow.DAGRun{DAG: dag, ID: s.runID()}}
	if s.Asked().Platform.KeepPods {
		return s.FinishedPods(ctx, run)
	}
	pods, err := s.DeletedPods(ctx, run)
	if err != nil {
		s.Unable(err.Error())
	}
	return pods, err
}

// DeletedPods waits until every pod of the run is gone from the cluster.
func (s *Session) DeletedPods(ctx context.Context, run Run) (Pods, error) {
	return s.waitPods(ctx, run, "to be removed", func(pod TaskPod) bool { return !pod.Deleted.IsZero() })
}

func (s *Session) waitPods(ctx context.Context, run Run, what string, done func(TaskPod) bool) (Pods, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	return await.Until(ctx, fmt.Sprintf("the pods of run %s of %s %s", run.ID, run.DAG, what), everyRecord,
		func(ctx context.Context) (Pods, error) { return s.Pods(ctx, run) },
		func(pods Pods) error {
			if len(pods) == 0 {
				// Kubernetes may tell of a pod later than Airflow of its task, and
				// a run whose tasks need no pod never has one: then time decides.
				return errors.New("no pod of the run was seen")
			}
			for _, pod := range pods {
				if !done(pod) {
					return fmt.Errorf("pod %s of %s is %s", pod.Name, pod.TaskKey(), pod.Phase)
				}
			}
			return nil
		})
}
