package harness

import (
	"strings"
	"testing"

	"github.com/airworthy/airworthy/fixtures"
)

func TestDashboardQueries(t *testing.T) {
	const content = `{
		"title": "Air",
		"templating": {"list": [
			{"name": "ds", "type": "datasource", "query": "prometheus", "current": {"value": "of another Grafana"}},
			{"name": "dag_id", "type": "query", "definition": "label_values(ti_start, dag_id)", "allValue": ".*"},
			{"name": "pool", "type": "query", "definition": "label_values(pool_slots{a=\"b, c\"}, pool)"}
		]},
		"panels": [
			{"title": "one", "datasource": {"type": "prometheus", "uid": "${ds}"}, "targets": [{"expr": "rate(a{dag_id=~\"$dag_id\"}[$__rate_interval])"}, {"expr": "b{pool=~\"${pool:regex}\"}"}]},
			{"title": "row", "datasource": null, "panels": [{"title": "folded", "targets": [{"expr": "c{x=~\".+$\"}"}]}]},
			{"title": "exported", "datasource": "${DS_PROMETHEUS}", "targets": [{"expr": "d"}, {"expr": "e", "datasource": {"uid": "p1", "type": "prometheus"}}, {"expr": "f", "datasource": "default"}]}
		]
	}`
	got, err := dashboardQueries("air.json", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	variable, exported := Source{Type: "prometheus"}, Source{Name: "${DS_PROMETHEUS}"}
	want := []DashboardQuery{
		{"Air", "variable dag_id", `group by (dag_id) (ti_start)`, Source{}},
		{"Air", "variable pool", `group by (pool) (pool_slots{a="b, c"})`, Source{}},
		{"Air", "one", `rate(a{dag_id=~".*"}[1m])`, variable},
		{"Air", "one", `b{pool=~".+"}`, variable},
		{"Air", "exported", "d", exported},
		{"Air", "exported", "e", Source{Name: "p1", Type: "prometheus"}},
		{"Air", "exported", "f", exported},
		{"Air", "folded", `c{x=~".+$"}`, Source{}},
	}
	if len(got) != len(want) {
		t.Fatalf("got %d queries %+v, want %d", len(got), got, len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("query %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestDashboardQueriesRefuses(t *testing.T) {
	for name, row := range map[string]struct{ content, want string }{
		"no JSON":          {`{`, "read dashboard x.json: unexpected end"},
		"strange source":   {`{"panels": [{"title": "p", "datasource": 3}]}`, "a data source is 3, which is neither"},
		"unknown":          {`{"panels": [{"title": "p", "targets": [{"expr": "a{b=\"$c\"}"}]}]}`, "panel p: the dashboard does not define the variable c"},
		"strange variable": {`{"templating": {"list": [{"name": "v", "type": "query", "definition": "metrics(a)"}]}}`, `variable v asks "metrics(a)"`},
	} {
		if _, err := dashboardQueries("x.json", []byte(row.content)); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, row.want)
		}
	}
}

// What the platform brings must be readable before a platform is made for it.
func TestShippedDashboards(t *testing.T) {
	dashboards := fixtures.Dashboards()
	if len(dashboards) == 0 {
		t.Fatal("there are no dashboards")
	}
	for file, content := range dashboards {
		queries, err := dashboardQueries(file, []byte(content))
		if err != nil || len(queries) == 0 {
			t.Errorf("%s: %d queries, %v", file, len(queries), err)
		}
		for _, q := range queries {
			t.Logf("%s", q.Expression)
		}
	}
}
