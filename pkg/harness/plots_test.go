package harness

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/airworthy/airworthy/pkg/conformance"
)

func TestPlotLines(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	when := model.TimeFromUnixNano(at.UnixNano())
	matrix := model.Matrix{
		{Metric: model.Metric{"state": "failed", "dag_id": "a"}, Values: []model.SamplePair{{Timestamp: when, Value: 2}, {Timestamp: when, Value: model.SampleValue(math.NaN())}}},
		{Values: []model.SamplePair{{Timestamp: when, Value: model.SampleValue(math.Inf(1))}}},
	}
	point := []conformance.PlotPoint{{At: at, Value: 2}}
	for name, row := range map[string]struct {
		several bool
		want    []conformance.PlotLine
	}{
		"the only query": {false, []conformance.PlotLine{{Name: "a failed", Points: point}, {Name: "sum(x)"}}},
		"one of several": {true, []conformance.PlotLine{{Name: "a failed sum(x)", Points: point}, {Name: "sum(x)"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := plotLines("sum(x)", matrix, row.several)
			if err != nil || !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if _, err := plotLines("1", &model.Scalar{}, false); err == nil || err.Error() != "ask Prometheus for 1 over time: the answer is a scalar" {
		t.Errorf("got %v", err)
	}
}

func TestPanels(t *testing.T) {
	q := func(dashboard, panel, expression string) DashboardQuery {
		return DashboardQuery{Dashboard: dashboard, Panel: panel, Expression: expression}
	}
	got := panels([]DashboardQuery{q("d", "variable x", "v"), q("d", "one", "a"), q("d", "two", "b"), q("d", "one", "c"), q("e", "one", "f")})
	want := [][]DashboardQuery{{q("d", "one", "a"), q("d", "one", "c")}, {q("d", "two", "b")}, {q("e", "one", "f")}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}
