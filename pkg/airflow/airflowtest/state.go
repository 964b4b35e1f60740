package airflowtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
)

// DAG describes a DAG to the server.
type DAG struct {
	ID              string
	File            string // relative to the bundle; "" is ID.py
	Tags            []string
	Paused          bool
	Tasks           []Task
	Manual          bool // tasks move by Start and Finish only
	HasImportErrors bool
}

// Task is one task of a DAG.
type Task struct {
	ID       string
	Operator string   // "" is _PythonDecoratedOperator
	After    []string // ids of upstream tasks; all must succeed
	Retries  int      // how often a failed try is followed by another
	Mapped   int      // number of mapped task instances, 0 for a task that is not mapped
	// Do is the work of one try, for DAGs that are not Manual; nil succeeds.
	// An error fails the try. It runs in a goroutine of its own.
	Do func(*Try) error
}

// AddDAG adds a DAG, or replaces the one of its id; runs are kept.
func (s *Server) AddDAG(d DAG) {
	if d.File == "" {
		d.File = d.ID + ".py"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.dags[d.ID]
	if !known {
		old = &dagState{runs: map[string]*runState{}}
		s.dags[d.ID] = old
	}
	old.DAG, old.stale, old.parsed, old.version = d, false, time.Now(), uuid()
}

// RemoveDAG marks a DAG stale, as when its file is gone.
func (s *Server) RemoveDAG(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.dags[id]; d != nil {
		d.stale = true
	}
}

type dagState struct {
	DAG
	stale   bool
	parsed  time.Time
	version string
	runs    map[string]*runState
}

type runState struct {
	dag                    *dagState
	id                     string
	conf                   map[string]any
	note                   *string
	state                  airflow.State
	queued, started, ended time.Time
	tasks                  []*taskState
}

// taskState is one task instance: the current try and, in history, those before.
type taskState struct {
	try
	run     *runState
	spec    Task
	index   int
	history []try
	logs    map[int][]map[string]any // by try number
	xcoms   map[string]any
}

// try is what changes from one try to the next.
type try struct {
	id                     string
	number                 int
	state                  airflow.State
	host                   string
	queued, started, ended time.Time
}

func newRun(d *dagState, id string, conf map[string]any) *runState {
	r := &runState{dag: d, id: id, conf: conf, state: airflow.Queued, queued: time.Now()}
	for _, spec := range d.Tasks {
		first, last := -1, -1
		if spec.Mapped > 0 {
			first, last = 0, spec.Mapped-1
		}
		for i := first; i <= last; i++ {
			r.tasks = append(r.tasks, &taskState{
				run: r, spec: spec, index: i, try: try{id: uuid()},
				logs: map[int][]map[string]any{}, xcoms: map[string]any{},
			})
		}
	}
	d.runs[id] = r
	return r
}

func (r *runState) find(task string, index int) *taskState {
	for _, t := range r.tasks {
		if t.spec.ID == task && t.index == index {
			return t
		}
	}
	return nil
}

// ready are the task instances that may start now: not started, or waiting for
// their next try, with all upstream tasks succeeded.
func (r *runState) ready() []*taskState {
	var ready []*taskState
	for _, t := range r.tasks {
		if (t.state == airflow.NoState || t.state == airflow.UpForRetry) && r.all(t.spec.After, airflow.Success) {
			ready = append(ready, t)
		}
	}
	return ready
}

func (r *runState) all(tasks []string, state airflow.State) bool {
	for _, t := range r.tasks {
		if slices.Contains(tasks, t.spec.ID) && t.state != state {
			return false
		}
	}
	return true
}

// start begins the next try of t.
func (t *taskState) start() {
	now := time.Now()
	if t.number > 0 {
		t.try = try{id: uuid(), number: t.number}
	}
	t.number++
	t.state, t.queued, t.started = airflow.Running, now, now
	t.host = fmt.Sprintf("%s-%s-%s", t.run.dag.ID, t.spec.ID, t.id[len(t.id)-8:])
	if t.run.state == airflow.Queued {
		t.run.state, t.run.started = airflow.Running, now
	}
}

// finish ends the running try. A failed one with retries left goes into the
// history and waits for the next.
func (t *taskState) finish(state airflow.State) {
	t.state, t.ended = state, time.Now()
	if state == airflow.FailedState && t.number <= t.spec.Retries {
		t.history = append(t.history, t.try)
		t.state = airflow.UpForRetry
	}
	t.run.settle()
}

// settle fails what waits for failed tasks and ends the run when all is over.
func (r *runState) settle() {
	for changed := true; changed; {
		changed = false
		for _, t := range r.tasks {
			if t.state == airflow.NoState && r.anyFailed(t.spec.After) {
				t.state, t.started, t.ended, changed = airflow.UpstreamFailed, time.Now(), time.Now(), true
			}
		}
	}
	end := airflow.Success
	for _, t := range r.tasks {
		if !t.state.Finished() {
			return
		}
		if t.state == airflow.FailedState || t.state == airflow.UpstreamFailed {
			end = airflow.FailedState
		}
	}
	r.state, r.ended = end, time.Now()
}

func (r *runState) anyFailed(tasks []string) bool {
	for _, t := range r.tasks {
		if slices.Contains(tasks, t.spec.ID) && (t.state == airflow.FailedState || t.state == airflow.UpstreamFailed) {
			return true
		}
	}
	return false
}
