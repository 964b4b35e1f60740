package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
)

// DashboardQuery is one question that a dashboard asks Prometheus.
type DashboardQuery struct {
	Dashboard  string `json:"dashboard"`
	Panel      string `json:"panel"`
	Expression string `json:"expression"` // with Grafana's variables filled in
}

// DashboardQueries reads every query of every dashboard that the platform
// brings for Grafana.
func (s *Session) DashboardQueries(ctx context.Context) ([]DashboardQuery, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	maps, err := s.dashboards(ctx)
	if err != nil {
		return nil, err
	}
	var all []DashboardQuery
	for _, one := range maps {
		for file, content := range one.Data {
			queries, err := dashboardQueries(file, []byte(content))
			if err != nil {
				return nil, err
			}
			all = append(all, queries...)
		}
	}
	s.fact("dashboard-queries", all)
	return all, nil
}

// variablePanel begins the panel's name of a query that fills in a variable.
const variablePanel = "variable "

// dashboard is the part of Grafana's format that holds queries.
type dashboard struct {
	Title      string  `json:"title"`
	Panels     []panel `json:"panels"`
	Templating struct {
		List []variable `json:"list"`
	} `json:"templating"`
}

type panel struct {
	Title   string `json:"title"`
	Targets []struct {
		Expression string `json:"expr"`
	} `json:"targets"`
	Panels []panel `json:"panels"` // of a row that is folded
}

type variable struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Definition string `json:"definition"`
	AllValue   string `json:"allValue"`
}

// built are Grafana's own variables, as a view of half an hour sets them.
var built = map[string]string{
	"__interval": "15s", "__rate_interval": "1m", "__range": "30m", "__interval_ms": "15000", "__range_s": "1800",
}

var (
	variablePattern    = regexp.MustCompile(`\$(?:\{(\w+)(?::\w+)?\}|(\w+))`)
	labelValuesPattern = regexp.MustCompile(`^label_values\((.+),\s*(\w+)\)$`)
)

func dashboardQueries(file string, content []byte) ([]DashboardQuery, error) {
	var d dashboard
	if err := json.Unmarshal(content, &d); err != nil {
		return nil, fmt.Errorf("read dashboard %s: %w", file, err)
	}
	var all []DashboardQuery
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		match := labelValuesPattern.FindStringSubmatch(v.Definition)
		if match == nil {
			return nil, fmt.Errorf("read dashboard %s: variable %s asks %q, which is not understood here: write label_values(METRIC, LABEL)", file, v.Name, v.Definition)
		}
		all = append(all, DashboardQuery{d.Title, variablePanel + v.Name, fmt.Sprintf("group by (%s) (%s)", match[2], match[1])})
	}
	panels := slices.Clone(d.Panels)
	for i := 0; i < len(panels); i++ {
		panels = append(panels, panels[i].Panels...)
		for _, target := range panels[i].Targets {
			expression, err := fill(target.Expression, d.Templating.List)
			if err != nil {
				return nil, fmt.Errorf("read dashboard %s, panel %s: %w", file, panels[i].Title, err)
			}
			all = append(all, DashboardQuery{d.Title, panels[i].Title, expression})
		}
	}
	return all, nil
}

// fill puts values in the place of variables: all of them, where a choice is offered.
func fill(expression string, variables []variable) (string, error) {
	var unknown string
	filled := variablePattern.ReplaceAllStringFunc(expression, func(found string) string {
		match := variablePattern.FindStringSubmatch(found)
		name := match[1] + match[2]
		if value, ok := built[name]; ok {
			return value
		}
		for _, v := range variables {
			if v.Name == name {
				if v.AllValue == "" {
					return ".+"
				}
				return v.AllValue
			}
		}
		unknown = name
		return found
	})
	if unknown != "" {
		return "", fmt.Errorf("the dashboard does not define the variable %s", unknown)
	}
	return filled, nil
}
