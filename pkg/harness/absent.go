package harness

import (
	"context"
	"errors"
	"time"
)

// SchedulerGone is the alert of a platform that has no scheduler.
var SchedulerGone = Alert{Name: "AirflowSchedulerGone"}

// SchedulerAbsence is a time in which there was no scheduler.
type SchedulerAbsence struct {
	Stopped time.Time `json:"stopped"` // when its pods were told to end
	Fired   time.Time `json:"fired"`   // when the alert was seen to fire
	Ready   time.Time `json:"ready"`   // when every scheduler was ready again
}

// WithoutScheduler stops every scheduler until the alert of it fires, and
// starts them again, once for all that call it. The task of kept, which may be
// nil, ends meanwhile.
func (s *Session) WithoutScheduler(ctx context.Context, kept *Held) (SchedulerAbsence, error) {
	ctx, cancel := s.within(ctx, s.absenceTimeout())
	defer cancel()
	absence, err := once(ctx, s.suite.sharedDir(), "absent-scheduler", func(ctx context.Context) (SchedulerAbsence, error) {
		return s.withoutScheduler(ctx, kept)
	})
	s.fact("absent-scheduler", absence)
	return absence, err
}

// absenceTimeout is for a rule to be quiet, for it to fire, and for a start.
func (s *Session) absenceTimeout() time.Duration {
	return 2*s.metricsTimeout() + s.Asked().Timeouts.Observe + s.Asked().Timeouts.Install
}

func (s *Session) withoutScheduler(ctx context.Context, kept *Held) (absence SchedulerAbsence, err error) {
	if err := s.WaitNoAlert(ctx, SchedulerGone); err != nil {
		return absence, err
	}
	absence.Stopped = time.Now().UTC()
	start, err := s.Stop(ctx, "scheduler")
	// Whoever comes next needs a scheduler, also after an error.
	defer func() {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.scaled(s.Asked().Timeouts.Install))
		defer cancel()
		startErr := start(fresh)
		if startErr == nil {
			absence.Ready = time.Now().UTC()
		}
		err = errors.Join(err, startErr)
	}()
	if err != nil {
		return absence, err
	}
	kept.letGo(ctx)
	if err := s.WaitAlert(ctx, SchedulerGone, absence.Stopped); err != nil {
		return absence, err
	}
	absence.Fired = time.Now().UTC()
	return absence, nil
}
