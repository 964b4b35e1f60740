package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/airworthy/airworthy/internal/bench"
)

func TestPrintBench(t *testing.T) {
	floor := bench.Floor{
		Create: 20 * time.Second, Load: 30 * time.Second, Install: 40 * time.Second, DAGRun: 10 * time.Second,
		PodCPU: 5 * time.Second, Idle: 0.75,
	}
	r := benchResult{Floor: floor, Total: floor.Total(), Cores: 2}
	measured := `floor by hand: 100.0s = create 20.0s + load 30.0s + install 40.0s + DAG run 10.0s
one task pod: 5.0s of processor time; the stack at rest: 0.75 of 2 cores
`
	for _, tc := range []struct {
		name string
		last *bench.LastRun
		want string
	}{
		{"no run", nil, "no run of `airworthy e2e` to compare with\n"},
		{"a run", &bench.LastRun{Dir: "out/local-1", Took: 540 * time.Second, TaskPods: 22},
			`ideal of the last run: 180.0s, with 22 task pods on the 1.25 cores that the stack at rest leaves
last run: 540.0s, 5.40 x the floor, 3.00 x the ideal (out/local-1)
`},
		{"a run whose processor time is known", &bench.LastRun{Dir: "out/local-1", Took: 540 * time.Second, TaskPods: 22, CPU: 720 * time.Second},
			`ideal of the last run: 180.0s, with 22 task pods on the 1.25 cores that the stack at rest leaves
last run: 540.0s, 5.40 x the floor, 3.00 x the ideal (out/local-1)
without what it waited for, the stack being at rest: 252.0s, 1.40 x the ideal; for 288.0s it waited
`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := r
			if r.Last = tc.last; r.Last != nil {
				r.Ideal = floor.Ideal(r.Last.TaskPods, r.Cores)
			}
			var b bytes.Buffer
			printBench(&b, r)
			if got, want := b.String(), measured+tc.want; got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}
