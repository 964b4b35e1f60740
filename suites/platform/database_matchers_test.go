//go:build e2e

package platform

import (
	"errors"
	"fmt"
	"strings"
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

// SayThatConnectionsAreRefused: Airflow does not call a database healthy that
// refuses it, and somebody who reads its logs finds out why.
func SayThatConnectionsAreRefused() gomegatypes.GomegaMatcher {
	return fact("the platform to say that the database refuses connections", func(r harness.Refusal) error {
		var errs []error
		if r.Health == "healthy" || r.Health == "" {
			errs = append(errs, fmt.Errorf("its health called the database %q while it met %q", r.Health, r.Meanwhile))
		}
		if len(r.Said) == 0 {
			errs = append(errs, fmt.Errorf("no component's log names the cause, which was %q", r.Meanwhile))
		}
		return errors.Join(errs...)
	})
}

// BePooled: every component is the pooler's client, and no session at the
// database is anybody's but the pooler's.
func BePooled() gomegatypes.GomegaMatcher {
	return fact("everybody to reach the database through the pooler", func(p harness.Pooling) error {
		var errs []error
		if len(p.Without) > 0 {
			errs = append(errs, fmt.Errorf("the pooler has no client of %s", strings.Join(p.Without, ", ")))
		}
		for _, session := range p.Past {
			errs = append(errs, fmt.Errorf("a session at the database (process %d, application %q, %s) is not the pooler's", session.PID, session.Application, session.State))
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
