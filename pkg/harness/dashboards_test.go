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
			{"name": "ds", "type": "datasource"},
			{"name": "dag_id", "type": "query", "definition": "label_values(ti_start, dag_id)", "allValue": ".*"},
			{"name": "pool", "type": "query", "definition": "label_values(pool_slots{a=\"b, c\"}, pool)"}
		]},
		"panels": [
			{"title": "one", "targets": [{"expr": "rate(a{dag_id=~\"$dag_id\"}[$__rate_interval])"}, {"expr": "b{pool=~\"${pool:regex}\"}"}]},
			{"title": "row", "panels": [{"title": "folded", "targets": [{"expr": "c{x=~\".+$\"}"}]}]}
		]
	}`
	got, err := dashboardQueries("air.json", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	want := []DashboardQuery{
		{"Air", "variable dag_id", `group by (dag_id) (ti_start)`},
		{"Air", "variable pool", `group by (pool) (pool_slots{a="b, c"})`},
		{"Air", "one", `rate(a{dag_id=~".*"}[1m])`},
		{"Air", "one", `b{pool=~".+"}`},
		{"Air", "folded", `c{x=~".+$"}`},
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
