package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/kube"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// LastRun is the latest whole run below a directory.
type LastRun struct {
	Dir      string        `json:"dir"`
	Took     time.Duration `json:"took"`
	TaskPods int           `json:"taskPods"`
	// CPU is what everything on the machine took of its processors meanwhile; 0
	// where it was not measured.
	CPU time.Duration `json:"cpu,omitempty"`
}

// Waited is for how long a run waited for something that needs no processor, such
// as a minute without a service: what it left of the cores, all together, taken as
// time in which only the stack at rest had them. A run that did the same work and
// waited for longer has the same difference between Took and Waited.
func (f Floor) Waited(l LastRun, cores int) time.Duration {
	left := float64(max(1, cores))*float64(l.Took) - float64(l.CPU)
	return min(l.Took, time.Duration(max(0, left)/f.Free(cores)))
}

// FindLast finds the latest run of `airworthy e2e` below out that had a stack of
// that name, and false when there is none.
func FindLast(out, name string) (LastRun, bool, error) {
	files, err := filepath.Glob(filepath.Join(out, "*", string(evidence.FactsFile)))
	if err != nil {
		return LastRun{}, false, fmt.Errorf("look for runs: %w", err)
	}
	var last LastRun
	var began time.Time
	for _, file := range files {
		dir, err := evidence.Open(filepath.Dir(file))
		if err != nil {
			return LastRun{}, false, err
		}
		var facts reportv1.Facts
		if err := dir.ReadJSON(evidence.FactsFile, &facts); err != nil {
			return LastRun{}, false, err
		}
		if len(facts.Command) < 2 || facts.Command[1] != "e2e" || !facts.Started.After(began) {
			continue
		}
		var run struct {
			Name string `json:"name"`
		}
		if err := dir.ReadJSON(evidence.RunFile, &run); err != nil {
			return LastRun{}, false, err
		}
		if run.Name != name {
			continue
		}
		began = facts.Started
		last = LastRun{
			Dir: dir.Path(), Took: facts.Timings.Total,
			CPU: time.Duration(facts.Harness.RunCPUSeconds * float64(time.Second)),
		}
	}
	if began.IsZero() {
		return LastRun{}, false, nil
	}
	last.TaskPods, err = countTaskPods(filepath.Join(last.Dir, filepath.FromSlash(string(standing.RecordedPods))))
	return last, true, err
}

// countTaskPods counts the pods of a recording that ran a task. A run that
// recorded none has no file.
func countTaskPods(path string) (int, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read recorded pods: %w", err)
	}
	var uids []string
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 16<<20) // a pod is one line, with its annotations
	for lines.Scan() {
		var pod kube.PodFact
		if err := json.Unmarshal(lines.Bytes(), &pod); err != nil {
			continue // the last line of a run that was killed
		}
		// Both pods that never started and the platform's own are no task pods.
		if pod.Labels["dag_id"] != "" && !pod.Started.IsZero() {
			uids = append(uids, pod.UID)
		}
	}
	slices.Sort(uids)
	return len(slices.Compact(uids)), lines.Err()
}
