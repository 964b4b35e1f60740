package airflowtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/airworthy/airworthy/pkg/airflow"
)

// getLog serves the log of one try: as JSON with a continuation token that
// counts lines while the try runs, or as NDJSON, which starts over each time
// and ends after one pass, as Airflow 3.2.2 does.
func (s *Server) getLog(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.PathValue("try"))
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, "try_number should be a valid integer")
		return
	}
	s.withTask(w, r, "TaskInstance not found", func(t *taskState) {
		if number != t.number && (number < 1 || number > len(t.history)) {
			fail(w, http.StatusNotFound, "TaskInstance not found")
			return
		}
		lines, over := s.served(t, number)
		if strings.HasPrefix(r.Header.Get("Accept"), "application/x-ndjson") {
			streamLog(w, append(t.header(number, true), lines...))
			return
		}
		from, first, ok := position(r.URL.Query().Get("token"))
		if !ok {
			fail(w, http.StatusBadRequest, "Bad Signature. Please use only the tokens provided by the API.")
			return
		}
		if !first && !s.cfg.Continuation {
			http.Error(w, "Internal Server Error", http.StatusInternalServerError)
			return
		}
		content := append([]object{}, lines[min(from, len(lines)):]...)
		if first {
			content = append(t.header(number, false), content...)
		}
		var token any
		if !over {
			token = fmt.Sprintf("log_pos-%d", len(lines))
		}
		reply(w, http.StatusOK, object{"content": content, "continuation_token": token})
	})
}

// served is what of a log can be seen now, and whether Airflow calls it
// complete: it does so whenever the try is not running.
func (s *Server) served(t *taskState, number int) ([]object, bool) {
	lines := t.logs[number]
	if number == t.number && t.state == airflow.Running {
		if n := s.cfg.LiveLogLines; n > 0 && len(lines) > n {
			lines = lines[len(lines)-n:]
		}
		return lines, false
	}
	if s.held {
		return nil, true
	}
	return lines, true
}

// header is the group that says where the log comes from. NDJSON writes the
// missing timestamps as null, JSON leaves them out.
func (t *taskState) header(number int, null bool) []object {
	source := fmt.Sprintf("/opt/airflow/logs/dag_id=%s/run_id=%s/task_id=%s/attempt=%d.log", t.run.dag.ID, t.run.id, t.spec.ID, number)
	var lines []object
	for _, event := range []string{"::group::Log message source details", source, "::endgroup::"} {
		line := object{"event": event}
		if null {
			line["timestamp"] = nil
		}
		lines = append(lines, line)
	}
	return lines
}

func streamLog(w http.ResponseWriter, lines []object) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	for _, line := range lines {
		if _, ok := line["timestamp"]; !ok {
			line = maps.Clone(line)
			line["timestamp"] = nil
		}
		if enc.Encode(line) != nil {
			return // the client is gone
		}
	}
}

// position reads a continuation token.
func position(token string) (from int, first, ok bool) {
	if token == "" {
		return 0, true, true
	}
	text, ok := strings.CutPrefix(token, "log_pos-")
	from, err := strconv.Atoi(text)
	return from, false, ok && err == nil && from >= 0
}
