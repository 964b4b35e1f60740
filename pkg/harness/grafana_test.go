package harness

import (
	"testing"

	"github.com/airworthy/airworthy/pkg/grafana"
)

func TestLacks(t *testing.T) {
	brought := map[string]identity{"a.json": {UID: "a", Title: "Air"}, "b.json": {Title: "Fuel"}}
	for _, row := range []struct {
		name string
		held []grafana.Dashboard
		want string
	}{
		{"both", []grafana.Dashboard{{UID: "x", Title: "Fuel"}, {UID: "a", Title: "Air"}}, ""},
		{"one", []grafana.Dashboard{{UID: "x", Title: "Fuel"}}, `it lacks a.json, titled "Air"; it has 1: "Fuel"`},
		{"another of its title", []grafana.Dashboard{{UID: "x", Title: "Fuel"}, {UID: "x", Title: "Air"}}, `it lacks a.json, titled "Air"; it has 2: "Fuel", "Air"`},
		{"its UID under another title", []grafana.Dashboard{{UID: "x", Title: "Fuel"}, {UID: "a", Title: "Old"}}, `it lacks a.json, titled "Air"; it has 2: "Fuel", "Old"`},
		{"none", nil, `it lacks a.json, titled "Air" and b.json, titled "Fuel"; it has 0: `},
	} {
		got := ""
		if err := lacks(brought, row.held); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestSourceOfAPanel(t *testing.T) {
	shown := Dashboards{Sources: []grafana.DataSource{
		{UID: "l", Name: "Loki", Type: "loki", Default: true}, {UID: "p", Name: "Prometheus", Type: "prometheus"}, {UID: "q", Name: "Other", Type: "prometheus"},
	}}
	for _, row := range []struct {
		name   string
		source Source
		want   string // UID
		wrong  string
	}{
		{"none named", Source{}, "l", ""},
		{"a variable", Source{Type: "prometheus"}, "p", ""},
		{"by UID", Source{Name: "q", Type: "prometheus"}, "q", ""},
		{"by name", Source{Name: "Other"}, "q", ""},
		{"of no type here", Source{Type: "tempo"}, "", `dashboard Air, one: Grafana has no data source of type "tempo"`},
		{"another's", Source{Name: "P18"}, "", "dashboard Air, one: it asks the data source P18, which Grafana does not have; it has l (Loki), p (Prometheus), q (Other)"},
	} {
		got, err := shown.source(DashboardQuery{Dashboard: "Air", Panel: "one", Source: row.source})
		wrong := ""
		if err != nil {
			wrong = err.Error()
		}
		if got.UID != row.want || wrong != row.wrong {
			t.Errorf("%s: got %q, %q", row.name, got.UID, wrong)
		}
	}
}
