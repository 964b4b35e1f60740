// Package airflow is a typed client of Airflow's REST API. One Client covers
// Airflow 2 (API v1) and 3 (API v2); it must not know Kubernetes, Helm or Ginkgo.
package airflow

import (
	"context"
	"io"
	"net/http"
	"time"
)

// State is the state of a DAG run or a task instance, as Airflow names it.
type State string

const (
	Queued          State = "queued"
	Scheduled       State = "scheduled"
	Running         State = "running"
	Success         State = "success"
	FailedState     State = "failed"
	UpForRetry      State = "up_for_retry"
	UpForReschedule State = "up_for_reschedule"
	UpstreamFailed  State = "upstream_failed"
	SkippedState    State = "skipped"
	Removed         State = "removed"
	Deferred        State = "deferred"
	Restarting      State = "restarting"
	NoState         State = ""
)

// Finished reports whether a DAG run or task instance in this state is over.
func (s State) Finished() bool {
	switch s {
	case Success, FailedState, UpstreamFailed, SkippedState, Removed:
		return true
	}
	return false
}

// Version is what the platform says it is.
type Version struct {
	Version string `json:"version"`
	GitHash string `json:"git_version,omitempty"`
}

// ComponentHealth is one entry of the health endpoint.
type ComponentHealth struct {
	Status    string    `json:"status"` // healthy | unhealthy | "" when not reported
	Heartbeat time.Time `json:"heartbeat,omitzero"`
}

// Health is the answer of the health endpoint, by component: metadatabase,
// scheduler, triggerer, dag_processor.
type Health map[string]ComponentHealth

// DAG is what the platform knows of one DAG.
type DAG struct {
	ID              string    `json:"dag_id"`
	Paused          bool      `json:"is_paused"`
	Stale           bool      `json:"is_stale"` // v1: not is_active
	FileLoc         string    `json:"fileloc"`
	RelativeFileLoc string    `json:"relative_fileloc,omitempty"`
	Tags            []string  `json:"tags,omitempty"`
	HasImportErrors bool      `json:"has_import_errors"`
	LastParsed      time.Time `json:"last_parsed_time,omitzero"`
}

// ImportError is a DAG file that could not be imported.
type ImportError struct {
	ID        int       `json:"import_error_id"`
	Filename  string    `json:"filename"`              // relative to the bundle
	Bundle    string    `json:"bundle_name,omitempty"` // "" with API v1
	Trace     string    `json:"stack_trace"`
	Timestamp time.Time `json:"timestamp"`
}

// DAGRun is one run of a DAG.
type DAGRun struct {
	DAG     string         `json:"dag_id"`
	ID      string         `json:"dag_run_id"`
	State   State          `json:"state"`
	Conf    map[string]any `json:"conf,omitempty"`
	Queued  time.Time      `json:"queued_at,omitzero"`
	Started time.Time      `json:"start_date,omitzero"`
	Ended   time.Time      `json:"end_date,omitzero"`
	Note    string         `json:"note,omitempty"`
}

// TaskInstance is one task of a run; MapIndex is -1 unless it is mapped.
type TaskInstance struct {
	DAG      string    `json:"dag_id"`
	Run      string    `json:"dag_run_id"`
	Task     string    `json:"task_id"`
	MapIndex int       `json:"map_index"`
	Try      int       `json:"try_number"`
	MaxTries int       `json:"max_tries"`
	State    State     `json:"state"`
	Hostname string    `json:"hostname"` // the pod's name with the KubernetesExecutor
	Started  time.Time `json:"start_date,omitzero"`
	Ended    time.Time `json:"end_date,omitzero"`
	Operator string    `json:"operator"`

	Queued    time.Time `json:"queued_when,omitzero"`
	Scheduled time.Time `json:"scheduled_when,omitzero"`
	Executor  string    `json:"executor,omitempty"` // "" is the default executor
	Pool      string    `json:"pool,omitempty"`
}

// Connection is how Airflow reaches another system.
type Connection struct {
	ID       string
	Type     string // such as http
	Host     string
	Port     int
	Login    string
	Password string
}

// LogEntry is one line of a task's log.
type LogEntry struct {
	Timestamp time.Time      `json:"timestamp,omitzero"`
	Level     string         `json:"level,omitempty"`
	Event     string         `json:"event"`
	Extra     map[string]any `json:"extra,omitempty"`
}

// TaskLog is the log of one try as the API returned it.
type TaskLog struct {
	Entries []LogEntry
	Raw     []byte // the response body, as evidence
	// Continuation is the token for what comes after, empty when the log is complete.
	Continuation string
}

// Text joins the events of all entries, one a line.
func (l TaskLog) Text() string {
	n := 0
	for _, e := range l.Entries {
		n += len(e.Event) + 1
	}
	b := make([]byte, 0, n)
	for _, e := range l.Entries {
		b = append(b, e.Event...)
		b = append(b, '\n')
	}
	return string(b)
}

// TaskRef names one try of a task instance. MapIndex is -1 unless mapped.
type TaskRef struct {
	DAG, Run, Task string
	MapIndex, Try  int
}

// Client speaks to one Airflow. Errors are *APIError when the server answered.
// Safe for concurrent use. Every call takes part of ctx's time and has no
// timeout of its own.
type Client interface {
	Version(ctx context.Context) (Version, error)
	Health(ctx context.Context) (Health, error)
	DAG(ctx context.Context, id string) (DAG, error)
	// DAGs returns all DAGs by id, those marked stale included.
	DAGs(ctx context.Context) ([]DAG, error)
	ImportErrors(ctx context.Context) ([]ImportError, error)
	// SetPaused pauses or unpauses a DAG.
	SetPaused(ctx context.Context, dag string, paused bool) error
	// Trigger starts a run under the given id. An *APIError with Status 409
	// says that a run of that id exists.
	Trigger(ctx context.Context, dag, run string, conf map[string]any) (DAGRun, error)
	Run(ctx context.Context, dag, run string) (DAGRun, error)
	// SetNote replaces the note of a run.
	SetNote(ctx context.Context, dag, run, note string) error
	// TaskInstances returns every task instance of a run, mapped ones expanded, paging through all.
	TaskInstances(ctx context.Context, dag, run string) ([]TaskInstance, error)
	// Tries returns every try of one task instance, the current one included, in order.
	Tries(ctx context.Context, dag, run, task string, mapIndex int) ([]TaskInstance, error)
	// TaskLog returns the log of a try, or with a continuation what came after
	// it. Airflow 3.2.2 answers 500 to a continuation with its own log handlers:
	// ask again for the whole, or use FollowLog.
	TaskLog(ctx context.Context, ref TaskRef, continuation string) (TaskLog, error)
	// FollowLog streams the log of a running try until it ends or ctx does; emit is called for each entry in order.
	FollowLog(ctx context.Context, ref TaskRef, emit func(LogEntry) error) error
	// XCom returns the value of one XCom entry, decoded from JSON: numbers are
	// float64, except that integers which it cannot hold are json.Number;
	// Python's tuples and sets are []any.
	XCom(ctx context.Context, dag, run, task string, mapIndex int, key string) (any, error)
	// DeleteRun removes a run with its task instances.
	DeleteRun(ctx context.Context, dag, run string) error
	// AddConnection writes a connection into the metadata database. An
	// *APIError with Status 409 says that one of this id exists.
	AddConnection(ctx context.Context, c Connection) error
	DeleteConnection(ctx context.Context, id string) error
}

// Options of New.
type Options struct {
	URL      string // base URL without /api
	User     string
	Password string
	// Token, when set, is used in place of logging in, and is not replaced when it
	// is refused.
	Token string
	// Record, when set, gets one line for each request: method, path, status, duration.
	Record io.Writer
	// Transport, when set, carries the requests, for TLS roots or a proxy. Nil
	// is a plain one that reads nothing from the environment.
	Transport http.RoundTripper
}
