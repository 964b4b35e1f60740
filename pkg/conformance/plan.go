package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// NewPlan lists every check of the profile, with those that the platform's
// features do not allow marked unsupported and those in skip marked skipped.
// Nothing is dropped: what is left out stays visible, and decides. notOffered
// says of features that are not claimed why that is so.
// All problems of the arguments are returned at once.
func NewPlan(profile Level, features []Feature, notOffered []Absence, skip []string) (Plan, error) {
	return newPlan(All(), profile, features, notOffered, skip)
}

func newPlan(catalogue []Check, profile Level, features []Feature, notOffered []Absence, skip []string) (Plan, error) {
	var errs []error
	if profile != Core && profile != Extended {
		errs = append(errs, fmt.Errorf("profile %q is not known: use %s or %s", profile, Core, Extended))
	}
	errs = append(errs, unknownIDs(catalogue, skip)...)
	if len(errs) > 0 {
		return Plan{}, fmt.Errorf("make plan: %w", errors.Join(errs...))
	}
	plan := Plan{Profile: profile, Features: slices.Compact(slices.Sorted(slices.Values(features))), NotOffered: slices.Clone(notOffered)}
	slices.SortFunc(plan.NotOffered, func(a, b Absence) int { return strings.Compare(string(a.Feature), string(b.Feature)) })
	for _, c := range catalogue {
		if c.Level == Extended && profile == Core {
			continue
		}
		p := Planned{Check: c}
		p.Unsupported, p.Because = missingFeatures(c, features, notOffered)
		if slices.Contains(skip, c.ID) {
			p.Skipped = "left out by hand"
		}
		plan.Checks = append(plan.Checks, p)
	}
	slices.SortFunc(plan.Checks, func(a, b Planned) int { return strings.Compare(a.Check.ID, b.Check.ID) })
	return plan, nil
}

// missingFeatures names what c requires and features lack, empty when nothing,
// and why, as far as that is known.
func missingFeatures(c Check, features []Feature, notOffered []Absence) (missing, because string) {
	var names, reasons []string
	for _, f := range c.Requires {
		if slices.Contains(features, f) {
			continue
		}
		names = append(names, string(f))
		for _, a := range notOffered {
			if a.Feature == f && !slices.Contains(reasons, a.Because) {
				reasons = append(reasons, a.Because)
			}
		}
	}
	return strings.Join(names, ", "), strings.Join(reasons, "; ")
}

// unknownIDs gives one error for each id in skip that the catalogue lacks.
func unknownIDs(catalogue []Check, skip []string) []error {
	known := make([]string, len(catalogue))
	for i, c := range catalogue {
		known[i] = c.ID
	}
	var errs []error
	for _, id := range skip {
		if slices.Contains(known, id) {
			continue
		}
		err := fmt.Errorf("check %q to skip is not in the catalogue", id)
		if near := nearest(known, id); near != "" {
			err = fmt.Errorf("%w: did you mean %s?", err, near)
		}
		errs = append(errs, err)
	}
	return errs
}

// nearest returns the known id with the fewest edits from id, empty when none
// is closer than writing half of it anew. The first in order wins a tie.
func nearest(known []string, id string) string {
	best, fewest := "", len(id)/2+1
	for _, k := range known {
		if d := edits(k, id); d < fewest {
			best, fewest = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance of two ASCII strings.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
