// Package official installs the chart that the Apache Airflow project
// publishes, from a folder or .tgz that the user supplies; the chart is not
// part of this project. It owns the mapping from a platform.Spec to that
// chart's values, written for chart 1.22.
package official

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/client-go/rest"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/internal/helm"
)

const (
	name      = "official"
	dagFolder = "/opt/airflow/dags"
	apiPort   = 8080
)

type adapter struct{}

// New is the adapter of the official chart.
func New() platform.Adapter { return adapter{} }

func (adapter) Name() string { return name }

func source(spec platform.Spec) (helm.Source, error) {
	if spec.ChartPath == "" {
		return helm.Source{}, errors.New("the official chart is not part of airworthy: download the chart (such as " +
			"airflow-1.22.0.tgz) and name the file in platform.chart")
	}
	return helm.LoadPath(spec.ChartPath)
}

func request(spec platform.Spec) helm.Request {
	return helm.Request{
		Release: spec.Release, Namespace: spec.Namespace,
		Values: Values(spec), Labels: labels(spec), Overlays: spec.Overlays,
	}
}

func labels(spec platform.Spec) map[string]string {
	return map[string]string{environment.LabelStack: spec.Stack}
}

func (adapter) Plan(ctx context.Context, spec platform.Spec) (platform.Plan, error) {
	if err := spec.Validate(); err != nil {
		return platform.Plan{}, err
	}
	src, err := source(spec)
	if err != nil {
		return platform.Plan{}, err
	}
	r := request(spec)
	rendered, err := helm.Render(ctx, src, r)
	if err != nil {
		return platform.Plan{}, err
	}
	manifests, err := rendered.Manifests()
	if err != nil {
		return platform.Plan{}, err
	}
	return platform.Plan{
		Adapter: name, Chart: src.Chart.Name(), Version: src.Chart.Metadata.Version, Digest: src.Digest,
		Images: rendered.Images(), Features: features(spec), Components: components(spec, rendered),
		Manifests: manifests, Values: r.Values,
	}, nil
}

func (adapter) Install(ctx context.Context, cfg *rest.Config, spec platform.Spec, timeout time.Duration,
	progress platform.Progress) (platform.Release, error) {
	return put(ctx, cfg, spec, false, timeout, progress)
}

func (adapter) Upgrade(ctx context.Context, cfg *rest.Config, spec platform.Spec, timeout time.Duration,
	progress platform.Progress) (platform.Release, error) {
	return put(ctx, cfg, spec, true, timeout, progress)
}

func (adapter) Uninstall(ctx context.Context, cfg *rest.Config, spec platform.Spec) error {
	return helm.Remove(ctx, cfg, spec.Namespace, spec.Release, labels(spec))
}

func put(ctx context.Context, cfg *rest.Config, spec platform.Spec, upgrade bool, timeout time.Duration,
	progress platform.Progress) (platform.Release, error) {
	if err := spec.Validate(); err != nil {
		return platform.Release{}, err
	}
	src, err := source(spec)
	if err != nil {
		return platform.Release{}, err
	}
	rendered, revision, err := helm.Put(ctx, cfg, src, request(spec), upgrade, timeout, progress)
	if err != nil {
		return platform.Release{}, err
	}
	release := platform.Release{
		Name: spec.Release, Namespace: spec.Namespace, Revision: revision,
		Components: components(spec, rendered),
		APIService: spec.Release + "-api-server", APIPort: apiPort,
		PodSelector: selector(spec),
	}
	if spec.DAGDelivery == platform.DAGsMounted {
		release.DAGWriter, release.DAGFolder = "dag-processor", dagFolder
	}
	return release, nil
}

func features(spec platform.Spec) []conformance.Feature {
	out := []conformance.Feature{conformance.FeatureKubernetesExecutor, conformance.FeatureDatabaseAccess}
	if spec.LogStore == platform.LogsObjectStorage {
		out = append(out, conformance.FeatureObjectStorageLogs)
	} else {
		out = append(out, conformance.FeatureVolumeLogs)
	}
	if spec.DAGDelivery == platform.DAGsMounted {
		out = append(out, conformance.FeatureMountedDAGs)
	}
	slices.Sort(out)
	return out
}

// components lists what was rendered: whether a component is a Deployment or a
// StatefulSet hangs on other values of this chart.
func components(spec platform.Spec, rendered helm.Rendered) []platform.Component {
	var out []platform.Component
	for _, c := range []string{"api-server", "dag-processor", "scheduler", "triggerer"} {
		for _, kind := range []string{"Deployment", "StatefulSet"} {
			object := spec.Release + "-" + c
			if _, ok := rendered.Find(kind, object); !ok {
				continue
			}
			out = append(out, platform.Component{
				Name: c, Kind: kind, Object: object, Container: c,
				Selector: selector(spec) + ",component=" + c,
			})
		}
	}
	return out
}

func selector(spec platform.Spec) string { return "tier=airflow,release=" + spec.Release }
