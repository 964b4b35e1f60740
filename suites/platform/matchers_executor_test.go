package platform

import (
	"errors"
	"fmt"
	"time"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/harness"
)

// StartBeforeAnyEnds holds when every pod had started before the first of their
// tasks ended. A pod outlives its task by seconds, so that pods of tasks that
// run one after the other overlap all the same.
func StartBeforeAnyEnds(run harness.Run) gomegatypes.GomegaMatcher {
	return fact("pods that all started before any of their tasks ended", func(pods harness.Pods) error {
		ended := map[string]time.Time{}
		for _, t := range run.Tasks {
			ended[harness.TaskKey(t.Task, t.MapIndex, t.Try)] = t.Ended
		}
		for _, one := range pods {
			for _, other := range pods {
				end := ended[other.TaskKey()]
				if one.Started.IsZero() || end.IsZero() || !one.Started.Before(end) {
					return fmt.Errorf("the pod of %s started at %s, and %s ended at %s", one.TaskKey(), clock(one.Started), other.TaskKey(), clock(end))
				}
			}
		}
		return nil
	})
}

// BeAdopted holds when the task's pod named another scheduler after the stop.
func BeAdopted() gomegatypes.GomegaMatcher {
	return fact("a task's pod that the new scheduler adopted", func(a harness.Adoption) error {
		switch {
		case a.Before == "":
			return fmt.Errorf("pod %s named no scheduler before, so nothing can be said", a.Pod)
		case a.After == a.Before || a.After == "":
			return fmt.Errorf("pod %s still belongs to the scheduler of job %q, which was stopped", a.Pod, a.Before)
		}
		return nil
	})
}

// HaveLivingSchedulers holds when the new schedulers are there and never ended.
func HaveLivingSchedulers() gomegatypes.GomegaMatcher {
	return fact("schedulers that lived through the adoption", func(a harness.Adoption) error {
		var errs []error
		if len(a.Schedulers) == 0 {
			errs = append(errs, errors.New("there is none"))
		}
		for _, pod := range a.Schedulers {
			for _, c := range pod.Containers {
				if c.Restarts > 0 {
					errs = append(errs, fmt.Errorf("container %s of pod %s was restarted %d times, last after exit code %d (%s)",
						c.Name, pod.Name, c.Restarts, c.LastExit, c.LastCause))
				}
			}
		}
		return errors.Join(errs...)
	})
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "no time"
	}
	return t.UTC().Format("15:04:05.000")
}
