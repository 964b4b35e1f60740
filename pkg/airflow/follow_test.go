package airflow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/airflow/airflowtest"
	"github.com/airworthy/airworthy/pkg/await"
)

const every = 5 * time.Millisecond

// follow follows the log of a task and gives its lines as they come.
func follow(ctx context.Context, c airflow.Client, ref airflow.TaskRef) (<-chan string, <-chan error) {
	lines, end := make(chan string, 1000), make(chan error, 1)
	go func() {
		end <- c.FollowLog(ctx, ref, func(e airflow.LogEntry) error { lines <- e.Event; return nil })
		close(lines)
	}()
	return lines, end
}

func TestFollowLogWhileTheTaskRuns(t *testing.T) {
	s, c := server(t, airflowtest.Config{LiveLogLines: 3})
	s.AddDAG(airflowtest.DAG{ID: "d", Manual: true, Tasks: []airflowtest.Task{{ID: "t"}}})
	if _, err := c.Trigger(t.Context(), "d", "r", nil); err != nil {
		t.Fatal(err)
	}
	lines, end := follow(t.Context(), c, airflow.TaskRef{DAG: "d", Run: "r", Task: "t", MapIndex: -1, Try: 1})
	try, err := s.Start("d", "r", "t", -1)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 5 { // more than the window holds, and seen one by one while it runs
		want = append(want, fmt.Sprint("line ", i))
		try.Print(want[i])
		if got := <-lines; got != want[i] {
			t.Fatalf("got %q, want %q", got, want[i])
		}
	}
	s.HoldLogs()
	s.Inject(airflowtest.Fault{Status: 503, Times: 2})
	if err := s.Finish("d", "r", "t", -1, airflow.Success); err != nil {
		t.Fatal(err)
	}
	try.Print("last")
	s.ReleaseLogs()
	if err := <-end; err != nil {
		t.Fatal(err)
	}
	var rest []string
	for line := range lines {
		rest = append(rest, line)
	}
	if len(rest) != 1 || rest[0] != "last" {
		t.Errorf("after the end: %q", rest)
	}
}

func TestFollowLogSaysWhyItIsEmpty(t *testing.T) {
	s, c := server(t, airflowtest.Config{})
	s.AddDAG(airflowtest.DAG{ID: "d", Tasks: []airflowtest.Task{{ID: "t"}}})
	if _, err := c.Trigger(t.Context(), "d", "r", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := airflow.WaitRun(t.Context(), c, "d", "r", every); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := c.FollowLog(ctx, airflow.TaskRef{DAG: "d", Run: "r", Task: "t", MapIndex: -1, Try: 1}, func(airflow.LogEntry) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "try 1 is over (success), but its log is empty: /opt/airflow/logs/") {
		t.Errorf("got %v", err)
	}
}

func TestFollowLogEndsWithTheCallersError(t *testing.T) {
	s, c := server(t, airflowtest.Config{})
	s.AddDAG(airflowtest.DAG{ID: "d", Tasks: []airflowtest.Task{{ID: "t", Do: func(t *airflowtest.Try) error { t.Print("x"); return nil }}}})
	if _, err := c.Trigger(t.Context(), "d", "r", nil); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	err := c.FollowLog(t.Context(), airflow.TaskRef{DAG: "d", Run: "r", Task: "t", MapIndex: -1, Try: 1}, func(airflow.LogEntry) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}

func TestRunWithRetriesMappedTasksAndXComs(t *testing.T) {
	s, c := server(t, airflowtest.Config{Continuation: true})
	s.AddDAG(airflowtest.DAG{ID: "d", Paused: true, Tasks: []airflowtest.Task{
		{ID: "flaky", Retries: 1, Do: func(t *airflowtest.Try) error {
			t.Print(fmt.Sprint("try ", t.Ref.Try))
			if t.Ref.Try == 1 {
				return errors.New("not yet")
			}
			t.Push("return_value", map[string]any{"a": 1})
			return nil
		}},
		{ID: "mapped", Mapped: 2, After: []string{"flaky"}},
	}})
	if _, err := c.Trigger(t.Context(), "d", "r", map[string]any{"k": "v"}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetPaused(t.Context(), "d", false); err != nil {
		t.Fatal(err)
	}
	s.Inject(airflowtest.Fault{Status: 503}, airflowtest.Fault{Drop: true, Times: 3})
	run, err := airflow.WaitRun(t.Context(), c, "d", "r", every)
	if err != nil || run.State != airflow.Success || run.Conf["k"] != "v" {
		t.Fatalf("%+v, %v", run, err)
	}
	tries, err := c.Tries(t.Context(), "d", "r", "flaky", -1)
	if last, _ := airflow.LastTry(tries); err != nil || len(tries) != 2 || last.Try != 2 || tries[0].State != airflow.FailedState {
		t.Errorf("%+v, %v", tries, err)
	}
	log, err := c.TaskLog(t.Context(), tries[0].Ref(), "")
	if err != nil || len(log.Body()) != 2 || log.Body()[0].Event != "try 1" || log.Body()[1].Event != "Task failed with exception: not yet" {
		t.Errorf("%+v, %v", log.Entries, err)
	}
	if v, err := c.XCom(t.Context(), "d", "r", "flaky", -1, "return_value"); err != nil || v.(map[string]any)["a"] != 1.0 {
		t.Errorf("%v, %v", v, err)
	}
	if err := c.SetNote(t.Context(), "d", "r", "landed 🛬"); err != nil {
		t.Fatal(err)
	}
	if run, err := c.Run(t.Context(), "d", "r"); err != nil || run.Note != "landed 🛬" {
		t.Errorf("the note is %q (%v)", run.Note, err)
	}
	if err := c.DeleteRun(t.Context(), "d", "r"); err != nil {
		t.Error(err)
	}
	if _, err := c.Run(t.Context(), "d", "r"); !airflow.NotFound(err) {
		t.Errorf("got %v", err)
	}
}

func TestWaitRunKeepsTheLastState(t *testing.T) {
	s, c := server(t, airflowtest.Config{})
	s.AddDAG(airflowtest.DAG{ID: "d", Manual: true, Tasks: []airflowtest.Task{{ID: "t"}}})
	if _, err := c.Trigger(t.Context(), "d", "r", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Start("d", "r", "t", -1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
	defer cancel()
	run, err := airflow.WaitRun(ctx, c, "d", "r", every)
	var wait *await.Error
	if !errors.As(err, &wait) || run.State != airflow.Running || !strings.Contains(err.Error(), "the run is running, started at ") {
		t.Errorf("%+v, %v", run, err)
	}
	if _, err := airflow.WaitRun(t.Context(), c, "d", "other", every); !airflow.NotFound(err) || !await.Stopped(err) {
		t.Errorf("got %v", err)
	}
}

func TestWaitDAGNamesImportErrors(t *testing.T) {
	s, c := server(t, airflowtest.Config{})
	s.BreakFile("d.py", "Traceback:\n  line 2\nModuleNotFoundError: No module named 'x'\n")
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
	defer cancel()
	if _, err := airflow.WaitDAG(ctx, c, "d", every); err == nil || !strings.Contains(err.Error(), "import errors: d.py: ModuleNotFoundError: No module named 'x'") {
		t.Errorf("got %v", err)
	}
	s.MendFile("d.py")
	s.AddDAG(airflowtest.DAG{ID: "d"})
	if d, err := airflow.WaitDAG(t.Context(), c, "d", every); err != nil || d.FileLoc != "/opt/airflow/dags/d.py" {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestLogOfFiveMegabytesComesWhole(t *testing.T) {
	s, c := server(t, airflowtest.Config{})
	const n = 40_000
	s.AddDAG(airflowtest.DAG{ID: "d", Tasks: []airflowtest.Task{{ID: "t", Do: func(t *airflowtest.Try) error {
		for i := range n {
			t.Print(fmt.Sprintf("line %06d %s", i, strings.Repeat("ü", 40)))
		}
		return nil
	}}}})
	if _, err := c.Trigger(t.Context(), "d", "r", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := airflow.WaitRun(t.Context(), c, "d", "r", every); err != nil {
		t.Fatal(err)
	}
	log, err := c.TaskLog(t.Context(), airflow.TaskRef{DAG: "d", Run: "r", Task: "t", MapIndex: -1, Try: 1}, "")
	body := log.Body()
	if err != nil || len(log.Raw) < 5<<20 || len(body) != n || !strings.HasPrefix(body[n-1].Event, "line 039999 ü") {
		t.Errorf("%d bytes, %d entries, %v", len(log.Raw), len(body), err)
	}
}
