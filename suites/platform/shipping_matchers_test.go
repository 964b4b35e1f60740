//go:build e2e

package platform

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/harness"
)

// repeated gives the numbered lines of the tries that came more than once.
func repeated(s harness.Shipped, tries []int) (more []string) {
	for _, try := range tries {
		for line := range harness.ShippedLines {
			text := harness.ShippedLine(s.Run.ID, try, line)
			if n := len(s.Containing(text)); n > 1 {
				more = append(more, fmt.Sprintf("%s (%d times)", text, n))
			}
		}
	}
	return more
}

// some shows the first and the last of many.
func some(texts []string) string {
	if len(texts) > 3 {
		texts = []string{texts[0], "...", texts[len(texts)-1]}
	}
	return strings.Join(texts, ", ")
}

// HaveShippedAll demands each numbered line of the tries at least once.
func HaveShippedAll(tries ...int) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("every line of the tries %v in the log store", tries), func(s harness.Shipped) error {
		var missing []string
		for _, try := range tries {
			missing = append(missing, s.Missing(try)...)
		}
		if len(missing) == 0 {
			return nil
		}
		return fmt.Errorf("%d of %d lines are missing: %s%s", len(missing), len(tries)*harness.ShippedLines, some(missing), late(s))
	})
}

// HaveShippedOnce demands each of them once.
func HaveShippedOnce(tries ...int) gomegatypes.GomegaMatcher {
	all := HaveShippedAll(tries...)
	return fact(fmt.Sprintf("every line of the tries %v in the log store once", tries), func(s harness.Shipped) error {
		if ok, err := all.Match(s); !ok || err != nil {
			return errors.Join(err, errors.New(all.FailureMessage(s)))
		}
		if more := repeated(s, tries); len(more) > 0 {
			return fmt.Errorf("%d lines came more than once: %s", len(more), some(more))
		}
		return nil
	})
}

func late(s harness.Shipped) string {
	if s.Late == "" {
		return ""
	}
	return "; " + s.Late
}

// HaveShippedNone demands that no message holds text.
func HaveShippedNone(text string, written int) gomegatypes.GomegaMatcher {
	return fact("no message with "+text, func(s harness.Shipped) error {
		if found := s.Containing(text); len(found) > 0 {
			return fmt.Errorf("%d of the %d lines that were written have arrived, the first as %q", len(found), written, found[0].Short)
		}
		return nil
	})
}

// HaveShippedFields demands one message with text, with the fields of a try.
func HaveShippedFields(text, namespace string, try, level int) gomegatypes.GomegaMatcher {
	return fact("one message with the fields of its try: "+text, func(s harness.Shipped) error {
		found := s.Containing(text)
		if len(found) != 1 {
			return fmt.Errorf("%d messages hold it%s", len(found), late(s))
		}
		m := found[0]
		var pods []string
		for _, pod := range s.Pods {
			if pod.Try == try {
				pods = append(pods, pod.Name)
			}
		}
		var errs []error
		for key, want := range map[string]string{
			"dag_id": s.Run.DAG, "task_id": "speak", "run_id": s.Run.ID, "try_number": fmt.Sprint(try),
			"namespace": namespace, "container": "base", "pod": strings.Join(pods, ", "),
		} {
			if got := m.Fields[key]; got != want {
				errs = append(errs, fmt.Errorf("its field %s is %q and should be %q", key, got, want))
			}
		}
		if m.Level != level {
			errs = append(errs, fmt.Errorf("its level is %d and should be %d", m.Level, level))
		}
		slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return errors.Join(errs...)
	})
}

// HaveShippedTraceback demands so many messages with an exception, each of
// which holds the whole traceback.
func HaveShippedTraceback(exception string, messages int, frames ...string) gomegatypes.GomegaMatcher {
	return fact("the traceback of "+exception+" as one message", func(s harness.Shipped) error {
		found := s.Containing(exception)
		if len(found) != messages {
			return fmt.Errorf("%d messages hold the exception and %d should%s", len(found), messages, late(s))
		}
		for _, m := range found {
			for _, part := range append([]string{"Traceback (most recent call last):", `File "`}, frames...) {
				if !strings.Contains(m.Full, part) {
					return fmt.Errorf("the message with the exception lacks %q of its traceback: %q, in full %q", part, m.Short, m.Full)
				}
			}
		}
		return nil
	})
}
