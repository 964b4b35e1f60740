package airflowtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
)

func (s *Server) version(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, object{"version": s.cfg.Version, "git_version": ".release:0000000000000000000000000000000000000000"})
}

func (s *Server) monitor(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := object{}
	for name, status := range s.health {
		component := object{"status": nil}
		if status != "" {
			component["status"] = status
		}
		if name != "metadatabase" {
			component["latest_"+name+"_heartbeat"] = nil
			if status != "" {
				component["latest_"+name+"_heartbeat"] = time.Now().UTC().Format("2006-01-02T15:04:05.000000+00:00")
			}
		}
		out[name] = component
	}
	reply(w, http.StatusOK, out)
}

func (s *Server) listDAGs(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stale := r.URL.Query().Get("exclude_stale") == "false"
	items := []object{}
	for _, id := range slices.Sorted(maps.Keys(s.dags)) {
		if d := s.dags[id]; stale || !d.stale {
			items = append(items, d.wire())
		}
	}
	page(s, w, r, "dags", items)
}

func (s *Server) listImportErrors(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page(s, w, r, "import_errors", s.broken)
}

// withDAG serves f with the DAG of the path, holding mu.
func (s *Server) withDAG(w http.ResponseWriter, r *http.Request, f func(*dagState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dags[r.PathValue("dag")]
	if d == nil {
		fail(w, http.StatusNotFound, fmt.Sprintf("The Dag with ID: `%s` was not found", r.PathValue("dag")))
		return
	}
	f(d)
}

func (s *Server) withRun(w http.ResponseWriter, r *http.Request, f func(*runState)) {
	s.withDAG(w, r, func(d *dagState) {
		run := d.runs[r.PathValue("run")]
		if run == nil {
			fail(w, http.StatusNotFound, fmt.Sprintf("The DagRun with dag_id: `%s` and run_id: `%s` was not found", d.ID, r.PathValue("run")))
			return
		}
		f(run)
	})
}

// withTask takes the map index from the path or, as logs and XComs have it, from the query.
func (s *Server) withTask(w http.ResponseWriter, r *http.Request, missing string, f func(*taskState)) {
	s.withRun(w, r, func(run *runState) {
		text := r.PathValue("index")
		if text == "" {
			text = r.URL.Query().Get("map_index")
		}
		index := -1
		if text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				fail(w, http.StatusUnprocessableEntity, "map_index should be a valid integer")
				return
			}
			index = n
		}
		t := run.find(r.PathValue("task"), index)
		if t == nil {
			fail(w, http.StatusNotFound, missing)
			return
		}
		f(t)
	})
}

func (s *Server) getDAG(w http.ResponseWriter, r *http.Request) {
	s.withDAG(w, r, func(d *dagState) { reply(w, http.StatusOK, d.wire()) })
}

func (s *Server) patchDAG(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Paused *bool `json:"is_paused"`
	}
	if strict(r, &body) != nil || body.Paused == nil {
		fail(w, http.StatusUnprocessableEntity, []object{{"type": "missing", "loc": []string{"body", "is_paused"}, "msg": "Field required"}})
		return
	}
	s.withDAG(w, r, func(d *dagState) {
		d.Paused = *body.Paused
		for _, run := range d.runs {
			s.advance(run)
		}
		reply(w, http.StatusOK, d.wire())
	})
}

func (s *Server) trigger(w http.ResponseWriter, r *http.Request) {
	var body struct {
		ID          string          `json:"dag_run_id"`
		LogicalDate json.RawMessage `json:"logical_date"`
		Conf        map[string]any  `json:"conf"`
		Note        *string         `json:"note"`
	}
	if err := strict(r, &body); err != nil || body.LogicalDate == nil {
		fail(w, http.StatusUnprocessableEntity, []object{{"type": "missing", "loc": []string{"body", "logical_date"}, "msg": "Field required"}})
		return
	}
	s.withDAG(w, r, func(d *dagState) {
		switch {
		case d.stale:
			fail(w, http.StatusNotFound, fmt.Sprintf("Dag with dag_id: '%s' not found", d.ID))
		case d.HasImportErrors:
			fail(w, http.StatusBadRequest, fmt.Sprintf("Dag with dag_id: '%s' has import errors and cannot be triggered", d.ID))
		case d.runs[body.ID] != nil:
			fail(w, http.StatusConflict, object{
				"reason": "Unique constraint violation", "statement": "hidden", "orig_error": "hidden",
				"message": "Serious error when handling your request. Check logs for more details - you will find it in api server when you look for ID 0",
			})
		default:
			run := newRun(d, body.ID, body.Conf)
			reply(w, http.StatusOK, run.wire())
			s.advance(run)
		}
	})
}

func (s *Server) getRun(w http.ResponseWriter, r *http.Request) {
	s.withRun(w, r, func(run *runState) { reply(w, http.StatusOK, run.wire()) })
}

func (s *Server) patchRun(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Note *string `json:"note"`
	}
	if err := strict(r, &body); err != nil || r.URL.Query().Get("update_mask") != "note" {
		fail(w, http.StatusUnprocessableEntity, []object{{"type": "extra_forbidden", "loc": []string{"body"}, "msg": "Extra inputs are not permitted"}})
		return
	}
	s.withRun(w, r, func(run *runState) {
		run.note = body.Note
		reply(w, http.StatusOK, run.wire())
	})
}

func (s *Server) deleteRun(w http.ResponseWriter, r *http.Request) {
	s.withRun(w, r, func(run *runState) {
		if run.state == airflow.Running {
			fail(w, http.StatusConflict, fmt.Sprintf("The DagRun with dag_id: `%s` and run_id: `%s` cannot be deleted in running state", run.dag.ID, run.id))
			return
		}
		delete(run.dag.runs, run.id)
		w.WriteHeader(http.StatusNoContent)
	})
}

func (s *Server) listTasks(w http.ResponseWriter, r *http.Request) {
	s.withRun(w, r, func(run *runState) {
		tasks := slices.Clone(run.tasks)
		slices.SortStableFunc(tasks, func(a, b *taskState) int { return a.index - b.index })
		items := []object{}
		for _, t := range tasks {
			items = append(items, t.wire())
		}
		page(s, w, r, "task_instances", items)
	})
}

// underTask tells apart what the mux cannot: the segment after the task is a
// map index or the name of a collection.
func (s *Server) underTask(w http.ResponseWriter, r *http.Request) {
	first, rest, more := strings.Cut(r.PathValue("rest"), "/")
	switch {
	case first == "tries" && !more:
		s.listTries(w, r)
	case first == "logs" && more:
		r.SetPathValue("try", rest)
		s.getLog(w, r)
	case first == "xcomEntries" && more:
		r.SetPathValue("key", rest)
		s.getXCom(w, r)
	case !more:
		r.SetPathValue("index", first)
		s.getTask(w, r)
	case rest == "tries":
		r.SetPathValue("index", first)
		s.listTries(w, r)
	default:
		reply(w, http.StatusNotFound, object{"error": "API route not found"})
	}
}

func (s *Server) getTask(w http.ResponseWriter, r *http.Request) {
	s.withTask(w, r, "The Task Instance was not found", func(t *taskState) { reply(w, http.StatusOK, t.wire()) })
}

// listTries leaves the current try out while it waits for the next one, because
// it is in the history already.
func (s *Server) listTries(w http.ResponseWriter, r *http.Request) {
	s.withTask(w, r, "The Task Instance was not found", func(t *taskState) {
		items := []object{}
		for _, y := range t.history {
			items = append(items, t.wireTry(y))
		}
		if t.state != airflow.UpForRetry {
			items = append(items, t.wireTry(t.try))
		}
		reply(w, http.StatusOK, object{"task_instances": items, "total_entries": len(items)})
	})
}

func (s *Server) getXCom(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	missing := fmt.Sprintf("XCom entry with key: `%s` not found", key)
	s.withTask(w, r, missing, func(t *taskState) {
		value, ok := t.xcoms[key]
		if !ok {
			fail(w, http.StatusNotFound, missing)
			return
		}
		reply(w, http.StatusOK, t.wireXCom(key, value))
	})
}

// strict decodes a body as the server's models do: no unknown fields.
func strict(r *http.Request, into any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}
