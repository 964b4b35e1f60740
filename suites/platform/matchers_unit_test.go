//go:build !e2e

package platform

import (
	"strings"
	"testing"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/harness"
)

// said is why the matcher refuses what was given, empty when it does not.
func said(t *testing.T, matcher gomegatypes.GomegaMatcher, actual any) string {
	t.Helper()
	ok, err := matcher.Match(actual)
	if err != nil {
		t.Fatal(err)
	}
	if ok {
		return ""
	}
	return matcher.FailureMessage(actual)
}

// logOf is a log as Airflow 3.2 returns it: its sources in a group, then lines.
func logOf(sources []string, lines ...string) airflow.TaskLog {
	events := append([]string{"::group::Log message source details"}, sources...)
	events = append(append(events, "::endgroup::"), lines...)
	var log airflow.TaskLog
	for _, event := range events {
		log.Entries = append(log.Entries, airflow.LogEntry{Event: event})
	}
	return log
}

func TestHoldOrExplain(t *testing.T) {
	const marker = "airworthy marker: try 1 has begun"
	tests := []struct {
		name string
		log  airflow.TaskLog
		want string // a part of what the matcher says; empty when it holds
	}{
		{"the line is there", logOf([]string{"/opt/airflow/logs/attempt=1.log"}, "before", marker), ""},
		{"the worker cannot be reached", logOf([]string{
			"Could not read served logs: HTTPConnectionPool(host='long-task-1', port=8793): Max retries exceeded with url: /log/attempt=1.log"}), ""},
		{"the pod never had a name", logOf([]string{
			"Could not read served logs: Hostname not available for worker. Please check your `hostname_callable` configuration."}), ""},
		{"another worker answers", logOf([]string{"Log file not found on worker 'long-task-1'. This attempt may have run on a different worker"}), ""},

		{"nothing at all", airflow.TaskLog{}, "it has 0 lines without it, and names as its sources []"},
		{"only the group", logOf(nil), "it has 0 lines without it, and names as its sources []"},
		{"cut off before the line", logOf([]string{"s3://logs/attempt=1.log"}, "before"), `it has 1 lines without it, and names as its sources ["s3://logs/attempt=1.log"]`},
		{"the line of another try", logOf(nil, "airworthy marker: try 2 has begun"), "it has 1 lines without it"},
		{"words of the task itself", logOf(nil, "Could not read served logs: not found, 404, gone"), "it has 1 lines without it"},
		{"wrong words", logOf([]string{"404 not found: the page is gone"}), `names as its sources ["404 not found: the page is gone"]`},
		{"a store that refuses", logOf([]string{"s3://logs/attempt=1.log"},
			"Could not read logs from s3://logs/attempt=1.log with error: An error occurred (403)"), "it has 1 lines without it"},
		{"secrets that differ", logOf([]string{
			"!!!! Please make sure that all your Airflow components have the same 'secret_key' configured"}), "it has 0 lines without it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := said(t, HoldOrExplain(marker), tt.log)
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("it says %q, want %q", got, tt.want)
			}
		})
	}
}

func TestHaveEveryErrorExplained(t *testing.T) {
	const expected = "expected every error line of the components to be explained, but "
	tests := []struct {
		name  string
		lines harness.ErrorLines
		want  string
	}{
		{"none", harness.ErrorLines{Read: 10, Explained: 2}, ""},
		{"one", harness.ErrorLines{Unexplained: []string{"a/b: ERROR x"}}, expected + "there is 1 unexplained error line: a/b: ERROR x"},
		{"more than were kept", harness.ErrorLines{Unexplained: []string{"a/b: ERROR x", "a/b: ERROR y"}, More: 7},
			expected + "there are 9 unexplained error lines, the first:\na/b: ERROR x\na/b: ERROR y"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := said(t, HaveEveryErrorExplained(), tt.lines); got != tt.want {
				t.Errorf("it says %q, want %q", got, tt.want)
			}
		})
	}
}
