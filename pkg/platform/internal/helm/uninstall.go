package helm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/action"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/airworthy/airworthy/pkg/await"
)

// Clear removes the release and what it left behind: hooks, task pods, claims
// of StatefulSets, all found by labels. It returns when the pods are gone. A
// release that is not there is no error.
func (c *Client) Clear(ctx context.Context, namespace, name string, has map[string]string) error {
	if len(has) == 0 {
		return errors.New("uninstall release: no labels say what belongs to it")
	}
	cfg, err := configuration(c.cfg, namespace)
	if err != nil {
		return fmt.Errorf("set up Helm: %w", err)
	}
	run := action.NewUninstall(cfg)
	run.IgnoreNotFound = true
	run.DeletionPropagation = "background"
	run.Timeout = time.Minute
	if _, err := run.Run(name); err != nil {
		return fmt.Errorf("uninstall release %s: %w", name, err)
	}
	selector := labels.SelectorFromSet(has).String()
	if err := c.deleteLeftovers(ctx, namespace, selector); err != nil {
		return fmt.Errorf("uninstall release %s: %w", name, err)
	}
	_, err = await.Until(ctx, "the pods of "+name+" to be gone", 500*time.Millisecond,
		func(ctx context.Context) ([]string, error) { return c.podNames(ctx, namespace, selector) },
		func(pods []string) error {
			if len(pods) > 0 {
				return fmt.Errorf("still there: %s", strings.Join(pods, ", "))
			}
			return nil
		})
	if err != nil {
		return fmt.Errorf("uninstall release %s: %w", name, err)
	}
	return nil
}

func (c *Client) podNames(ctx context.Context, namespace, selector string) ([]string, error) {
	pods, err := c.kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range pods.Items {
		names = append(names, p.Name)
	}
	return names, nil
}

// deleteLeftovers removes labelled objects that Helm does not count as the
// release's own.
func (c *Client) deleteLeftovers(ctx context.Context, namespace, selector string) error {
	background := metav1.DeletePropagationBackground
	grace := int64(5) // nothing is served any more that a slow stop would spare
	how, what := metav1.DeleteOptions{PropagationPolicy: &background, GracePeriodSeconds: &grace}, metav1.ListOptions{LabelSelector: selector}
	core := c.kube.CoreV1()
	errs := []error{
		c.kube.BatchV1().Jobs(namespace).DeleteCollection(ctx, how, what),
		core.Pods(namespace).DeleteCollection(ctx, how, what),
		core.ConfigMaps(namespace).DeleteCollection(ctx, how, what),
		core.Secrets(namespace).DeleteCollection(ctx, how, what),
		core.ServiceAccounts(namespace).DeleteCollection(ctx, how, what),
		core.PersistentVolumeClaims(namespace).DeleteCollection(ctx, how, what),
	}
	return errors.Join(errs...)
}

// deleteNamespace removes a namespace that carries the labels, and waits until
// it is gone: one that is ending refuses the next install.
func (c *Client) deleteNamespace(ctx context.Context, name string, has map[string]string) error {
	ns, err := c.kube.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read namespace %s: %w", name, err)
	}
	if !labels.SelectorFromSet(has).Matches(labels.Set(ns.Labels)) {
		return nil
	}
	if err := c.kube.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete namespace %s: %w", name, err)
	}
	_, err = await.Until(ctx, "namespace "+name+" to be gone", 500*time.Millisecond,
		func(ctx context.Context) (bool, error) {
			_, err := c.kube.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return true, nil
			}
			return false, err
		},
		func(gone bool) error {
			if !gone {
				return errors.New("it is still ending")
			}
			return nil
		})
	return err
}
