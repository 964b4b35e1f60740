package harness

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLogEnd(t *testing.T) {
	for name, test := range map[string]struct {
		log  string
		want []string
	}{
		"the last error is far from the end": {"a\n2026-11-28T00:00:00Z [error    ] lost\nb\n\nc\nd\n",
			[]string{"2026-11-28T00:00:00Z [error    ] lost", "b", "c", "d"}},
		"git-sync": {`{"time":"2026-11-28T00:00:00Z","level":"ERROR","msg":"sync failed","error":"no \"x\""}` + "\n",
			[]string{`sync failed: no "x"`}},
		"a task": {`{"timestamp":"2026-11-28T00:00:00Z","level":"error","event":"Dag not found during start up","dag_id":"x"}` + "\n",
			[]string{"Dag not found during start up"}},
		"an exception": {`{"level":"error","event":"Task failed","error_detail":[{"exc_type":"OSError","exc_value":"[Errno 28]"}]}` + "\n",
			[]string{"Task failed: OSError: [Errno 28]"}},
		"an exception of what runs the task": {`{"level":"critical","event":"Unhandled exception","exception":[{"exc_type":"ConnectError","exc_value":"[Errno 111] Connection refused","is_cause":false}]}` + "\n",
			[]string{"Unhandled exception: ConnectError: [Errno 111] Connection refused"}},
		"nothing": {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "base.log")
			if err := os.WriteFile(path, []byte(test.log), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := logEnd(path); !slices.Equal(got, test.want) {
				t.Errorf("got %q\nwant %q", got, test.want)
			}
		})
	}
	if got := logEnd(filepath.Join(t.TempDir(), "none.log")); got != nil {
		t.Errorf("got %q of a log that is not there", got)
	}
}

func TestKubernetesRefusal(t *testing.T) {
	// As the Python client prints the bytes of the answer.
	log := `HTTP response body: b'{"kind":"Status","metadata":{},"status":"Failure","message":"pods \\"a\\" is forbidden: error looking up service account airflow/airflow-worker: serviceaccount \\"airflow-worker\\" not found","reason":"Forbidden","code":403}\n'`
	got := kubernetesRefusal.FindStringSubmatch(log)
	if got == nil || got[1] != `pods \\"a\\" is forbidden: error looking up service account airflow/airflow-worker: serviceaccount \\"airflow-worker\\" not found` {
		t.Errorf("got %q", got)
	}
}
