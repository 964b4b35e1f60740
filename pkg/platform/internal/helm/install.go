package helm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/kube"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/airworthy/airworthy/pkg/platform"
)

// Client installs into one cluster.
type Client struct {
	cfg  *rest.Config
	kube kubernetes.Interface
}

// New makes a client; it sends nothing yet.
func New(cfg *rest.Config) (*Client, error) {
	cfg = prepare(cfg)
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make Kubernetes client: %w", err)
	}
	return &Client{cfg: cfg, kube: client}, nil
}

// Facts of the cluster that a rendering may depend on.
func (c *Client) Facts() (version string, apis []string, err error) {
	v, err := c.kube.Discovery().ServerVersion()
	if err != nil {
		return "", nil, fmt.Errorf("ask cluster for its version: %w", err)
	}
	set, err := action.GetVersionSet(c.kube.Discovery())
	if err != nil {
		return "", nil, fmt.Errorf("ask cluster for its APIs: %w", err)
	}
	return v.GitVersion, set, nil
}

// Status is the state of a release's last revision; found is false where there
// is no such release.
func (c *Client) Status(namespace, name string) (status release.Status, found bool, err error) {
	cfg, err := configuration(c.cfg, namespace)
	if err != nil {
		return "", false, err
	}
	rel, err := cfg.Releases.Last(name)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read release %s: %w", name, err)
	}
	return rel.Info.Status, true, nil
}

// Install installs r. The templates of its chart are literal, so the release
// gets no values: Helm would store them, and with them what was decrypted for
// this install alone.
//
// It returns once all of its workloads are ready, with the
// release's revision. It fails as soon as one of them cannot become ready.
func (c *Client) Install(ctx context.Context, r Rendered, timeout time.Duration, progress platform.Progress) (int, error) {
	if err := errors.Join(c.ensureNamespace(ctx, r), c.ensureSecrets(ctx, r)); err != nil {
		return 0, err
	}
	return c.apply(ctx, r, timeout, progress, func(ctx context.Context, cfg *action.Configuration) (*release.Release, error) {
		run := action.NewInstall(cfg)
		run.ReleaseName, run.Namespace = r.Release, r.Namespace
		run.Labels = r.Labels
		run.Timeout = timeout
		run.SkipSchemaValidation = true // done when r was rendered
		return run.RunWithContext(ctx, r.chart, nil)
	})
}

// Upgrade moves an installed release to r; the same promises as Install.
func (c *Client) Upgrade(ctx context.Context, r Rendered, timeout time.Duration, progress platform.Progress) (int, error) {
	if err := c.ensureSecrets(ctx, r); err != nil {
		return 0, err
	}
	return c.apply(ctx, r, timeout, progress, func(ctx context.Context, cfg *action.Configuration) (*release.Release, error) {
		run := action.NewUpgrade(cfg)
		run.Namespace = r.Namespace
		run.Labels = r.Labels
		run.Timeout = timeout
		run.ResetValues = true
		run.SkipSchemaValidation = true
		return run.RunWithContext(ctx, r.Release, r.chart, nil)
	})
}

// apply runs a Helm action while it watches the release's pods. Helm is let
// wait for nothing: its hooks are waited for here, and its workloads after it. A
// pod that cannot start, or crashes in a loop, ends either wait at once.
func (c *Client) apply(ctx context.Context, r Rendered, timeout time.Duration, progress platform.Progress,
	run func(context.Context, *action.Configuration) (*release.Release, error)) (int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not ready within %s", timeout))
	defer cancel()
	watch, err := c.watch(ctx, r, progress)
	if err != nil {
		return 0, err
	}
	cfg, err := configuration(c.cfg, r.Namespace)
	if err != nil {
		return 0, fmt.Errorf("set up Helm: %w", err)
	}
	client, ok := cfg.KubeClient.(*kube.Client)
	if !ok {
		return 0, fmt.Errorf("set up Helm: its client is a %T", cfg.KubeClient)
	}
	cfg.KubeClient = hookWaiter{client, func(hook workload) error { return watch.untilDone(ctx, hook) }}
	// Helm's actions go on in the background when their context ends, and then
	// write nothing down. So they get one that does not end: the hooks do.
	rel, err := run(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return 0, fmt.Errorf("apply release %s: %w", r.Release, err)
	}
	if err := watch.untilReady(ctx); err != nil {
		return 0, fmt.Errorf("apply release %s: %w", r.Release, err)
	}
	return rel.Version, nil
}

// abandon writes down that an action on the release was cut off, by a kill or a
// lost connection: Helm refuses the next one until somebody does.
func (c *Client) abandon(namespace, name string) error {
	cfg, err := configuration(c.cfg, namespace)
	if err != nil {
		return fmt.Errorf("set up Helm: %w", err)
	}
	rel, err := cfg.Releases.Last(name)
	if err != nil {
		return fmt.Errorf("read release %s: %w", name, err)
	}
	rel.SetStatus(release.StatusFailed, "cut off")
	if err := cfg.Releases.Update(rel); err != nil {
		return fmt.Errorf("mark release %s as failed: %w", name, err)
	}
	return nil
}

// ensureNamespace makes the namespace with the release's labels where there is
// none. One that exists is left as it is: it is somebody's.
func (c *Client) ensureNamespace(ctx context.Context, r Rendered) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.Namespace, Labels: r.Labels}}
	_, err := c.kube.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) || apierrors.IsForbidden(err) {
		return nil // a namespace-bound account cannot ask; the install will say it if there is none
	}
	if err != nil {
		return fmt.Errorf("create namespace %s: %w", r.Namespace, err)
	}
	return nil
}

// ensureSecrets makes the secrets that the release is told the names of, with
// the release's labels; one that is there is given the content that is wanted.
func (c *Client) ensureSecrets(ctx context.Context, r Rendered) error {
	for name, content := range r.Secrets {
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: r.Namespace, Labels: r.Labels},
			Type:       corev1.SecretTypeOpaque, StringData: content,
		}
		secrets := c.kube.CoreV1().Secrets(r.Namespace)
		_, err := secrets.Create(ctx, secret, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			_, err = secrets.Update(ctx, secret, metav1.UpdateOptions{})
		}
		if err != nil {
			return fmt.Errorf("make secret %s: %w", name, err)
		}
	}
	return nil
}
