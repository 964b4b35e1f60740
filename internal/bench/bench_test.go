package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestIdeal(t *testing.T) {
	for _, tc := range []struct {
		name        string
		pods, cores int
		idle        float64
		want        time.Duration
	}{
		{"no more than the bench's own", 2, 2, 0.75, 93 * time.Second},
		{"nothing recorded", 0, 2, 0.75, 93 * time.Second},
		{"twenty more on two whole cores", 22, 2, 0, 143 * time.Second},
		{"twenty more on what the stack leaves of two cores", 22, 2, 0.75, 173 * time.Second},
		{"the stack leaves less than half a core", 22, 2, 1.75, 293 * time.Second},
		{"the stack takes more than there is", 22, 2, 2.5, 293 * time.Second},
		{"cores unknown", 4, 0, 0, 103 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := Floor{
				Create: 12 * time.Second, Load: 23 * time.Second, Install: 44 * time.Second, DAGRun: 14 * time.Second,
				PodCPU: 5 * time.Second, Idle: tc.idle,
			}
			if got := f.Ideal(tc.pods, tc.cores); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// The ideal run's own processor time is that of every core, all the time.
func TestWaited(t *testing.T) {
	f := Floor{Idle: 0.4}
	for _, tc := range []struct {
		name  string
		took  time.Duration
		cpu   time.Duration
		cores int
		want  time.Duration
	}{
		{"every core had work all the time", 200 * time.Second, 400 * time.Second, 2, 0},
		{"the same, and a hundred seconds of waiting", 300 * time.Second, 440 * time.Second, 2, 100 * time.Second},
		{"nothing but waiting", 100 * time.Second, 40 * time.Second, 2, 100 * time.Second},
		{"other clocks", 100 * time.Second, 210 * time.Second, 2, 0},
		{"less than the stack at rest takes", 100 * time.Second, 10 * time.Second, 2, 100 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := f.Waited(LastRun{Took: tc.took, CPU: tc.cpu}, tc.cores)
			if got.Round(time.Millisecond) != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestFindLast(t *testing.T) {
	out := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(out, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, err := FindLast(out, "one"); ok || err != nil {
		t.Errorf("of nothing: got %t, %v", ok, err)
	}
	write("old/facts.json", `{"command":["airworthy","e2e"],"started":"2026-01-01T10:00:00Z","timings":{"total":1000000000}}`)
	write("new/facts.json", `{"command":["airworthy","e2e"],"started":"2026-01-01T11:00:00Z","timings":{"total":2000000000},"harness":{"runCPUSeconds":3}}`)
	write("other/facts.json", `{"command":["airworthy","e2e"],"started":"2026-01-01T13:00:00Z","timings":{"total":4000000000}}`)
	for dir, name := range map[string]string{"old": "one", "new": "one", "part": "one", "other": "another"} {
		write(dir+"/run.json", `{"name":"`+name+`"}`)
	}
	write("part/facts.json", `{"command":["airworthy","test"],"started":"2026-01-01T12:00:00Z","timings":{"total":3000000000}}`)
	write("new/cluster/objects/pods.jsonl", strings.Join([]string{
		`{"uid":"1","labels":{"dag_id":"fan_out"}}`,
		`{"uid":"1","labels":{"dag_id":"fan_out"},"started":"2026-01-01T11:00:05Z"}`,
		`{"uid":"1","labels":{"dag_id":"fan_out"},"started":"2026-01-01T11:00:05Z","phase":"Succeeded"}`,
		`{"uid":"2","labels":{"dag_id":"unschedulable"}}`,
		`{"uid":"3","labels":{"component":"scheduler"},"started":"2026-01-01T11:00:00Z"}`,
		`{"uid":"4","labels":{"dag_id":"retries"},"started":"2026-01-01T11:00:07Z"}`,
		`{"uid":"5","lab`,
	}, "\n"))
	got, ok, err := FindLast(out, "one")
	want := LastRun{Dir: filepath.Join(out, "new"), Took: 2 * time.Second, TaskPods: 2, CPU: 3 * time.Second}
	if !ok || err != nil || got != want {
		t.Errorf("got %+v, %t, %v, want %+v", got, ok, err, want)
	}
}
