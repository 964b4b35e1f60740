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
	Source     Source `json:"source"`
}

// Source is how a dashboard names a data source.
type Source struct {
	Name string `json:"name,omitempty"` // its UID or name; empty for the default one of its type
	Type string `json:"type,omitempty"` // empty for any
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
	Title   string    `json:"title"`
	Source  sourceRef `json:"datasource"`
	Targets []struct {
		Expression string    `json:"expr"`
		Source     sourceRef `json:"datasource"`
	} `json:"targets"`
	Panels []panel `json:"panels"` // of a row that is folded
}

type variable struct {
	Name       string    `json:"name"`
	Type       string    `json:"type"`
	Definition string    `json:"definition"`
	AllValue   string    `json:"allValue"`
	Source     sourceRef `json:"datasource"`
	Query      any       `json:"query"` // of a variable that is a data source: its type
}

// sourceRef is a data source as dashboards write it: by name, as older ones do,
// by UID and type, or not at all.
type sourceRef struct{ name, kind string }

func (r *sourceRef) UnmarshalJSON(data []byte) error {
	var byUID struct {
		UID  string `json:"uid"`
		Type string `json:"type"`
	}
	if json.Unmarshal(data, &r.name) == nil {
		return nil // null too
	}
	if err := json.Unmarshal(data, &byUID); err != nil {
		return fmt.Errorf("a data source is %s, which is neither its name nor its uid and type", data)
	}
	r.name, r.kind = byUID.UID, byUID.Type
	return nil
}

// source resolves the variables that are data sources: Grafana fills in one of
// their type, whatever was chosen where the dashboard was made.
func (d dashboard) source(refs ...sourceRef) Source {
	for _, ref := range refs {
		if ref.name == "" || ref.name == "default" {
			continue // that of the panel counts, and without one the default
		}
		match := variablePattern.FindStringSubmatch(ref.name)
		if match == nil || match[0] != ref.name {
			return Source{Name: ref.name, Type: ref.kind}
		}
		for _, v := range d.Templating.List {
			if v.Type == "datasource" && v.Name == match[1]+match[2] {
				kind, _ := v.Query.(string)
				return Source{Type: kind}
			}
		}
		return Source{Name: ref.name, Type: ref.kind}
	}
	return Source{}
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
		all = append(all, DashboardQuery{d.Title, variablePanel + v.Name, fmt.Sprintf("group by (%s) (%s)", match[2], match[1]), d.source(v.Source)})
	}
	panels := slices.Clone(d.Panels)
	for i := 0; i < len(panels); i++ {
		panels = append(panels, panels[i].Panels...)
		for _, target := range panels[i].Targets {
			expression, err := fill(target.Expression, d.Templating.List)
			if err != nil {
				return nil, fmt.Errorf("read dashboard %s, panel %s: %w", file, panels[i].Title, err)
			}
			all = append(all, DashboardQuery{d.Title, panels[i].Title, expression, d.source(target.Source, panels[i].Source)})
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
