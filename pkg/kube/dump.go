package kube

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	corev1 "k8s.io/api/core/v1"
)

// DumpObjects writes the namespace's objects, and the nodes, as YAML: one call
// of write for each kind, with a file name such as pods.yaml. Of secrets it
// gives names and keys only. It goes on after an error and joins the errors.
func (c *Client) DumpObjects(ctx context.Context, write func(file string, content []byte) error) error {
	core, apps, batch := c.set.CoreV1(), c.set.AppsV1(), c.set.BatchV1()
	ns, all := c.namespace, metav1.ListOptions{}
	kinds := []struct {
		file string
		list func() (runtime.Object, error)
	}{
		{"pods", func() (runtime.Object, error) { return core.Pods(ns).List(ctx, all) }},
		{"deployments", func() (runtime.Object, error) { return apps.Deployments(ns).List(ctx, all) }},
		{"statefulsets", func() (runtime.Object, error) { return apps.StatefulSets(ns).List(ctx, all) }},
		{"replicasets", func() (runtime.Object, error) { return apps.ReplicaSets(ns).List(ctx, all) }},
		{"jobs", func() (runtime.Object, error) { return batch.Jobs(ns).List(ctx, all) }},
		{"cronjobs", func() (runtime.Object, error) { return batch.CronJobs(ns).List(ctx, all) }},
		{"services", func() (runtime.Object, error) { return core.Services(ns).List(ctx, all) }},
		{"configmaps", func() (runtime.Object, error) { return core.ConfigMaps(ns).List(ctx, all) }},
		{"serviceaccounts", func() (runtime.Object, error) { return core.ServiceAccounts(ns).List(ctx, all) }},
		{"roles", func() (runtime.Object, error) { return c.set.RbacV1().Roles(ns).List(ctx, all) }},
		{"rolebindings", func() (runtime.Object, error) { return c.set.RbacV1().RoleBindings(ns).List(ctx, all) }},
		{"persistentvolumeclaims", func() (runtime.Object, error) { return core.PersistentVolumeClaims(ns).List(ctx, all) }},
		{"events", func() (runtime.Object, error) { return core.Events(ns).List(ctx, all) }},
		{"secrets", func() (runtime.Object, error) { return c.secretKeys(ctx) }},
		{"nodes", func() (runtime.Object, error) { return core.Nodes().List(ctx, all) }},
	}
	var errs []error
	for _, kind := range kinds {
		list, err := kind.list()
		if err == nil {
			var content []byte
			if content, err = document(list); err == nil {
				err = write(kind.file+".yaml", content)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("dump %s of namespace %s: %w", kind.file, ns, err))
		}
	}
	return errors.Join(errs...)
}

// secretKeys lists the secrets with empty values.
func (c *Client) secretKeys(ctx context.Context) (*corev1.SecretList, error) {
	list, err := c.set.CoreV1().Secrets(c.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		secret := &list.Items[i]
		for key := range secret.Data {
			secret.Data[key] = nil
		}
		secret.StringData = nil
		// kubectl apply keeps the whole object, values included, in here.
		delete(secret.Annotations, corev1.LastAppliedConfigAnnotation)
	}
	return list, nil
}

// document renders a list as YAML that kubectl reads.
func document(list runtime.Object) ([]byte, error) {
	if err := name(list); err != nil {
		return nil, err
	}
	err := meta.EachListItem(list, func(item runtime.Object) error {
		if accessor, err := meta.Accessor(item); err == nil {
			accessor.SetManagedFields(nil) // who set which field: long, and no evidence
		}
		return name(item)
	})
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(list)
}

// name fills in apiVersion and kind, which typed clients leave out.
func name(object runtime.Object) error {
	kinds, _, err := scheme.Scheme.ObjectKinds(object)
	if err != nil {
		return err
	}
	object.GetObjectKind().SetGroupVersionKind(kinds[0])
	return nil
}
