package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
	"github.com/airworthy/airworthy/pkg/evidence"
)

// phase is one part of the whole run, for the end of the output.
type phase struct {
	name string
	took time.Duration
}

// printSummary says what came out, for a person. The last line has the counts
// alone, for whoever reads the output by program.
func printSummary(w io.Writer, doc reportv1.Document, dir string, phases []phase) {
	fmt.Fprintf(w, "\nverdict: %s - %s\n", doc.Verdict, doc.Reason)
	for _, c := range doc.Checks {
		switch c.Outcome {
		case conformance.Passed, conformance.Unsupported, conformance.Skipped, conformance.Missing:
			continue
		}
		fmt.Fprintf(w, "  %s %s: %s\n", c.Outcome, c.ID, indent(c.Reason))
		if folder := evidenceFolder(c); folder != "" {
			fmt.Fprintf(w, "    evidence: %s/%s\n", dir, folder)
		}
	}
	for _, p := range doc.Problems {
		fmt.Fprintf(w, "  problem: %s\n", indent(p))
	}
	for _, e := range doc.Errors {
		fmt.Fprintf(w, "  does not fit: %s\n", indent(e))
	}
	printByReason(w, doc, conformance.Missing)
	printByReason(w, doc, conformance.Unsupported)
	if left := outcomes(doc, conformance.Skipped); len(left) > 0 {
		fmt.Fprintf(w, "  left out by hand: %d checks\n", len(left))
	}
	fmt.Fprintf(w, "airworthy itself: at most %s of memory, %.1f s of processor time%s\n",
		bytesText(doc.Harness.MaxRSSBytes), doc.Harness.CPUSeconds, shareText(doc.Harness.CPUShare))
	if doc.Harness.ProgramBytes > 0 {
		fmt.Fprintf(w, "programs that it started: at most %s of memory, %.1f s of processor time\n",
			bytesText(doc.Harness.ProgramBytes), doc.Harness.ProgramCPUSeconds)
	}
	if doc.Harness.StackBytes > 0 {
		fmt.Fprintf(w, "the stack: at most %s of memory in its containers\n", bytesText(doc.Harness.StackBytes))
	}
	fmt.Fprintf(w, "how long: %s\n", phasesText(phases))
	fmt.Fprintf(w, "report: %s/%s\n", dir, evidence.ReportHTML)
	fmt.Fprintf(w, "run directory: %s\n", dir)
	fmt.Fprintln(w, countsLine(doc.Counts))
}

// printByReason names the checks of an outcome, with one line for each reason: a
// set-up that failed leaves all of them missing.
func printByReason(w io.Writer, doc reportv1.Document, outcome conformance.Outcome) {
	var g reasons
	for _, c := range doc.Checks {
		if c.Outcome == outcome {
			g.add(c.Reason, c.ID)
		}
	}
	g.print(w, fmt.Sprintf("  %s", outcome), len(doc.Checks))
}

// reasons groups checks that share one, in the order in which they came.
type reasons struct {
	order  []string
	checks map[string][]string
}

func (g *reasons) add(reason, check string) {
	if g.checks == nil {
		g.checks = map[string][]string{}
	}
	if g.checks[reason] == nil {
		g.order = append(g.order, reason)
	}
	g.checks[reason] = append(g.checks[reason], check)
}

// print writes one line for each reason; all is how many checks there are.
func (g *reasons) print(w io.Writer, what string, all int) {
	for _, reason := range g.order {
		fmt.Fprintf(w, "%s: %s: %s\n", what, namesText(g.checks[reason], all), indent(reason))
	}
}

// countsLine is the closing line. It begins with what passed and what failed,
// which programs read, and names every other outcome apart: a check that never
// ran says nothing about the platform, and nobody may read it as a failure or
// a dead run as a clean one.
func countsLine(c reportv1.Counts) string {
	s := fmt.Sprintf("%d passed, %d failed", c.Passed, c.Failed)
	for _, other := range []struct {
		n  int
		as conformance.Outcome
	}{
		{c.Blocked, conformance.Blocked}, {c.Missing, conformance.Missing}, {c.Contradictory, conformance.Contradictory},
		{c.Skipped, conformance.Skipped}, {c.Unsupported, conformance.Unsupported},
	} {
		if other.n > 0 {
			s += fmt.Sprintf(", %d %s", other.n, other.as)
		}
	}
	return s
}

// namesText names checks, and says it shorter when they are all that there are.
func namesText(ids []string, all int) string {
	if len(ids) == all {
		return fmt.Sprintf("all %d checks", all)
	}
	return strings.Join(ids, ", ")
}

func shareText(share *float64) string {
	if share == nil {
		return ""
	}
	return fmt.Sprintf(" (%.1f%% of the machine's during the run)", *share*100)
}

func phasesText(phases []phase) string {
	var parts []string
	var total time.Duration
	for _, p := range phases {
		parts = append(parts, fmt.Sprintf("%s %.1fs", p.name, p.took.Seconds()))
		total += p.took
	}
	return fmt.Sprintf("%s, total %.1fs", strings.Join(parts, ", "), total.Seconds())
}

// indent keeps the further lines of a reason below its first.
func indent(s string) string {
	return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}

// evidenceFolder is the folder of the last attempt that left evidence.
func evidenceFolder(c reportv1.Check) string {
	last := ""
	for _, e := range c.Evidence {
		parts := strings.Split(e, "/")
		if len(parts) >= 3 && parts[0] == "checks" {
			last = strings.Join(parts[:3], "/")
		}
	}
	return last
}

func outcomes(doc reportv1.Document, o conformance.Outcome) []string {
	var ids []string
	for _, c := range doc.Checks {
		if c.Outcome == o {
			ids = append(ids, c.ID)
		}
	}
	return ids
}
