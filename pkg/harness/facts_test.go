package harness

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/kube"
)

func TestLogKey(t *testing.T) {
	for _, test := range []struct {
		name string
		ref  airflow.TaskRef
		want string
	}{
		{"unmapped", airflow.TaskRef{DAG: "d", Run: "r", Task: "t", MapIndex: -1, Try: 2}, "dag_id=d/run_id=r/task_id=t/attempt=2.log"},
		{"mapped", airflow.TaskRef{DAG: "d", Run: "r", Task: "t", MapIndex: 0, Try: 1}, "dag_id=d/run_id=r/task_id=t/map_index=0/attempt=1.log"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := LogKey(test.ref); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestTaskPodReadsTheExecutorsAnnotations(t *testing.T) {
	for _, test := range []struct {
		name        string
		annotations map[string]string
		want        string
	}{
		{"unmapped", map[string]string{"task_id": "a", "try_number": "2"}, "a try 2"},
		{"mapped", map[string]string{"task_id": "a", "try_number": "1", "map_index": "3"}, "a[3] try 1"},
		{"explicitly unmapped", map[string]string{"task_id": "a", "try_number": "1", "map_index": "-1"}, "a try 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := taskPod(kube.PodFact{Annotations: test.annotations}).TaskKey(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestDAGFileSaysWhereItIsBroken(t *testing.T) {
	file := NewDAGFile("broken")
	lines := strings.Split(file.Broken().Text, "\n")
	if line := lines[file.BrokenLine()-1]; !strings.HasPrefix(line, "raise RuntimeError") {
		t.Errorf("line %d is %q", file.BrokenLine(), line)
	}
	if !strings.Contains(file.Valid().Text, `DAG("`+file.DAG+`"`) {
		t.Errorf("the sound version does not define %s", file.DAG)
	}
	if other := NewDAGFile("broken"); other.Name == file.Name {
		t.Error("two files have one name")
	}
}

// append writes as a recording does; partial lines come later.
func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestRecordedFollowsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pods.jsonl")
	r := newRecorded(path)
	if _, err := r.pods(t.Context()); err == nil || !strings.Contains(err.Error(), "no pods are being recorded") {
		t.Errorf("without a file: %v", err)
	}
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	line := func(pod kube.PodFact) string {
		data, err := json.Marshal(pod)
		if err != nil {
			t.Fatal(err)
		}
		return string(data) + "\n"
	}
	first := line(kube.PodFact{Name: "b", UID: "1", Phase: "Running", Created: began.Add(time.Second), Started: began})
	appendTo(t, path, first[:10])
	if pods, err := r.pods(t.Context()); err != nil || len(pods) != 0 {
		t.Errorf("half a line: %v, %v", pods, err)
	}
	appendTo(t, path, first[10:]+line(kube.PodFact{Name: "a", UID: "2", Created: began})+
		line(kube.PodFact{Name: "b", UID: "1", Phase: "Failed", Created: began.Add(time.Second), Deleted: began.Add(time.Minute)}))
	pods, err := r.pods(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(pods) != 2 || pods[0].Name != "a" || pods[1].Phase != "Failed" || !pods[1].Started.Equal(began) {
		t.Errorf("got %+v", pods)
	}
}

// What is explained is held to the words that were seen, and to no other.
func TestShippedExplanations(t *testing.T) {
	list, err := explanations()
	if err != nil {
		t.Fatal(err)
	}
	gone := "2026-11-27T11:11:24.676136Z [error    ] Failed to write serialized DAG dag_id=%s fileloc=/opt/airflow/dags/repo/dags/x.py [airflow.dag_processing.collection]\nTraceback (most recent call last):\n%s"
	for _, test := range []struct {
		name, entry string
		want        bool
	}{
		{"a file that a check took away", fmt.Sprintf(gone, "appears_l3sawj4p", "FileNotFoundError: [Errno 2] No such file or directory"), true},
		{"a file of the platform's own", fmt.Sprintf(gone, "two_steps", "FileNotFoundError: [Errno 2] No such file or directory"), false},
		{"another error of such a file", fmt.Sprintf(gone, "appears_l3sawj4p", "OperationalError: connection refused"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := slices.ContainsFunc(list, func(e explanation) bool { return e.pattern.MatchString(test.entry) }); got != test.want {
				t.Errorf("explained: %v, want %v", got, test.want)
			}
		})
	}
}

func TestErrorLines(t *testing.T) {
	list := []explanation{{Line: "anything", Why: "x", pattern: errorLine}}
	if _, err := explanations(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, line string
		want       bool
	}{
		{"plain", "[2026-01-01] {file.py:1} ERROR - broken", true},
		{"coloured", "\x1b[31mERROR\x1b[0m broken", true},
		{"structured", `{"level": "error", "event": "broken"}`, true},
		{"structlog", "2026-01-01 [error    ] broken", true},
		{"trace", "Traceback (most recent call last):", true},
		{"a word", "no errors found, error_count=0", false},
		{"info", "INFO - all well", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "base.log")
			if err := os.WriteFile(path, []byte(test.line+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			var found ErrorLines
			if err := found.read("p", path, nil, excuse(time.Time{}, nil)); err != nil {
				t.Fatal(err)
			}
			if got := len(found.Unexplained) == 1; got != test.want || found.Read != 1 {
				t.Errorf("got %+v", found)
			}
			if err := found.read("p", path, list, excuse(time.Time{}, nil)); err != nil {
				t.Fatal(err)
			}
			if (found.Explained == 1) != test.want {
				t.Errorf("explained: got %+v", found)
			}
		})
	}
}

func TestErrorLinesOfAKilledPod(t *testing.T) {
	log := `2026-01-01T10:00:00.1Z [error    ] before
2026-01-01T10:00:05.1Z [info     ] Exiting gracefully upon receiving signal 15
Traceback (most recent call last):
SystemExit: 0
`
	path := filepath.Join(t.TempDir(), "scheduler.log")
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	var found ErrorLines
	if err := found.read("p", path, nil, excuse(time.Date(2026, 1, 1, 10, 0, 5, 0, time.UTC), nil)); err != nil {
		t.Fatal(err)
	}
	want := []string{"p/scheduler: 2026-01-01T10:00:00.1Z [error    ] before"}
	if found.Explained != 1 || len(found.Unexplained) != 1 || found.Unexplained[0] != want[0] {
		t.Errorf("got %+v", found)
	}
}

func TestErrorsAreExcusedByTime(t *testing.T) {
	at := func(second int) time.Time { return time.Date(2026, 1, 1, 10, 0, second, 0, time.UTC) }
	silences := []silence{{From: at(10).Add(300 * time.Millisecond), To: at(15)}, {Only: "one kind", From: at(150), To: at(151)}}
	for _, row := range []struct {
		name   string
		killed time.Time
		at     time.Time
		want   bool
	}{
		{"before the silence", time.Time{}, at(9), false},
		{"in its first second", time.Time{}, at(10), true},
		{"while calls time out after it", time.Time{}, at(74), true},
		{"long after it", time.Time{}, at(76), false},
		{"no time at all", time.Time{}, time.Time{}, false},
		{"from a kill on", at(5), at(5), true},
		{"of the one kind that is explained then", time.Time{}, at(150), true},
	} {
		if got := excuse(row.killed, silences)(row.at, "an error of one kind"); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
	if excuse(time.Time{}, silences)(at(150), "an error of another") {
		t.Error("an error of another kind is explained")
	}
}

func TestTimeOfAnEntry(t *testing.T) {
	want := time.Date(2026, 1, 1, 10, 0, 5, 0, time.UTC)
	for line, at := range map[string]time.Time{
		"2026-01-01T10:00:05.1Z [error    ] x":                             want,
		"[2026-01-01 10:00:05,123] ERROR x":                                want,
		`{"time":"2026-01-01T10:00:05.1Z","level":"ERROR","msg":"x"}`:      want,
		`{"level":"error","ts": "2026-01-01T10:00:05Z","time":"not this"}`: want,
		`{"level":"error","msg":"x"}`:                                      {},
		"error":                                                            {},
	} {
		if got := (logEntry{lines: []string{line}}).time(); !got.Equal(at) {
			t.Errorf("%s: got %s, want %s", line, got, at)
		}
	}
}
