package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/airworthy/airworthy/pkg/await"
)

// ChangeType says what happened to an object.
type ChangeType string

// The types of changes.
const (
	Added    ChangeType = "added"
	Modified ChangeType = "modified"
	Deleted  ChangeType = "deleted"
)

// Change is one thing that happened in the namespace. Exactly one of Pod,
// Event and Job is set; it is a copy that may be kept.
type Change struct {
	At   time.Time  `json:"at"` // this machine's clock
	Type ChangeType `json:"type"`
	// Before says that the object was there when the watch began.
	Before bool       `json:"before,omitempty"`
	Pod    *PodFact   `json:"pod,omitempty"`
	Event  *EventFact `json:"event,omitempty"`
	Job    *JobFact   `json:"job,omitempty"`
}

// Watching says what to watch.
type Watching struct {
	Selector string // label selector for pods and jobs; "" for all
	Events   bool
	Jobs     bool
	// OnChange is told of every change, in order for each kind of object. It
	// must be quick, as further changes wait for it. May be nil.
	OnChange func(Change)
}

// Watcher keeps what happened to the pods, and if asked to the events and jobs,
// of one namespace, also after they are gone. A lost connection is taken up
// where it ended; where the API server no longer knows that point, the state is
// listed again, so that no object is missed that still exists.
type Watcher struct {
	stop context.CancelFunc
	done sync.WaitGroup

	mu      sync.Mutex
	tell    func(Change)
	pods    map[string]PodFact // by UID
	events  map[string]EventFact
	jobs    map[string]JobFact
	changed chan struct{} // closed and replaced at every change
	trouble error         // the last failure to list or watch; nil after a change came
}

// Watch begins to watch and returns when the present state is known. It ends
// when ctx does, or with Stop.
func (c *Client) Watch(ctx context.Context, what Watching) (*Watcher, error) {
	tell := what.OnChange
	if tell == nil {
		tell = func(Change) {}
	}
	ctx, stop := context.WithCancel(ctx)
	w := &Watcher{
		stop: stop, tell: tell, changed: make(chan struct{}),
		pods: make(map[string]PodFact), events: make(map[string]EventFact), jobs: make(map[string]JobFact),
	}
	sources := []source{{c.set, "pods", &corev1.Pod{}, c.podLists(what.Selector), w.podHandler()}}
	if what.Events {
		sources = append(sources, source{c.set, "events", &corev1.Event{}, c.eventLists(), w.eventHandler()})
	}
	if what.Jobs {
		sources = append(sources, source{c.set, "jobs", &batchv1.Job{}, c.jobLists(what.Selector), w.jobHandler()})
	}
	var synced []cache.InformerSynced
	for _, s := range sources {
		// A lack of rights shows here; the informer would ask for ever.
		if _, err := s.lists.ListWithContext(ctx, metav1.ListOptions{Limit: 1}); err != nil {
			w.Stop()
			return nil, fmt.Errorf("watch %s of namespace %s: %w", s.name, c.namespace, err)
		}
		ready, err := w.start(ctx, s)
		if err != nil {
			w.Stop()
			return nil, fmt.Errorf("watch %s of namespace %s: %w", s.name, c.namespace, err)
		}
		synced = append(synced, ready)
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		err := errors.Join(context.Cause(ctx), w.Trouble())
		w.Stop()
		return nil, fmt.Errorf("watch namespace %s: %w", c.namespace, err)
	}
	return w, nil
}

type source struct {
	client  kubernetes.Interface
	name    string
	object  runtime.Object
	lists   *cache.ListWatch
	handler cache.ResourceEventHandler
}

// start runs one informer and returns when its first list has been handled.
func (w *Watcher) start(ctx context.Context, s source) (cache.InformerSynced, error) {
	informer := cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(s.lists, s.client), s.object, 0, nil)
	err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.trouble = fmt.Errorf("watch %s: %w", s.name, err)
	})
	if err != nil {
		return nil, err
	}
	registered, err := informer.AddEventHandler(s.handler)
	if err != nil {
		return nil, err
	}
	w.done.Go(func() { informer.RunWithContext(ctx) })
	return registered.HasSynced, nil
}

// Stop ends the watch and returns when no callback runs any more. What was
// seen can still be asked for.
func (w *Watcher) Stop() {
	w.stop()
	w.done.Wait()
}

// Trouble is why nothing can be seen at the moment, or nil. The watch goes on
// by itself when the cause is gone.
func (w *Watcher) Trouble() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trouble
}

// Pods gives every pod seen that keep accepts (nil for all), oldest first,
// also those that are gone.
func (w *Watcher) Pods(keep func(PodFact) bool) []PodFact {
	w.mu.Lock()
	defer w.mu.Unlock()
	var pods []PodFact
	for _, pod := range w.pods {
		if keep == nil || keep(pod) {
			pods = append(pods, pod)
		}
	}
	slices.SortFunc(pods, comparePods)
	return pods
}

// AwaitPods waits until accept takes the pods that keep lets through, and
// looks again at every change. accept ends the wait early by await.Stop. It
// returns the pods seen last in every case; the error is an *await.Error.
func (w *Watcher) AwaitPods(ctx context.Context, what string, keep func(PodFact) bool, accept func([]PodFact) error) ([]PodFact, error) {
	// The first look is at once; the channel of each look is taken before the
	// pods are read, so that no change falls between two looks.
	var changed <-chan struct{}
	return await.Until(ctx, what, time.Millisecond,
		func(ctx context.Context) ([]PodFact, error) {
			if changed != nil {
				select {
				case <-changed:
				case <-ctx.Done():
				}
			}
			w.mu.Lock()
			changed = w.changed
			w.mu.Unlock()
			return w.Pods(keep), nil
		}, accept)
}

// note stores a change under the lock and tells of it.
func (w *Watcher) note(store func(at time.Time) Change) {
	w.mu.Lock()
	change := store(time.Now())
	w.trouble = nil
	close(w.changed)
	w.changed = make(chan struct{})
	w.mu.Unlock()
	w.tell(change)
}

func (c *Client) podLists(selector string) *cache.ListWatch {
	api := c.set.CoreV1().Pods(c.namespace)
	return lists(selector, api.List, api.Watch)
}

func (c *Client) eventLists() *cache.ListWatch {
	api := c.set.CoreV1().Events(c.namespace)
	return lists("", api.List, api.Watch)
}

func (c *Client) jobLists(selector string) *cache.ListWatch {
	api := c.set.BatchV1().Jobs(c.namespace)
	return lists(selector, api.List, api.Watch)
}

func lists[L runtime.Object](selector string,
	list func(context.Context, metav1.ListOptions) (L, error),
	watching func(context.Context, metav1.ListOptions) (watch.Interface, error),
) *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = selector
			return list(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = selector
			return watching(ctx, o)
		},
	}
}
