package kube

import (
	"cmp"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// PodFact is what was seen of one pod. Times that Kubernetes gives are exact to
// the second; those named Seen are by this machine's clock, exact to
// milliseconds. A zero time has not been seen.
type PodFact struct {
	Name           string            `json:"name"`
	Namespace      string            `json:"namespace"`
	UID            string            `json:"uid"`
	Labels         map[string]string `json:"labels,omitempty"`
	Annotations    map[string]string `json:"annotations,omitempty"`
	Owner          string            `json:"owner,omitempty"` // kind/name of the controlling object
	Node           string            `json:"node,omitempty"`
	IP             string            `json:"ip,omitempty"`
	Phase          string            `json:"phase"` // Pending | Running | Succeeded | Failed | Unknown
	Ready          bool              `json:"ready"`
	Reason         string            `json:"reason,omitempty"`  // such as Evicted; or why it cannot be scheduled
	Message        string            `json:"message,omitempty"` // belongs to Reason
	ServiceAccount string            `json:"serviceAccount,omitempty"`

	Created           time.Time `json:"created,omitzero"`
	Scheduled         time.Time `json:"scheduled,omitzero"`
	Started           time.Time `json:"started,omitzero"`           // first container that is no init container runs
	Finished          time.Time `json:"finished,omitzero"`          // last container ended, and none starts again
	DeletionRequested time.Time `json:"deletionRequested,omitzero"` // somebody asked for deletion
	Deleted           time.Time `json:"deleted,omitzero"`           // the object was seen to be gone; this machine's clock
	SeenRunning       time.Time `json:"seenRunning,omitzero"`       // first seen with phase Running
	SeenFinished      time.Time `json:"seenFinished,omitzero"`      // first seen with phase Succeeded or Failed

	InitContainers []ContainerFact `json:"initContainers,omitempty"`
	Containers     []ContainerFact `json:"containers,omitempty"`
}

// ContainerFact is what was seen of one container.
type ContainerFact struct {
	Name      string            `json:"name"`
	Image     string            `json:"image"`             // as the pod asks for it
	ImageID   string            `json:"imageID,omitempty"` // as the node resolved it
	ID        string            `json:"id,omitempty"`      // runtime's id of the present instance
	Restarts  int32             `json:"restarts"`
	State     string            `json:"state"` // waiting | running | terminated, or "" before a node has the pod
	Ready     bool              `json:"ready"`
	ExitCode  int32             `json:"exitCode"`           // of the present instance, when terminated
	Reason    string            `json:"reason,omitempty"`   // such as OOMKilled, CrashLoopBackOff
	Message   string            `json:"message,omitempty"`  // belongs to Reason
	Started   time.Time         `json:"started,omitzero"`   // of the present instance
	Finished  time.Time         `json:"finished,omitzero"`  // of the present instance
	LastExit  int32             `json:"lastExit,omitempty"` // exit code of the instance before
	LastCause string            `json:"lastCause,omitempty"`
	Requests  map[string]string `json:"requests,omitempty"` // by resource, such as cpu: 500m
	Limits    map[string]string `json:"limits,omitempty"`
	Env       map[string]string `json:"env,omitempty"` // plain values only, no references
}

// Container gives the fact of a container, or init container, by name.
func (p PodFact) Container(name string) (ContainerFact, bool) {
	for _, list := range [][]ContainerFact{p.Containers, p.InitContainers} {
		for _, c := range list {
			if c.Name == name {
				return c, true
			}
		}
	}
	return ContainerFact{}, false
}

// Ended reports whether the pod's phase can change no more, or it is gone.
func (p PodFact) Ended() bool {
	return p.Phase == string(corev1.PodSucceeded) || p.Phase == string(corev1.PodFailed) || !p.Deleted.IsZero()
}

func comparePods(a, b PodFact) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
}

// NewPodFact reads a pod as the API gives it.
func NewPodFact(pod *corev1.Pod) PodFact {
	fact := PodFact{
		Name: pod.Name, Namespace: pod.Namespace, UID: string(pod.UID),
		Labels: maps.Clone(pod.Labels), Annotations: maps.Clone(pod.Annotations),
		Node: pod.Spec.NodeName, IP: pod.Status.PodIP, Phase: string(pod.Status.Phase),
		Reason: pod.Status.Reason, Message: pod.Status.Message,
		ServiceAccount: pod.Spec.ServiceAccountName,
		Created:        pod.CreationTimestamp.Time,
	}
	for _, owner := range pod.OwnerReferences {
		if owner.Controller != nil && *owner.Controller {
			fact.Owner = owner.Kind + "/" + owner.Name
		}
	}
	if at := pod.DeletionTimestamp; at != nil {
		// The API stores when the grace period will be over.
		fact.DeletionRequested = at.Time
		if grace := pod.DeletionGracePeriodSeconds; grace != nil {
			fact.DeletionRequested = at.Add(-time.Duration(*grace) * time.Second)
		}
	}
	fact.conditions(pod.Status.Conditions)
	fact.InitContainers = containerFacts(pod.Spec.InitContainers, pod.Status.InitContainerStatuses)
	fact.Containers = containerFacts(pod.Spec.Containers, pod.Status.ContainerStatuses)
	fact.Started = earliestStart(pod.Status.ContainerStatuses)
	if fact.Phase == string(corev1.PodSucceeded) || fact.Phase == string(corev1.PodFailed) {
		fact.Finished = latestFinish(pod.Status)
	}
	return fact
}

func (p *PodFact) conditions(conditions []corev1.PodCondition) {
	for _, c := range conditions {
		switch c.Type {
		case corev1.PodReady:
			p.Ready = c.Status == corev1.ConditionTrue
		case corev1.PodScheduled:
			if c.Status == corev1.ConditionTrue {
				p.Scheduled = c.LastTransitionTime.Time
			} else if p.Reason == "" {
				p.Reason, p.Message = c.Reason, c.Message
			}
		}
	}
}

func containerFacts(specs []corev1.Container, statuses []corev1.ContainerStatus) []ContainerFact {
	byName := make(map[string]corev1.ContainerStatus, len(statuses))
	for _, s := range statuses {
		byName[s.Name] = s
	}
	var facts []ContainerFact
	for _, spec := range specs {
		fact := ContainerFact{
			Name: spec.Name, Image: spec.Image,
			Requests: quantities(spec.Resources.Requests), Limits: quantities(spec.Resources.Limits),
		}
		for _, env := range spec.Env {
			if env.ValueFrom != nil {
				continue
			}
			if fact.Env == nil {
				fact.Env = make(map[string]string)
			}
			fact.Env[env.Name] = env.Value
		}
		if status, ok := byName[spec.Name]; ok {
			fact.status(status)
		}
		facts = append(facts, fact)
	}
	return facts
}

func (c *ContainerFact) status(s corev1.ContainerStatus) {
	c.ImageID, c.ID, c.Restarts, c.Ready = s.ImageID, s.ContainerID, s.RestartCount, s.Ready
	switch state := s.State; {
	case state.Running != nil:
		c.State, c.Started = "running", state.Running.StartedAt.Time
	case state.Terminated != nil:
		c.State, c.ExitCode = "terminated", state.Terminated.ExitCode
		c.Reason, c.Message = state.Terminated.Reason, state.Terminated.Message
		c.Started, c.Finished = state.Terminated.StartedAt.Time, state.Terminated.FinishedAt.Time
	case state.Waiting != nil:
		c.State, c.Reason, c.Message = "waiting", state.Waiting.Reason, state.Waiting.Message
	}
	if last := s.LastTerminationState.Terminated; last != nil {
		c.LastExit, c.LastCause = last.ExitCode, last.Reason
	}
}

func quantities(list corev1.ResourceList) map[string]string {
	if len(list) == 0 {
		return nil
	}
	out := make(map[string]string, len(list))
	for name, quantity := range list {
		out[string(name)] = quantity.String()
	}
	return out
}

// earliestStart looks at present and former instances. The result is zero
// before the first one runs.
func earliestStart(statuses []corev1.ContainerStatus) time.Time {
	var first time.Time
	for _, s := range statuses {
		for _, state := range []corev1.ContainerState{s.LastTerminationState, s.State} {
			var at time.Time
			switch {
			case state.Running != nil:
				at = state.Running.StartedAt.Time
			case state.Terminated != nil:
				at = state.Terminated.StartedAt.Time
			}
			if !at.IsZero() && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	return first
}

// latestFinish includes init containers: where one of them fails, no other ran.
func latestFinish(status corev1.PodStatus) time.Time {
	var last time.Time
	for _, list := range [][]corev1.ContainerStatus{status.InitContainerStatuses, status.ContainerStatuses} {
		for _, s := range list {
			if t := s.State.Terminated; t != nil && t.FinishedAt.After(last) {
				last = t.FinishedAt.Time
			}
		}
	}
	return last
}

// merge carries over what only earlier states of the same pod showed.
func (p PodFact) merge(before PodFact) PodFact {
	keepFirst := func(now *time.Time, then time.Time) {
		if !then.IsZero() && (now.IsZero() || then.Before(*now)) {
			*now = then
		}
	}
	keepFirst(&p.Started, before.Started)
	keepFirst(&p.SeenRunning, before.SeenRunning)
	keepFirst(&p.SeenFinished, before.SeenFinished)
	keepFirst(&p.DeletionRequested, before.DeletionRequested)
	keepFirst(&p.Deleted, before.Deleted)
	if p.Finished.IsZero() {
		p.Finished = before.Finished
	}
	if p.Node == "" {
		p.Node = before.Node
	}
	if p.Reason == "" && !before.Ended() && p.Ended() {
		// Why it could not be scheduled, say, outlives the pod that never was.
		p.Reason, p.Message = before.Reason, before.Message
	}
	return p
}
