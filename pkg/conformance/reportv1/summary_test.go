package reportv1

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/airworthy/airworthy/internal/golden"
	"github.com/airworthy/airworthy/pkg/conformance"
)

// severalRuns is three stacks: one conformant, one with every outcome, and one
// that left no report.
func severalRuns(t *testing.T) Several {
	good, mixed := conformantRun(t), mixedRun(t)
	good.Checks = append([]Check{{
		ID: "dags.appears", Title: mixed.Checks[0].Title, Outcome: conformance.Unsupported, Reason: "the platform does not claim live-dags",
	}}, good.Checks...)
	return Several{
		Name: "several-20260102T030405Z", Airworthy: "0.1.0", SideBySide: 2,
		Command: []string{"airworthy", "e2e", "--side-by-side=2", "one.yaml", "two.yaml", "three.yaml"},
		Stacks: []Flown{
			{Name: "one", RunFile: "one.yaml", Run: "one-20260102T030405Z", Report: &good},
			{Name: "two", RunFile: "two.yaml", Run: "two-20260102T030405Z", Report: &mixed, Error: "the clean-up left | a <network>"},
			{Name: "three", RunFile: "three.yaml", Run: "three-20260102T030405Z", Error: "no container engine answers"},
		},
	}
}

func TestSummary(t *testing.T) {
	for name, s := range map[string]Several{
		"several": severalRuns(t), "several-none": {Name: "several-x", Stacks: []Flown{{Name: "one", Error: "interrupted"}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := Summarize(s)
			yaml, err := MarshalSummary(d)
			if err != nil {
				t.Fatal(err)
			}
			junit, err := SummaryJUnit(s)
			if err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, "testdata/"+name+"/summary.yaml", yaml)
			golden.Equal(t, "testdata/"+name+"/summary.md", SummaryMarkdown(d))
			golden.Equal(t, "testdata/"+name+"/junit.xml", junit)
		})
	}
}

func TestSummaryOfWhatNoStackOffers(t *testing.T) {
	d := Summarize(severalRuns(t))
	if len(d.Nowhere) != 1 || d.Nowhere[0].ID != "dags.appears" {
		t.Fatalf("offered by none: %+v", d.Nowhere)
	}
	const want = "one: the platform does not claim live-dags; two: the platform does not claim live-dags: the image brings its <own> DAG files"
	if got := d.Nowhere[0].Why(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestVerdictOverSeveralStacks(t *testing.T) {
	good, bad, open := StackSummary{Name: "good", Verdict: conformance.Conformant}, StackSummary{Name: "bad", Verdict: conformance.NotConformant},
		StackSummary{Name: "open", Verdict: conformance.Inconclusive}
	none := StackSummary{Name: "none"}
	for _, tt := range []struct {
		name   string
		stacks []StackSummary
		want   conformance.Verdict
		reason string
	}{
		{"all conformant", []StackSummary{good, good}, conformance.Conformant, "each of the 2 stacks is conformant"},
		{"one failed", []StackSummary{good, open, none, bad}, conformance.NotConformant, "not conformant: bad; not decided: open, none (no report)"},
		{"one is open", []StackSummary{good, open}, conformance.Inconclusive, "not decided: open"},
		{"one left no report", []StackSummary{good, none}, conformance.Inconclusive, "not decided: none (no report)"},
		{"none at all", nil, conformance.Inconclusive, "there is no stack"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, reason := together(tt.stacks); got != tt.want || reason != tt.reason {
				t.Errorf("got %s: %s\nwant %s: %s", got, reason, tt.want, tt.reason)
			}
		})
	}
}

func TestSummaryJUnitCountsAStackWithoutAReport(t *testing.T) {
	data, err := SummaryJUnit(severalRuns(t))
	if err != nil {
		t.Fatal(err)
	}
	var got testSuites
	if err := xml.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	// As in mixedRun, and the stack without a report.
	if len(got.Suites) != 3 || got.Failures != 1 || got.Errors != 5 || got.Skipped != 3 {
		t.Errorf("%d suites, %d failures, %d errors, %d skipped", len(got.Suites), got.Failures, got.Errors, got.Skipped)
	}
	if !strings.Contains(string(data), "no report: no container engine answers") {
		t.Errorf("the reason is missing:\n%s", data)
	}
}
