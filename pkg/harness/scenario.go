package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
)

// LiveLog is what the API gave of a task's log while the task was running.
type LiveLog struct {
	State airflow.State `json:"state"` // of the task instance, read after the log
	Text  string        `json:"text"`  // as far as it was needed
	Err   string        `json:"err,omitempty"`
}

// Killed is a run whose first try lost its pod in the middle.
type Killed struct {
	Run  Run     `json:"run"`
	Pod  string  `json:"pod"` // the pod that was deleted by force
	Live LiveLog `json:"live"`
}

// KilledRun starts a run, waits until its task prints, reads the log as a user
// would who follows it, deletes the pod by force, and waits for the run's end.
// It happens once for all checks that look at it.
func (s *Session) KilledRun(ctx context.Context, dag, task string) (Killed, error) {
	ctx, cancel := s.within(ctx, 2*s.Asked().Timeouts.DAGRun)
	defer cancel()
	killed, err := once(ctx, s.suite.sharedDir(), "killed-"+dag, func(ctx context.Context) (Killed, error) {
		return s.killInTheMiddle(ctx, dag, task)
	})
	s.fact("killed-"+dag, killed)
	return killed, err
}

func (s *Session) killInTheMiddle(ctx context.Context, dag, task string) (Killed, error) {
	var killed Killed
	if _, err := s.start(ctx, dag); err != nil {
		return killed, err
	}
	if _, err := s.waitTask(ctx, dag, task, airflow.Running); err != nil {
		return killed, err
	}
	killed.Live = s.readLive(ctx, airflow.TaskRef{DAG: dag, Run: s.runID(), Task: task, MapIndex: -1, Try: 1}, "has begun")

	pods, err := s.Pods(ctx, Run{DAGRun: airflow.DAGRun{DAG: dag, ID: s.runID()}})
	if err != nil {
		return killed, err
	}
	if len(pods) != 1 {
		return killed, fmt.Errorf("kill the pod of %s: %d pods belong to it: %v", task, len(pods), pods.Names())
	}
	killed.Pod = pods[0].Name
	if err := s.killPod(ctx, killed.Pod); err != nil {
		return killed, err
	}
	killed.Run, err = s.finish(ctx, dag)
	return killed, err
}

// waitTask waits until a task of the shared run is in one of these states.
func (s *Session) waitTask(ctx context.Context, dag, task string, states ...airflow.State) (airflow.TaskInstance, error) {
	return await.Until(ctx, fmt.Sprintf("task %s of %s to be %q", task, dag, states), everyRun,
		func(ctx context.Context) (airflow.TaskInstance, error) {
			instances, err := s.Airflow.TaskInstances(ctx, dag, s.runID())
			if err != nil {
				return airflow.TaskInstance{}, err
			}
			at := slices.IndexFunc(instances, func(t airflow.TaskInstance) bool { return t.Task == task })
			if at < 0 {
				return airflow.TaskInstance{}, fmt.Errorf("the run has no task instance %s yet", task)
			}
			return instances[at], nil
		},
		func(t airflow.TaskInstance) error {
			err := fmt.Errorf("it is %q", t.State)
			switch {
			case slices.Contains(states, t.State):
				return nil
			case t.State.Finished():
				return await.Stop(err)
			}
			return err
		})
}

// readLive reads the log of a running try until it holds want. What goes wrong
// is a fact for the check, not an error of the scenario.
func (s *Session) readLive(ctx context.Context, ref airflow.TaskRef, want string) LiveLog {
	ctx, cancel := context.WithTimeout(ctx, s.scaled(30*time.Second))
	defer cancel()
	var live LiveLog
	log, err := await.Until(ctx, "the running task's log to hold "+want, everyDAG,
		func(ctx context.Context) (airflow.TaskLog, error) { return s.Airflow.TaskLog(ctx, ref, "") },
		func(log airflow.TaskLog) error {
			if strings.Contains(log.Text(), want) {
				return nil
			}
			return fmt.Errorf("it says %.300q", log.Text())
		})
	if live.Text = log.Text(); len(live.Text) > 4096 {
		live.Text = live.Text[:4096]
	}
	if err != nil {
		live.Err = err.Error()
	}
	fresh, cancelFresh := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancelFresh()
	instances, err := s.Airflow.TaskInstances(fresh, ref.DAG, ref.Run)
	if err != nil && live.Err == "" {
		live.Err = err.Error()
	}
	for _, instance := range instances {
		if instance.Task == ref.Task {
			live.State = instance.State
		}
	}
	return live
}
