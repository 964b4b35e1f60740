package harness

import (
	"context"
	"fmt"
	"slices"

	"github.com/airworthy/airworthy/pkg/airflow"
)

// Pinned is a run in whose middle a commit changed its file.
type Pinned struct {
	Before Commit        `json:"before"` // that the run began with
	After  Commit        `json:"after"`  // that Airflow had parsed before the second task began
	Held   airflow.State `json:"held"`   // of the second task when the commit was parsed
	Run    Run           `json:"run"`
	// First and Second are the markers that the tasks found in their file, by task.
	First  string `json:"first"`
	Second string `json:"second"`
	Later  Run    `json:"later"` // begun after the commit
	Latest string `json:"latest"`
}

// Markers of a file before and after the commit.
const (
	MarkedBefore = "before"
	MarkedAfter  = "after"
)

// PinnedRun begins a run of two tasks in a row, changes their file by a commit
// between them, and begins another run once both have ended. A pause of the DAG
// is what keeps the second task from beginning before the commit is parsed.
func (s *Session) PinnedRun(ctx context.Context, file DAGFile) (p Pinned, err error) {
	ctx, cancel := s.within(ctx, 4*s.Asked().Timeouts.DAGRun)
	defer cancel()
	defer func() { s.fact("pinned", p) }()
	if p.Before, err = s.PushFiles(ctx, "Add "+file.DAG, file.Stepped(MarkedBefore)); err != nil {
		return p, err
	}
	if _, err = s.WaitSeen(ctx, p.Before, file.DAG, nil); err != nil {
		return p, err
	}
	if _, err = s.start(ctx, file.DAG); err != nil {
		return p, err
	}
	if _, err = s.waitTask(ctx, file.DAG, "first", airflow.Queued, airflow.Running); err != nil {
		return p, err
	}
	if err = s.Airflow.SetPaused(ctx, file.DAG, true); err != nil {
		return p, fmt.Errorf("pause %s: %w", file.DAG, err)
	}
	if _, err = s.waitTask(ctx, file.DAG, "first", airflow.Success); err != nil {
		return p, err
	}
	if p.After, err = s.PushFiles(ctx, "Change "+file.DAG, file.Stepped(MarkedAfter)); err != nil {
		return p, err
	}
	if _, err = s.WaitSeen(ctx, p.After, file.DAG, func(dag airflow.DAG) error {
		if slices.Contains(dag.Tags, MarkedAfter) {
			return nil
		}
		return fmt.Errorf("its tags are %q", dag.Tags)
	}); err != nil {
		return p, err
	}
	second, err := s.waitTask(ctx, file.DAG, "second", airflow.NoState, airflow.Scheduled)
	if err != nil {
		return p, fmt.Errorf("hold the second task back: %w", err)
	}
	p.Held = second.State
	if err = s.Airflow.SetPaused(ctx, file.DAG, false); err != nil {
		return p, fmt.Errorf("let %s go on: %w", file.DAG, err)
	}
	if p.Run, err = s.finish(ctx, file.DAG); err != nil {
		return p, err
	}
	if p.First, err = s.marker(ctx, p.Run, "first"); err != nil {
		return p, err
	}
	if p.Second, err = s.marker(ctx, p.Run, "second"); err != nil {
		return p, err
	}
	later := s.apart("later")
	if _, err = later.start(ctx, file.DAG); err != nil {
		return p, err
	}
	if p.Later, err = later.finish(ctx, file.DAG); err != nil {
		return p, err
	}
	p.Latest, err = s.marker(ctx, p.Later, "second")
	return p, err
}

// marker is what a task of a marked DAG returned.
func (s *Session) marker(ctx context.Context, run Run, task string) (string, error) {
	if run.State != airflow.Success {
		return "", fmt.Errorf("run %s of %s is %q with tasks %s", run.ID, run.DAG, run.State, run.TaskStates())
	}
	value, err := s.XCom(ctx, run, task, -1)
	if err != nil {
		return "", err
	}
	marker, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("task %s of %s returned %v", task, run.DAG, value)
	}
	return marker, nil
}
