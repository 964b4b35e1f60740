package platform

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/harness"
)

// The matchers here are pure: they compare facts that a Session returned and
// read nothing themselves.

// fact makes a matcher of a function that says what is wrong, or nil.
func fact[T any](what string, check func(T) error) gomegatypes.GomegaMatcher {
	return &factMatcher[T]{what: what, check: check}
}

type factMatcher[T any] struct {
	what  string
	check func(T) error
	wrong error
}

func (m *factMatcher[T]) Match(actual any) (bool, error) {
	value, ok := actual.(T)
	if !ok {
		return false, fmt.Errorf("%s is said of a %T, but this is a %T", m.what, *new(T), actual)
	}
	m.wrong = m.check(value)
	return m.wrong == nil, nil
}

func (m *factMatcher[T]) FailureMessage(any) string {
	return fmt.Sprintf("expected %s, but %v", m.what, m.wrong)
}

func (m *factMatcher[T]) NegatedFailureMessage(any) string {
	return fmt.Sprintf("expected no %s", m.what)
}

// BeWithoutError says an error by its message alone: those of waits name what
// was waited for and what was seen last.
func BeWithoutError() gomegatypes.GomegaMatcher { return noError{} }

type noError struct{}

func (noError) Match(actual any) (bool, error) {
	if actual == nil {
		return true, nil
	}
	if _, ok := actual.(error); !ok {
		return false, fmt.Errorf("that there is no error is said of errors, but this is a %T", actual)
	}
	return false, nil
}

func (noError) FailureMessage(actual any) string { return actual.(error).Error() }

func (noError) NegatedFailureMessage(any) string { return "expected an error, but there was none" }

func HaveState(want airflow.State) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("a DAG run in state %q", want), func(run harness.Run) error {
		if run.State == want {
			return nil
		}
		return fmt.Errorf("run %s of %s is %q with tasks %s", run.ID, run.DAG, run.State, run.Story())
	})
}

func HaveTask(task string, want airflow.State) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("task %s in state %q", task, want), func(run harness.Run) error {
		for _, instance := range run.Tasks {
			if instance.Task == task && instance.State == want {
				return nil
			}
		}
		return fmt.Errorf("the tasks of run %s are %s", run.ID, run.TaskStates())
	})
}

func HaveTries(task string, want int) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("%d tries of task %s", want, task), func(run harness.Run) error {
		for _, instance := range run.Tasks {
			if instance.Task == task && instance.Try == want {
				return nil
			}
		}
		return fmt.Errorf("the tasks of run %s are %s", run.ID, run.TaskStates())
	})
}

func HaveMapIndexes(task string, want ...int) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("instances %v of task %s, all successful", want, task), func(run harness.Run) error {
		var got []int
		for _, instance := range run.Tasks {
			if instance.Task == task && instance.State == airflow.Success {
				got = append(got, instance.MapIndex)
			}
		}
		slices.Sort(got)
		if slices.Equal(got, want) {
			return nil
		}
		return fmt.Errorf("the successful ones are %v of %s", got, run.TaskStates())
	})
}

// HaveOnePodPerTask compares task instances with pods both ways.
func HaveOnePodPerTask(run harness.Run) gomegatypes.GomegaMatcher {
	return fact("one pod for each task instance of run "+run.ID, func(pods harness.Pods) error {
		var errs []error
		count := map[string]int{}
		for _, pod := range pods {
			count[pod.TaskKey()]++
		}
		for _, instance := range run.Tasks {
			key := harness.TaskKey(instance.Task, instance.MapIndex, instance.Try)
			if count[key] != 1 {
				errs = append(errs, fmt.Errorf("%s ran in %d pods", key, count[key]))
			}
			delete(count, key)
		}
		for key, n := range count {
			errs = append(errs, fmt.Errorf("%d pods belong to %s, which Airflow does not report", n, key))
		}
		return errors.Join(errs...)
	})
}

func onBase(what string, check func(harness.Container) error) gomegatypes.GomegaMatcher {
	return fact(what, func(pod harness.TaskPod) error {
		base, ok := pod.Base()
		if !ok {
			return fmt.Errorf("pod %s has no container named base", pod.Name)
		}
		if err := check(base); err != nil {
			return fmt.Errorf("in pod %s %w", pod.Name, err)
		}
		return nil
	})
}

func resources(kind string, of func(harness.Container) map[string]string, names []string) gomegatypes.GomegaMatcher {
	return onBase(fmt.Sprintf("%s for %s", kind, strings.Join(names, " and ")), func(base harness.Container) error {
		for _, name := range names {
			if of(base)[name] == "" {
				return fmt.Errorf("the container base has the %s %v", kind, of(base))
			}
		}
		return nil
	})
}

func HaveRequests(names ...string) gomegatypes.GomegaMatcher {
	return resources("requests", func(c harness.Container) map[string]string { return c.Requests }, names)
}

func HaveLimits(names ...string) gomegatypes.GomegaMatcher {
	return resources("limits", func(c harness.Container) map[string]string { return c.Limits }, names)
}

func HaveLimit(name, want string) gomegatypes.GomegaMatcher {
	return onBase(fmt.Sprintf("a %s limit of %s", name, want), func(base harness.Container) error {
		if base.Limits[name] == want {
			return nil
		}
		return fmt.Errorf("the container base has the limits %v", base.Limits)
	})
}

func HaveEnv(name, want string) gomegatypes.GomegaMatcher {
	return onBase(fmt.Sprintf("the environment variable %s=%s", name, want), func(base harness.Container) error {
		if base.Env[name] == want {
			return nil
		}
		return fmt.Errorf("the container base has %s=%q", name, base.Env[name])
	})
}

func HaveRunContainer(name string) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("a container %s that has run to its end", name), func(pod harness.TaskPod) error {
		for _, container := range pod.Containers {
			if container.Name == name {
				if container.State == "terminated" && container.ExitCode == 0 {
					return nil
				}
				return fmt.Errorf("in pod %s it is %s with exit code %d (%s)", pod.Name, container.State, container.ExitCode, container.Reason)
			}
		}
		return fmt.Errorf("pod %s has no such container", pod.Name)
	})
}

// RunImage holds when the Airflow container of a task's or component's pod runs the image.
func RunImage(want string) gomegatypes.GomegaMatcher {
	return onBase("the image "+want, func(base harness.Container) error {
		if base.Image == want {
			return nil
		}
		return fmt.Errorf("the container %s runs %s", base.Name, base.Image)
	})
}

func HaveReason(want string) gomegatypes.GomegaMatcher {
	return fact("a pod with the reason "+want, func(pod harness.TaskPod) error {
		if pod.Reason == want || strings.Contains(pod.Message, want) {
			return nil
		}
		return fmt.Errorf("pod %s has the reason %q: %s", pod.Name, pod.Reason, pod.Message)
	})
}

// NotHaveRestarted leaves out restarts that a check caused, by POD/CONTAINER.
func NotHaveRestarted(explained map[string]int32) gomegatypes.GomegaMatcher {
	return fact("no restart", func(pod harness.TaskPod) error {
		var errs []error
		for _, container := range pod.Containers {
			if container.Restarts > explained[pod.Name+"/"+container.Name] {
				errs = append(errs, fmt.Errorf("container %s of pod %s was restarted %d times, last with exit code %d (%s)",
					container.Name, pod.Name, container.Restarts, container.ExitCode, container.Reason))
			}
		}
		return errors.Join(errs...)
	})
}

func BeReady() gomegatypes.GomegaMatcher {
	return fact("a component with every replica ready", func(workload harness.Workload) error {
		if workload.Wanted > 0 && workload.Ready == workload.Wanted {
			return nil
		}
		return fmt.Errorf("%s has %d of %d replicas ready", workload.Name, workload.Ready, workload.Wanted)
	})
}

func BeHealthy(components ...string) gomegatypes.GomegaMatcher {
	return fact("Airflow to call "+strings.Join(components, ", ")+" healthy", func(health airflow.Health) error {
		var errs []error
		for _, component := range components {
			if status := health[component].Status; status != "healthy" {
				errs = append(errs, fmt.Errorf("%s is %q", component, status))
			}
		}
		return errors.Join(errs...)
	})
}

func HaveLine(want string) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("a log with the line %q", want), func(log airflow.TaskLog) error {
		for _, entry := range log.Entries {
			if entry.Event == want || strings.HasPrefix(entry.Event, want+" ") {
				return nil
			}
		}
		return fmt.Errorf("it has %d lines: %s", len(log.Entries), harness.Excerpt(log, 12))
	})
}

func HaveWholeLine(prefix string, length int, suffix string) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("a log with a line of %d characters that begins with %q", length, prefix), func(log airflow.TaskLog) error {
		for _, entry := range log.Entries {
			if strings.HasPrefix(entry.Event, prefix) {
				if len(entry.Event) == length && strings.HasSuffix(entry.Event, suffix) {
					return nil
				}
				return fmt.Errorf("that line has %d characters", len(entry.Event))
			}
		}
		return fmt.Errorf("none of its %d lines begins so", len(log.Entries))
	})
}

// HaveBulk holds when numbered lines come in order, each once and whole.
func HaveBulk(prefix string, lines, length int) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("a log with %d numbered lines of %d characters, in order", lines, length), func(log airflow.TaskLog) error {
		next := 0
		for _, entry := range log.Entries {
			if !strings.HasPrefix(entry.Event, prefix) {
				continue
			}
			if head := fmt.Sprintf("%s%05d ", prefix, next); !strings.HasPrefix(entry.Event, head) || len(entry.Event) != length {
				return fmt.Errorf("where %q was due there is a line of %d characters that begins %.40q", head, len(entry.Event), entry.Event)
			}
			next++
		}
		if next != lines {
			return fmt.Errorf("it has %d of them", next)
		}
		return nil
	})
}

func NameFileAndLine(file string, line int) gomegatypes.GomegaMatcher {
	where := regexp.MustCompile(regexp.QuoteMeta(file) + fmt.Sprintf(`"?,? line %d\b|`, line) + regexp.QuoteMeta(file) + fmt.Sprintf(`:%d\b`, line))
	return fact(fmt.Sprintf("a trace that names %s and line %d", file, line), func(trace string) error {
		if where.MatchString(trace) {
			return nil
		}
		return fmt.Errorf("it is %.400q", trace)
	})
}
