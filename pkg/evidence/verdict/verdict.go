// Package verdict makes the report of a run from the files of its run
// directory, and makes it again to see that nothing was changed since. It joins
// conformance, which knows no files, with evidence, which knows no checks. It
// needs no cluster.
package verdict

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reporthtml"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
	"github.com/airworthy/airworthy/pkg/evidence"
)

// Write looks for secrets in the directory of a run, stores the facts, judges
// what the directory holds, writes report.yaml, report.md, junit.xml and
// report.html, and seals the directory. It returns what the files say. Nothing
// may be written into the directory afterwards.
func Write(dir *evidence.Dir, facts reportv1.Facts) (reportv1.Document, error) {
	if facts.Run == "" {
		facts.Run = dir.Name()
	}
	leaks, err := dir.Leaks()
	if err != nil {
		return reportv1.Document{}, fmt.Errorf("write report: %w", err)
	}
	facts.Leaks = nil
	for _, leak := range leaks {
		facts.Leaks = append(facts.Leaks, string(leak))
	}
	if err := dir.WriteJSON(evidence.FactsFile, facts); err != nil {
		return reportv1.Document{}, fmt.Errorf("write report: %w", err)
	}
	doc, files, err := render(dir)
	if err != nil {
		return doc, fmt.Errorf("write report: %w", err)
	}
	for _, f := range files {
		if err := dir.WriteDerived(f.at, f.content); err != nil {
			return doc, fmt.Errorf("write report: %w", err)
		}
	}
	if err := dir.Seal(); err != nil {
		return doc, fmt.Errorf("write report: %w", err)
	}
	return doc, nil
}

// Result is what Verify found.
type Result struct {
	// Document is what follows from the records now, whatever the stored report says.
	Document reportv1.Document
	// Differences name every file that is not as it was sealed, and every
	// report that does not follow from the records. Empty: nothing was changed.
	Differences []string
}

// Verify checks the sums of a run directory, judges its records again and
// compares the reports with the stored ones byte by byte. It changes nothing.
// The error says that the directory cannot be judged at all.
func Verify(path string) (Result, error) {
	dir, err := evidence.Open(path)
	if err != nil {
		return Result{}, fmt.Errorf("verify run: %w", err)
	}
	var result Result
	sums, err := dir.VerifySums()
	if err != nil {
		result.Differences = append(result.Differences, err.Error())
	}
	for _, d := range sums {
		result.Differences = append(result.Differences, d.String())
	}
	doc, files, err := render(dir)
	if err != nil {
		return result, fmt.Errorf("verify run: %w", err)
	}
	result.Document = doc
	for _, f := range files {
		stored, err := dir.ReadFile(f.at)
		if err != nil {
			result.Differences = append(result.Differences, fmt.Sprintf("%s cannot be compared: %v", f.at, err))
			continue
		}
		if d := firstDifference(stored, f.content); d != "" {
			result.Differences = append(result.Differences, fmt.Sprintf("%s does not follow from the records: %s", f.at, d))
		}
	}
	return result, nil
}

// Judge reads the plan and every record of a run directory and judges them.
func Judge(dir *evidence.Dir) (conformance.Report, error) {
	var plan conformance.Plan
	if err := dir.ReadPlan(&plan); err != nil {
		return conformance.Report{}, err
	}
	records, err := Records(dir)
	report := conformance.Judge(plan, records)
	if err != nil {
		spoil(&report, err)
	}
	return report, nil
}

// spoil adds what could not be read: the rest of the records may pass, but
// nobody knows what the unread one said.
func spoil(report *conformance.Report, err error) {
	for line := range strings.Lines(err.Error()) {
		report.Errors = append(report.Errors, strings.TrimSuffix(line, "\n"))
	}
	slices.Sort(report.Errors)
	if report.Verdict == conformance.Conformant {
		report.Verdict = conformance.Inconclusive
		report.Reason = "plan and records do not fit together: " + strings.Join(report.Errors, "; ")
	}
}

// distrust takes the verdict back, whatever it was: what may not be handed on
// is no evidence.
func distrust(report *conformance.Report, leaks []string) {
	report.Verdict = conformance.Inconclusive
	report.Reason = "the run directory holds a secret of the stack, so it must not be handed on: look into " + strings.Join(leaks, ", ")
}

// Records reads every attempt of a run directory. One that was begun and left
// no result is a record with the outcome missing, so that a check is not
// passed by trying again after its process died. The error names what could
// not be read; the rest is returned with it.
func Records(dir *evidence.Dir) ([]conformance.Record, error) {
	finished, interrupted, err := dir.ReadRecords()
	var records []conformance.Record
	for _, r := range finished {
		records = append(records, conformance.Record{
			Check: r.Check, Attempt: r.Attempt, Outcome: conformance.Outcome(r.Outcome), Reason: r.Reason,
			Started: r.Started, Took: r.Took, Process: r.Process, Evidence: r.Evidence,
		})
	}
	for _, i := range interrupted {
		records = append(records, conformance.Record{
			Check: i.Check, Attempt: i.Attempt, Outcome: conformance.Missing,
			Reason: "begun and left no result behind, its process was interrupted", Evidence: []string{string(i.Folder)},
		})
	}
	return records, err
}

// Record turns the judgement of an attempt into what evidence stores.
func Record(outcome conformance.Outcome, reason string) evidence.Record {
	return evidence.Record{Outcome: string(outcome), Reason: reason}
}

type file struct {
	at      evidence.File
	content []byte
}

// render makes the reports from nothing but the files of dir.
func render(dir *evidence.Dir) (reportv1.Document, []file, error) {
	judged, err := Judge(dir)
	if err != nil {
		return reportv1.Document{}, nil, err
	}
	var facts reportv1.Facts
	if err := dir.ReadJSON(evidence.FactsFile, &facts); err != nil {
		return reportv1.Document{}, nil, err
	}
	if len(facts.Leaks) > 0 {
		distrust(&judged, facts.Leaks)
	}
	doc := reportv1.New(facts, judged)
	yaml, yamlErr := reportv1.Marshal(doc)
	junit, junitErr := reportv1.JUnit(doc)
	page, pageErr := reporthtml.Page(doc, os.DirFS(dir.Path()))
	return doc, []file{
		{evidence.ReportYAML, yaml},
		{evidence.ReportMarkdown, reportv1.Markdown(doc)},
		{evidence.ReportJUnit, junit},
		{evidence.ReportHTML, page},
	}, errors.Join(yamlErr, junitErr, pageErr)
}

// firstDifference describes where two texts part, empty when nowhere.
func firstDifference(stored, made []byte) string {
	if bytes.Equal(stored, made) {
		return ""
	}
	a, b := strings.Split(string(stored), "\n"), strings.Split(string(made), "\n")
	for i := range max(len(a), len(b)) {
		if lineAt(a, i) != lineAt(b, i) {
			return fmt.Sprintf("line %d is %s and should be %s", i+1, lineAt(a, i), lineAt(b, i))
		}
	}
	return "the bytes differ"
}

func lineAt(lines []string, i int) string {
	if i >= len(lines) {
		return "absent"
	}
	// A line of report.html may hold a whole picture.
	return fmt.Sprintf("%.200q", lines[i])
}
