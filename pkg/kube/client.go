// Package kube is what the harness does to and learns from a cluster: pods and
// their logs, watched and kept as facts; commands, files and ports of pods;
// objects, applied and dumped. It knows Kubernetes only: which pod belongs to
// what is for its callers to say, by labels.
package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Client talks to one cluster about one namespace. It is safe for concurrent use.
type Client struct {
	rest      *rest.Config
	set       kubernetes.Interface
	namespace string
}

// New makes a client for a namespace; it connects to nothing yet.
func New(config *rest.Config, namespace string) (*Client, error) {
	config = rest.CopyConfig(config)
	// Deprecation warnings would go to standard error, between other output.
	config.WarningHandlerWithContext = rest.NoWarnings{}
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", config.Host, err)
	}
	return &Client{rest: config, set: set, namespace: namespace}, nil
}

// In is the same client for another namespace.
func (c *Client) In(namespace string) *Client {
	return &Client{rest: c.rest, set: c.set, namespace: namespace}
}

// Namespace is the one that this client is for.
func (c *Client) Namespace() string { return c.namespace }

// REST is the configuration of the connection.
func (c *Client) REST() *rest.Config { return rest.CopyConfig(c.rest) }

// Typed is the client for everything that this package has no word for.
func (c *Client) Typed() kubernetes.Interface { return c.set }

// Pods lists the pods that match a label selector ("" for all), oldest first.
func (c *Client) Pods(ctx context.Context, selector string) ([]PodFact, error) {
	list, err := c.set.CoreV1().Pods(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("list pods of namespace %s: %w", c.namespace, err)
	}
	facts := make([]PodFact, 0, len(list.Items))
	for i := range list.Items {
		facts = append(facts, NewPodFact(&list.Items[i]))
	}
	slices.SortFunc(facts, comparePods)
	return facts, nil
}

// Pod gives one pod.
func (c *Client) Pod(ctx context.Context, name string) (PodFact, error) {
	pod, err := c.set.CoreV1().Pods(c.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return PodFact{}, fmt.Errorf("get pod %s/%s: %w", c.namespace, name, err)
	}
	return NewPodFact(pod), nil
}

var errKind = errors.New("this kind has no replicas known here")

// Events lists what the cluster still knows to have happened to one object,
// oldest first.
func (c *Client) Events(ctx context.Context, kind, name string) ([]EventFact, error) {
	about := fields.Set{"involvedObject.kind": kind, "involvedObject.name": name}
	list, err := c.set.CoreV1().Events(c.namespace).List(ctx, metav1.ListOptions{FieldSelector: about.String()})
	if err != nil {
		return nil, fmt.Errorf("list events of %s %s/%s: %w", kind, c.namespace, name, err)
	}
	facts := make([]EventFact, 0, len(list.Items))
	for i := range list.Items {
		facts = append(facts, newEventFact(&list.Items[i]))
	}
	slices.SortFunc(facts, compareEvents)
	return facts, nil
}

// Replicas says how many pods a workload should have, and how many are ready.
// kind is Deployment, StatefulSet or DaemonSet.
func (c *Client) Replicas(ctx context.Context, kind, name string) (wanted, ready int, err error) {
	apps := c.set.AppsV1()
	switch kind {
	case "Deployment":
		var d *appsv1.Deployment
		if d, err = apps.Deployments(c.namespace).Get(ctx, name, metav1.GetOptions{}); err == nil {
			return replicas(d.Spec.Replicas), int(d.Status.ReadyReplicas), nil
		}
	case "StatefulSet":
		var s *appsv1.StatefulSet
		if s, err = apps.StatefulSets(c.namespace).Get(ctx, name, metav1.GetOptions{}); err == nil {
			return replicas(s.Spec.Replicas), int(s.Status.ReadyReplicas), nil
		}
	case "DaemonSet":
		var d *appsv1.DaemonSet
		if d, err = apps.DaemonSets(c.namespace).Get(ctx, name, metav1.GetOptions{}); err == nil {
			return int(d.Status.DesiredNumberScheduled), int(d.Status.NumberReady), nil
		}
	default:
		err = errKind
	}
	return 0, 0, fmt.Errorf("get the replicas of %s %s/%s: %w", kind, c.namespace, name, err)
}

// replicas reads the field that stands for 1 when it is left out.
func replicas(n *int32) int {
	if n == nil {
		return 1
	}
	return int(*n)
}

// Selects reports whether a label selector in its text form accepts an
// object's labels. "" accepts all; a selector that cannot be read, none.
func Selects(selector string, of map[string]string) bool {
	parsed, err := labels.Parse(selector)
	return err == nil && parsed.Matches(labels.Set(of))
}

// Deletion says how to delete a pod. The zero value leaves the grace period to
// the pod.
type Deletion struct {
	Grace time.Duration // how long its processes may take to end; 0 leaves it to the pod
	// Force removes the object at once, without waiting for the node: the
	// processes may run on for a moment.
	Force bool
	UID   string // delete only this incarnation of the name; "" for any
}

// DeletePod asks for a pod's deletion and does not wait for its end. A pod
// that is gone already is an error for which NotFound is true.
func (c *Client) DeletePod(ctx context.Context, name string, how Deletion) error {
	var o metav1.DeleteOptions
	if how.Grace > 0 || how.Force {
		seconds := int64(how.Grace.Round(time.Second) / time.Second)
		if how.Force {
			seconds = 0
		}
		o.GracePeriodSeconds = &seconds
	}
	if how.UID != "" {
		uid := types.UID(how.UID)
		o.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	if err := c.set.CoreV1().Pods(c.namespace).Delete(ctx, name, o); err != nil {
		return fmt.Errorf("delete pod %s/%s: %w", c.namespace, name, err)
	}
	return nil
}
