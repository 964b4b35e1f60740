package kube

import (
	"cmp"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
)

// EventFact is one Kubernetes event.
type EventFact struct {
	UID     string    `json:"uid"`
	Type    string    `json:"type"` // Normal | Warning
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Object  string    `json:"object"` // kind/name of what it is about
	Source  string    `json:"source,omitempty"`
	Count   int32     `json:"count"`
	First   time.Time `json:"first,omitzero"`
	Last    time.Time `json:"last,omitzero"`
}

// JobFact is what was seen of one job.
type JobFact struct {
	Name      string            `json:"name"`
	UID       string            `json:"uid"`
	Labels    map[string]string `json:"labels,omitempty"`
	Active    int32             `json:"active"`
	Succeeded int32             `json:"succeeded"`
	Failed    int32             `json:"failed"`
	Condition string            `json:"condition,omitempty"` // Complete | Failed | Suspended, when true
	Message   string            `json:"message,omitempty"`   // belongs to Condition
	Created   time.Time         `json:"created,omitzero"`
	Finished  time.Time         `json:"finished,omitzero"`
	Deleted   time.Time         `json:"deleted,omitzero"` // this machine's clock
}

// Events gives the events seen that keep accepts (nil for all), oldest first.
func (w *Watcher) Events(keep func(EventFact) bool) []EventFact {
	return seen(w, w.events, keep, compareEvents)
}

func compareEvents(a, b EventFact) int {
	return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.UID, b.UID))
}

// Jobs gives the jobs seen that keep accepts (nil for all), oldest first.
func (w *Watcher) Jobs(keep func(JobFact) bool) []JobFact {
	return seen(w, w.jobs, keep, func(a, b JobFact) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.UID, b.UID))
	})
}

func seen[F any](w *Watcher, facts map[string]F, keep func(F) bool, compare func(a, b F) int) []F {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []F
	for _, fact := range facts {
		if keep == nil || keep(fact) {
			out = append(out, fact)
		}
	}
	slices.SortFunc(out, compare)
	return out
}

func (w *Watcher) podHandler() cache.ResourceEventHandler {
	return handler[*corev1.Pod](func(pod *corev1.Pod, kind ChangeType, before bool) {
		w.note(func(at time.Time) Change {
			fact := observe(w.pods[string(pod.UID)], NewPodFact(pod), kind, at)
			w.pods[fact.UID] = fact
			return Change{At: at, Type: kind, Before: before, Pod: &fact}
		})
	})
}

// observe completes what the API says of a pod with what was seen before and when.
func observe(before, now PodFact, kind ChangeType, at time.Time) PodFact {
	switch corev1.PodPhase(now.Phase) {
	case corev1.PodRunning:
		now.SeenRunning = at
	case corev1.PodSucceeded, corev1.PodFailed:
		now.SeenFinished = at
	}
	if kind == Deleted {
		now.Deleted = at
	}
	return now.merge(before)
}

func (w *Watcher) eventHandler() cache.ResourceEventHandler {
	return handler[*corev1.Event](func(event *corev1.Event, kind ChangeType, before bool) {
		w.note(func(at time.Time) Change {
			fact := newEventFact(event)
			w.events[fact.UID] = fact // events expire after an hour; what they said stays true
			return Change{At: at, Type: kind, Before: before, Event: &fact}
		})
	})
}

func (w *Watcher) jobHandler() cache.ResourceEventHandler {
	return handler[*batchv1.Job](func(job *batchv1.Job, kind ChangeType, before bool) {
		w.note(func(at time.Time) Change {
			fact := newJobFact(job)
			if kind == Deleted {
				fact.Deleted = at
			}
			w.jobs[fact.UID] = fact
			return Change{At: at, Type: kind, Before: before, Job: &fact}
		})
	})
}

func newEventFact(e *corev1.Event) EventFact {
	fact := EventFact{
		UID: string(e.UID), Type: e.Type, Reason: e.Reason, Message: e.Message,
		Object: e.InvolvedObject.Kind + "/" + e.InvolvedObject.Name,
		Source: cmp.Or(e.Source.Component, e.ReportingController),
		Count:  max(e.Count, 1), First: e.FirstTimestamp.Time, Last: e.LastTimestamp.Time,
	}
	// Events of the newer API carry their time, and their count, elsewhere.
	if e.Series != nil {
		fact.Count, fact.Last = e.Series.Count, e.Series.LastObservedTime.Time
	}
	if fact.First.IsZero() {
		fact.First = e.EventTime.Time
	}
	if fact.First.IsZero() {
		fact.First = e.CreationTimestamp.Time
	}
	if fact.Last.IsZero() {
		fact.Last = fact.First
	}
	return fact
}

func newJobFact(job *batchv1.Job) JobFact {
	fact := JobFact{
		Name: job.Name, UID: string(job.UID), Labels: job.Labels,
		Active: job.Status.Active, Succeeded: job.Status.Succeeded, Failed: job.Status.Failed,
		Created: job.CreationTimestamp.Time,
	}
	for _, c := range job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete, batchv1.JobFailed:
			fact.Condition, fact.Message, fact.Finished = string(c.Type), c.Message, c.LastTransitionTime.Time
		case batchv1.JobSuspended:
			fact.Condition, fact.Message = string(c.Type), c.Message
		}
	}
	return fact
}

// handler adapts one function to the informer's three. A deletion that was
// missed while the connection was down comes with the last known state.
func handler[T any](on func(object T, kind ChangeType, before bool)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(object any, inFirstList bool) {
			if o, ok := object.(T); ok {
				on(o, Added, inFirstList)
			}
		},
		UpdateFunc: func(_, object any) {
			if o, ok := object.(T); ok {
				on(o, Modified, false)
			}
		},
		DeleteFunc: func(object any) {
			if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = gone.Obj
			}
			if o, ok := object.(T); ok {
				on(o, Deleted, false)
			}
		},
	}
}
