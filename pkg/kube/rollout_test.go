package kube

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestRolledOut(t *testing.T) {
	deployment := func(generation int64, updated, ready, all int32) *appsv1.Deployment {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "d", Namespace: "n", Generation: 2}}
		d.Status = appsv1.DeploymentStatus{ObservedGeneration: generation, UpdatedReplicas: updated, ReadyReplicas: ready, Replicas: all}
		return d
	}
	for want, d := range map[string]*appsv1.Deployment{
		"the change was not seen yet": deployment(1, 1, 1, 1),
		"0 of 1 pods are new":         deployment(2, 0, 1, 1),
		"1 old pods are there":        deployment(2, 1, 2, 2),
		"0 of 1 pods are ready":       deployment(2, 1, 0, 1),
		"":                            deployment(2, 1, 1, 1),
	} {
		c := &Client{set: fake.NewClientset(d), namespace: "n"}
		if got, err := c.RolledOut(t.Context(), "Deployment", "d"); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

func TestRestart(t *testing.T) {
	s := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "s", Namespace: "n"}}
	s.Spec.Template.Annotations = map[string]string{"other": "stays"}
	c := &Client{set: fake.NewClientset(s), namespace: "n"}
	for _, mark := range []string{"now", ""} {
		if err := c.Restart(t.Context(), "StatefulSet", "s", mark); err != nil {
			t.Fatal(err)
		}
		got, err := c.set.AppsV1().StatefulSets("n").Get(t.Context(), "s", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		annotations := got.Spec.Template.Annotations
		if _, there := annotations[restartedAt]; there != (mark != "") || annotations[restartedAt] != mark || annotations["other"] != "stays" {
			t.Errorf("after mark %q the annotations are %v", mark, annotations)
		}
	}
	if err := c.Restart(t.Context(), "Job", "s", "now"); err == nil {
		t.Error("a Job was restarted")
	}
}
