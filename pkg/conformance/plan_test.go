package conformance

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestNewPlanKeepsWhatIsLeftOut(t *testing.T) {
	catalogue := []Check{
		{ID: "b.two", Level: Core, Requires: []Feature{"x", "y", "z"}},
		{ID: "a.one", Level: Core, Requires: []Feature{"x"}},
		{ID: "c.ext", Level: Extended},
	}
	tests := []struct {
		name    string
		profile Level
		skip    []string
		want    []Planned
	}{
		{"core", Core, nil, []Planned{
			{Check: catalogue[1]}, {Check: catalogue[0], Unsupported: "y, z", Because: "nobody asked"},
		}},
		{"extended", Extended, []string{"a.one", "c.ext"}, []Planned{
			{Check: catalogue[1], Skipped: "left out by hand"},
			{Check: catalogue[0], Unsupported: "y, z", Because: "nobody asked"},
			{Check: catalogue[2], Skipped: "left out by hand"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := newPlan(catalogue, tt.profile, []Feature{"x", "w", "x"}, []Absence{{"z", "nobody asked"}, {"v", "nor for this"}}, tt.skip)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(plan.Checks, tt.want) {
				t.Errorf("checks are %+v\nwant %+v", plan.Checks, tt.want)
			}
			if want := []Feature{"w", "x"}; !reflect.DeepEqual(plan.Features, want) {
				t.Errorf("features are %v, want %v", plan.Features, want)
			}
			if want := []Absence{{"v", "nor for this"}, {"z", "nobody asked"}}; !reflect.DeepEqual(plan.NotOffered, want) {
				t.Errorf("not offered are %v, want %v", plan.NotOffered, want)
			}
		})
	}
}

func TestNewPlanNamesAllProblemsAtOnce(t *testing.T) {
	_, err := NewPlan("gold", nil, nil, []string{"executor.xcoms", "logs.live", "zzz", "platform.no_restart"})
	const want = `make plan: profile "gold" is not known: use core or extended
check "executor.xcoms" to skip is not in the catalogue: did you mean executor.xcom?
check "zzz" to skip is not in the catalogue
check "platform.no_restart" to skip is not in the catalogue: did you mean platform.no_restarts?`
	if err == nil || err.Error() != want {
		t.Errorf("error is %v\nwant %s", err, want)
	}
}

func TestPlanSurvivesJSON(t *testing.T) {
	plan, err := NewPlan(Core, []Feature{FeatureKubernetesExecutor}, nil, []string{"logs.live"})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	var back Plan
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, plan) {
		t.Errorf("came back as %+v, %v", back, err)
	}
}

func TestEdits(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"ab", "ba", 2}}
	for _, tt := range tests {
		if got := edits(tt.a, tt.b); got != tt.want {
			t.Errorf("from %q to %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
