package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/kube"
	"github.com/airworthy/airworthy/pkg/platform"
)

// Stop kills every pod of a component and lets none come back until start is
// called, which waits until all are ready and may be called again.
func (s *Session) Stop(ctx context.Context, name string) (start func(context.Context) error, err error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	pods, start, err := s.scaleAway(ctx, name)
	if err != nil {
		return start, err
	}
	// A pod that is killed before the controller has seen the new number is replaced.
	_, err = await.Until(ctx, "every pod of component "+name+" to be told to end", everyDAG,
		func(ctx context.Context) ([]kube.PodFact, error) { return s.componentPods(ctx, name) },
		func(pods []kube.PodFact) error {
			if len(pods) > 0 {
				return fmt.Errorf("pod %s was not", pods[0].Name)
			}
			return nil
		})
	if err != nil {
		return start, err
	}
	for _, pod := range pods {
		err := s.suite.clients.kube.DeletePod(ctx, pod.Name, kube.Deletion{Force: true})
		if err != nil && !kube.NotFound(err) {
			return start, fmt.Errorf("kill pod %s: %w", pod.Name, err)
		}
	}
	return start, nil
}

// scaleAway has a component want no pods any more, and gives those that it had
// and what starts it again.
func (s *Session) scaleAway(ctx context.Context, name string) (pods []kube.PodFact, start func(context.Context) error, err error) {
	nothing := func(context.Context) error { return nil }
	component, err := s.component(name)
	if err != nil {
		return nil, nothing, err
	}
	was, _, err := s.suite.clients.kube.Replicas(ctx, component.Kind, component.Object)
	if err != nil {
		return nil, nothing, err
	}
	if pods, err = s.componentPods(ctx, component.Name); err != nil {
		return nil, nothing, err
	}
	var old []string
	for _, pod := range pods {
		old = append(old, pod.UID)
	}
	start = func(ctx context.Context) error { return s.startAgain(ctx, component, was, old) }
	for _, pod := range pods {
		if err := s.noteKill(pod.Name); err != nil {
			return pods, start, err
		}
	}
	return pods, start, s.scale(ctx, component, 0)
}

// StopAll stops every component, as Stop does one; none is there before start is called.
func (s *Session) StopAll(ctx context.Context) (start func(context.Context) error, err error) {
	var starts []func(context.Context) error
	start = func(ctx context.Context) error {
		errs := make([]error, len(starts))
		var started sync.WaitGroup
		for i, one := range starts {
			started.Go(func() { errs[i] = one(ctx) })
		}
		started.Wait()
		return errors.Join(errs...)
	}
	for _, component := range s.suite.stack.Release.Components {
		one, err := s.Stop(ctx, component.Name)
		starts = append(starts, one)
		if err != nil {
			return start, err
		}
	}
	return start, nil
}

// startAgain is over when the component is ready, and Airflow answers: the
// address of the API server's pod is another one now.
func (s *Session) startAgain(ctx context.Context, component platform.Component, replicas int, gone []string) error {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Install)
	defer cancel()
	if err := s.scale(ctx, component, replicas); err != nil {
		return err
	}
	if _, err := s.waitReady(ctx, component.Name, replicas, gone); err != nil {
		return err
	}
	_, err := await.Until(ctx, "Airflow to answer again", everyDAG, s.Airflow.Health, func(airflow.Health) error { return nil })
	return err
}

func (s *Session) scale(ctx context.Context, component platform.Component, replicas int) error {
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	apps, namespace := s.suite.clients.kube.Typed().AppsV1(), s.suite.clients.kube.Namespace()
	var err error
	switch component.Kind {
	case "Deployment":
		_, err = apps.Deployments(namespace).Patch(ctx, component.Object, types.MergePatchType, patch, metav1.PatchOptions{})
	case "StatefulSet":
		_, err = apps.StatefulSets(namespace).Patch(ctx, component.Object, types.MergePatchType, patch, metav1.PatchOptions{})
	default:
		err = errors.New("it has no replicas")
	}
	if err != nil {
		return fmt.Errorf("scale %s %s to %d: %w", component.Kind, component.Object, replicas, err)
	}
	return nil
}

// restart deletes the pods of a component one by one in good order, and waits
// for those that take their places.
func (s *Session) restart(ctx context.Context, component string) (gone, instead string, err error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Install)
	defer cancel()
	before, err := s.componentPods(ctx, component)
	if err != nil {
		return "", "", err
	}
	var names, old []string
	for _, pod := range before {
		names, old = append(names, pod.Name), append(old, pod.UID)
		if err := s.noteKill(pod.Name); err != nil {
			return "", "", err
		}
		if err := s.suite.clients.kube.DeletePod(ctx, pod.Name, kube.Deletion{}); err != nil {
			return "", "", fmt.Errorf("restart %s: %w", component, err)
		}
	}
	gone = strings.Join(names, ", ")
	after, err := s.waitReady(ctx, component, len(before), old)
	if err != nil {
		return gone, "", err
	}
	if len(after) == 0 {
		return gone, "", errors.New("restart " + component + ": it has no pods")
	}
	return gone, after[0].Name, nil
}

// waitReady waits until a component has so many pods, all of them ready and
// none of those, by their UIDs, that were to go. The pods are asked, not what the workload says
// of them: that is from before until its controller comes to it.
func (s *Session) waitReady(ctx context.Context, component string, count int, gone []string) ([]kube.PodFact, error) {
	return await.Until(ctx, "component "+component+" to be ready again", everyDAG,
		func(ctx context.Context) ([]kube.PodFact, error) { return s.componentPods(ctx, component) },
		func(pods []kube.PodFact) error {
			if len(pods) != count {
				return fmt.Errorf("it has %d of %d pods", len(pods), count)
			}
			for _, pod := range pods {
				if slices.Contains(gone, pod.UID) {
					return fmt.Errorf("pod %s is still there", pod.Name)
				}
				if !pod.Ready {
					return fmt.Errorf("pod %s is not ready", pod.Name)
				}
			}
			return nil
		})
}
