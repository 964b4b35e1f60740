//go:build e2e

package platform

import (
	"errors"
	"fmt"
	"time"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/harness"
)

// BeMigratedFirst: every component started after a migration that succeeded, and
// none while one was under way. Kubernetes' times are exact to the second, so a
// start in the second of the end counts as after it.
func BeMigratedFirst() gomegatypes.GomegaMatcher {
	return fact("the migration to end before components start", func(order harness.MigrationOrder) error {
		var errs []error
		for _, pod := range order.Components {
			if pod.Started.IsZero() {
				continue // it never ran
			}
			migrated := false
			for _, m := range order.Migrations {
				over := !m.Finished.IsZero() && !pod.Started.Before(m.Finished)
				migrated = migrated || (over && m.Succeeded)
				if !over && !pod.Started.Before(m.Created) {
					errs = append(errs, fmt.Errorf("%s started at %s, while %s was migrating (%s to %s)",
						pod.Name, clock(pod.Started), m.Name, clock(m.Created), clock(m.Finished)))
				}
			}
			if !migrated {
				errs = append(errs, fmt.Errorf("%s started at %s, before any migration had succeeded", pod.Name, clock(pod.Started)))
			}
		}
		return errors.Join(errs...)
	})
}

// AgreeInTime: no zone is nearer to another than a quarter of an hour, and no
// machine takes ten minutes from a run's begin to its first pod.
func AgreeInTime() gomegatypes.GomegaMatcher {
	const slow = 10 * time.Minute
	return fact("times that agree", func(t harness.RunTimes) error {
		var errs []error
		for _, pair := range []struct {
			what, other string
			a, b        time.Time
			within      time.Duration
		}{
			{"the start by the API", "the start in the database", t.Started, t.StoredStarted, time.Millisecond},
			{"the end by the API", "the end in the database", t.Ended, t.StoredEnded, time.Millisecond},
			{"the start by the API", "the creation of the first pod", t.Started, t.PodCreated, slow},
			{"the end by the API", "the end of the last pod", t.Ended, t.PodFinished, slow},
		} {
			if pair.a.IsZero() || pair.b.IsZero() || pair.a.Sub(pair.b).Abs() > pair.within {
				errs = append(errs, fmt.Errorf("%s is %s and %s %s", pair.what, stamp(pair.a), pair.other, stamp(pair.b)))
			}
		}
		return errors.Join(errs...)
	})
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02 15:04:05.000")
}
