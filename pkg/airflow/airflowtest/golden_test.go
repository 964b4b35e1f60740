package airflowtest

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The fields of each answer are those of a real server's.
func TestFieldsAreThoseOfARealServer(t *testing.T) {
	s := New(Config{})
	defer s.Close()
	s.AddDAG(DAG{ID: "golden", Tags: []string{"a"}, Tasks: []Task{
		{ID: "flaky", Do: func(t *Try) error { t.Push("return_value", 1); return nil }}, {ID: "double", Mapped: 2},
	}})
	s.BreakFile("broken.py", "trace")
	token := ask(t, s, http.MethodPost, "/auth/token", "", `{"username":"`+User+`","password":"`+Password+`"}`)["access_token"].(string)
	const run = "/api/v2/dags/golden/dagRuns/r"
	for _, tt := range []struct{ golden, method, path, body string }{
		{"trigger", "POST", "/api/v2/dags/golden/dagRuns", `{"dag_run_id":"r","logical_date":null,"conf":{}}`},
		{"version", "GET", "/api/v2/version", ""},
		{"health", "GET", "/api/v2/monitor/health", ""},
		{"dags", "GET", "/api/v2/dags", ""},
		{"dag", "GET", "/api/v2/dags/golden", ""},
		{"import_errors", "GET", "/api/v2/importErrors", ""},
		{"run", "GET", run, ""},
		{"task_instances", "GET", run + "/taskInstances", ""},
		{"task_instance", "GET", run + "/taskInstances/flaky", ""},
		{"task_instance_mapped", "GET", run + "/taskInstances/double/1", ""},
		{"tries", "GET", run + "/taskInstances/flaky/tries", ""},
		{"tries_mapped", "GET", run + "/taskInstances/double/1/tries", ""},
		{"xcom_flaky", "GET", run + "/taskInstances/flaky/xcomEntries/return_value", ""},
		{"log", "GET", run + "/taskInstances/flaky/logs/1", ""},
		{"error_404_dag", "GET", "/api/v2/dags/nope", ""},
		{"error_404_route", "GET", "/api/v2/nonsense", ""},
		{"error_409", "POST", "/api/v2/dags/golden/dagRuns", `{"dag_run_id":"r","logical_date":null,"conf":{}}`},
	} {
		t.Run(tt.golden, func(t *testing.T) {
			s.workers.Wait()
			raw, err := os.ReadFile("../testdata/v2/" + tt.golden + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var real map[string]any
			if err := json.Unmarshal(raw, &real); err != nil {
				t.Fatal(err)
			}
			want, got := fields(real), fields(ask(t, s, tt.method, tt.path, token, tt.body))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func ask(t *testing.T, s *Server, method, path, token, body string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// fields are the names in an object and in the first object of each list in it.
func fields(o map[string]any) []string {
	var names []string
	for _, key := range slices.Sorted(maps.Keys(o)) {
		names = append(names, key)
		switch v := o[key].(type) {
		case []any:
			if len(v) > 0 {
				if first, ok := v[0].(map[string]any); ok {
					for _, name := range fields(first) {
						names = append(names, key+"[]."+name)
					}
				}
			}
		case map[string]any:
			if key == "conf" || key == "rendered_fields" || key == "value" {
				continue // the user's own
			}
			for _, name := range fields(v) {
				names = append(names, key+"."+name)
			}
		}
	}
	return names
}
