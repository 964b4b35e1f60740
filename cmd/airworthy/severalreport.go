package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/airworthy/airworthy/pkg/conformance/reporthtml"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/evidence/verdict"
)

// The files of a directory over several stacks. The stacks' own run directories
// lie beside it.
const (
	severalFile     evidence.File = "several.json" // which stacks, and what their reports do not say
	summaryYAML     evidence.File = "summary.yaml"
	summaryMarkdown evidence.File = "summary.md"
	summaryJUnit                  = evidence.ReportJUnit
	summaryHTML     evidence.File = "summary.html"
)

// summaryFiles are the files that hold the formats of the summary.
var summaryFiles = map[string]evidence.File{
	"markdown": summaryMarkdown, "html": summaryHTML, "yaml": summaryYAML, "junit": summaryJUnit,
}

// withOutcomes is s with what became of the stacks.
func withOutcomes(s reportv1.Several, all []outcome) reportv1.Several {
	s.Stacks = nil
	for _, o := range all {
		f := reportv1.Flown{Name: o.name, RunFile: o.file, Report: o.doc, Reported: o.doc != nil, Error: o.why()}
		if o.dir != "" {
			f.Run = filepath.Base(o.dir)
		}
		if f.Report == nil {
			f.Error = cmp.Or(f.Error, "it left no report")
		}
		s.Stacks = append(s.Stacks, f)
	}
	return s
}

func summarize(s reportv1.Several, all []outcome) reportv1.Summary {
	return reportv1.Summarize(withOutcomes(s, all))
}

// writeSummary writes what became of several stacks into a directory of its own
// and seals it. It may be called again when more is known.
func writeSummary(dir *evidence.Dir, s reportv1.Several, all []outcome) (reportv1.Summary, error) {
	s = withOutcomes(s, all)
	if err := dir.WriteJSON(severalFile, s); err != nil {
		return reportv1.Summary{}, fmt.Errorf("write summary: %w", err)
	}
	d, files, err := renderSummary(s)
	if err != nil {
		return d, fmt.Errorf("write summary: %w", err)
	}
	for f, content := range files {
		if err := dir.WriteDerived(f, content); err != nil {
			return d, fmt.Errorf("write summary: %w", err)
		}
	}
	if err := dir.Seal(); err != nil {
		return d, fmt.Errorf("write summary: %w", err)
	}
	return d, nil
}

// renderSummary makes the files of the summary from nothing but the stacks' reports.
func renderSummary(s reportv1.Several) (reportv1.Summary, map[evidence.File][]byte, error) {
	d := reportv1.Summarize(s)
	yaml, yamlErr := reportv1.MarshalSummary(d)
	junit, junitErr := reportv1.SummaryJUnit(s)
	page, pageErr := reporthtml.Summary(d)
	return d, map[evidence.File][]byte{
		summaryYAML: yaml, summaryMarkdown: reportv1.SummaryMarkdown(d), summaryJUnit: junit, summaryHTML: page,
	}, errors.Join(yamlErr, junitErr, pageErr)
}

// isSummary tells a directory over several stacks from a run directory.
func isSummary(path string) bool {
	_, err := os.Stat(filepath.Join(path, string(severalFile)))
	return err == nil
}

// verifySummary verifies the run directory of every stack, makes the summary
// again of what they hold now, and names everything that differs.
func verifySummary(path string) (reportv1.Summary, []string, error) {
	dir, err := evidence.Open(path)
	if err != nil {
		return reportv1.Summary{}, nil, fmt.Errorf("verify summary: %w", err)
	}
	var s reportv1.Several
	if err := dir.ReadJSON(severalFile, &s); err != nil {
		return reportv1.Summary{}, nil, fmt.Errorf("verify summary: %w", err)
	}
	var differences []string
	sums, err := dir.VerifySums()
	if err != nil {
		differences = append(differences, err.Error())
	}
	for _, d := range sums {
		differences = append(differences, d.String())
	}
	for i, f := range s.Stacks {
		if !f.Reported {
			continue
		}
		result, err := verdict.Verify(filepath.Join(filepath.Dir(filepath.Clean(path)), filepath.Base(f.Run)))
		if err != nil {
			differences = append(differences, fmt.Sprintf("stack %s: %v", f.Name, err))
			continue
		}
		for _, d := range result.Differences {
			differences = append(differences, fmt.Sprintf("stack %s: %s", f.Name, d))
		}
		s.Stacks[i].Report = &result.Document
	}
	d, files, err := renderSummary(s)
	if err != nil {
		return d, differences, fmt.Errorf("verify summary: %w", err)
	}
	for _, at := range []evidence.File{summaryYAML, summaryMarkdown, summaryJUnit, summaryHTML} {
		if stored, err := dir.ReadFile(at); err != nil || !bytes.Equal(stored, files[at]) {
			differences = append(differences, fmt.Sprintf("%s does not follow from the stacks' records", at))
		}
	}
	return d, differences, nil
}
