package main

import (
	"slices"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
)

// selection is which checks are run, and how.
type selection struct {
	checks []string // ids picked by hand; empty for all
	repeat int      // attempts at each
	procs  int      // parallel processes
	parts  bool     // they are run in parts, not all at once
}

// whole says that all checks are run once, so that what they take can be expected
// of the next run.
func (s selection) whole() bool { return len(s.checks) == 0 && s.repeat == 1 && !s.parts }

// plan makes the plan of a run. What was not picked is planned and skipped: a
// part of the checks gives no verdict about the whole.
func (s selection) plan(run config.Run, features []conformance.Feature, notOffered []conformance.Absence) (conformance.Plan, error) {
	skip, profile := slices.Clone(run.Checks.Skip), conformance.Level(run.Profile)
	if len(s.checks) > 0 {
		for _, c := range conformance.All() {
			switch picked := slices.Contains(s.checks, c.ID); {
			case !picked && !slices.Contains(skip, c.ID):
				skip = append(skip, c.ID)
			case picked && c.Level == conformance.Extended:
				profile = conformance.Extended // a check that is named is run, whatever was asked for
			}
		}
	}
	return conformance.NewPlan(profile, features, notOffered, skip)
}

// runnable lists the checks of a plan that are to be run.
func runnable(p conformance.Plan) []string {
	var ids []string
	for _, c := range p.Checks {
		if c.Unsupported == "" && c.Skipped == "" {
			ids = append(ids, c.Check.ID)
		}
	}
	return ids
}
