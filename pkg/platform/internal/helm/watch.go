package helm

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/airworthy/airworthy/pkg/platform"
)

// workload names one object whose readiness a release waits for.
type workload struct{ kind, name string }

func (w workload) String() string { return strings.ToLower(w.kind) + "/" + w.name }

// watcher follows the pods and workloads of one release.
type watcher struct {
	kube      kubernetes.Interface
	namespace string
	wanted    []workload
	factory   informers.SharedInformerFactory
	changed   chan struct{} // one pending notice at most
	progress  platform.Progress
	old       map[types.UID]bool // pods and jobs of an earlier revision: their troubles are not news
	floor     map[workload]int64 // generation that must have been observed

	mu       sync.Mutex
	reported string
}

// watch starts following. It returns when the present state is known.
func (c *Client) watch(ctx context.Context, r Rendered, progress platform.Progress) (*watcher, error) {
	if len(r.Labels) == 0 {
		return nil, errors.New("watch release: it has no labels to find its pods by")
	}
	selector := labels.SelectorFromSet(r.Labels).String()
	w := &watcher{
		kube: c.kube, namespace: r.Namespace, progress: progress,
		changed: make(chan struct{}, 1), old: map[types.UID]bool{}, floor: map[workload]int64{},
		factory: informers.NewSharedInformerFactoryWithOptions(c.kube, 0, informers.WithNamespace(r.Namespace),
			informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = selector })),
	}
	notice := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { w.notify() },
		UpdateFunc: func(any, any) { w.notify() },
		DeleteFunc: func(any) { w.notify() },
	}
	followed := []cache.SharedIndexInformer{w.factory.Core().V1().Pods().Informer(), w.factory.Batch().V1().Jobs().Informer()}
	kinds := map[string]func() cache.SharedIndexInformer{
		"Deployment":  w.factory.Apps().V1().Deployments().Informer,
		"StatefulSet": w.factory.Apps().V1().StatefulSets().Informer,
		"DaemonSet":   w.factory.Apps().V1().DaemonSets().Informer,
	}
	for _, o := range r.Objects {
		if _, hook := o.GetAnnotations()["helm.sh/hook"]; hook {
			continue // Helm waits for its hooks
		}
		if informer, ok := kinds[o.GetKind()]; ok {
			followed = append(followed, informer())
		} else if o.GetKind() != "Job" {
			continue
		}
		w.wanted = append(w.wanted, workload{o.GetKind(), o.GetName()})
	}
	sort.Slice(w.wanted, func(i, j int) bool { return w.wanted[i].String() < w.wanted[j].String() })
	for _, informer := range followed {
		if _, err := informer.AddEventHandler(notice); err != nil {
			return nil, fmt.Errorf("watch release %s: %w", r.Release, err)
		}
	}
	w.factory.StartWithContext(ctx)
	synced := w.factory.WaitForCacheSyncWithContext(ctx)
	if synced.Err != nil {
		return nil, fmt.Errorf("watch release %s: %w", r.Release, synced.Err)
	}
	for _, pod := range w.pods() {
		w.old[pod.UID] = true
	}
	jobs, err := w.factory.Batch().V1().Jobs().Lister().List(labels.Everything())
	for _, job := range jobs {
		w.old[job.UID] = err == nil
	}
	return w, nil
}

func (w *watcher) notify() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// pods lists the release's pods that a workload owns. Task pods carry the same
// labels and have no owner: what becomes of them is not the install's matter.
func (w *watcher) pods() []*corev1.Pod {
	all, err := w.factory.Core().V1().Pods().Lister().List(labels.Everything())
	if err != nil {
		return nil // an indexer in memory does not fail
	}
	pods := all[:0:0]
	for _, pod := range all {
		if metav1.GetControllerOf(pod) != nil {
			pods = append(pods, pod)
		}
	}
	sort.Slice(pods, func(i, j int) bool { return pods[i].Name < pods[j].Name })
	return pods
}

// untilDone returns when a hook's job has completed, or cannot.
func (w *watcher) untilDone(ctx context.Context, hook workload) error {
	return w.until(ctx, func() bool {
		job, err := w.factory.Batch().V1().Jobs().Lister().Jobs(w.namespace).Get(hook.name)
		return err == nil && !w.old[job.UID] && jobState(job) == ""
	})
}

// untilReady returns when every wanted workload is ready, or cannot be.
func (w *watcher) untilReady(ctx context.Context) error {
	if err := w.setFloor(ctx); err != nil {
		return w.explain(err)
	}
	return w.until(ctx, func() bool { return len(w.unready()) == 0 })
}

// until returns when accept does, when something has failed for good, or when
// ctx ends. It looks again whenever the watch has brought something new.
func (w *watcher) until(ctx context.Context, accept func() bool) error {
	for {
		if failure := w.failure(); failure != nil {
			return w.withLogs(failure)
		}
		if accept() {
			return nil
		}
		w.report()
		select {
		case <-w.changed:
		case <-ctx.Done():
			return w.explain(context.Cause(ctx))
		}
	}
}

// setFloor reads the generations that the action just made: the watch may be
// behind, and would otherwise show the last revision's readiness as this one's.
func (w *watcher) setFloor(ctx context.Context) error {
	apps := w.kube.AppsV1()
	for _, want := range w.wanted {
		var meta metav1.Object
		var err error
		switch want.kind {
		case "Deployment":
			meta, err = apps.Deployments(w.namespace).Get(ctx, want.name, metav1.GetOptions{})
		case "StatefulSet":
			meta, err = apps.StatefulSets(w.namespace).Get(ctx, want.name, metav1.GetOptions{})
		case "DaemonSet":
			meta, err = apps.DaemonSets(w.namespace).Get(ctx, want.name, metav1.GetOptions{})
		default:
			continue
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", want, err)
		}
		w.floor[want] = meta.GetGeneration()
	}
	return nil
}

// unready says for each workload that is not ready how far it is.
func (w *watcher) unready() []string {
	var out []string
	for _, want := range w.wanted {
		if state := w.state(want); state != "" {
			out = append(out, want.String()+" "+state)
		}
	}
	return out
}

func (w *watcher) state(want workload) string {
	apps := w.factory.Apps().V1()
	switch want.kind {
	case "Deployment":
		d, err := apps.Deployments().Lister().Deployments(w.namespace).Get(want.name)
		if err != nil {
			return "absent"
		}
		return deploymentState(d, w.floor[want])
	case "StatefulSet":
		s, err := apps.StatefulSets().Lister().StatefulSets(w.namespace).Get(want.name)
		if err != nil {
			return "absent"
		}
		return statefulSetState(s, w.floor[want])
	case "DaemonSet":
		d, err := apps.DaemonSets().Lister().DaemonSets(w.namespace).Get(want.name)
		if err != nil {
			return "absent"
		}
		return daemonSetState(d, w.floor[want])
	}
	j, err := w.factory.Batch().V1().Jobs().Lister().Jobs(w.namespace).Get(want.name)
	if err != nil {
		return "" // finished and removed, by its time to live
	}
	return jobState(j)
}

func deploymentState(d *appsv1.Deployment, floor int64) string {
	want := int32(1)
	if d.Spec.Replicas != nil {
		want = *d.Spec.Replicas
	}
	s := d.Status
	if s.ObservedGeneration < max(d.Generation, floor) || s.UpdatedReplicas != want || s.ReadyReplicas != want ||
		s.AvailableReplicas != want || s.Replicas != want {
		if s.ReadyReplicas >= want { // those of the last revision still serve
			return fmt.Sprintf("rolling out, %d/%d updated", s.UpdatedReplicas, want)
		}
		return fmt.Sprintf("%d/%d ready", s.ReadyReplicas, want)
	}
	return ""
}

func statefulSetState(s *appsv1.StatefulSet, floor int64) string {
	want := int32(1)
	if s.Spec.Replicas != nil {
		want = *s.Spec.Replicas
	}
	if s.Status.ObservedGeneration < max(s.Generation, floor) || s.Status.ReadyReplicas != want ||
		s.Status.UpdatedReplicas != want {
		return fmt.Sprintf("%d/%d ready", min(s.Status.ReadyReplicas, s.Status.UpdatedReplicas), want)
	}
	return ""
}

func daemonSetState(d *appsv1.DaemonSet, floor int64) string {
	s := d.Status
	if s.ObservedGeneration < max(d.Generation, floor) || s.NumberReady != s.DesiredNumberScheduled ||
		s.UpdatedNumberScheduled != s.DesiredNumberScheduled {
		return fmt.Sprintf("%d/%d ready", s.NumberReady, s.DesiredNumberScheduled)
	}
	return ""
}

func jobState(j *batchv1.Job) string {
	for _, c := range j.Status.Conditions {
		if c.Type == batchv1.JobComplete && c.Status == corev1.ConditionTrue {
			return ""
		}
	}
	return "running"
}

// report tells the progress what is waited for, when that has changed.
func (w *watcher) report() {
	if w.progress == nil {
		return
	}
	waiting := w.waiting()
	w.mu.Lock()
	defer w.mu.Unlock()
	if waiting != "" && waiting != w.reported {
		w.reported = waiting
		w.progress("platform", waiting)
	}
}

// waiting is what is not there yet, hooks before workloads.
func (w *watcher) waiting() string {
	jobs, err := w.factory.Batch().V1().Jobs().Lister().List(labels.Everything())
	var out []string
	for _, job := range jobs {
		if err == nil && !w.old[job.UID] && job.Annotations["helm.sh/hook"] != "" && jobState(job) != "" {
			out = append(out, "hook job/"+job.Name+" running")
		}
	}
	if len(out) == 0 {
		out = w.unready()
	}
	sort.Strings(out)
	return strings.Join(out, ", ")
}
