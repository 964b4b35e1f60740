package airflowtest

import (
	"fmt"
	"maps"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
)

// Try is one running try, as a Task's Do sees it.
type Try struct {
	Ref  airflow.TaskRef
	Conf map[string]any // of the run

	s *Server
	t *taskState
}

// Done is closed when the server is closed; a Do that waits must watch it.
func (t *Try) Done() <-chan struct{} { return t.s.done }

// Log appends entries to the log of the try.
func (t *Try) Log(entries ...airflow.LogEntry) { t.s.write(t.t, t.Ref.Try, entries) }

// Print appends lines to the log of the try, stamped with the present.
func (t *Try) Print(lines ...string) {
	for _, line := range lines {
		t.Log(airflow.LogEntry{Timestamp: time.Now(), Level: "info", Event: line})
	}
}

// Push sets an XCom, which must encode as JSON.
func (t *Try) Push(key string, value any) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	t.t.xcoms[key] = value
}

// Start begins the next try of a task instance of a Manual DAG.
func (s *Server) Start(dag, run, task string, mapIndex int) (*Try, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.task(dag, run, task, mapIndex)
	if err != nil {
		return nil, err
	}
	if t.state != airflow.NoState && t.state != airflow.UpForRetry {
		return nil, fmt.Errorf("start %s: it is %s", task, t.state)
	}
	t.start()
	return s.newTry(t), nil
}

// Finish ends the running try of a task instance of a Manual DAG. With
// airflow.FailedState and retries left it becomes up_for_retry.
func (s *Server) Finish(dag, run, task string, mapIndex int, state airflow.State) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.task(dag, run, task, mapIndex)
	if err != nil {
		return err
	}
	if t.state != airflow.Running {
		return fmt.Errorf("finish %s: it is %s, not running", task, t.state)
	}
	t.finish(state)
	return nil
}

// HoldLogs keeps the logs of ended tries from being served until ReleaseLogs,
// as while they are on their way into an object store.
func (s *Server) HoldLogs() { s.hold(true) }

// ReleaseLogs ends HoldLogs.
func (s *Server) ReleaseLogs() { s.hold(false) }

func (s *Server) hold(held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = held
}

func (s *Server) task(dag, run, task string, mapIndex int) (*taskState, error) {
	if d := s.dags[dag]; d != nil {
		if r := d.runs[run]; r != nil {
			if t := r.find(task, mapIndex); t != nil {
				return t, nil
			}
		}
	}
	return nil, fmt.Errorf("no task instance %s/%s/%s[%d]", dag, run, task, mapIndex)
}

func (s *Server) newTry(t *taskState) *Try {
	return &Try{
		Ref:  airflow.TaskRef{DAG: t.run.dag.ID, Run: t.run.id, Task: t.spec.ID, MapIndex: t.index, Try: t.number},
		Conf: t.run.conf, s: s, t: t,
	}
}

// advance starts what may start in a run that executes by itself. The caller holds mu.
func (s *Server) advance(r *runState) {
	if r.dag.Manual || r.dag.Paused {
		return
	}
	for _, t := range r.ready() {
		t.start()
		try := s.newTry(t)
		s.workers.Go(func() { s.work(try) })
	}
}

// work does one try and what follows from it.
func (s *Server) work(try *Try) {
	var err error
	if try.t.spec.Do != nil {
		err = try.t.spec.Do(try)
	}
	state := airflow.Success
	if err != nil {
		state = airflow.FailedState
		try.Log(airflow.LogEntry{Timestamp: time.Now(), Level: "error", Event: "Task failed with exception: " + err.Error()})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	try.t.finish(state)
	select {
	case <-s.done:
	default:
		s.advance(try.t.run)
	}
}

func (s *Server) write(t *taskState, number int, entries []airflow.LogEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		line := map[string]any{}
		maps.Copy(line, e.Extra)
		line["event"] = e.Event
		if !e.Timestamp.IsZero() {
			line["timestamp"] = stamp(e.Timestamp)
		}
		if e.Level != "" {
			line["level"] = e.Level
		}
		t.logs[number] = append(t.logs[number], line)
	}
}
