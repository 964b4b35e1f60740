// Package charted is what the adapters of Airflow charts have in common: a
// chart, a mapping of a platform.Spec to its values, and labels by which its
// components are found. It must not know any one chart.
package charted

import (
	"context"
	"maps"
	"slices"
	"time"

	"helm.sh/helm/v3/pkg/chartutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/internal/helm"
)

// DAGFolder is where both images keep DAG files.
const DAGFolder = "/opt/airflow/dags"

// Port of the API server's service.
const apiPort = 8080

// Adapter is a platform.Adapter made of functions of the spec.
type Adapter struct {
	Label  string // the adapter's name
	Source func(platform.Spec) (helm.Source, error)
	Values func(platform.Spec) map[string]any // without the spec's own
	// Pods are labels of every pod of the release, task pods included.
	Pods func(platform.Spec) string
	// ComponentKey is the label that holds a component's name.
	ComponentKey string
	// Migration is the component that migrates the database.
	Migration string
	// Keys are where the chart puts keys, unless its values name Secrets of
	// somebody else.
	Keys func(platform.Spec) platform.Keys
}

var _ platform.Adapter = Adapter{}

// Name of the adapter.
func (a Adapter) Name() string { return a.Label }

// Plan renders without a cluster.
func (a Adapter) Plan(ctx context.Context, spec platform.Spec) (platform.Plan, error) {
	src, r, err := a.request(spec)
	if err != nil {
		return platform.Plan{}, err
	}
	rendered, err := helm.Render(ctx, src, r)
	if err != nil {
		return platform.Plan{}, err
	}
	manifests, err := rendered.Manifests()
	if err != nil {
		return platform.Plan{}, err
	}
	return platform.Plan{
		Adapter: a.Label, Chart: src.Chart.Name(), Version: src.Chart.Metadata.Version, Digest: src.Digest,
		Images: rendered.Images(), Features: a.features(spec, rendered), Components: a.components(spec, rendered),
		Manifests: manifests, Values: r.Values,
	}, nil
}

// Install returns once every component is ready. Over a release that stands it
// goes on as an upgrade, over one that was left half-made it starts over.
func (a Adapter) Install(ctx context.Context, cfg *rest.Config, spec platform.Spec, timeout time.Duration,
	progress platform.Progress) (platform.Release, error) {
	return a.put(ctx, cfg, spec, false, timeout, progress)
}

// Upgrade moves an installed release to spec.
func (a Adapter) Upgrade(ctx context.Context, cfg *rest.Config, spec platform.Spec, timeout time.Duration,
	progress platform.Progress) (platform.Release, error) {
	return a.put(ctx, cfg, spec, true, timeout, progress)
}

// Uninstall removes the release, what it left behind, and its own namespace.
func (a Adapter) Uninstall(ctx context.Context, cfg *rest.Config, spec platform.Spec) error {
	return helm.Remove(ctx, cfg, spec.Namespace, spec.Release, labels(spec))
}

func (a Adapter) request(spec platform.Spec) (helm.Source, helm.Request, error) {
	if err := spec.Validate(); err != nil {
		return helm.Source{}, helm.Request{}, err
	}
	src, err := a.Source(spec)
	if err != nil {
		return helm.Source{}, helm.Request{}, err
	}
	return src, helm.Request{
		Release: spec.Release, Namespace: spec.Namespace,
		Values: Merge(spec.Values, a.Values(spec)), Labels: labels(spec), Overlays: spec.Overlays, Secrets: secrets(spec),
	}, nil
}

func secrets(spec platform.Spec) map[string]map[string]string {
	if spec.Database.Secret == "" {
		return nil
	}
	content := map[string]string{platform.DatabaseSecretKey: spec.DatabaseURL()}
	if spec.Pooled() {
		content[platform.DirectSecretKey], content[platform.UserListSecretKey] = spec.DirectDatabaseURL(), spec.UserList()
	}
	return map[string]map[string]string{spec.Database.Secret: content}
}

// Merge returns values of which the winner's take precedence, changing neither.
func Merge(winner, values map[string]any) map[string]any {
	return chartutil.CoalesceTables(copyMap(winner), values)
}

// copyMap copies nested maps, because CoalesceTables fills in its first argument.
func copyMap(in map[string]any) map[string]any {
	out := maps.Clone(in)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range out {
		if nested, ok := v.(map[string]any); ok {
			out[k] = copyMap(nested)
		}
	}
	return out
}

func labels(spec platform.Spec) map[string]string {
	return map[string]string{environment.LabelStack: spec.Stack}
}

func (a Adapter) put(ctx context.Context, cfg *rest.Config, spec platform.Spec, upgrade bool, timeout time.Duration,
	progress platform.Progress) (platform.Release, error) {
	src, r, err := a.request(spec)
	if err != nil {
		return platform.Release{}, err
	}
	began := time.Now().UTC()
	rendered, revision, err := helm.Put(ctx, cfg, src, r, upgrade, timeout, progress)
	if err != nil {
		return platform.Release{}, err
	}
	release := platform.Release{
		Name: spec.Release, Namespace: spec.Namespace, Revision: revision, Began: began,
		Components: a.components(spec, rendered),
		APIService: spec.Release + "-api-server", APIPort: apiPort, APIPath: spec.Ingress.BasePath(),
		Keys:        a.keys(spec, rendered),
		PodSelector: a.Pods(spec), MigrationSelector: a.Pods(spec) + "," + a.ComponentKey + "=" + a.Migration,
	}
	if spec.DAGDelivery == platform.DAGsMounted {
		release.DAGWriter, release.DAGFolder = "dag-processor", DAGFolder
	}
	if spec.Metrics.Enabled {
		name := spec.Release + "-statsd"
		release.Metrics = &platform.Metrics{Monitor: name, Exporter: platform.Component{
			Name: "statsd", Kind: "Deployment", Object: name, Container: "statsd",
			Selector: a.Pods(spec) + "," + a.ComponentKey + "=statsd",
		}}
	}
	if spec.Pooled() {
		release.Pooler = &platform.Pooler{Service: spec.PoolerService(), Port: platform.PoolerPort}
	}
	switch spec.DAGDelivery {
	case platform.DAGsGitSync:
		release.DAGLink, release.DAGSync, release.DAGReaders = DAGFolder+"/repo", "git-sync", []string{"dag-processor"}
	case platform.DAGsGitBundle:
		release.DAGReaders = []string{"dag-processor"}
	}
	return release, nil
}

// keys is nil unless every one of them was rendered where it is looked for: the
// user's values may say that the platform takes one from elsewhere.
func (a Adapter) keys(spec platform.Spec, rendered helm.Rendered) *platform.Keys {
	keys := a.Keys(spec)
	all := []platform.SecretKey{keys.Fernet, keys.Signing, keys.Session}
	if spec.LogStore == platform.LogsObjectStorage {
		all = append(all, keys.LogConnection)
	} else {
		keys.LogConnection = platform.SecretKey{}
	}
	for _, key := range all {
		secret, ok := rendered.Find("Secret", key.Secret)
		if !ok {
			return nil
		}
		_, isData, _ := unstructured.NestedString(secret.Object, "data", key.Key)
		_, isText, _ := unstructured.NestedString(secret.Object, "stringData", key.Key)
		if !isData && !isText {
			return nil
		}
	}
	return &keys
}

func (a Adapter) features(spec platform.Spec, rendered helm.Rendered) []conformance.Feature {
	out := []conformance.Feature{conformance.FeatureKubernetesExecutor, conformance.FeatureDatabaseAccess}
	if a.keys(spec, rendered) != nil {
		out = append(out, conformance.FeatureRotatableSecrets)
	}
	if len(spec.Connections) > 0 {
		out = append(out, conformance.FeatureEnvironmentConnections)
	}
	if spec.LogStore == platform.LogsObjectStorage {
		out = append(out, conformance.FeatureObjectStorageLogs)
	} else {
		out = append(out, conformance.FeatureVolumeLogs)
	}
	if spec.Metrics.Enabled {
		out = append(out, conformance.FeatureMetrics)
	}
	if spec.DAGDelivery != platform.DAGsBaked {
		out = append(out, conformance.FeatureLiveDAGs)
	}
	if spec.Database.Secret != "" {
		out = append(out, conformance.FeatureDatabaseSecret)
	}
	if spec.Database.TLS {
		out = append(out, conformance.FeatureDatabaseTLS)
	}
	if spec.Pooled() {
		out = append(out, conformance.FeatureConnectionPooler)
	}
	if spec.Ingress.Host != "" {
		out = append(out, ingressFeatures(spec.Ingress)...)
	}
	if spec.FromGit() {
		out = append(out, conformance.FeatureGitDAGs)
	}
	if spec.DAGDelivery == platform.DAGsGitSync {
		out = append(out, conformance.FeatureGitSync)
		if spec.Git.Kind == platform.GitSSH {
			out = append(out, conformance.FeatureGitSyncSSH)
		} else {
			out = append(out, conformance.FeatureGitSyncHTTPS)
		}
	}
	if spec.DAGDelivery == platform.DAGsGitBundle {
		out = append(out, conformance.FeatureGitBundle)
		if spec.Git.Kind == platform.GitSSH {
			out = append(out, conformance.FeatureGitBundleSSH)
		} else {
			out = append(out, conformance.FeatureGitBundleHTTPS)
		}
	}
	slices.Sort(out)
	return out
}

func ingressFeatures(spec platform.IngressSpec) []conformance.Feature {
	out := []conformance.Feature{conformance.FeatureIngress}
	if spec.ACME {
		out = append(out, conformance.FeatureACME)
	}
	if spec.HSTS {
		out = append(out, conformance.FeatureHSTS)
	}
	if spec.Path != "/" {
		out = append(out, conformance.FeatureBasePath)
	}
	return out
}

// components lists what was rendered: whether one is a Deployment or a
// StatefulSet hangs on other values, and an overlay may take one away.
func (a Adapter) components(spec platform.Spec, rendered helm.Rendered) []platform.Component {
	var out []platform.Component
	for _, c := range []string{"api-server", "dag-processor", "scheduler", "triggerer"} {
		for _, kind := range []string{"Deployment", "StatefulSet"} {
			object := spec.Release + "-" + c
			if _, ok := rendered.Find(kind, object); !ok {
				continue
			}
			out = append(out, platform.Component{
				Name: c, Kind: kind, Object: object, Container: c,
				Selector: a.Pods(spec) + "," + a.ComponentKey + "=" + c,
			})
		}
	}
	return out
}
