package helm

import (
	"context"
	"net/http"

	"helm.sh/helm/v3/pkg/action"
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

// bound makes every request of cfg end with ctx. Helm's actions go on in the
// background when their context ends: without this a given-up install would
// still create the rest of its objects later.
func bound(ctx context.Context, cfg *rest.Config) *rest.Config {
	out := rest.CopyConfig(cfg)
	out.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return boundTripper{ctx: ctx, next: next}
	})
	return out
}

type boundTripper struct {
	ctx  context.Context
	next http.RoundTripper
}

func (b boundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := context.Cause(b.ctx); err != nil {
		return nil, err
	}
	// Both contexts must be able to end the request and its body, which may be
	// a watch; the pair lives as long as the longer-lived of the two.
	ctx, cancel := context.WithCancelCause(r.Context())
	context.AfterFunc(b.ctx, func() { cancel(context.Cause(b.ctx)) })
	return b.next.RoundTrip(r.WithContext(ctx))
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
