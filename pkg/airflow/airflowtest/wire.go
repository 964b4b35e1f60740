package airflowtest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
)

// object is a JSON object. The handlers write each field of Airflow's data
// models, also those that no client here reads: a golden test compares the
// names with answers of a real server.
type object = map[string]any

type importError struct {
	ID        int     `json:"import_error_id"`
	Timestamp *string `json:"timestamp"`
	Filename  string  `json:"filename"`
	Bundle    string  `json:"bundle_name"`
	Trace     string  `json:"stack_trace"`
}

func (d *dagState) wire() object {
	tags := []object{}
	for _, tag := range slices.Sorted(slices.Values(d.Tags)) {
		tags = append(tags, object{"name": tag, "dag_id": d.ID, "dag_display_name": d.ID})
	}
	return object{
		"dag_id": d.ID, "dag_display_name": d.ID, "is_paused": d.Paused, "is_stale": d.stale,
		"last_parsed_time": stamp(d.parsed), "last_parse_duration": 0.05, "last_expired": nil,
		"bundle_name": "dags-folder", "bundle_version": nil, "relative_fileloc": d.File,
		"fileloc": path.Join("/opt/airflow/dags", d.File), "description": nil, "timetable_summary": nil,
		"timetable_description": "Never, external triggers only", "timetable_partitioned": false, "tags": tags,
		"max_active_tasks": 16, "max_active_runs": 16, "max_consecutive_failed_dag_runs": 0,
		"has_task_concurrency_limits": false, "has_import_errors": d.HasImportErrors,
		"next_dagrun_logical_date": nil, "next_dagrun_data_interval_start": nil,
		"next_dagrun_data_interval_end": nil, "next_dagrun_run_after": nil, "allowed_run_types": nil,
		"owners": []string{"airflow"}, "file_token": "e30.signature",
	}
}

func (d *dagState) wireVersion() object {
	return object{
		"id": d.version, "version_number": 1, "dag_id": d.ID, "bundle_name": "dags-folder", "bundle_version": nil,
		"created_at": stamp(d.parsed), "dag_display_name": d.ID, "bundle_url": nil,
	}
}

func (r *runState) wire() object {
	return object{
		"dag_run_id": r.id, "dag_id": r.dag.ID, "logical_date": nil, "queued_at": stamp(r.queued),
		"start_date": stamp(r.started), "end_date": stamp(r.ended), "duration": seconds(r.started, r.ended),
		"data_interval_start": nil, "data_interval_end": nil, "run_after": stamp(r.queued),
		"last_scheduling_decision": stamp(r.started), "run_type": "manual", "state": r.state,
		"triggered_by": "rest_api", "triggering_user_name": User, "conf": r.conf, "note": r.note,
		"dag_versions": []object{r.dag.wireVersion()}, "bundle_version": nil, "dag_display_name": r.dag.ID, "partition_key": nil,
	}
}

// wireTry is TaskInstanceHistoryResponse.
func (t *taskState) wireTry(y try) object {
	operator := cmp.Or(t.spec.Operator, "_PythonDecoratedOperator")
	var state any
	if y.state != airflow.NoState {
		state = y.state
	}
	return object{
		"task_id": t.spec.ID, "dag_id": t.run.dag.ID, "dag_run_id": t.run.id, "map_index": t.index,
		"start_date": stamp(y.started), "end_date": stamp(y.ended), "duration": seconds(y.started, y.ended),
		"state": state, "try_number": y.number, "max_tries": t.spec.Retries, "task_display_name": t.spec.ID,
		"dag_display_name": t.run.dag.ID, "hostname": y.host, "unixname": "airflow", "pool": "default_pool",
		"pool_slots": 1, "queue": "default", "priority_weight": 1, "operator": operator, "operator_name": operator,
		"queued_when": stamp(y.queued), "scheduled_when": stamp(y.queued), "pid": nil, "executor": nil,
		"executor_config": "{}", "dag_version": t.run.dag.wireVersion(),
	}
}

// wire is TaskInstanceResponse.
func (t *taskState) wire() object {
	o := t.wireTry(t.try)
	o["id"], o["logical_date"], o["run_after"] = t.id, nil, stamp(t.run.queued)
	o["note"], o["rendered_fields"], o["trigger"], o["triggerer_job"] = nil, object{}, nil, nil
	o["rendered_map_index"] = nil
	if t.index >= 0 {
		o["rendered_map_index"] = strconv.Itoa(t.index)
	}
	return o
}

func (t *taskState) wireXCom(key string, value any) object {
	return object{
		"key": key, "timestamp": stamp(t.started), "logical_date": nil, "map_index": t.index, "task_id": t.spec.ID,
		"dag_id": t.run.dag.ID, "run_id": t.run.id, "dag_display_name": t.run.dag.ID,
		"task_display_name": t.spec.ID, "run_after": stamp(t.run.queued), "value": value,
	}
}

func seconds(from, to time.Time) any {
	if from.IsZero() || to.IsZero() {
		return nil
	}
	return to.Sub(from).Seconds()
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}

// fail answers as FastAPI does.
func fail(w http.ResponseWriter, status int, detail any) {
	reply(w, status, object{"detail": detail})
}

// page answers one page of items under name.
func page[T any](s *Server, w http.ResponseWriter, r *http.Request, name string, items []T) {
	limit, offset := 50, 0
	for key, to := range map[string]*int{"limit": &limit, "offset": &offset} {
		if text := r.URL.Query().Get(key); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				fail(w, http.StatusUnprocessableEntity, []object{{
					"type": "int_parsing", "loc": []string{"query", key}, "input": text,
					"msg": "Input should be a valid integer, unable to parse string as an integer",
				}})
				return
			}
			*to = n
		}
	}
	limit = min(limit, s.cfg.PageLimit)
	from := min(offset, len(items))
	to := min(from+limit, len(items))
	answer := object{name: append([]T{}, items[from:to]...), "total_entries": len(items)}
	if name == "task_instances" {
		answer["next_cursor"], answer["previous_cursor"] = nil, nil // of the other way of paging
	}
	reply(w, http.StatusOK, answer)
}
