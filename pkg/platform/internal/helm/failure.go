package helm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// crashRestarts is how many restarts make a crash loop. The first crash is
// often a race with something that starts beside it.
const crashRestarts = 2

// Log lines of a failing container that an error carries.
const logLines = 15

// Failure is a pod that cannot become ready, or a job that has failed.
type Failure struct {
	Pod       string
	Container string
	Reason    string // such as CrashLoopBackOff
	Message   string
	Log       []string // the container's last lines
	previous  bool     // the log is that of the container's last run
}

func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pod %s, container %s: %s", f.Pod, f.Container, f.Reason)
	if f.Message != "" {
		fmt.Fprintf(&b, ": %s", f.Message)
	}
	if len(f.Log) > 0 {
		fmt.Fprintf(&b, "; its last lines:\n  %s", strings.Join(f.Log, "\n  "))
	}
	return b.String()
}

// containers lists the states of init and other containers, in order of start.
func containers(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

// podFailure judges one pod: nil while it may still become ready.
func podFailure(pod *corev1.Pod) *Failure {
	if pod.DeletionTimestamp != nil {
		return nil
	}
	for _, s := range containers(pod) {
		waiting := s.State.Waiting
		if waiting == nil {
			continue
		}
		f := &Failure{Pod: pod.Name, Container: s.Name, Reason: waiting.Reason, Message: waiting.Message}
		switch waiting.Reason {
		case "CrashLoopBackOff":
			if s.RestartCount < crashRestarts {
				continue
			}
			f.Message, f.previous = fmt.Sprintf("%d restarts", s.RestartCount), true
			if last := s.LastTerminationState.Terminated; last != nil {
				f.Message = fmt.Sprintf("%d restarts, the last ended with exit code %d (%s)", s.RestartCount, last.ExitCode, last.Reason)
			}
			return f
		case "ErrImageNeverPull", "InvalidImageName", "ImagePullBackOff":
			f.Message = fmt.Sprintf("image %s: %s", s.Image, waiting.Message)
			return f
		case "CreateContainerConfigError":
			// The kubelet's cache of a ConfigMap that was only just made.
			if !strings.Contains(waiting.Message, "failed to sync") {
				return f
			}
		}
	}
	return nil
}

// failedPod describes a pod that ended badly, for a job that has failed.
func failedPod(pod *corev1.Pod) *Failure {
	for _, s := range containers(pod) {
		if t := s.State.Terminated; t != nil && t.ExitCode != 0 {
			return &Failure{Pod: pod.Name, Container: s.Name, Reason: t.Reason,
				Message: strings.TrimSpace(fmt.Sprintf("exit code %d %s", t.ExitCode, t.Message))}
		}
	}
	if pod.Status.Phase == corev1.PodFailed {
		return &Failure{Pod: pod.Name, Container: "-", Reason: pod.Status.Reason, Message: pod.Status.Message}
	}
	return nil
}

// failure finds the first thing that keeps the release from becoming ready.
func (w *watcher) failure() *Failure {
	pods := w.pods()
	for _, pod := range pods {
		if w.old[pod.UID] {
			continue
		}
		if f := podFailure(pod); f != nil {
			return f
		}
	}
	jobs, err := w.factory.Batch().V1().Jobs().Lister().List(labels.Everything())
	if err != nil {
		return nil
	}
	for _, job := range jobs {
		if w.old[job.UID] {
			continue
		}
		if f := jobFailure(job, pods, w.old); f != nil {
			return f
		}
	}
	return nil
}

func jobFailure(job *batchv1.Job, pods []*corev1.Pod, old map[types.UID]bool) *Failure {
	for _, c := range job.Status.Conditions {
		if c.Type != batchv1.JobFailed || c.Status != corev1.ConditionTrue {
			continue
		}
		for _, pod := range pods {
			if pod.Labels[batchv1.JobNameLabel] != job.Name || old[pod.UID] {
				continue
			}
			if f := failedPod(pod); f != nil {
				f.Reason = fmt.Sprintf("job %s failed (%s): %s", job.Name, c.Reason, f.Reason)
				return f
			}
		}
	}
	return nil
}

// withLogs adds the container's last lines to a failure.
func (w *watcher) withLogs(f *Failure) error {
	// The wait may have ended by its own deadline; the log is wanted still.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tail := int64(logLines)
	raw, err := w.kube.CoreV1().Pods(w.namespace).GetLogs(f.Pod, &corev1.PodLogOptions{
		Container: f.Container, TailLines: &tail, Previous: f.previous}).DoRaw(ctx)
	if err == nil && len(raw) > 0 {
		f.Log = strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	}
	return f
}

// explain adds to err what was not ready, and the pods' reasons.
func (w *watcher) explain(err error) error {
	if f := w.failure(); f != nil {
		return errors.Join(err, w.withLogs(f))
	}
	var b strings.Builder
	b.WriteString(w.waiting())
	for _, pod := range w.pods() {
		if why := podWaiting(pod); why != "" && !w.old[pod.UID] {
			fmt.Fprintf(&b, "; pod %s: %s", pod.Name, why)
		}
	}
	if b.Len() == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", err, b.String())
}

// podWaiting says what a pod that is not ready waits for.
func podWaiting(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return "not scheduled: " + c.Message
		}
	}
	for _, s := range containers(pod) {
		switch {
		case s.State.Waiting != nil:
			return strings.TrimSpace(fmt.Sprintf("container %s waits: %s %s", s.Name, s.State.Waiting.Reason, s.State.Waiting.Message))
		case s.State.Running != nil && !s.Ready && s.RestartCount > 0:
			return fmt.Sprintf("container %s runs, is not ready, restarted %d times", s.Name, s.RestartCount)
		case s.State.Running != nil && !s.Ready && !isInit(pod, s.Name):
			return fmt.Sprintf("container %s runs, is not ready", s.Name)
		}
	}
	return ""
}

func isInit(pod *corev1.Pod, container string) bool {
	for _, c := range pod.Spec.InitContainers {
		if c.Name == container {
			return true
		}
	}
	return false
}
