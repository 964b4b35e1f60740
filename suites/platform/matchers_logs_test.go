package platform

import (
	"fmt"
	"slices"
	"strings"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/harness"
)

// lostLog are the beginnings of what Airflow 3.2.2 puts where a log's sources
// stand when an attempt has ended and its log is nowhere: the file task handler
// asks the worker as the last resort, and says so when it cannot be reached or
// has no such file. A log store that refuses, or a secret that differs, is said
// in other words there; those are defects and explain no deleted pod.
var lostLog = []string{
	"Could not read served logs: ",
	"Log file not found on worker '",
}

// HoldOrExplain holds when a log that was cut off still has the line that was
// written, or says where its sources are named that there is none, and why.
func HoldOrExplain(written string) gomegatypes.GomegaMatcher {
	return fact(fmt.Sprintf("a log that holds %q, or says why not", written), func(log airflow.TaskLog) error {
		for _, entry := range log.Body() {
			if entry.Event == written {
				return nil
			}
		}
		sources := log.Sources()
		for _, said := range lostLog {
			if slices.ContainsFunc(sources, func(s string) bool { return strings.HasPrefix(s, said) }) {
				return nil
			}
		}
		return fmt.Errorf("it has %d lines without it, and names as its sources %.300q:%s", len(log.Body()), sources, harness.Excerpt(log, 3))
	})
}

// HaveEveryErrorExplained names the first of the error lines that nobody
// expects; all that were kept are in the facts of the check.
func HaveEveryErrorExplained() gomegatypes.GomegaMatcher {
	return fact("every error line of the components to be explained", func(lines harness.ErrorLines) error {
		switch n := len(lines.Unexplained) + lines.More; {
		case n == 0:
			return nil
		case len(lines.Unexplained) == 0:
			return fmt.Errorf("there are %d unexplained error lines", n)
		case n == 1:
			return fmt.Errorf("there is 1 unexplained error line: %s", lines.Unexplained[0])
		default:
			const shown = 5 // each container gives a few; evidence has all
			return fmt.Errorf("there are %d unexplained error lines, the first:\n%s", n,
				strings.Join(lines.Unexplained[:min(shown, len(lines.Unexplained))], "\n"))
		}
	})
}
