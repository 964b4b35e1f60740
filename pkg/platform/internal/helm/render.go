package helm

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/airworthy/airworthy/pkg/platform"
)

// defaultKubeVersion is what charts see when no cluster exists yet. Helm's own
// default is so old that charts refuse it.
const defaultKubeVersion = "v1.36.0"

// Request says what to render, and how to change what was rendered.
type Request struct {
	Release     string
	Namespace   string
	Values      map[string]any
	KubeVersion string            // of the cluster; empty when there is none yet
	APIVersions []string          // of the cluster, such as batch/v1/CronJob
	Upgrade     bool              // render as for an upgrade
	Labels      map[string]string // put on every object and pod template
	Overlays    []platform.Overlay
	// Secrets are made before the release, by name and key, and are none of it:
	// the chart is only told their names.
	Secrets map[string]map[string]string
}

// Rendered is a chart as objects, hooks among them, labels and overlays
// applied. What is installed is exactly this, not a second rendering.
type Rendered struct {
	Release   string
	Namespace string
	Objects   []*unstructured.Unstructured // sorted by kind and name
	Labels    map[string]string
	Secrets   map[string]map[string]string
	chart     *chart.Chart // literal templates: the objects above
}

// Render renders src without a cluster.
func Render(ctx context.Context, src Source, r Request) (Rendered, error) {
	files, err := render(ctx, src, r)
	if err != nil {
		return Rendered{}, fmt.Errorf("render chart %s: %w", src.Chart.Name(), err)
	}
	objects, err := parse(files)
	if err != nil {
		return Rendered{}, fmt.Errorf("render chart %s: %w", src.Chart.Name(), err)
	}
	if objects, err = overlay(objects, r.Overlays); err != nil {
		return Rendered{}, err
	}
	for _, o := range objects {
		addLabels(o, r.Labels)
	}
	sort.SliceStable(objects, func(i, j int) bool {
		return objects[i].GetKind()+"/"+objects[i].GetName() < objects[j].GetKind()+"/"+objects[j].GetName()
	})
	out := Rendered{Release: r.Release, Namespace: r.Namespace, Objects: objects, Labels: r.Labels, Secrets: r.Secrets}
	out.chart, err = freeze(src.Chart, objects)
	return out, err
}

// render runs the template engine by way of a client-only dry run, because that
// is where Helm coalesces values, checks the schema and sorts hooks out.
func render(ctx context.Context, src Source, r Request) ([]string, error) {
	cfg := &action.Configuration{Log: func(string, ...any) {}}
	run := action.NewInstall(cfg)
	run.ClientOnly, run.DryRun, run.Replace, run.IncludeCRDs = true, true, true, true
	run.ReleaseName, run.Namespace = r.Release, r.Namespace
	run.IsUpgrade = r.Upgrade
	run.APIVersions = r.APIVersions
	version := r.KubeVersion
	if version == "" {
		version = defaultKubeVersion
	}
	kube, err := chartutil.ParseKubeVersion(version)
	if err != nil {
		return nil, fmt.Errorf("parse Kubernetes version %q: %w", version, err)
	}
	run.KubeVersion = kube
	release, err := run.RunWithContext(ctx, src.Chart, copyValues(r.Values))
	if err != nil {
		return nil, err
	}
	files := []string{release.Manifest}
	for _, h := range release.Hooks {
		files = append(files, h.Manifest)
	}
	return files, nil
}

// copyValues keeps the caller's map as it was: Helm merges into what it gets.
func copyValues(values map[string]any) map[string]any {
	out := make(map[string]any, len(values))
	for k, v := range values {
		if nested, ok := v.(map[string]any); ok {
			v = copyValues(nested)
		}
		out[k] = v
	}
	return out
}

func parse(files []string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, file := range files {
		for _, doc := range splitDocuments(file) {
			json, err := yaml.YAMLToJSON([]byte(doc))
			if err != nil {
				return nil, fmt.Errorf("parse rendered object: %w", err)
			}
			if string(json) == "null" {
				continue
			}
			o := &unstructured.Unstructured{}
			if err := o.UnmarshalJSON(json); err != nil {
				return nil, fmt.Errorf("parse rendered object: %w", err)
			}
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// splitDocuments splits at lines that are a document marker and nothing else,
// so that a marker inside an indented block stays where it is.
func splitDocuments(file string) []string {
	var docs []string
	var doc strings.Builder
	for line := range strings.Lines(file) {
		if strings.TrimRight(line, " \r\n") == "---" {
			docs = append(docs, doc.String())
			doc.Reset()
			continue
		}
		doc.WriteString(line)
	}
	return append(docs, doc.String())
}

// freeze makes a chart whose templates are the objects word for word. Helm runs
// no post-renderer over hooks; installing a frozen chart changes them as well,
// and what was planned is what is applied.
func freeze(from *chart.Chart, objects []*unstructured.Unstructured) (*chart.Chart, error) {
	meta := *from.Metadata
	meta.Dependencies = nil
	frozen := &chart.Chart{Metadata: &meta}
	for i, o := range objects {
		data, err := yaml.Marshal(o.Object)
		if err != nil {
			return nil, fmt.Errorf("write %s/%s: %w", o.GetKind(), o.GetName(), err)
		}
		literal := strings.ReplaceAll(string(data), "{{", `{{ "{{" }}`)
		name := fmt.Sprintf("templates/%03d.yaml", i)
		frozen.Templates = append(frozen.Templates, &chart.File{Name: name, Data: []byte(literal)})
	}
	return frozen, frozen.Validate()
}

// Manifests writes every object as YAML documents, hooks included.
func (r Rendered) Manifests() (string, error) {
	var b strings.Builder
	for _, o := range r.Objects {
		data, err := yaml.Marshal(o.Object)
		if err != nil {
			return "", fmt.Errorf("write %s/%s: %w", o.GetKind(), o.GetName(), err)
		}
		io.WriteString(&b, "---\n")
		b.Write(data)
	}
	return b.String(), nil
}
