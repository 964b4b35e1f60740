package helm

import (
	"context"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/release"
	"k8s.io/client-go/rest"

	"github.com/airworthy/airworthy/pkg/platform"
)

// Put brings src to the cluster, as an install or an upgrade, and returns what
// was applied with its revision once everything is ready.
//
// An install over a release that stands goes on with it as an upgrade; over one
// that was left half-made it clears that away and starts over. progress is told
// which.
func Put(ctx context.Context, cfg *rest.Config, src Source, r Request, upgrade bool, timeout time.Duration,
	progress platform.Progress) (Rendered, int, error) {
	client, err := New(cfg)
	if err != nil {
		return Rendered{}, 0, err
	}
	if r.KubeVersion, r.APIVersions, err = client.Facts(); err != nil {
		return Rendered{}, 0, err
	}
	status, found, err := client.Status(r.Namespace, r.Release)
	if err != nil {
		return Rendered{}, 0, err
	}
	say := func(what string) {
		if progress != nil {
			progress("platform", what)
		}
	}
	switch {
	case upgrade && !found:
		return Rendered{}, 0, fmt.Errorf("upgrade release %s: namespace %s has no such release: install it first", r.Release, r.Namespace)
	case !found:
	case status == release.StatusPendingUpgrade || status == release.StatusPendingRollback:
		say(fmt.Sprintf("release %s was left %s: going on with it", r.Release, status))
		if err := client.abandon(r.Namespace, r.Release); err != nil {
			return Rendered{}, 0, err
		}
		upgrade = true
	case status == release.StatusDeployed || upgrade:
		if !upgrade {
			say("release " + r.Release + " stands already: going on with it")
		}
		upgrade = true
	default:
		say(fmt.Sprintf("release %s was left %s: starting over", r.Release, status))
		if err := client.Clear(ctx, r.Namespace, r.Release, r.Labels); err != nil {
			return Rendered{}, 0, err
		}
	}
	r.Upgrade = upgrade
	rendered, err := Render(ctx, src, r)
	if err != nil {
		return Rendered{}, 0, err
	}
	rendered, crds, err := rendered.WithoutCRDs(src)
	if err != nil {
		return Rendered{}, 0, err
	}
	if err := Define(ctx, cfg, crds, r.Labels); err != nil {
		return Rendered{}, 0, err
	}
	put := client.Install
	if upgrade {
		put = client.Upgrade
	}
	revision, err := put(ctx, rendered, timeout, progress)
	return rendered, revision, err
}

// MakeNamespace makes a namespace with labels, unless it is there already.
func MakeNamespace(ctx context.Context, cfg *rest.Config, namespace string, labels map[string]string) error {
	client, err := New(cfg)
	if err != nil {
		return err
	}
	return client.ensureNamespace(ctx, Rendered{Namespace: namespace, Labels: labels})
}

// RemoveNamespace removes a namespace that carries the labels, with all that is in it.
func RemoveNamespace(ctx context.Context, cfg *rest.Config, namespace string, labels map[string]string) error {
	client, err := New(cfg)
	if err != nil {
		return err
	}
	return client.deleteNamespace(ctx, namespace, labels)
}

// Remove uninstalls a release and its namespace, where that is its own.
func Remove(ctx context.Context, cfg *rest.Config, namespace, name string, labels map[string]string) error {
	client, err := New(cfg)
	if err != nil {
		return err
	}
	if err := client.Clear(ctx, namespace, name, labels); err != nil {
		return err
	}
	return client.deleteNamespace(ctx, namespace, labels)
}
