package reporthtml

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/airworthy/airworthy/internal/golden"
	"github.com/airworthy/airworthy/pkg/conformance"
)

// course is a line with a value each second.
func course(name string, values ...float64) conformance.PlotLine {
	line := conformance.PlotLine{Name: name}
	for i, v := range values {
		line.Points = append(line.Points, conformance.PlotPoint{At: time.Date(2026, 1, 2, 3, 4, 5+i, 0, time.UTC), Value: v})
	}
	return line
}

func TestPlot(t *testing.T) {
	data, err := json.Marshal(conformance.Plot{Title: "Runs <ended>", Unit: "runs", Lines: []conformance.PlotLine{
		course("success & more", 0, 0, 2, 7, 7), course("one value", 3), course("none"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/plot.html", []byte(plotOf("checks/a.b/attempt-1/facts/plot-runs.json", data)+"\n"))
}

func TestWhatIsNoPlot(t *testing.T) {
	const good = `{"title":"t","lines":[{"name":"a","points":[{"at":"2026-01-02T03:04:05Z","value":1}]}]}`
	tests := []struct{ name, path, data string }{
		{"another fact", "facts/run.json", good},
		{"no JSON", "facts/plot-a.json", "plot"},
		{"no points", "facts/plot-a.json", `{"title":"t","lines":[{"name":"a","points":[]}]}`},
		{"beyond all bounds", "facts/plot-a.json", `{"lines":[{"points":[{"at":"2026-01-02T03:04:05Z","value":-1.7e308},{"at":"2026-01-02T03:04:05Z","value":1.7e308}]}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := plotOf(tt.path, []byte(tt.data)); got != "" {
				t.Errorf("got %s", got)
			}
		})
	}
	if plotOf("facts/plot-a.json", []byte(good)) == "" {
		t.Error("a plot was not drawn")
	}
}

func TestFrame(t *testing.T) {
	tests := []struct {
		name      string
		values    []float64
		low, high float64
	}{
		{"from 0", []float64{2, 8}, 0, 8},
		{"far from 0", []float64{98, 100}, 98, 100},
		{"a constant", []float64{5, 5}, 0, 1 + 4},
		{"only 0", []float64{0, 0}, 0, 1},
		{"below 0", []float64{-4, -1}, -4, 0},
		{"huge", []float64{1e17, 1e17 + 16}, 1e17, 1e17 + 16},
		{"both sides", []float64{-4, 3}, -4, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, ok := frameOf(conformance.Plot{Lines: []conformance.PlotLine{course("a", tt.values...)}})
			if draw(conformance.Plot{Lines: []conformance.PlotLine{course("a", tt.values...)}}) == "" {
				t.Error("it was not drawn")
			}
			if !ok || f.low != tt.low || f.high != tt.high {
				t.Errorf("got %v to %v, %t", f.low, f.high, ok)
			}
		})
	}
}

func TestManyPointsAreThinned(t *testing.T) {
	values := make([]float64, 5000)
	values[4999] = 9
	line := course("a", values...)
	f, _ := frameOf(conformance.Plot{Lines: []conformance.PlotLine{line}})
	got := points(line.Points, f)
	if n := strings.Count(got, ","); n > plotPoints+1 || !strings.HasSuffix(got, "1000.0,0.0") {
		t.Errorf("%d points, the last of %s", n, got[len(got)-30:])
	}
}
