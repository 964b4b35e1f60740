// Package stack composes cluster, services, images and platform in one visible
// order: Up, Attach, Down. It must not know Ginkgo or Gomega.
package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/airworthy/airworthy/dags"
	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/engine"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/addon"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// Options of Up.
type Options struct {
	Run      config.Run
	State    string            // directory for handoffs
	Cache    string            // directory for image builds and downloads
	Dir      *evidence.Dir     // run directory; setup/ and cluster/ are written below it; may be nil
	Docker   *client.Client    // nil only for an existing cluster without services of ours
	Engine   engine.Status     // what Detect found
	Keep     bool              // leave what was made when Up fails
	Progress Progress          // may be nil
	Proxy    map[string]string // variables such as HTTPS_PROXY, for what is built in containers
	Values   Values            // of platform.valuesFiles
}

// Stack is a standing stack.
type Stack struct {
	Handoff Handoff
	Cluster environment.Cluster
	// Recording is under way since before the platform was installed; nil when
	// Options.Dir was nil.
	Recording *Recording
}

// Up brings up the stack Run.Name, or goes on with it when it stands already
// and was made of the same run file. A half-made one is removed and made anew.
// Which of these happens is told to Progress. ctx bounds everything; each part
// has a timeout of the run file too. When Up fails, it removes what it made
// unless Keep is set.
func Up(ctx context.Context, o Options) (_ *Stack, err error) {
	u := newUp(o, dags.Files())
	defer func() { err = errors.Join(err, u.writeTimeline()) }()

	standing, why := u.standing(ctx)
	if standing != nil {
		u.line.Waiting("stack", "going on with the standing stack "+o.Run.Name)
		return standing, nil
	}
	if why != "" {
		u.line.Waiting("stack", "starting over: "+why)
		if _, err := Down(ctx, o.Docker, o.State, o.Run.Name); err != nil {
			return nil, fmt.Errorf("remove the half-made stack: %w", err)
		}
	}
	defer func() {
		if err == nil {
			return
		}
		u.stopRecording() // whatever happens next, the run directory is about to be sealed
		if o.Keep {
			return
		}
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
		defer cancel()
		u.line.Waiting("stack", "removing what was made")
		_, downErr := Down(fresh, o.Docker, o.State, o.Run.Name)
		err = errors.Join(err, downErr)
	}()
	return u.make(ctx)
}

// up is the state of one Up.
type up struct {
	Options
	line     *timeline
	path     string
	timeouts config.Timeouts
	files    map[string]string // DAG files by name

	h         Handoff
	spec      platform.Spec
	adapter   platform.Adapter
	cluster   environment.Cluster
	recording *Recording
	logs      *logStore // nil where no logs are shipped
}

func newUp(o Options, files map[string]string) *up {
	return &up{
		Options: o, line: &timeline{next: o.Progress}, path: HandoffPath(o.State, o.Run.Name),
		timeouts: o.Run.Timeouts.Scaled(), files: files,
	}
}

// make is the whole set-up, in order.
func (u *up) make(ctx context.Context) (*Stack, error) {
	u.h = newHandoff(u.Run, u.Values)
	u.h.Disturbances = disturbancesOf(u.State, u.Run.Name)
	defer u.abandonLogStore() // nothing to do where it was waited for
	for _, part := range []func(context.Context) error{
		u.plan,         // what will be installed, with no cluster
		u.images,       // everything that it runs on
		u.ground,       // cluster and services, at the same time
		u.record,       // from here on every pod is watched
		u.install,      // the platform and what stands around it, at the same time
		u.findPolicies, // whether the pod network enforces any
		u.waitLogStore,
	} {
		if err := WriteHandoff(u.path, u.h); err != nil {
			return nil, err
		}
		if err := part(ctx); err != nil {
			return nil, err
		}
	}
	u.h.Ready = true
	if err := WriteHandoff(u.path, u.h); err != nil {
		return nil, err
	}
	return &Stack{Handoff: u.h, Cluster: u.cluster, Recording: u.recording}, nil
}

// newHandoff makes the secrets, which evidence must not hold from the first line on.
func newHandoff(run config.Run, values Values) Handoff {
	s := newSecrets()
	return Handoff{
		Name: run.Name, Run: run, FileValues: values.Values, FileSecrets: values.Secrets, ValuesDigest: values.digest(), Started: time.Now().UTC(), AddonsIn: addonPlace(run).Namespace,
		AirflowImage: AirflowImage(run),
		AdminUser:    adminUser, AdminPassword: s.admin,
		ConnectionSecret: s.connection,
		FernetKey:        s.fernet, JWTSecret: s.jwt, APISecretKey: s.api,
		Database:      service.Endpoint{Database: databaseIs, User: databaseIs, Secret: s.database},
		DatabaseAdmin: service.Endpoint{Secret: s.databaseAdmin},
		ObjectStorage: service.Endpoint{Bucket: run.ObjectStorage.Bucket, User: objectUser, Secret: s.objectUser},
		ObjectAdmin:   service.Endpoint{Bucket: run.ObjectStorage.Bucket, User: "airworthy-root", Secret: s.objectRoot},
		Next: standing.Next{
			FernetKey: s.nextFernet, JWTSecret: s.nextJWT, APISecretKey: s.nextAPI,
			ObjectUser: nextObjectUser, ObjectSecret: s.nextObjectUser,
		},
		LogStore: service.Endpoint{User: "admin", Secret: s.logStore},
		Grafana:  run.Metrics.Grafana == grafanaAlways,
		Secrets:  s.all(),
	}
}

// Render says what a run file would install, with no cluster. Addresses are
// placeholders, and the secrets are used for nothing else.
func Render(ctx context.Context, run config.Run, values Values) (platform.Plan, []addon.Plan, error) {
	h := newHandoff(run, values)
	adapter, err := adapterOf(run)
	if err != nil {
		return platform.Plan{}, nil, err
	}
	plan, err := adapter.Plan(ctx, specOf(h))
	if err != nil {
		return plan, nil, fmt.Errorf("render the platform: %w", err)
	}
	addons, err := planAddons(ctx, h)
	return plan, addons, err
}

func (u *up) plan(ctx context.Context) error {
	return u.line.step("plan", func(func(string)) error {
		if u.Dir != nil {
			if err := u.Dir.AddSecrets(u.h.AllSecrets()...); err != nil {
				return err
			}
		}
		var err error
		if u.adapter, err = adapterOf(u.Run); err != nil {
			return err
		}
		u.h.Plan, err = u.adapter.Plan(ctx, u.wanted())
		if err != nil {
			return fmt.Errorf("render the platform: %w", err)
		}
		u.h.Features = u.features()
		u.h.NotOffered = notOffered(u.h, noPolicies)
		if u.h.Addons, err = planAddons(ctx, u.h); err != nil {
			return err
		}
		return u.keepPlan()
	})
}

// wanted is the platform as far as the addresses of its services are known.
func (u *up) wanted() platform.Spec {
	spec := specOf(u.h)
	spec.DAGs = u.files
	return spec
}

// features are what the platform claims, and what the stack can do beside it.
func (u *up) features() []conformance.Feature {
	features := slices.Concat(u.h.Plan.Features, shippingFeatures(u.Run))
	if u.h.Grafana {
		features = append(features, conformance.FeatureGrafana)
	}
	if !servicesInside(u.Run) && u.Docker != nil {
		u.h.Engine = u.Docker.DaemonHost()
		features = append(features, conformance.FeatureDatabasePause)
		if u.Run.Database.Pooler == "none" {
			features = append(features, conformance.FeatureDatabaseLimit)
		}
		if u.Run.ObjectStorage.Kind == "minio" {
			features = append(features, conformance.FeatureObjectStorePause)
		}
	}
	slices.Sort(features)
	return features
}

// keepPlan writes what will be installed below setup/.
func (u *up) keepPlan() error {
	if u.Dir == nil {
		return nil
	}
	errs := []error{
		u.Dir.WriteFile("setup/manifests/platform.yaml", []byte(u.h.Plan.Manifests)),
		u.Dir.WriteJSON("setup/values/platform.json", u.h.Plan.Values),
	}
	for _, a := range u.h.Addons {
		errs = append(errs, u.Dir.WriteFile(evidence.File("setup/manifests/"+a.Name+".yaml"), []byte(a.Manifests)))
	}
	return errors.Join(errs...)
}

func (u *up) images(ctx context.Context) error {
	return u.line.step("images", func(waiting func(string)) error {
		ctx, cancel := context.WithTimeout(ctx, u.timeouts.Build*4)
		defer cancel()
		resolver, err := NewResolver(u.Run, ImageOptions{
			Docker: u.Docker, Cache: u.Cache, Labels: u.labels("images"), Proxy: u.Proxy,
			Progress: func(image, line string) { waiting(image + ": " + line) },
		})
		if err != nil {
			return err
		}
		wants, noGrafana, err := Wants(ctx, resolver, u.Run, u.h.Plan, u.h.Addons)
		if err != nil {
			return err
		}
		u.h.Images, err = resolver.Resolve(ctx, wants)
		if err != nil {
			return err
		}
		if err := u.chooseGrafana(ctx, noGrafana); err != nil {
			return err
		}
		if bakes(u.Run) {
			if err := u.bakeDAGs(ctx, resolver); err != nil {
				return err
			}
		}
		if u.Run.Cluster.Kind == environment.KindKind {
			if err := u.bake(ctx, resolver); err != nil {
				return err
			}
		}
		if u.Dir == nil {
			return nil
		}
		return u.Dir.WriteJSON("setup/images.json", u.h.Images)
	})
}

// bakeDAGs puts the image with the DAG files in the place of the one that it is
// made of.
func (u *up) bakeDAGs(ctx context.Context, resolver *images.Resolver) error {
	base, err := find(u.h.Images, images.Ref(baseImage(u.Run)), images.RoleWorkload)
	if err != nil {
		return err
	}
	made, err := resolver.AddFiles(ctx, base, bakedDAGs())
	if err != nil {
		return err
	}
	for i, r := range u.h.Images {
		if r.Ref == base.Ref && r.Role == base.Role {
			u.h.Images[i] = made
		}
	}
	return nil
}

// bake puts the platform's images into the node image, so that the cluster
// starts with them and pulls nothing.
func (u *up) bake(ctx context.Context, resolver *images.Resolver) error {
	node, err := find(u.h.Images, NodeRef(u.Run), images.RoleNode)
	if err != nil {
		return err
	}
	var workloads []images.Resolution
	for _, r := range u.h.Images {
		if r.Role == images.RoleWorkload {
			workloads = append(workloads, r)
		}
	}
	baked, err := resolver.BakeNode(ctx, node, workloads)
	if err != nil {
		return fmt.Errorf("put the platform's images into the node image: %w", err)
	}
	for i, r := range u.h.Images {
		if r.Role == images.RoleNode {
			u.h.Images[i].Local, u.h.Images[i].ID = baked.Local, baked.ID
		}
	}
	return nil
}

func (u *up) labels(part string) map[string]string {
	return map[string]string{environment.LabelStack: u.Run.Name, environment.LabelPart: part}
}

func (u *up) record(ctx context.Context) error {
	if u.Dir == nil {
		return nil
	}
	var err error
	u.recording, err = Record(ctx, u.cluster.REST(), u.h, u.Dir)
	return err
}

func (u *up) stopRecording() {
	if u.recording != nil {
		// What it could not write is said when the run is sealed; here the set-up's own error matters.
		_ = u.recording.Stop()
	}
}

func (u *up) install(ctx context.Context) error {
	addons := addonsOf(u.h)
	if len(addons) > 0 {
		if err := addon.Define(ctx, u.cluster.REST(), addonPlace(u.h.Run), addons...); err != nil {
			return err
		}
	}
	// The group's own context ends with it.
	group, within := errgroup.WithContext(ctx)
	for _, a := range addons {
		if a.Name == servicesAddon {
			continue // it stands already: the platform needs it
		}
		group.Go(func() error { return u.installAddon(within, a) })
	}
	group.Go(func() error { return u.installPlatform(within) })
	if err := group.Wait(); err != nil {
		return err
	}
	return u.reachIngress(ctx)
}

func (u *up) installAddon(ctx context.Context, a addon.Addon) error {
	return u.line.step(a.Name, func(waiting func(string)) error {
		return a.Install(ctx, u.cluster.REST(), addonPlace(u.h.Run), u.timeouts.Install, func(_, waitingFor string) { waiting(waitingFor) })
	})
}

func (u *up) installPlatform(ctx context.Context) error {
	return u.line.step("platform", func(waiting func(string)) error {
		u.spec = u.wanted()
		var err error
		// Rendered again: the services have addresses now.
		if u.h.Plan, err = u.adapter.Plan(ctx, u.spec); err != nil {
			return fmt.Errorf("render the platform: %w", err)
		}
		if err := u.keepPlan(); err != nil {
			return err
		}
		u.h.Release, err = u.adapter.Install(ctx, u.cluster.REST(), u.spec, u.timeouts.Install, func(step, waitingFor string) {
			waiting(step + ": " + waitingFor)
		})
		if err != nil {
			return fmt.Errorf("install the platform: %w", err)
		}
		if u.spec.NodePort != 0 {
			u.h.AirflowURL, err = airflowURL(u.cluster, u.h.Release.APIPath)
		}
		return err
	})
}

// airflowURL is where processes on this machine reach the API server.
func airflowURL(c environment.Cluster, path string) (string, error) {
	if reacher, ok := c.(environment.HostReacher); ok {
		if address, ok := reacher.HostAddress(environment.APINodePort); ok {
			return baseURL(address) + path, nil
		}
	}
	// Whoever uses the stack forwards a port of its own.
	return "", nil
}

func (u *up) writeTimeline() error {
	if u.Dir == nil {
		return nil
	}
	if spans := u.line.Spans(); len(spans) > 0 {
		return u.Dir.WriteJSON("setup/timeline.json", spans)
	}
	return nil
}

// Reinstall changes a standing platform: what change does to the specification
// that the stack was made with is installed over it.
func Reinstall(ctx context.Context, cfg *rest.Config, h Handoff, change func(*platform.Spec), progress platform.Progress) (platform.Release, error) {
	adapter, err := adapterOf(h.Run)
	if err != nil {
		return platform.Release{}, err
	}
	spec := specOf(h)
	if change != nil {
		change(&spec)
	}
	release, err := adapter.Upgrade(ctx, cfg, spec, h.Run.Timeouts.Scaled().Install, progress)
	if err != nil {
		return release, fmt.Errorf("change the platform: %w", err)
	}
	return release, nil
}

// ReinstallAddon changes a standing add-on: what change does to it as the stack
// made it is installed over it.
func ReinstallAddon(ctx context.Context, cfg *rest.Config, h Handoff, name string, change func(*addon.Addon), progress platform.Progress) error {
	for _, a := range addonsOf(h) {
		if a.Name != name {
			continue
		}
		if change != nil {
			change(&a)
		}
		return a.Install(ctx, cfg, addonPlace(h.Run), h.Run.Timeouts.Scaled().Install, progress)
	}
	return fmt.Errorf("change add-on %s: the stack has none of this name; it has: %s", name, addon.Names(addonsOf(h)))
}

// Attach uses the standing stack of that name.
func Attach(ctx context.Context, docker *client.Client, state, name string, values Values) (*Stack, error) {
	h, err := ReadHandoff(HandoffPath(state, name))
	if err != nil {
		return nil, err
	}
	h.FileValues, h.FileSecrets = values.Values, values.Secrets
	if !h.Ready {
		return nil, fmt.Errorf("stack %s is half-made: `airworthy up` goes on with it or starts over, `airworthy down` removes it", name)
	}
	cluster, err := environment.Attach(ctx, docker, h.Cluster)
	if err != nil {
		return nil, fmt.Errorf("reach stack %s: %w", name, err)
	}
	return &Stack{Handoff: h, Cluster: cluster}, nil
}

// Down removes the stack of that name, also a half-made one, or one whose
// handoff is lost: everything is found by label. It may be called again.
func Down(ctx context.Context, docker *client.Client, state, name string) (environment.Left, error) {
	var (
		left environment.Left
		errs []error
	)
	path := HandoffPath(state, name)
	h, err := ReadHandoff(path)
	if err == nil && h.Cluster.Kind == environment.KindExisting {
		errs = append(errs, uninstall(ctx, h))
	}
	if docker != nil {
		var err error
		left, err = environment.Remove(ctx, docker, name)
		errs = append(errs, err)
	}
	if errors.Join(errs...) == nil {
		noted := disturbancesOf(state, name)
		for _, file := range []string{standing.Silences(noted), standing.Kills(noted), path} {
			if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
				errs = append(errs, fmt.Errorf("forget stack %s: %w", name, err))
			}
		}
	}
	return left, errors.Join(errs...)
}

// uninstall takes the platform off a cluster that is not ours.
func uninstall(ctx context.Context, h Handoff) error {
	cluster, err := environment.Attach(ctx, nil, h.Cluster)
	if err != nil {
		return fmt.Errorf("reach the cluster of stack %s: %w", h.Name, err)
	}
	adapter, err := adapterOf(h.Run)
	if err != nil {
		return err
	}
	err = adapter.Uninstall(ctx, cluster.REST(), specOf(h))
	if addons := addonsOf(h); len(addons) > 0 {
		err = errors.Join(err, addon.Remove(ctx, cluster.REST(), addonPlace(h.Run), addons...))
	}
	return err
}
