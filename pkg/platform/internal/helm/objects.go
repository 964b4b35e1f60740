package helm

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/airworthy/airworthy/pkg/platform"
)

// templates lists where a kind keeps its pod templates.
var templates = map[string][]string{
	"Deployment":  {"spec", "template"},
	"StatefulSet": {"spec", "template"},
	"DaemonSet":   {"spec", "template"},
	"ReplicaSet":  {"spec", "template"},
	"Job":         {"spec", "template"},
	"CronJob":     {"spec", "jobTemplate", "spec", "template"},
}

// addLabels puts labels on the object, its pod template, and the claims that a
// StatefulSet makes; those outlive a release and have to be found again.
func addLabels(o *unstructured.Unstructured, labels map[string]string) {
	if len(labels) == 0 {
		return
	}
	add := func(at map[string]any) {
		meta, _ := at["metadata"].(map[string]any)
		if meta == nil {
			meta = map[string]any{}
			at["metadata"] = meta
		}
		have, _ := meta["labels"].(map[string]any)
		if have == nil {
			have = map[string]any{}
			meta["labels"] = have
		}
		for k, v := range labels {
			have[k] = v
		}
	}
	add(o.Object)
	if where, ok := templates[o.GetKind()]; ok {
		if template, ok := dig(o.Object, where...); ok {
			add(template)
		}
	}
	if o.GetKind() == "CronJob" {
		if job, ok := dig(o.Object, "spec", "jobTemplate"); ok {
			add(job)
		}
	}
	if spec, ok := dig(o.Object, "spec"); ok {
		claims, _ := spec["volumeClaimTemplates"].([]any)
		for _, claim := range claims {
			if claim, ok := claim.(map[string]any); ok {
				add(claim)
			}
		}
	}
}

// dig returns the map at a path without copying it.
func dig(from map[string]any, path ...string) (map[string]any, bool) {
	for _, key := range path {
		next, ok := from[key].(map[string]any)
		if !ok {
			return nil, false
		}
		from = next
	}
	return from, true
}

// overlay applies overlays in order. One that matches nothing, or more than one
// object, is an error: it would otherwise change less than its author believes.
func overlay(objects []*unstructured.Unstructured, overlays []platform.Overlay) ([]*unstructured.Unstructured, error) {
	for _, o := range overlays {
		at, err := match(objects, o)
		if err != nil {
			return nil, err
		}
		if o.Delete {
			objects = append(objects[:at:at], objects[at+1:]...)
			continue
		}
		patched, err := patch(objects[at], o.Patch)
		if err != nil {
			return nil, fmt.Errorf("apply overlay to %s/%s: %w", o.Kind, o.Name, err)
		}
		objects[at] = patched
	}
	return objects, nil
}

func match(objects []*unstructured.Unstructured, o platform.Overlay) (int, error) {
	var found []int
	var names []string
	for i, object := range objects {
		if object.GetKind() != o.Kind {
			continue
		}
		if object.GetName() == o.Name {
			return i, nil
		}
		names = append(names, object.GetName())
		if strings.HasSuffix(object.GetName(), "-"+o.Name) {
			found = append(found, i)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		sort.Strings(names)
		return 0, fmt.Errorf("overlay matches nothing: no %s is named %s or *-%s; there are: %s",
			o.Kind, o.Name, o.Name, orNone(names))
	}
	return 0, fmt.Errorf("overlay is ambiguous: %d objects of kind %s end in -%s; name one in full", len(found), o.Kind, o.Name)
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// patch applies a strategic merge patch, or a JSON merge patch where the kind
// is not one of Kubernetes' own.
func patch(o *unstructured.Unstructured, patchYAML string) (*unstructured.Unstructured, error) {
	change, err := yaml.YAMLToJSON([]byte(patchYAML))
	if err != nil {
		return nil, fmt.Errorf("parse patch: %w", err)
	}
	if string(change) == "null" {
		return nil, fmt.Errorf("the patch is empty")
	}
	before, err := json.Marshal(o.Object)
	if err != nil {
		return nil, err
	}
	var after []byte
	if typed, typeErr := scheme.Scheme.New(o.GroupVersionKind()); typeErr == nil {
		after, err = strategicpatch.StrategicMergePatch(before, change, typed)
	} else {
		after, err = jsonpatch.MergePatch(before, change)
	}
	if err != nil {
		return nil, err
	}
	patched := &unstructured.Unstructured{}
	return patched, patched.UnmarshalJSON(after)
}

// Images lists every image that the objects name, sorted, each once.
func (r Rendered) Images() []string {
	seen := map[string]bool{}
	for _, o := range r.Objects {
		where, ok := templates[o.GetKind()]
		if !ok {
			if o.GetKind() != "Pod" {
				continue
			}
			where = nil
		}
		if pod, ok := dig(o.Object, append(where[:len(where):len(where)], "spec")...); ok {
			podImages(pod, seen)
		}
	}
	images := make([]string, 0, len(seen))
	for image := range seen {
		images = append(images, image)
	}
	sort.Strings(images)
	return images
}

func podImages(spec map[string]any, into map[string]bool) {
	for _, kind := range []string{"initContainers", "containers"} {
		list, _ := spec[kind].([]any)
		for _, c := range list {
			container, _ := c.(map[string]any)
			if image, _ := container["image"].(string); image != "" {
				into[image] = true
			}
		}
	}
}

// Find returns the object of a kind and name.
func (r Rendered) Find(kind, name string) (*unstructured.Unstructured, bool) {
	for _, o := range r.Objects {
		if o.GetKind() == kind && o.GetName() == name {
			return o, true
		}
	}
	return nil, false
}
