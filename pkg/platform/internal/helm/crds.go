package helm

import (
	"context"
	"errors"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/airworthy/airworthy/pkg/await"
)

const crdKind = "CustomResourceDefinition"

// ParseObjects reads a stream of YAML documents.
func ParseObjects(documents string) ([]*unstructured.Unstructured, error) {
	return parse([]string{documents})
}

// WithoutCRDs parts the definitions of custom resources from everything else.
// Helm asks the API server for the kinds of all objects before it makes the
// first, so a release cannot hold both a kind and its definition.
func (r Rendered) WithoutCRDs(source Source) (Rendered, []*unstructured.Unstructured, error) {
	var crds, rest []*unstructured.Unstructured
	for _, o := range r.Objects {
		if o.GetKind() == crdKind {
			crds = append(crds, o)
		} else {
			rest = append(rest, o)
		}
	}
	r.Objects = rest
	var err error
	r.chart, err = freeze(source.Chart, rest)
	return r, crds, err
}

// Define makes the custom resources known to the cluster and returns once it
// serves them. A definition that is there already and does not carry the labels
// is somebody's: it is used as it is.
func Define(ctx context.Context, cfg *rest.Config, objects []*unstructured.Unstructured, has map[string]string) error {
	client, err := apiextensions.NewForConfig(prepare(cfg))
	if err != nil {
		return fmt.Errorf("make client for custom resource definitions: %w", err)
	}
	all := client.ApiextensionsV1().CustomResourceDefinitions()
	var names []string
	for _, o := range objects {
		addLabels(o, has)
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, crd); err != nil {
			return fmt.Errorf("read definition %s: %w", o.GetName(), err)
		}
		if _, err := all.Create(ctx, crd, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("define %s: %w", o.GetName(), err)
		}
		names = append(names, o.GetName())
	}
	for _, name := range names {
		_, err := await.Until(ctx, "custom resource "+name+" to be served", 100*time.Millisecond,
			func(ctx context.Context) (*apiextensionsv1.CustomResourceDefinition, error) {
				return all.Get(ctx, name, metav1.GetOptions{})
			}, established)
		if err != nil {
			return err
		}
	}
	return nil
}

func established(crd *apiextensionsv1.CustomResourceDefinition) error {
	for _, c := range crd.Status.Conditions {
		if c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue {
			return nil
		}
		if c.Type == apiextensionsv1.NamesAccepted && c.Status == apiextensionsv1.ConditionFalse {
			return await.Stop(errors.New(c.Message))
		}
	}
	return errors.New("it is not established yet")
}

// Undefine removes the definitions that carry the labels, and with them every
// object of their kinds.
func Undefine(ctx context.Context, cfg *rest.Config, has map[string]string) error {
	if len(has) == 0 {
		return errors.New("remove custom resource definitions: no labels say which")
	}
	client, err := apiextensions.NewForConfig(prepare(cfg))
	if err != nil {
		return fmt.Errorf("make client for custom resource definitions: %w", err)
	}
	err = client.ApiextensionsV1().CustomResourceDefinitions().DeleteCollection(ctx, metav1.DeleteOptions{},
		metav1.ListOptions{LabelSelector: labels.SelectorFromSet(has).String()})
	if err != nil && !apierrors.IsForbidden(err) {
		return fmt.Errorf("remove custom resource definitions: %w", err)
	}
	return nil
}
