package helm

import (
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

func metaOf(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: "n", Labels: map[string]string{"airworthy.dev/stack": "s"}}
}

// owned is a pod of a workload, with one container in the state.
func owned(name string, state corev1.ContainerState, restarts int32) *corev1.Pod {
	yes := true
	m := metaOf(name)
	m.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "rs", Controller: &yes}}
	return &corev1.Pod{ObjectMeta: m, Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
		{Name: "web", Image: "app:1", State: state, RestartCount: restarts,
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error"}}}}}}
}

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func deployment(ready int32) *appsv1.Deployment {
	m := metaOf("r-web")
	m.Generation = 2
	return &appsv1.Deployment{ObjectMeta: m, Status: appsv1.DeploymentStatus{
		ObservedGeneration: 2, Replicas: 1, UpdatedReplicas: ready, ReadyReplicas: ready, AvailableReplicas: ready}}
}

func TestUntilReady(t *testing.T) {
	for _, row := range []struct {
		name   string
		before []runtime.Object // there when the watch starts
		after  []runtime.Object // made by the install
		want   string           // the error; empty when it becomes ready
	}{
		{"ready", nil, []runtime.Object{deployment(1)}, ""},
		{"a crash loop ends it", nil, []runtime.Object{deployment(0), owned("web-1", waiting("CrashLoopBackOff", "back-off"), 2)},
			"pod web-1, container web: CrashLoopBackOff: 2 restarts, the last ended with exit code 3 (Error); its last lines:\n  fake logs"},
		{"an image that is never pulled ends it", nil, []runtime.Object{deployment(0), owned("web-1", waiting("ErrImageNeverPull", "not present"), 0)},
			"pod web-1, container web: ErrImageNeverPull: image app:1: not present; its last lines:\n  fake logs"},
		{"a missing secret ends it", nil, []runtime.Object{deployment(0), owned("web-1", waiting("CreateContainerConfigError", `secret "keys" not found`), 0)},
			"pod web-1, container web: CreateContainerConfigError: secret \"keys\" not found; its last lines:\n  fake logs"},
		{"a slow one runs into the time limit and says what it waits for", nil,
			[]runtime.Object{deployment(0), owned("web-1", waiting("ContainerCreating", ""), 0)},
			"too late: deployment/r-web 0/1 ready; pod web-1: container web waits: ContainerCreating"},
		{"the first crash is not a loop", nil, []runtime.Object{deployment(0), owned("web-1", waiting("CrashLoopBackOff", ""), 1)},
			"too late: deployment/r-web 0/1 ready; pod web-1: container web waits: CrashLoopBackOff"},
		{"pods of the last revision do not count", []runtime.Object{owned("web-0", waiting("CrashLoopBackOff", ""), 9)},
			[]runtime.Object{deployment(1)}, ""},
		{"task pods do not count", nil, []runtime.Object{deployment(1), task(owned("hello-one", waiting("ImagePullBackOff", ""), 0))}, ""},
		{"a failed job ends it", nil, []runtime.Object{deployment(0), failedJob(), jobPod()},
			"pod migrate-1, container migrate: job r-migrate failed (BackoffLimitExceeded): Error: exit code 1; its last lines:\n  fake logs"},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			kube := fake.NewClientset(row.before...)
			client := &Client{kube: kube}
			r, err := Render(ctx, load(t), sampleRequest())
			if err != nil {
				t.Fatal(err)
			}
			w, err := client.watch(ctx, r, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range row.after {
				if err := kube.Tracker().Add(o); err != nil {
					t.Fatal(err)
				}
			}
			limited, stop := context.WithTimeoutCause(ctx, 500*time.Millisecond, errTooLate)
			defer stop()
			err = w.untilReady(limited)
			if row.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || strings.TrimSpace(err.Error()) != row.want {
				t.Errorf("error = %v\nwant    %s", err, row.want)
			}
		})
	}
}

type tooLate struct{}

func (tooLate) Error() string { return "too late" }

var errTooLate = tooLate{}

func task(p *corev1.Pod) *corev1.Pod {
	p.OwnerReferences = nil
	return p
}

func failedJob() *batchv1.Job {
	return &batchv1.Job{ObjectMeta: metaOf("r-migrate"), Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{
		{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded"}}}}
}

func jobPod() *corev1.Pod {
	p := owned("migrate-1", corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"}}, 0)
	p.Labels[batchv1.JobNameLabel] = "r-migrate"
	p.Status.ContainerStatuses[0].Name = "migrate"
	return p
}

func TestUpgradeWaitsForItsOwnGeneration(t *testing.T) {
	d := deployment(1)
	if got := deploymentState(d, 3); got != "rolling out, 1/1 updated" {
		t.Errorf("state = %q, want it unready until generation 3 is observed", got)
	}
	d.Generation, d.Status.ObservedGeneration = 3, 3
	if got := deploymentState(d, 3); got != "" {
		t.Errorf("state = %q, want ready", got)
	}
}

func TestWatchNeedsLabels(t *testing.T) {
	_, err := (&Client{kube: fake.NewClientset()}).watch(t.Context(), Rendered{Release: "r"}, nil)
	if err == nil || !strings.Contains(err.Error(), "no labels to find its pods by") {
		t.Errorf("error = %v", err)
	}
}
