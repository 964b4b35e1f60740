package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/kube"
)

const adoptedVariant = "adopted"

// schedulerLabel is the label of a task's pod that names the scheduler whose pod
// it is: the id of its job. The KubernetesExecutor watches the pods that carry its
// own, and writes it on those that it adopts.
const schedulerLabel = "airflow-worker"

// Adoption is what became of a task that ran on while the schedulers were stopped
// and started, as in a roll-out.
type Adoption struct {
	Run        Run            `json:"run"`
	Pod        string         `json:"pod"`        // the task's
	Before     string         `json:"before"`     // id of the scheduler's job that the pod named
	After      string         `json:"after"`      // the same with the new scheduler; as before when it was not adopted
	Schedulers []kube.PodFact `json:"schedulers"` // the new ones, once the run was over
}

// RunThroughSchedulerStop starts a run, ends every scheduler in good order while
// its first task runs, starts them again, and lets the task end when its pod was
// adopted or that was waited for in vain.
func (s *Session) RunThroughSchedulerStop(ctx context.Context) (adoption Adoption, err error) {
	ctx, cancel := s.within(ctx, 2*s.Asked().Timeouts.DAGRun+s.Asked().Timeouts.Install+2*s.Asked().Timeouts.Observe)
	defer cancel()
	own := s.apart(adoptedVariant)
	defer func() { s.fact("adoption", adoption) }()
	if _, err := own.start(ctx, heldDAG); err != nil {
		return adoption, err
	}
	if _, err := own.waitTask(ctx, heldDAG, heldTask, airflow.Running); err != nil {
		return adoption, err
	}
	task, err := own.heldPod(ctx)
	if err != nil {
		return adoption, err
	}
	adoption.Pod, adoption.Before = task.Name, task.Labels[schedulerLabel]

	start, err := s.end(ctx, "scheduler")
	// Whoever comes next needs a scheduler, also after an error.
	startErr := start(context.WithoutCancel(ctx))
	if err := errors.Join(err, startErr); err != nil {
		return adoption, err
	}
	adoption.After = own.adopter(ctx, adoption.Before)
	if err := own.letGo(ctx); err != nil {
		return adoption, err
	}
	if adoption.Run, err = own.finish(ctx, heldDAG); err != nil {
		return adoption, err
	}
	adoption.Schedulers, err = s.componentPods(ctx, "scheduler")
	return adoption, err
}

// adopter waits until the task's pod names another scheduler than before, and
// gives what it names in the end: that it is the same one is for the check to judge.
func (s *Session) adopter(ctx context.Context, before string) string {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	names := before
	_, _ = await.Until(ctx, "the new scheduler to adopt the pod of "+heldTask, everyRun, s.heldPod,
		func(pod TaskPod) error {
			if names = pod.Labels[schedulerLabel]; names == before {
				return fmt.Errorf("its label %s is still %q", schedulerLabel, before)
			}
			return nil
		})
	return names
}

// end stops a component as Stop does, and leaves its pods the time that they take
// to end in good order.
func (s *Session) end(ctx context.Context, name string) (start func(context.Context) error, err error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Install)
	defer cancel()
	before, start, err := s.scaleAway(ctx, name)
	if err != nil {
		return start, err
	}
	if len(before) == 0 {
		return start, fmt.Errorf("stop the %s: it has no pod", name)
	}
	component, err := s.component(name)
	if err != nil {
		return start, err
	}
	// Also none that is about to end.
	_, err = await.Until(ctx, "the pods of component "+name+" to end", everyDAG,
		func(ctx context.Context) ([]kube.PodFact, error) {
			return s.suite.clients.kube.Pods(ctx, component.Selector)
		},
		func(pods []kube.PodFact) error {
			for _, pod := range pods {
				if !pod.Ended() && slices.ContainsFunc(before, func(old kube.PodFact) bool { return old.UID == pod.UID }) {
					return fmt.Errorf("pod %s is still there", pod.Name)
				}
			}
			return nil
		})
	return start, err
}
