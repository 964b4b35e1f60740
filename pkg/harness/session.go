package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/kube"
	"github.com/airworthy/airworthy/pkg/platform"
)

// Session is what one spec acts with. Its methods act through the stack's
// clients, wait with one named timeout of the run file, keep what they learnt
// as evidence, and return facts; they never assert.
type Session struct {
	Airflow airflow.Client

	suite    *Suite
	check    conformance.Check
	recorder *evidence.Recorder
	waiting  *waitLog
	blocked  string
	variant  string // of the run id, for a check that needs a run of a shared DAG for itself
}

// Asked is the run file that the stack was made of.
func (s *Session) Asked() config.Run { return s.suite.stack.Run }

// AirflowImage is the image that every component and task pod shall run.
func (s *Session) AirflowImage() string { return s.suite.stack.AirflowImage }

func (s *Session) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.Asked().Timeouts.Scale)
}

// within bounds one wait by a timeout of the run file.
func (s *Session) within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx = await.Watched(ctx, s.waits)
	return context.WithTimeoutCause(ctx, s.scaled(timeout), fmt.Errorf("not within %s", s.scaled(timeout)))
}

// waits notes what the check waits for, for whoever follows the run and for
// whoever reads its evidence.
func (s *Session) waits(what string) {
	if s.recorder == nil {
		return
	}
	s.waiting.Lock()
	defer s.waiting.Unlock()
	if s.waiting.to == nil {
		s.waiting.to = s.recorder.Log(evidence.WaitsLog)
	}
	// What cannot be written the recorder says at its end.
	_, _ = fmt.Fprintf(s.waiting.to, "%s waits for %s\n", time.Now().UTC().Format("15:04:05.000"), what)
}

// waitLog is opened by the first wait that takes more than a look.
type waitLog struct {
	sync.Mutex
	to io.Writer
}

// fact keeps a fact as evidence. Sessions that start runs early have no recorder.
func (s *Session) fact(name string, value any) {
	if s.recorder != nil {
		s.recorder.Fact(name, value)
	}
}

// keep writes a text as evidence.
func (s *Session) keep(name string, content []byte) {
	if s.recorder == nil {
		return
	}
	log := s.recorder.Log(name)
	_, _ = log.Write(content) // the recorder keeps its errors until the end
	_ = log.Close()
}

// sharedDir holds the facts that several checks of one attempt share.
func (s *Suite) sharedDir() string {
	return filepath.Join(s.dir.Path(), "shared", s.token)
}

// precondition says why the check cannot be tried at all, or nil. Checks of
// the area platform have none: naming what is dead is their task.
func (s *Session) precondition(ctx context.Context) error {
	if strings.HasPrefix(s.check.ID, "platform.") {
		return nil
	}
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	_, err := await.Until(ctx, "Airflow's API to answer", everyDAG,
		func(ctx context.Context) (airflow.Health, error) {
			health, err := s.Airflow.Health(ctx)
			if err != nil && !airflow.Transient(err) {
				err = await.Stop(err)
			}
			return health, err
		},
		func(health airflow.Health) error {
			if status := health["metadatabase"].Status; status != "healthy" {
				return fmt.Errorf("the metadata database is %q (see platform.components_ready)", status)
			}
			return nil
		})
	return err
}

// timeline adds the steps of the spec, which Ginkgo timed.
func (s *Session) timeline(report ginkgo.SpecReport) {
	for _, event := range report.SpecEvents {
		if event.SpecEventType == types.SpecEventByStart {
			s.recorder.StepAt(event.TimelineLocation.Time, event.Message)
		}
	}
}

// collect keeps what explains a failure, while it is still there. What cannot
// be read is kept as such: it often is the explanation.
func (s *Session) collect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.scaled(30*time.Second))
	defer cancel()
	keep := func(name string, value any, err error) {
		if err != nil {
			value = map[string]string{"could not be read": err.Error()}
		}
		s.fact(name, value)
	}
	health, err := s.Airflow.Health(ctx)
	keep("failure-health", health, err)
	broken, err := s.Airflow.ImportErrors(ctx)
	keep("failure-import-errors", broken, err)
	pods, err := s.suite.clients.kube.Pods(ctx, "")
	keep("failure-pods", pods, err)
}

// Unable ends the spec as blocked: what it would have looked at is not there,
// which says nothing of the platform.
func (s *Session) Unable(reason string) {
	s.blocked = reason
	ginkgo.Fail("blocked: "+reason, 1)
}

// Workload is a component's Deployment or StatefulSet.
type Workload struct {
	Name   string `json:"name"`
	Wanted int    `json:"wanted"`
	Ready  int    `json:"ready"`
}

// Workloads gives the replicas of every component.
func (s *Session) Workloads(ctx context.Context) ([]Workload, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	var workloads []Workload
	for _, component := range s.suite.stack.Release.Components {
		workload, err := s.workload(ctx, component)
		if err != nil {
			return nil, err
		}
		workloads = append(workloads, workload)
	}
	s.fact("workloads", workloads)
	return workloads, nil
}

func (s *Session) workload(ctx context.Context, component platform.Component) (Workload, error) {
	apps := s.suite.clients.kube.Typed().AppsV1()
	namespace := s.suite.clients.kube.Namespace()
	w := Workload{Name: component.Name}
	switch component.Kind {
	case "Deployment":
		object, err := apps.Deployments(namespace).Get(ctx, component.Object, metav1.GetOptions{})
		if err != nil {
			return w, fmt.Errorf("get deployment %s: %w", component.Object, err)
		}
		w.Wanted, w.Ready = int(*object.Spec.Replicas), int(object.Status.ReadyReplicas)
	case "StatefulSet":
		object, err := apps.StatefulSets(namespace).Get(ctx, component.Object, metav1.GetOptions{})
		if err != nil {
			return w, fmt.Errorf("get stateful set %s: %w", component.Object, err)
		}
		w.Wanted, w.Ready = int(*object.Spec.Replicas), int(object.Status.ReadyReplicas)
	default:
		return w, fmt.Errorf("component %s is a %s, which has no replicas", component.Name, component.Kind)
	}
	return w, nil
}

// KubernetesVersion is what the API server reports.
func (s *Session) KubernetesVersion(context.Context) (string, error) {
	version, err := s.suite.clients.kube.Typed().Discovery().ServerVersion()
	if err != nil {
		return "", fmt.Errorf("ask for the Kubernetes version: %w", err)
	}
	return version.GitVersion, nil
}

// component gives a component of the release by name.
func (s *Session) component(name string) (platform.Component, error) {
	for _, component := range s.suite.stack.Release.Components {
		if component.Name == name {
			return component, nil
		}
	}
	return platform.Component{}, fmt.Errorf("the platform has no component %s", name)
}

// componentPods gives the living pods of one component.
func (s *Session) componentPods(ctx context.Context, name string) ([]kube.PodFact, error) {
	component, err := s.component(name)
	if err != nil {
		return nil, err
	}
	pods, err := s.suite.clients.kube.Pods(ctx, component.Selector)
	if err != nil {
		return nil, err
	}
	var living []kube.PodFact
	for _, pod := range pods {
		if !pod.Ended() && pod.DeletionRequested.IsZero() {
			living = append(living, pod)
		}
	}
	return living, nil
}

// ComponentPods gives the living pods of every component.
func (s *Session) ComponentPods(ctx context.Context) (Pods, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	var all Pods
	for _, component := range s.suite.stack.Release.Components {
		pods, err := s.componentPods(ctx, component.Name)
		if err != nil {
			return nil, err
		}
		for _, pod := range pods {
			all = append(all, TaskPod{PodFact: pod, MapIndex: -1, airflowContainer: component.Container})
		}
	}
	s.fact("component-pods", all)
	return all, nil
}

// RecordedComponents gives every pod that ran a component since the recording
// began, also those that are gone.
func (s *Session) RecordedComponents(ctx context.Context) (Pods, error) {
	all, err := s.suite.recorded.pods(ctx)
	if err != nil {
		return nil, err
	}
	var pods Pods
	for _, pod := range all {
		for _, component := range s.suite.stack.Release.Components {
			selector, err := labels.Parse(component.Selector)
			if err != nil {
				return nil, fmt.Errorf("selector of component %s: %w", component.Name, err)
			}
			if selector.Matches(labels.Set(pod.Labels)) && pod.Annotations["dag_id"] == "" {
				pods = append(pods, TaskPod{PodFact: pod, MapIndex: -1, airflowContainer: component.Container})
				break
			}
		}
	}
	s.fact("recorded-components", pods)
	return pods, nil
}

// killPod deletes a pod by force, which kills its processes without warning.
func (s *Session) killPod(ctx context.Context, name string) error {
	if err := s.noteKill(name); err != nil {
		return err
	}
	if err := s.suite.clients.kube.DeletePod(ctx, name, kube.Deletion{Force: true}); err != nil {
		return fmt.Errorf("kill pod %s: %w", name, err)
	}
	return nil
}

// kill is one pod that a check killed.
type kill struct {
	Pod   string    `json:"pod"`
	At    time.Time `json:"at"`
	Check string    `json:"check"`
}

const killsFile evidence.File = "shared/kills.jsonl"

// noteKill tells the checks that look back at the whole run whose doing it was.
func (s *Session) noteKill(pod string) error {
	line, err := json.Marshal(kill{Pod: pod, At: time.Now().UTC(), Check: s.check.ID})
	if err != nil {
		return fmt.Errorf("note the kill of pod %s: %w", pod, err)
	}
	return s.suite.disturbed(killsFile, line)
}

// kills gives when each pod was killed by a check of this run.
func (s *Session) kills() (map[string]time.Time, error) {
	data, err := os.ReadFile(s.suite.dir.Abs(killsFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read kills: %w", err)
	}
	kills := map[string]time.Time{}
	for decoder := json.NewDecoder(bytes.NewReader(data)); decoder.More(); {
		var k kill
		if err := decoder.Decode(&k); err != nil {
			return nil, fmt.Errorf("read kills: %w", err)
		}
		kills[k.Pod] = k.At
	}
	return kills, nil
}

// exec runs a command in the Airflow container of a component and returns what
// it printed on standard output.
func (s *Session) exec(ctx context.Context, name string, command ...string) (string, error) {
	component, err := s.component(name)
	if err != nil {
		return "", err
	}
	pods, err := s.componentPods(ctx, name)
	if err != nil {
		return "", err
	}
	if len(pods) == 0 {
		return "", fmt.Errorf("run %s: component %s has no pod", command[0], name)
	}
	return s.execIn(ctx, pods[0].Name, component.Container, command...)
}

func (s *Session) execIn(ctx context.Context, pod, container string, command ...string) (string, error) {
	stdout, stderr, err := s.suite.clients.kube.Exec(ctx, pod, container, command, nil)
	if err != nil {
		return "", errors.Join(fmt.Errorf("run %v in %s: %w", command, pod, err), errors.New(strings.TrimSpace(stderr)))
	}
	return stdout, nil
}
