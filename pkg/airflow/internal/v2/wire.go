// Package v2 is the wire format of Airflow 3's REST API v2, written from the
// data models of Airflow 3.2.2. It holds types, paths and decoding; it sends
// nothing and must not import the package above it.
package v2

import (
	"encoding/json"
	"net/url"
	"strconv"
	"time"
)

// Root is the prefix of every path of this API; logging in is outside of it.
const Root = "/api/v2"

// Path joins escaped segments under Root.
func Path(segments ...string) string {
	path := Root
	for _, s := range segments {
		path += "/" + url.PathEscape(s)
	}
	return path
}

// DAGPath is the path of one DAG.
func DAGPath(dag string) string { return Path("dags", dag) }

// RunPath is the path of one run.
func RunPath(dag, run string) string { return Path("dags", dag, "dagRuns", run) }

// TaskPath is the path of one task instance without its map index.
func TaskPath(dag, run, task string) string {
	return Path("dags", dag, "dagRuns", run, "taskInstances", task)
}

// MappedPath is TaskPath with the map index as a segment, where there is one.
func MappedPath(dag, run, task string, mapIndex int) string {
	if mapIndex < 0 {
		return TaskPath(dag, run, task)
	}
	return TaskPath(dag, run, task) + "/" + strconv.Itoa(mapIndex)
}

// LogPath is the path of the log of one try; the map index goes into the query.
func LogPath(dag, run, task string, try int) string {
	return TaskPath(dag, run, task) + "/logs/" + strconv.Itoa(try)
}

// Connection is ConnectionBody.
type Connection struct {
	ID       string `json:"connection_id"`
	Type     string `json:"conn_type"`
	Host     string `json:"host,omitempty"`
	Port     int    `json:"port,omitempty"`
	Login    string `json:"login,omitempty"`
	Password string `json:"password,omitempty"`
}

// Version is VersionInfo.
type Version struct {
	Version string `json:"version"`
	Git     string `json:"git_version"`
}

// Component is one entry of HealthInfoResponse; the heartbeat's name carries
// the component's, so that the health endpoint decodes into a map.
type Component map[string]json.RawMessage

// Heartbeat returns the status and the time of the last heartbeat; what is null,
// absent or not a time stays zero.
func (c Component) Heartbeat(name string) (status string, at time.Time) {
	_ = json.Unmarshal(c["status"], &status)
	_ = json.Unmarshal(c["latest_"+name+"_heartbeat"], &at)
	return status, at
}

// Tag is DagTagResponse.
type Tag struct {
	Name string `json:"name"`
}

// DAG is the part of DAGResponse that is used.
type DAG struct {
	ID              string    `json:"dag_id"`
	Paused          bool      `json:"is_paused"`
	Stale           bool      `json:"is_stale"`
	LastParsed      time.Time `json:"last_parsed_time"`
	RelativeFileLoc string    `json:"relative_fileloc"`
	FileLoc         string    `json:"fileloc"`
	Tags            []Tag     `json:"tags"`
	HasImportErrors bool      `json:"has_import_errors"`
}

// ImportError is ImportErrorResponse.
type ImportError struct {
	ID        int       `json:"import_error_id"`
	Timestamp time.Time `json:"timestamp"`
	Filename  string    `json:"filename"`
	Bundle    string    `json:"bundle_name"`
	Trace     string    `json:"stack_trace"`
}

// Run is the part of DAGRunResponse that is used.
type Run struct {
	ID      string         `json:"dag_run_id"`
	DAG     string         `json:"dag_id"`
	Queued  time.Time      `json:"queued_at"`
	Started time.Time      `json:"start_date"`
	Ended   time.Time      `json:"end_date"`
	State   string         `json:"state"`
	Conf    map[string]any `json:"conf"`
	Note    string         `json:"note"` // null where there is none
}

// Trigger is TriggerDAGRunPostBody. The logical date has no default on the
// server: null must be said.
type Trigger struct {
	ID          string         `json:"dag_run_id"`
	LogicalDate *time.Time     `json:"logical_date"`
	Conf        map[string]any `json:"conf"`
}

// TaskInstance is what TaskInstanceResponse and TaskInstanceHistoryResponse
// have in common, as far as it is used.
type TaskInstance struct {
	DAG       string    `json:"dag_id"`
	Run       string    `json:"dag_run_id"`
	Task      string    `json:"task_id"`
	MapIndex  int       `json:"map_index"`
	Started   time.Time `json:"start_date"`
	Ended     time.Time `json:"end_date"`
	State     string    `json:"state"`
	Try       int       `json:"try_number"`
	MaxTries  int       `json:"max_tries"`
	Hostname  string    `json:"hostname"`
	Operator  string    `json:"operator"`
	Queued    time.Time `json:"queued_when"`
	Scheduled time.Time `json:"scheduled_when"`
	Executor  string    `json:"executor"`
	Pool      string    `json:"pool"`
}

// XCom is XComResponseNative.
type XCom struct {
	Value json.RawMessage `json:"value"`
}

// Page is one page of a list. Each list names its items differently.
type Page struct {
	DAGs          []DAG          `json:"dags"`
	ImportErrors  []ImportError  `json:"import_errors"`
	TaskInstances []TaskInstance `json:"task_instances"`
	Total         int            `json:"total_entries"`
}
