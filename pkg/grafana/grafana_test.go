package grafana

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/airworthy/airworthy/internal/rest"
)

// serve answers every request with one body and keeps what was asked.
func serve(t *testing.T, code int, body string) (*Client, *asked) {
	t.Helper()
	a := &asked{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.path = r.URL.RequestURI()
		a.body, _ = io.ReadAll(r.Body)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return New(strings.TrimPrefix(server.URL, "http://")), a
}

type asked struct {
	path string
	body []byte
}

// What versions 7 and later ones answer, in the order of their documentation.
func TestValues(t *testing.T) {
	for _, row := range []struct {
		name  string
		code  int
		body  string
		want  int
		wrong string
	}{
		{"frames", 200, `{"results": {"A": {"status": 200, "frames": [{"schema": {"fields": [{"type": "time"}, {"type": "number"}]},
			"data": {"values": [[1, 2, 3], [0, null, 2.5]]}}]}}}`, 2, ""},
		{"two frames", 200, `{"results": {"A": {"frames": [
			{"schema": {"fields": [{"type": "time"}, {"type": "number"}]}, "data": {"values": [[1], [1]]}},
			{"schema": {"fields": [{"type": "time"}, {"type": "number"}]}, "data": {"values": [[1], [1]]}}]}}}`, 2, ""},
		{"no data", 200, `{"results": {"A": {"status": 200, "frames": [{"schema": {"fields": []}, "data": {"values": []}}]}}}`, 0, ""},
		{"nothing but no numbers", 200, `{"results": {"A": {"frames": [{"schema": {"fields": [{"type": "time"}, {"type": "number"}]},
			"data": {"values": [[1, 2], [null, null]]}}]}}}`, 0, ""},
		{"series of version 7", 200, `{"results": {"A": {"refId": "A", "series": [{"name": "x", "points": [[1, 1000], [null, 2000], [3, 3000]]}], "tables": null, "dataframes": null}}}`, 2, ""},
		{"no series", 200, `{"results": {"A": {"refId": "A", "series": [], "tables": null}}}`, 0, ""},
		{"the source's refusal", 400, `{"results": {"A": {"status": 400, "error": "bad_data: invalid parameter \"query\"", "frames": []}}}`, 0, `bad_data: invalid parameter "query"`},
		{"Grafana's refusal", 404, `{"message": "Data source not found"}`, 0, "POST /api/ds/query of Grafana: 404 Not Found: {\"message\": \"Data source not found\"}"},
		{"no result", 200, `{"results": {}, "message": "nothing"}`, 0, "Grafana gave no result: nothing"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, a := serve(t, row.code, row.body)
			got, err := c.Values(t.Context(), DataSource{ID: 7, UID: "p", Name: "Prometheus", Type: "prometheus"}, "up", 5*time.Minute)
			if got != row.want {
				t.Errorf("got %d values, want %d", got, row.want)
			}
			if (row.wrong == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), row.wrong) {
				t.Errorf("error %v, want %q", err, row.wrong)
			}
			var sent struct {
				From, To string
				Queries  []struct {
					Expr         string
					Datasource   struct{ UID, Type string }
					DatasourceID int
				}
			}
			if err := json.Unmarshal(a.body, &sent); err != nil {
				t.Fatal(err)
			}
			q := sent.Queries[0]
			if sent.From != "now-300s" || sent.To != "now" || q.Expr != "up" || q.Datasource.UID != "p" || q.DatasourceID != 7 {
				t.Errorf("asked %s", a.body)
			}
		})
	}
}

func TestDataSources(t *testing.T) {
	c, _ := serve(t, 200, `{"defaultDatasource": "Prometheus", "datasources": {
		"-- Grafana --": {"id": -1, "uid": "grafana", "type": "datasource", "meta": {}},
		"-- Mixed --": {"type": "datasource", "name": "-- Mixed --"},
		"Expression": {"type": "__expr__", "uid": "__expr__"},
		"Prometheus": {"id": 1, "uid": "prometheus", "type": "prometheus", "isDefault": true, "meta": {"id": "prometheus"}},
		"Other": {"id": 2, "uid": "o", "type": "loki"}}}`)
	got, err := c.DataSources(t.Context())
	want := []DataSource{{ID: 2, UID: "o", Name: "Other", Type: "loki"}, {ID: 1, UID: "prometheus", Name: "Prometheus", Type: "prometheus", Default: true}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v (%v), want %+v", got, err, want)
	}
}

func TestDashboards(t *testing.T) {
	c, a := serve(t, 200, `[{"id": 1, "uid": "air", "title": "Airflow", "type": "dash-db", "url": "/d/air/airflow", "tags": []}]`)
	got, err := c.Dashboards(t.Context())
	if want := []Dashboard{{UID: "air", Title: "Airflow", URL: "/d/air/airflow"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v (%v), want %+v", got, err, want)
	}
	if a.path != "/api/search?limit=5000&type=dash-db" {
		t.Errorf("asked for %s", a.path)
	}

	c, a = serve(t, 200, `{"meta": {"provisioned": true}, "dashboard": {"title": "Airflow"}}`)
	content, err := c.Content(t.Context(), "a/b")
	if err != nil || string(content) != `{"title": "Airflow"}` || a.path != "/api/dashboards/uid/a%2Fb" {
		t.Errorf("got %s (%v), asked for %s", content, err, a.path)
	}
	c, _ = serve(t, 200, `{}`)
	if _, err := c.Content(t.Context(), "x"); err == nil || err.Error() != "Grafana's answer for dashboard x holds none" {
		t.Errorf("error %v", err)
	}
}

func TestVersion(t *testing.T) {
	c, _ := serve(t, 200, `{"commit": "c", "database": "ok", "version": "12.4.0"}`)
	if got, err := c.Version(t.Context()); err != nil || got != "12.4.0" {
		t.Errorf("got %s, %v", got, err)
	}
	c, _ = serve(t, 200, `{"database": "failing", "version": "12.4.0"}`)
	if _, err := c.Version(t.Context()); err == nil || err.Error() != `Grafana says that its database is "failing"` {
		t.Errorf("error %v", err)
	}
	c, _ = serve(t, 503, `starting`)
	if _, err := c.Version(t.Context()); err == nil || err.Error() != "GET /api/health of Grafana: 503 Service Unavailable: starting" || rest.Unreachable(err) {
		t.Errorf("error %v", err)
	}
	if _, err := New("127.0.0.1:1").Version(t.Context()); !rest.Unreachable(err) {
		t.Errorf("error %v", err)
	}
}
