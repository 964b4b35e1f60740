package reporthtml

import (
	"bytes"
	_ "embed"
	"fmt"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
)

//go:embed summary.html
var summarySource string

var summaryTemplate = parsePage("summary", summarySource)

// summaryPage is what the template shows.
type summaryPage struct {
	reportv1.Summary
	shell
	Outcomes []tally // of all stacks together
	Notes    []string
	Areas    []summaryArea
}

// summaryArea is the checks of one area on every stack.
type summaryArea struct {
	Name string
	Rows []summaryRow
}

type summaryRow struct {
	reportv1.CheckRow
	Cells []summaryCell // as the stacks are ordered
}

// summaryCell is one check on one stack; without an outcome it was not planned.
type summaryCell struct {
	Stack, Report string
	Outcome       conformance.Outcome
}

// Summary writes the page over several stacks. Like that of a run it loads
// nothing; the stacks' own pages are linked.
func Summary(d reportv1.Summary) ([]byte, error) {
	p := summaryPage{
		Summary: d, shell: newShell(d.Verdict, d.Name, ""), Notes: d.Notes(),
	}
	count := map[conformance.Outcome]int{}
	for _, c := range d.Checks {
		row := summaryRow{CheckRow: c}
		for _, s := range d.Stacks {
			o := c.Outcomes[s.Name]
			row.Cells = append(row.Cells, summaryCell{s.Name, s.Report, o})
			count[o]++
		}
		name := conformance.Area(c.ID)
		if n := len(p.Areas); n == 0 || p.Areas[n-1].Name != name {
			p.Areas = append(p.Areas, summaryArea{Name: name})
		}
		last := &p.Areas[len(p.Areas)-1]
		last.Rows = append(last.Rows, row)
	}
	for _, o := range order {
		if count[o] > 0 {
			p.Outcomes = append(p.Outcomes, tally{o, count[o]})
		}
	}
	var b bytes.Buffer
	if err := summaryTemplate.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("write summary as a page: %w", err)
	}
	return b.Bytes(), nil
}

// colour is the outcome whose colour a verdict has, empty for that of a warning.
func colour(v conformance.Verdict) conformance.Outcome {
	switch v {
	case conformance.Conformant:
		return conformance.Passed
	case conformance.NotConformant:
		return conformance.Failed
	}
	return ""
}
