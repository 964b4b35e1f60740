package stack

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/images"
)

// ByHand is a set-up that somebody else drives: the parts of Up one after the
// other, in the order of its methods, so that each can be measured. Nothing is
// baked into the node image, recorded or handed off: whoever drives puts the
// images onto the nodes between Cluster and Install. Down finds what was made by
// its label, as it does where a handoff is lost.
type ByHand struct{ up *up }

// NewByHand plans a stack on a kind cluster of images that the engine holds;
// files are the DAG files that it delivers, in any way but baked: nothing makes
// an image here. Of the options it takes Run, Docker, Engine, Progress and Values.
func NewByHand(ctx context.Context, o Options, all []images.Resolution, files map[string]string) (*ByHand, error) {
	u := newUp(Options{Run: o.Run, Docker: o.Docker, Engine: o.Engine, Progress: o.Progress, Values: o.Values}, files)
	u.h = newHandoff(o.Run, o.Values)
	u.h.Images = all
	return &ByHand{u}, u.plan(ctx)
}

// Services starts every service that needs no cluster, and waits until they
// answer, the log store too.
func (b *ByHand) Services(ctx context.Context) error {
	u := b.up
	if _, err := environment.EnsureNetwork(ctx, u.Docker, u.Run.Name); err != nil {
		return err
	}
	u.startLogStore(ctx)
	defer u.abandonLogStore() // nothing to do where it was waited for
	group, within := errgroup.WithContext(ctx)
	u.startServices(within, group)
	if err := group.Wait(); err != nil {
		return err
	}
	return u.waitLogStore(ctx)
}

// Cluster makes the cluster of the node image as it is.
func (b *ByHand) Cluster(ctx context.Context) error {
	return b.up.line.step("cluster", b.up.upCluster(ctx))
}

// ServicesAfter starts the services that need the cluster's address: the ACME
// server, where the run file asks for one.
func (b *ByHand) ServicesAfter(ctx context.Context) error {
	if !usesACME(b.up.Run) {
		return nil
	}
	return b.up.line.step("acme", b.up.upACME(ctx))
}

// Install installs the platform and its add-ons at the same time, and waits
// until every component of them is ready.
func (b *ByHand) Install(ctx context.Context) error { return b.up.install(ctx) }

// Stack is what was made so far.
func (b *ByHand) Stack() *Stack { return &Stack{Handoff: b.up.h, Cluster: b.up.cluster} }
