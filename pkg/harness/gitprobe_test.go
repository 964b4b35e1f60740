package harness

import (
	"errors"
	"testing"
	"time"

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
