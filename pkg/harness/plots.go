package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	prometheus "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/airworthy/airworthy/pkg/conformance"
)

// What a kept panel covers: long enough for a whole run, and fine enough to see
// a task in it. What was not scraped yet is not there.
const (
	plotted   = 15 * time.Minute
	plotEvery = 5 * time.Second
)

// KeepPanels keeps as evidence what every panel of the dashboards would have
// shown. It decides nothing: what cannot be read is kept as such.
func (s *Session) KeepPanels(ctx context.Context, queries []DashboardQuery) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	for i, panel := range panels(queries) {
		name := fmt.Sprintf("%s%02d", conformance.PlotFact, i+1)
		plot, err := s.plot(ctx, panel)
		if err != nil {
			s.fact(name, map[string]string{"panel": panel[0].Panel, "could not be read": err.Error()})
			continue
		}
		s.fact(name, plot)
	}
}

// panels puts the queries of one panel together. Those that fill in a
// dashboard's variables draw nothing.
func panels(queries []DashboardQuery) [][]DashboardQuery {
	var all [][]DashboardQuery
	for _, q := range queries {
		if strings.HasPrefix(q.Panel, variablePanel) {
			continue
		}
		i := slices.IndexFunc(all, func(p []DashboardQuery) bool {
			return p[0].Dashboard == q.Dashboard && p[0].Panel == q.Panel
		})
		if i < 0 {
			all = append(all, []DashboardQuery{q})
			continue
		}
		all[i] = append(all[i], q)
	}
	return all
}

func (s *Session) plot(ctx context.Context, panel []DashboardQuery) (conformance.Plot, error) {
	plot := conformance.Plot{Title: panel[0].Dashboard + ": " + panel[0].Panel}
	client, err := s.prometheus(ctx)
	if err != nil {
		return plot, err
	}
	now := time.Now()
	var errs []error
	for _, q := range panel {
		value, _, err := client.QueryRange(ctx, q.Expression, prometheus.Range{Start: now.Add(-plotted), End: now, Step: plotEvery})
		if err != nil {
			errs = append(errs, fmt.Errorf("ask Prometheus for %s over time: %w", q.Expression, err))
			continue
		}
		lines, err := plotLines(q.Expression, value, len(panel) > 1)
		plot.Lines = append(plot.Lines, lines...)
		errs = append(errs, err)
	}
	return plot, errors.Join(errs...)
}

// plotLines makes a line of every series, named by its labels, and by the
// expression where it has none or is one of several.
func plotLines(expression string, value model.Value, several bool) ([]conformance.PlotLine, error) {
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("ask Prometheus for %s over time: the answer is a %s", expression, value.Type())
	}
	var lines []conformance.PlotLine
	for _, series := range matrix {
		labels := plain(series.Metric)
		var names []string
		for _, k := range slices.Sorted(maps.Keys(labels)) {
			names = append(names, labels[k])
		}
		line := conformance.PlotLine{Name: strings.Join(names, " ")}
		if several || line.Name == "" {
			line.Name = strings.TrimSpace(line.Name + " " + expression)
		}
		for _, p := range series.Values {
			if v := float64(p.Value); !math.IsNaN(v) && !math.IsInf(v, 0) {
				line.Points = append(line.Points, conformance.PlotPoint{At: p.Timestamp.Time().UTC(), Value: v})
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}
