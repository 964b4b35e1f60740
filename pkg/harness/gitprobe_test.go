package harness

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/kube"
)

func TestProbeEnded(t *testing.T) {
	began := time.Unix(1000, 0)
	running := kube.ContainerFact{Name: lookName, State: "running", Started: began}
	sync := func(state, reason, message string) kube.ContainerFact {
		c := kube.ContainerFact{Name: "sync", State: state, Reason: reason, Message: message}
		if state == "terminated" {
			c.Started = began
		}
		return c
	}
	for _, row := range []struct {
		name  string
		pod   kube.PodFact
		want  string // "" for an end
		never bool   // the node did not run it
	}{
		{"ended", kube.PodFact{Phase: "Running", Containers: []kube.ContainerFact{sync("terminated", "Completed", ""), running}}, "", false},
		{"failed, which is an end", kube.PodFact{Phase: "Running", Containers: []kube.ContainerFact{sync("terminated", "Error", "x"), running}}, "", false},
		{"unscheduled", kube.PodFact{Phase: "Pending", Reason: "Unschedulable", Message: "0/1 nodes", Containers: []kube.ContainerFact{{Name: "sync"}, {Name: lookName}}},
			"container sync is not on a node: Pending: Unschedulable: 0/1 nodes", false},
		{"waiting", kube.PodFact{Phase: "Pending", Containers: []kube.ContainerFact{sync("waiting", "ErrImageNeverPull", "no image"), running}},
			"container sync is waiting: ErrImageNeverPull: no image", false},
		{"running", kube.PodFact{Phase: "Running", Containers: []kube.ContainerFact{sync("running", "", ""), running}}, "container sync is running", false},
		{"nobody to ask yet", kube.PodFact{Phase: "Running", Containers: []kube.ContainerFact{sync("terminated", "Completed", ""), {Name: lookName, State: "waiting", Reason: "ContainerCreating"}}},
			"container look is waiting: ContainerCreating", false},
		{"could not be started", kube.PodFact{Phase: "Running", Containers: []kube.ContainerFact{sync("terminated", "StartError", "runc create failed"), running}},
			"container sync could not be started: StartError: runc create failed", true},
		{"lost", kube.PodFact{Phase: "Running", Containers: []kube.ContainerFact{{Name: "sync", State: "terminated", Reason: "Error"}, running}},
			"container sync could not be started: Error", true},
		{"evicted", kube.PodFact{Phase: "Failed", Reason: "Evicted", Message: "low on memory", Containers: []kube.ContainerFact{{Name: "sync"}, {Name: lookName}}},
			"the pod was taken away (Failed): Evicted: low on memory", true},
		{"killed beside it", kube.PodFact{Phase: "Running", Containers: []kube.ContainerFact{sync("running", "", ""), {Name: lookName, State: "terminated", Reason: "OOMKilled", Started: began}}},
			"container look has ended: OOMKilled", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := probeEnded(row.pod, "sync")
			if row.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var never notRunError
			if err == nil || err.Error() != row.want || errors.As(err, &never) != row.never || await.Stopped(err) != row.never {
				t.Errorf("got %v, the node's doing: %t\nwant %s, %t", err, errors.As(err, &never), row.want, row.never)
			}
		})
	}
}

func TestProbeVolumes(t *testing.T) {
	secret := corev1.Volume{Name: "secret", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "airflow-git"}}}
	hosts := corev1.Volume{Name: "hosts", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}}
	dags := corev1.Volume{Name: "dags", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
	logs := corev1.Volume{Name: "logs"}
	sync := corev1.Container{VolumeMounts: []corev1.VolumeMount{{Name: "dags"}, {Name: "hosts"}, {Name: "secret"}}}
	for _, row := range []struct {
		name  string
		probe Probe
		own   map[string]string // file by the volume that is replaced
		want  map[string]string // annotations
	}{
		{"as the platform", Probe{}, nil, nil},
		{"known hosts", Probe{KnownHosts: "host key"}, map[string]string{"hosts": "known_hosts"}, map[string]string{"airworthy.dev/known_hosts": "host key"}},
		{"authority", Probe{CA: "pem"}, map[string]string{"hosts": "ca.crt"}, map[string]string{"airworthy.dev/ca.crt": "pem"}},
		{"token", Probe{Token: "wrong"}, map[string]string{"secret": "token"}, map[string]string{"airworthy.dev/token": "wrong"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			kept, annotations := probeVolumes([]corev1.Volume{secret, hosts, dags, logs}, sync, row.probe)
			if !maps.Equal(annotations, row.want) {
				t.Errorf("annotations are %v, want %v", annotations, row.want)
			}
			var names []string
			own := map[string]string{}
			for _, volume := range kept {
				names = append(names, volume.Name)
				if volume.DownwardAPI != nil {
					own[volume.Name] = volume.DownwardAPI.Items[0].Path
				}
			}
			if !slices.Equal(names, []string{"secret", "hosts", "dags"}) || !maps.Equal(own, row.own) {
				t.Errorf("volumes are %v, replaced %v, want %v", names, own, row.own)
			}
		})
	}
}
