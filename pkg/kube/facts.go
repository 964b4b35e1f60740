// Package kube holds what the harness does with a cluster beyond plain
// client-go: watch and remember, exec, forward, stream logs. It has no Airflow
// words.
package kube

import "time"

// PodFact is what is known of one pod at one moment, kept as a fact that
// survives the pod. Times are the API server's, zero when unknown.
type PodFact struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace"`
	UID               string            `json:"uid"`
	Labels            map[string]string `json:"labels,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"`
	Node              string            `json:"node,omitempty"`
	ServiceAccount    string            `json:"serviceAccount,omitempty"`
	Phase             string            `json:"phase"`
	Ready             bool              `json:"ready"`
	Reason            string            `json:"reason,omitempty"`  // of the pod, or of the condition that is false, such as Unschedulable
	Message           string            `json:"message,omitempty"` // that belongs to Reason
	Created           time.Time         `json:"created"`
	Started           time.Time         `json:"started,omitzero"`           // first main container running
	Finished          time.Time         `json:"finished,omitzero"`          // last main container terminated
	DeletionRequested time.Time         `json:"deletionRequested,omitzero"` // deletionTimestamp
	Deleted           time.Time         `json:"deleted,omitzero"`           // seen gone, by this machine's clock
	InitContainers    []ContainerFact   `json:"initContainers,omitempty"`
	Containers        []ContainerFact   `json:"containers"`
}

// ContainerFact is one container of a PodFact, specification and status together.
type ContainerFact struct {
	Name     string            `json:"name"`
	Image    string            `json:"image"` // as the specification names it
	ImageID  string            `json:"imageID,omitempty"`
	Requests map[string]string `json:"requests,omitempty"`
	Limits   map[string]string `json:"limits,omitempty"`
	Env      map[string]string `json:"env,omitempty"`   // plain values only; references are left out
	State    string            `json:"state,omitempty"` // waiting | running | terminated
	Reason   string            `json:"reason,omitempty"`
	Message  string            `json:"message,omitempty"`
	ExitCode int32             `json:"exitCode"`
	Restarts int32             `json:"restarts"`
	Started  time.Time         `json:"started,omitzero"`
	Finished time.Time         `json:"finished,omitzero"`
}
