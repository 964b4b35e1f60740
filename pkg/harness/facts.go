package harness

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/kube"
)

// Container is what was recorded of one container of a pod.
type Container = kube.ContainerFact

// PodFact is what was read of a pod.
type PodFact = kube.PodFact

// Run is a DAG run with its task instances, as Airflow reported them.
type Run struct {
	airflow.DAGRun
	Tasks []airflow.TaskInstance `json:"tasks"`
	// Aftermath is what became of the pods, where the run did not end as a success.
	Aftermath []string `json:"aftermath,omitempty"`
}

// Ref names a try of an unmapped task of the run.
func (r Run) Ref(task string, try int) airflow.TaskRef {
	return airflow.TaskRef{DAG: r.DAG, Run: r.ID, Task: task, MapIndex: -1, Try: try}
}

// Refs names the last try of every task instance.
func (r Run) Refs() []airflow.TaskRef {
	refs := make([]airflow.TaskRef, 0, len(r.Tasks))
	for _, t := range r.Tasks {
		refs = append(refs, airflow.TaskRef{DAG: r.DAG, Run: r.ID, Task: t.Task, MapIndex: t.MapIndex, Try: t.Try})
	}
	return refs
}

// TaskStates describes all task instances in one line.
func (r Run) TaskStates() string {
	if len(r.Tasks) == 0 {
		return "(no task instances)"
	}
	parts := make([]string, 0, len(r.Tasks))
	for _, t := range r.Tasks {
		state := string(t.State)
		if state == "" {
			state = "no state"
		}
		parts = append(parts, TaskKey(t.Task, t.MapIndex, t.Try)+"="+state)
	}
	return strings.Join(parts, ", ")
}

// Story is TaskStates with what became of the pods.
func (r Run) Story() string {
	return strings.Join(append([]string{r.TaskStates()}, r.Aftermath...), "; ")
}

// TaskKey names one try of a task instance for comparison and messages.
func TaskKey(task string, mapIndex, try int) string {
	if mapIndex < 0 {
		return fmt.Sprintf("%s try %d", task, try)
	}
	return fmt.Sprintf("%s[%d] try %d", task, mapIndex, try)
}

// TaskPod is a pod of the platform. Task, MapIndex and Try are read from the
// annotations that the KubernetesExecutor writes; Task is empty for components.
type TaskPod struct {
	kube.PodFact
	Task     string `json:"task,omitempty"`
	MapIndex int    `json:"mapIndex"`
	Try      int    `json:"try,omitempty"`

	airflowContainer string // which container runs Airflow
}

func taskPod(pod kube.PodFact) TaskPod {
	t := TaskPod{PodFact: pod, Task: pod.Annotations["task_id"], MapIndex: -1, airflowContainer: "base"}
	if n, err := strconv.Atoi(pod.Annotations["map_index"]); err == nil {
		t.MapIndex = n
	}
	t.Try, _ = strconv.Atoi(pod.Annotations["try_number"]) // 0 says that none was given
	return t
}

// TaskKey is TaskKey of the pod's task, map index and try.
func (p TaskPod) TaskKey() string { return TaskKey(p.Task, p.MapIndex, p.Try) }

// Base is the container that runs Airflow.
func (p TaskPod) Base() (Container, bool) {
	for _, c := range p.Containers {
		if c.Name == p.airflowContainer {
			return c, true
		}
	}
	return Container{}, false
}

// Pods are pods of one DAG run, ordered by creation.
type Pods []TaskPod

func (p Pods) filter(keep func(TaskPod) bool) Pods {
	var out Pods
	for _, pod := range p {
		if keep(pod) {
			out = append(out, pod)
		}
	}
	return out
}

// OfTask keeps the pods of one task.
func (p Pods) OfTask(task string) Pods {
	return p.filter(func(pod TaskPod) bool { return pod.Task == task })
}

// Started keeps the pods in which a container has run.
func (p Pods) Started() Pods {
	return p.filter(func(pod TaskPod) bool { return !pod.Started.IsZero() })
}

// Deleted keeps the pods that are gone from the cluster.
func (p Pods) Deleted() Pods {
	return p.filter(func(pod TaskPod) bool { return !pod.Deleted.IsZero() })
}

// Names gives the distinct names, sorted.
func (p Pods) Names() []string {
	var names []string
	for _, pod := range p {
		names = append(names, pod.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Tries gives the try numbers of one task's pods, sorted, one for each pod.
func (p Pods) Tries(task string) []int {
	var tries []int
	for _, pod := range p.OfTask(task) {
		tries = append(tries, pod.Try)
	}
	slices.Sort(tries)
	return tries
}

// Excerpt shows the last lines of a log for a failure message.
func Excerpt(log airflow.TaskLog, lines int) string {
	entries := log.Entries
	if len(entries) > lines {
		entries = entries[len(entries)-lines:]
	}
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "\n  %.200s", e.Event)
	}
	return b.String()
}

// LogKey is where Airflow's default log_filename_template puts the log of a
// try, below the remote base folder.
func LogKey(ref airflow.TaskRef) string {
	mapped := ""
	if ref.MapIndex >= 0 {
		mapped = fmt.Sprintf("map_index=%d/", ref.MapIndex)
	}
	return fmt.Sprintf("dag_id=%s/run_id=%s/task_id=%s/%sattempt=%d.log", ref.DAG, ref.Run, ref.Task, mapped, ref.Try)
}
