package kube

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/airworthy/airworthy/pkg/await"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(seconds int) metav1.Time {
	return metav1.NewTime(noon.Add(time.Duration(seconds) * time.Second))
}

func examplePod() *corev1.Pod {
	grace, yes := int64(30), true
	deletion := at(90)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "task", Namespace: "air", UID: "u1", Labels: map[string]string{"a": "b"}, CreationTimestamp: at(0),
			DeletionTimestamp: &deletion, DeletionGracePeriodSeconds: &grace,
			OwnerReferences: []metav1.OwnerReference{{Kind: "Job", Name: "j", Controller: &yes}},
		},
		Spec: corev1.PodSpec{
			NodeName: "n1", ServiceAccountName: "worker",
			Containers: []corev1.Container{{
				Name: "base", Image: "airflow:1",
				Env: []corev1.EnvVar{{Name: "PLAIN", Value: "x"}, {Name: "SECRET", ValueFrom: &corev1.EnvVarSource{}}},
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")},
					Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
				},
			}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodFailed,
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: "base", RestartCount: 2, ContainerID: "containerd://c3", ImageID: "sha256:1",
				State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
					ExitCode: 137, Reason: "OOMKilled", StartedAt: at(20), FinishedAt: at(40),
				}},
				LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
					ExitCode: 1, Reason: "Error", StartedAt: at(10), FinishedAt: at(15),
				}},
			}},
		},
	}
}

func TestNewPodFact(t *testing.T) {
	want := PodFact{
		Name: "task", Namespace: "air", UID: "u1", Labels: map[string]string{"a": "b"}, Owner: "Job/j",
		Node: "n1", Phase: "Failed", ServiceAccount: "worker",
		Created: at(0).Time, Started: at(10).Time, Finished: at(40).Time, DeletionRequested: at(60).Time,
		Containers: []ContainerFact{{
			Name: "base", Image: "airflow:1", ImageID: "sha256:1", ID: "containerd://c3", Restarts: 2,
			State: "terminated", ExitCode: 137, Reason: "OOMKilled", Started: at(20).Time, Finished: at(40).Time,
			LastExit: 1, LastCause: "Error",
			Requests: map[string]string{"cpu": "500m"}, Limits: map[string]string{"memory": "1Gi"},
			Env: map[string]string{"PLAIN": "x"},
		}},
	}
	if diff := cmp.Diff(want, NewPodFact(examplePod())); diff != "" {
		t.Error(diff)
	}
}

func TestNewPodFactUnschedulable(t *testing.T) {
	pod := &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes are available",
	}}}}
	got := NewPodFact(pod)
	if got.Reason != "Unschedulable" || got.Message != "0/1 nodes are available" || !got.Started.IsZero() {
		t.Errorf("fact is %+v", got)
	}
}

// journal keeps what a watcher tells.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(c Change) {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := string(c.Type)
	if c.Before {
		line += " before"
	}
	switch {
	case c.Pod != nil:
		line += " pod " + c.Pod.Name + " " + c.Pod.Phase
	case c.Event != nil:
		line += " event " + c.Event.Reason
	}
	j.lines = append(j.lines, line)
}

func (j *journal) has(line string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Contains(j.lines, line)
}

func TestWatcherKeepsWhatIsGone(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	pod := func(name string, phase corev1.PodPhase) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "air", UID: types.UID("uid-" + name)},
			Status:     corev1.PodStatus{Phase: phase},
		}
	}
	set := fake.NewClientset(pod("old", corev1.PodRunning))
	client := &Client{set: set, namespace: "air"}
	var told journal
	w, err := client.Watch(ctx, Watching{Events: true, OnChange: told.note})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()

	api := set.CoreV1().Pods("air")
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(api.Create(ctx, pod("new", corev1.PodPending), metav1.CreateOptions{}))
	must(api.Update(ctx, pod("new", corev1.PodRunning), metav1.UpdateOptions{}))
	must(api.Update(ctx, pod("new", corev1.PodSucceeded), metav1.UpdateOptions{}))
	must(nil, api.Delete(ctx, "new", metav1.DeleteOptions{}))
	must(set.CoreV1().Events("air").Create(ctx, &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "air", UID: "e"}, Reason: "Killing"}, metav1.CreateOptions{}))

	fresh := func(p PodFact) bool { return p.Name == "new" }
	pods, err := w.AwaitPods(ctx, "the new pod to be gone", fresh, func(pods []PodFact) error {
		if len(pods) != 1 || pods[0].Deleted.IsZero() {
			return errors.New("it is there")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p := pods[0]
	if p.Phase != "Succeeded" || p.SeenRunning.IsZero() || p.SeenFinished.Before(p.SeenRunning) || p.Deleted.Before(p.SeenFinished) {
		t.Errorf("the pod was remembered as %+v", p)
	}
	_, err = await.Until(ctx, "the event", 10*time.Millisecond,
		func(context.Context) (bool, error) { return told.has("added event Killing"), nil },
		func(ok bool) error {
			if !ok {
				return errors.New("not told yet")
			}
			return nil
		})
	if err != nil {
		t.Error(err)
	}
	w.Stop()
	for _, want := range []string{
		"added before pod old Running", "added pod new Pending", "modified pod new Running",
		"modified pod new Succeeded", "deleted pod new Succeeded", "added event Killing",
	} {
		if !told.has(want) {
			t.Errorf("%q was not told; told were %q", want, told.lines)
		}
	}
	if len(w.Pods(nil)) != 2 || len(w.Events(nil)) != 1 {
		t.Errorf("kept %d pods and %d events, want 2 and 1", len(w.Pods(nil)), len(w.Events(nil)))
	}
}

func TestAwaitPodsStops(t *testing.T) {
	client := &Client{set: fake.NewClientset(), namespace: "air"}
	w, err := client.Watch(t.Context(), Watching{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	_, err = w.AwaitPods(t.Context(), "never", nil, func([]PodFact) error { return await.Stop(errors.New("hopeless")) })
	if !await.Stopped(err) {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = w.AwaitPods(ctx, "never", nil, func([]PodFact) error { return errors.New("none") })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}
