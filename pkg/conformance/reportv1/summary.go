package reportv1

import (
	"fmt"
	"slices"
	"strings"

	"github.com/airworthy/airworthy/pkg/conformance"
)

// Several is what is known of a run of several stacks beside their reports. It
// is stored with the summary, so that it can be made again from files.
type Several struct {
	Name       string   `json:"name"` // of the summary's directory
	Airworthy  string   `json:"airworthy"`
	Command    []string `json:"command"` // how to reproduce: the command line, program first
	SideBySide int      `json:"sideBySide"`
	Stacks     []Flown  `json:"stacks"` // in the order of the command line
}

// Flown is one stack of several.
type Flown struct {
	Name    string `json:"name"`
	RunFile string `json:"runFile,omitempty"`
	// Run is the name of the run directory, which lies beside the summary's; empty
	// where there is none.
	Run string `json:"run,omitempty"`
	// Error is why there is no report, or what was wrong beside one.
	Error    string    `json:"error,omitempty"`
	Reported bool      `json:"reported"` // whether the run directory holds a report
	Report   *Document `json:"-"`        // that report; nil where there is none
}

// Summary is the report over several stacks as it is written to summary.yaml.
type Summary struct {
	APIVersion string              `yaml:"apiVersion"`
	Kind       string              `yaml:"kind"` // Summary
	Name       string              `yaml:"name"`
	Verdict    conformance.Verdict `yaml:"verdict"`
	Reason     string              `yaml:"reason"`
	Counts     Counts              `yaml:"counts"`     // of all stacks together
	SideBySide int                 `yaml:"sideBySide"` // how many stacks went at the same time at most
	Stacks     []StackSummary      `yaml:"stacks"`
	// Nowhere are the checks that no stack offers what is needed for, by id.
	Nowhere   []Nowhere  `yaml:"nowhere,omitempty"`
	Checks    []CheckRow `yaml:"checks"` // ordered by id
	Reproduce Reproduce  `yaml:"reproduce"`
}

// StackSummary is one stack in short. Without a report there is no verdict.
type StackSummary struct {
	Name       string              `yaml:"name"`
	RunFile    string              `yaml:"runFile,omitempty"`
	Run        string              `yaml:"run,omitempty"`    // name of the run directory
	Report     string              `yaml:"report,omitempty"` // relative to the summary's directory
	Verdict    conformance.Verdict `yaml:"verdict,omitempty"`
	Reason     string              `yaml:"reason,omitempty"`
	Error      string              `yaml:"error,omitempty"`
	Profile    conformance.Level   `yaml:"profile,omitempty"`
	Counts     Counts              `yaml:"counts"`
	Started    string              `yaml:"started,omitempty"` // RFC 3339, UTC
	Seconds    Totals              `yaml:"seconds"`
	StackBytes int64               `yaml:"stackBytes,omitempty"` // as in Resources
}

// Nowhere is a check that no stack could run.
type Nowhere struct {
	ID      string          `yaml:"id"`
	Title   string          `yaml:"title"`
	Because []NowhereReason `yaml:"because"` // the feature that is missing, and why
}

// NowhereReason is why stacks could not run a check.
type NowhereReason struct {
	Reason string   `yaml:"reason"`
	Stacks []string `yaml:"stacks"`
}

// CheckRow is one check on every stack. A stack that did not plan it, by its
// profile or for want of a report, has no outcome.
type CheckRow struct {
	ID       string                         `yaml:"id"`
	Title    string                         `yaml:"title"`
	Outcomes map[string]conformance.Outcome `yaml:"outcomes"` // by stack
}

// Summarize makes the summary. The same reports give the same one.
func Summarize(s Several) Summary {
	d := Summary{
		APIVersion: APIVersion, Kind: "Summary", Name: s.Name, SideBySide: max(1, s.SideBySide),
		Reproduce: Reproduce{Airworthy: s.Airworthy, Command: shellLine(s.Command)},
	}
	for _, f := range s.Stacks {
		one := StackSummary{Name: f.Name, RunFile: f.RunFile, Run: f.Run, Error: f.Error}
		if r := f.Report; r != nil {
			one.Report = "../" + f.Run + "/report.html"
			one.Verdict, one.Reason, one.Profile, one.Counts = r.Verdict, r.Reason, r.Profile, r.Counts
			one.Started, one.Seconds, one.StackBytes = r.Timings.Started, r.Timings.Seconds, r.Harness.StackBytes
			d.Counts = d.Counts.plus(r.Counts)
		}
		d.Stacks = append(d.Stacks, one)
	}
	d.Verdict, d.Reason = together(d.Stacks)
	d.Checks = across(s.Stacks)
	d.Nowhere = nowhere(s.Stacks)
	return d
}

// together is the verdict over all stacks: one that failed outweighs one that
// nothing is known of, as it does for the exit code.
func together(stacks []StackSummary) (conformance.Verdict, string) {
	var failed, open []string
	for _, s := range stacks {
		switch s.Verdict {
		case conformance.Conformant:
		case conformance.NotConformant:
			failed = append(failed, s.Name)
		case "":
			open = append(open, s.Name+" (no report)")
		default:
			open = append(open, s.Name)
		}
	}
	switch {
	case len(failed) > 0:
		reason := fmt.Sprintf("not conformant: %s", strings.Join(failed, ", "))
		if len(open) > 0 {
			reason += "; not decided: " + strings.Join(open, ", ")
		}
		return conformance.NotConformant, reason
	case len(open) > 0:
		return conformance.Inconclusive, "not decided: " + strings.Join(open, ", ")
	case len(stacks) == 0:
		return conformance.Inconclusive, "there is no stack"
	}
	return conformance.Conformant, fmt.Sprintf("each of the %d stacks is conformant", len(stacks))
}

// across collects the checks of all reports, ordered by id.
func across(stacks []Flown) []CheckRow {
	rows := map[string]*CheckRow{}
	for _, f := range stacks {
		if f.Report == nil {
			continue
		}
		for _, c := range f.Report.Checks {
			if rows[c.ID] == nil {
				rows[c.ID] = &CheckRow{ID: c.ID, Title: c.Title, Outcomes: map[string]conformance.Outcome{}}
			}
			rows[c.ID].Outcomes[f.Name] = c.Outcome
		}
	}
	var all []CheckRow
	for _, row := range rows {
		all = append(all, *row)
	}
	slices.SortFunc(all, func(a, b CheckRow) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// nowhere lists the checks that every stack which planned them calls unsupported.
func nowhere(stacks []Flown) []Nowhere {
	reasons := map[string][]NowhereReason{}
	for _, f := range stacks {
		if f.Report == nil {
			continue
		}
		for _, c := range f.Report.Checks {
			if c.Outcome == conformance.Unsupported {
				reasons[c.ID] = because(reasons[c.ID], c.Reason, f.Name)
			}
		}
	}
	var left []Nowhere
	for _, row := range across(stacks) {
		if len(reasons[row.ID]) > 0 && row.only(conformance.Unsupported) {
			left = append(left, Nowhere{ID: row.ID, Title: row.Title, Because: reasons[row.ID]})
		}
	}
	return left
}

// because adds a stack to the reason that it shares with others.
func because(all []NowhereReason, reason, stack string) []NowhereReason {
	for i := range all {
		if all[i].Reason == reason {
			all[i].Stacks = append(all[i].Stacks, stack)
			return all
		}
	}
	return append(all, NowhereReason{Reason: reason, Stacks: []string{stack}})
}

// only says that every stack that planned the check has this outcome.
func (r CheckRow) only(o conformance.Outcome) bool {
	for _, got := range r.Outcomes {
		if got != o {
			return false
		}
	}
	return true
}

func (c Counts) plus(o Counts) Counts {
	return Counts{
		Planned: c.Planned + o.Planned, Passed: c.Passed + o.Passed, Failed: c.Failed + o.Failed,
		Blocked: c.Blocked + o.Blocked, Missing: c.Missing + o.Missing, Skipped: c.Skipped + o.Skipped,
		Unsupported: c.Unsupported + o.Unsupported, Contradictory: c.Contradictory + o.Contradictory,
	}
}

// MarshalSummary writes the summary as YAML. Equal summaries give equal bytes.
func MarshalSummary(d Summary) ([]byte, error) { return marshal("summary", d) }

// SummaryJUnit writes several stacks for CI systems: one suite for each stack,
// one case for each check. A stack without a report is an error.
func SummaryJUnit(s Several) ([]byte, error) {
	all := testSuites{Name: s.Name}
	var total float64
	for _, f := range s.Stacks {
		suite := testSuite{Name: f.Name, Time: decimal(0)}
		if f.Report == nil {
			suite.add(testCase{Class: f.Name, Name: "report", Time: decimal(0), Error: &detail{Type: "report", Message: "no report: " + f.Error}})
			all.add(suite)
			continue
		}
		suite.Started = f.Report.Timings.Started
		var took float64
		for _, c := range f.Report.Checks {
			one := caseOf(c)
			one.Class, one.Output = f.Name+"."+one.Class, ""
			suite.add(one)
			took += c.Seconds
		}
		for _, one := range errorSuite(*f.Report).Cases {
			one.Class = f.Name + "." + one.Class
			suite.add(one)
		}
		suite.Time = decimal(took)
		total += took
		all.add(suite)
	}
	all.Time = decimal(total)
	return all.encode()
}
