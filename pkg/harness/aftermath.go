package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

const (
	// A pod that was refused is said in the scheduler's log, which may come later than Airflow's word.
	whileRefused = 5 * time.Second
	// The newest pods of a run: a task that is put off again and again has many.
	podsShown = 3
	// The end of a log, in which the reason stands where its last error does not say it.
	linesShown = 3
)

// aftermath says what became of the pods of those tasks that did not succeed:
// Airflow's own word is often no more than failed or queued.
func (s *Session) aftermath(ctx context.Context, dag string, tasks []airflow.TaskInstance) []string {
	// The caller's context may have ended: that is when this is asked.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.scaled(whileRefused))
	defer cancel()
	all, err := s.Pods(ctx, Run{DAGRun: airflow.DAGRun{DAG: dag, ID: s.runID()}})
	if err != nil {
		return []string{err.Error()}
	}
	if len(all) == 0 {
		return []string{"no pod of the run was seen" + s.refused(ctx)}
	}
	pods := all.filter(func(pod TaskPod) bool {
		return !slices.ContainsFunc(tasks, func(t airflow.TaskInstance) bool {
			return t.State == airflow.Success && t.Task == pod.Task && t.MapIndex == pod.MapIndex && t.Try == pod.Try
		})
	})
	var said []string
	for _, pod := range pods[max(0, len(pods)-podsShown):] {
		said = append(said, s.story(pod))
	}
	return said
}

// story says of a pod which containers have not ended well, and how their logs end.
func (s *Session) story(pod TaskPod) string {
	parts := []string{fmt.Sprintf("pod %s of %s is %s", pod.Name, pod.TaskKey(), told(pod.Phase, pod.Reason, pod.Message))}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		switch {
		// Airflow's container ends well when its task is to be tried once more.
		case c.State == "terminated" && (c.ExitCode != 0 || c.Name == pod.airflowContainer):
			parts = append(parts, fmt.Sprintf("container %s ended with code %d (%s)", c.Name, c.ExitCode, told(c.Reason, c.Message)))
		case c.State == "running", c.State == "waiting" && c.Reason != "PodInitializing":
			parts = append(parts, fmt.Sprintf("container %s is %s", c.Name, told(c.State, c.Reason, c.Message)))
		default:
			continue
		}
		path := filepath.Join(s.suite.dir.Abs(standing.RecordedLogs(pod.Name)), c.Name+".log")
		if lines := logEnd(path); len(lines) > 0 {
			parts = append(parts, "its log: "+strings.Join(lines, " | "))
		}
	}
	return strings.Join(parts, ", ")
}

// logEnd gives the last error of a log and its last lines, in short.
func logEnd(path string) []string {
	file, err := os.Open(path)
	if err != nil {
		return nil // nothing was recorded yet
	}
	defer file.Close()
	var failed string
	var last []string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		line := strings.TrimSpace(colours.ReplaceAllString(lines.Text(), ""))
		if line == "" {
			continue
		}
		if errorLine.MatchString(line) {
			failed = line
		}
		if last = append(last, line); len(last) > linesShown {
			last = last[1:]
		}
	}
	if failed != "" && !slices.Contains(last, failed) {
		last = append([]string{failed}, last...)
	}
	for i, line := range last {
		last[i] = fmt.Sprintf("%.400s", inShort(line))
	}
	return last
}

// inShort gives what a line of JSON says without what surrounds it.
func inShort(line string) string {
	type raised struct {
		Type  string `json:"exc_type"`
		Value string `json:"exc_value"`
	}
	var entry struct {
		Event, Msg, Error string
		Detail            []raised `json:"error_detail"` // of a task
		Exception         []raised `json:"exception"`    // of what runs it
	}
	if json.Unmarshal([]byte(line), &entry) != nil || entry.Event+entry.Msg == "" {
		return line
	}
	said := told(entry.Event+entry.Msg, entry.Error)
	for _, detail := range slices.Concat(entry.Detail, entry.Exception) {
		said = told(said, detail.Type, detail.Value)
	}
	return said
}

// kubernetesRefusal is what Kubernetes answered, as its Python client says it.
var kubernetesRefusal = regexp.MustCompile(`HTTP response body: .*?"message":"(.+?)","(?:reason|code|details)"`)

// refused waits until the scheduler's log says why Kubernetes took no pod.
func (s *Session) refused(ctx context.Context) string {
	said, _ := await.Until(ctx, "the scheduler to say why there is no pod", everyRun,
		func(ctx context.Context) (string, error) {
			pods, err := s.componentPods(ctx, "scheduler")
			if err != nil {
				return "", err
			}
			said := ""
			for _, pod := range pods {
				files, err := s.recordedLogs(pod.Name)
				if err != nil {
					return "", err
				}
				for _, file := range files {
					text, err := os.ReadFile(file)
					if err != nil {
						return "", fmt.Errorf("read recorded log: %w", err)
					}
					if all := kubernetesRefusal.FindAllSubmatch(text, -1); len(all) > 0 {
						said = fmt.Sprintf(": Kubernetes answered the scheduler %.400q", all[len(all)-1][1])
					}
				}
			}
			return said, nil
		},
		func(said string) error {
			if said == "" {
				return errors.New("it says nothing")
			}
			return nil
		})
	return said
}
