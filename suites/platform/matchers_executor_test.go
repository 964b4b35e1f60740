package platform

import (
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

func clock(t time.Time) string {
	if t.IsZero() {
		return "no time"
	}
	return t.UTC().Format("15:04:05.000")
}
