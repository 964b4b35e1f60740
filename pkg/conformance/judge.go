package conformance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Judge decides from the plan and the records alone. A check passes only when
// every attempt passed. Failed beats inconclusive; blocked, missing, skipped by
// hand and contradictory are inconclusive; unsupported is listed and weighs
// nothing. A run in which no core check passed is never conformant.
//
// A record with the outcome Missing stands for an attempt that was begun and
// left no result behind.
func Judge(plan Plan, records []Record) Report {
	report := Report{Profile: plan.Profile, Features: slices.Clone(plan.Features), NotOffered: slices.Clone(plan.NotOffered)}
	byCheck := map[string][]Record{}
	for _, r := range records {
		byCheck[r.Check] = append(byCheck[r.Check], r)
	}
	planned := slices.Clone(plan.Checks)
	slices.SortStableFunc(planned, func(a, b Planned) int { return strings.Compare(a.Check.ID, b.Check.ID) })
	known := map[string]bool{}
	for _, p := range planned {
		if known[p.Check.ID] {
			report.Errors = append(report.Errors, fmt.Sprintf("plan lists the check %s twice", p.Check.ID))
			continue
		}
		known[p.Check.ID] = true
		judged := judgeCheck(p, byCheck[p.Check.ID])
		judged.Decides = p.Check.Level != Extended || plan.Profile == Extended
		report.Checks = append(report.Checks, judged)
	}
	report.Errors = append(report.Errors, unplanned(byCheck, known)...)
	report.Areas = areas(report.Checks)
	for _, j := range report.Checks {
		report.Counts.add(j.Outcome)
	}
	report.Verdict, report.Reason = decide(report.Checks, report.Errors)
	return report
}

// unplanned gives one error for each check that was recorded and not planned.
func unplanned(byCheck map[string][]Record, known map[string]bool) []string {
	var errs []string
	for id, records := range byCheck {
		if known[id] {
			continue
		}
		sortRecords(records)
		var outcomes []string
		for _, r := range records {
			outcomes = append(outcomes, fmt.Sprintf("attempt %d %s", r.Attempt, r.Outcome))
		}
		errs = append(errs, fmt.Sprintf("check %q was recorded (%s) and is not in the plan", id, strings.Join(outcomes, ", ")))
	}
	slices.Sort(errs)
	return errs
}

func sortRecords(records []Record) {
	slices.SortStableFunc(records, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Attempt, b.Attempt), a.Started.Compare(b.Started),
			strings.Compare(string(a.Outcome), string(b.Outcome)), strings.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Took, b.Took))
	})
}

func judgeCheck(p Planned, records []Record) Judged {
	records = slices.Clone(records)
	sortRecords(records)
	j := Judged{Check: p.Check, Attempts: records}
	for _, r := range records {
		j.Took += r.Took
		j.Evidence = append(j.Evidence, r.Evidence...)
	}
	slices.Sort(j.Evidence)
	j.Evidence = slices.Compact(j.Evidence)
	j.Outcome, j.Reason = outcome(p, records)
	return j
}

// outcome is what the records of one check come to, sorted by attempt.
func outcome(p Planned, records []Record) (Outcome, string) {
	switch {
	case p.Unsupported != "":
		reason := "the platform does not claim " + p.Unsupported
		if p.Because != "" {
			reason += ": " + p.Because
		}
		return leftOut(Unsupported, reason, records)
	case p.Skipped != "":
		return leftOut(Skipped, p.Skipped, records)
	case len(records) == 0:
		return Missing, "planned, and left no result behind"
	}
	if r, ok := failed(records); ok {
		return Failed, reasonOf(r, records)
	}
	if reason := contradiction(records); reason != "" {
		return Contradictory, reason
	}
	for _, o := range []Outcome{Blocked, Missing, Skipped} {
		if i := slices.IndexFunc(records, func(r Record) bool { return r.Outcome == o }); i >= 0 {
			return o, reasonOf(records[i], records)
		}
	}
	for i, r := range records {
		if r.Attempt != i+1 {
			return Missing, fmt.Sprintf("attempt %d left no result behind, attempt %d did", i+1, r.Attempt)
		}
	}
	return Passed, ""
}

// leftOut keeps the outcome that the plan gave, unless a record says that the
// check ran all the same.
func leftOut(planned Outcome, reason string, records []Record) (Outcome, string) {
	for _, r := range records {
		if r.Outcome != Skipped && r.Outcome != Unsupported {
			return Contradictory, fmt.Sprintf("planned as %s (%s), and attempt %d was recorded as %s: %s",
				planned, reason, r.Attempt, r.Outcome, reasonText(r))
		}
	}
	return planned, reason
}

// failed finds the first failed attempt that no second record disputes.
func failed(records []Record) (Record, bool) {
	times := map[int]int{}
	for _, r := range records {
		times[r.Attempt]++
	}
	for _, r := range records {
		if r.Outcome == Failed && times[r.Attempt] == 1 {
			return r, true
		}
	}
	return Record{}, false
}

// contradiction says why records, sorted by attempt, cannot all be true.
func contradiction(records []Record) string {
	for i, r := range records {
		if i > 0 && records[i-1].Attempt == r.Attempt {
			return fmt.Sprintf("attempt %d was recorded twice: as %s and as %s", r.Attempt, records[i-1].Outcome, r.Outcome)
		}
		if r.Attempt < 1 {
			return fmt.Sprintf("attempt %d was recorded: attempts count from 1", r.Attempt)
		}
		switch r.Outcome {
		case Passed, Failed, Blocked, Missing, Skipped:
		case Unsupported:
			return fmt.Sprintf("attempt %d was recorded as unsupported, and the platform claims what the check needs", r.Attempt)
		default:
			return fmt.Sprintf("attempt %d was recorded with the outcome %q, which is not known", r.Attempt, r.Outcome)
		}
	}
	return ""
}

// reasonOf is the reason of r, with its attempt when there were several.
func reasonOf(r Record, records []Record) string {
	if len(records) == 1 {
		return reasonText(r)
	}
	return fmt.Sprintf("attempt %d of %d: %s", r.Attempt, len(records), reasonText(r))
}

func reasonText(r Record) string { return cmp.Or(r.Reason, "no reason was recorded") }

func areas(checks []Judged) []AreaSummary {
	var all []AreaSummary
	for i := 0; i < len(checks); {
		area := AreaSummary{Name: Area(checks[i].Check.ID)}
		from := i
		for ; i < len(checks) && Area(checks[i].Check.ID) == area.Name; i++ {
			area.Counts.add(checks[i].Outcome)
		}
		if s := split(checks[from:i]); s.passed+len(s.failed)+len(s.open) > 0 {
			area.Verdict = s.verdict()
		}
		all = append(all, area)
	}
	return all
}

// sums are the deciding checks by what they do to the verdict.
type sums struct {
	passed, corePassed, unsupported int
	failed, open                    []string // ids
}

func split(checks []Judged) sums {
	var s sums
	for _, j := range checks {
		switch {
		case !j.Decides:
		case j.Outcome == Passed:
			s.passed++
			if j.Check.Level == Core {
				s.corePassed++
			}
		case j.Outcome == Failed:
			s.failed = append(s.failed, j.Check.ID)
		case j.Outcome == Unsupported:
			s.unsupported++
		default:
			s.open = append(s.open, j.Check.ID)
		}
	}
	return s
}

func (s sums) verdict() Verdict {
	switch {
	case len(s.failed) > 0:
		return NotConformant
	case len(s.open) > 0:
		return Inconclusive
	}
	return Conformant
}

// decide gives the verdict of the run and the sentence that explains it.
func decide(checks []Judged, errs []string) (Verdict, string) {
	s := split(checks)
	decisive := s.passed + len(s.failed) + len(s.open)
	v := s.verdict()
	switch {
	case v == NotConformant:
		return v, fmt.Sprintf("%s failed: %s", count(len(s.failed), "check"), strings.Join(s.failed, ", "))
	case v == Inconclusive && s.passed == 0:
		return v, fmt.Sprintf("no check passed, %s without a usable result", count(len(s.open), "check"))
	case v == Inconclusive:
		return v, fmt.Sprintf("%s without a usable result: %s", count(len(s.open), "check"), strings.Join(s.open, ", "))
	case len(errs) > 0:
		return Inconclusive, "plan and records do not fit together: " + strings.Join(errs, "; ")
	case s.corePassed == 0:
		return Inconclusive, "no core check passed"
	case s.unsupported > 0:
		return v, fmt.Sprintf("%s passed, %d unsupported", count(decisive, "check"), s.unsupported)
	}
	return v, fmt.Sprintf("%s passed", count(decisive, "check"))
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
