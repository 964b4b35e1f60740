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

func TestAdoption(t *testing.T) {
	scheduler := func(restarts int32) []kube.PodFact {
		return []kube.PodFact{{Name: "scheduler-2", Containers: []kube.ContainerFact{{Name: "scheduler", Restarts: restarts, LastExit: 1, LastCause: "Error"}}}}
	}
	tests := []struct {
		name    string
		a       harness.Adoption
		adopted string
		living  string
	}{
		{"adopted", harness.Adoption{Pod: "first", Before: "1", After: "2", Schedulers: scheduler(0)}, "", ""},
		{"left alone", harness.Adoption{Pod: "first", Before: "1", After: "1", Schedulers: scheduler(0)}, `still belongs to the scheduler of job "1"`, ""},
		{"the label gone", harness.Adoption{Pod: "first", Before: "1", Schedulers: scheduler(0)}, "still belongs", ""},
		{"never labelled", harness.Adoption{Pod: "first", After: "2", Schedulers: scheduler(0)}, "named no scheduler before", ""},
		{"a scheduler that died of it", harness.Adoption{Pod: "first", Before: "1", After: "2", Schedulers: scheduler(1)}, "", "restarted 1 times, last after exit code 1 (Error)"},
		{"no scheduler", harness.Adoption{Pod: "first", Before: "1", After: "2"}, "", "there is none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := said(t, BeAdopted(), tt.a); (got == "") != (tt.adopted == "") || !strings.Contains(got, tt.adopted) {
				t.Errorf("of the adoption it says %q, want %q", got, tt.adopted)
			}
			if got := said(t, HaveLivingSchedulers(), tt.a); (got == "") != (tt.living == "") || !strings.Contains(got, tt.living) {
				t.Errorf("of the schedulers it says %q, want %q", got, tt.living)
			}
		})
	}
}
