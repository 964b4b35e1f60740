//go:build !e2e

package platform

import (
	"strings"
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/harness"
	"github.com/airworthy/airworthy/pkg/kube"
)

func TestStartBeforeAnyEnds(t *testing.T) {
	at := func(seconds float64) time.Time {
		return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
	}
	pod := func(index int, started time.Time) harness.TaskPod {
		return harness.TaskPod{PodFact: kube.PodFact{Started: started}, Task: "work", MapIndex: index, Try: 1}
	}
	run := func(ends ...time.Time) harness.Run {
		var r harness.Run
		for i, end := range ends {
			r.Tasks = append(r.Tasks, airflow.TaskInstance{Task: "work", MapIndex: i, Try: 1, Ended: end})
		}
		return r
	}
	tests := []struct {
		name string
		pods harness.Pods
		run  harness.Run
		want string
	}{
		{"side by side", harness.Pods{pod(0, at(1)), pod(1, at(2))}, run(at(5), at(6)), ""},
		{"one after the other, the first pod still there", harness.Pods{pod(0, at(1)), pod(1, at(6))}, run(at(5), at(9)),
			"the pod of work[1] try 1 started at 12:00:06.000, and work[0] try 1 ended at 12:00:05.000"},
		{"a pod that never started", harness.Pods{pod(0, at(1)), pod(1, time.Time{})}, run(at(5), at(6)), "started at no time"},
		{"a task that never ended", harness.Pods{pod(0, at(1)), pod(1, at(1))}, run(at(5), time.Time{}), "ended at no time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := said(t, StartBeforeAnyEnds(tt.run), tt.pods)
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("it says %q, want %q", got, tt.want)
			}
		})
	}
}
