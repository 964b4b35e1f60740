package kube

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// restartedAt is the annotation by which `kubectl rollout restart` starts pods anew.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// Restart starts the pods of a Deployment or StatefulSet anew, one after the
// other, as `kubectl rollout restart` does. mark tells one restart from another.
// An empty mark takes the restart back, which starts the pods anew once more
// and leaves nothing of it behind.
func (c *Client) Restart(ctx context.Context, kind, name, mark string) error {
	var value any
	if mark != "" {
		value = mark
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{restartedAt: value}},
	}}})
	if err != nil {
		return fmt.Errorf("restart %s %s/%s: %w", kind, c.namespace, name, err)
	}
	apps := c.set.AppsV1()
	switch kind {
	case "Deployment":
		_, err = apps.Deployments(c.namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	case "StatefulSet":
		_, err = apps.StatefulSets(c.namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	default:
		err = errKind
	}
	if err != nil {
		return fmt.Errorf("restart %s %s/%s: %w", kind, c.namespace, name, err)
	}
	return nil
}

// RolledOut says what is missing before every pod of a Deployment or
// StatefulSet is of its present template and ready; empty when nothing is.
func (c *Client) RolledOut(ctx context.Context, kind, name string) (missing string, err error) {
	apps := c.set.AppsV1()
	var seen, asked, wanted, updated, ready, all int64
	switch kind {
	case "Deployment":
		d, err := apps.Deployments(c.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return "", fmt.Errorf("get %s %s/%s: %w", kind, c.namespace, name, err)
		}
		seen, asked, wanted = d.Status.ObservedGeneration, d.Generation, int64(replicas(d.Spec.Replicas))
		updated, ready, all = int64(d.Status.UpdatedReplicas), int64(d.Status.ReadyReplicas), int64(d.Status.Replicas)
	case "StatefulSet":
		s, err := apps.StatefulSets(c.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return "", fmt.Errorf("get %s %s/%s: %w", kind, c.namespace, name, err)
		}
		seen, asked, wanted = s.Status.ObservedGeneration, s.Generation, int64(replicas(s.Spec.Replicas))
		updated, ready, all = int64(s.Status.UpdatedReplicas), int64(s.Status.ReadyReplicas), int64(s.Status.Replicas)
		if s.Status.CurrentRevision == s.Status.UpdateRevision {
			updated = all // the field is not kept once all are
		}
	default:
		return "", fmt.Errorf("get %s %s/%s: %w", kind, c.namespace, name, errKind)
	}
	switch {
	case seen < asked:
		return "the change was not seen yet", nil
	case updated < wanted:
		return fmt.Sprintf("%d of %d pods are new", updated, wanted), nil
	case all > wanted:
		return fmt.Sprintf("%d old pods are there", all-wanted), nil
	case ready < wanted:
		return fmt.Sprintf("%d of %d pods are ready", ready, wanted), nil
	}
	return "", nil
}
