package helm

import (
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/kube"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// getter is what Helm and kubectl's libraries want in place of a rest.Config.
type getter struct {
	cfg       *rest.Config
	namespace string
	discovery discovery.CachedDiscoveryInterface
}

func newGetter(cfg *rest.Config, namespace string) (*getter, error) {
	client, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return nil, err
	}
	return &getter{cfg: cfg, namespace: namespace, discovery: memory.NewMemCacheClient(client)}, nil
}

func (g *getter) ToRESTConfig() (*rest.Config, error) { return rest.CopyConfig(g.cfg), nil }

func (g *getter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	return g.discovery, nil
}

func (g *getter) ToRESTMapper() (meta.RESTMapper, error) {
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(g.discovery)
	return restmapper.NewShortcutExpander(mapper, g.discovery, func(string) {}), nil
}

func (g *getter) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	return clientcmd.NewDefaultClientConfig(*clientcmdapi.NewConfig(),
		&clientcmd.ConfigOverrides{Context: clientcmdapi.Context{Namespace: g.namespace}})
}

// prepare copies cfg for a burst of small requests whose warnings nobody reads.
func prepare(cfg *rest.Config) *rest.Config {
	out := rest.CopyConfig(cfg)
	out.QPS, out.Burst = 50, 100
	out.WarningHandler = rest.NoWarnings{}
	return out
}

// configuration is Helm's view of one namespace. Helm's own log is dropped: what
// matters of it is in the returned errors.
func configuration(cfg *rest.Config, namespace string) (*action.Configuration, error) {
	g, err := newGetter(cfg, namespace)
	if err != nil {
		return nil, err
	}
	out := new(action.Configuration)
	return out, out.Init(g, namespace, "secret", func(string, ...any) {})
}

// hookWaiter is Helm's client with another way to wait for a hook: Helm's own
// knows no context, and sees a hook whose pod cannot start only as a time limit
// that passes.
type hookWaiter struct {
	*kube.Client
	wait func(workload) error
}

// WatchUntilReady waits for the jobs among a hook's resources.
func (h hookWaiter) WatchUntilReady(resources kube.ResourceList, _ time.Duration) error {
	for _, r := range resources {
		if kind := r.Mapping.GroupVersionKind.Kind; kind == "Job" {
			if err := h.wait(workload{kind, r.Name}); err != nil {
				return err
			}
		}
	}
	return nil
}
