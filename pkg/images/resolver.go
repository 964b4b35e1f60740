package images

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/moby/moby/client"
)

// pullsAtOnce bounds concurrent pulls. How many builds run at a time is for the
// Builder to know: some take every core, others wait for the network.
const pullsAtOnce = 4

// Options of a Resolver.
type Options struct {
	Docker *client.Client
	// Builder makes images from packages; nil for none.
	Builder Builder
	// Policy for images that PerImage does not name; empty for auto.
	Policy string
	// Mirror is host[:port][/prefix] that answers for upstream's names, with
	// http:// before it where it speaks no TLS; empty for none.
	Mirror string
	// Bundle is a folder or .tar made by Save; empty for none.
	Bundle string
	// PerImage gives single images a policy of their own, by name with or without tag.
	PerImage map[string]string
	// Cache is a folder that remembers, for later runs, where images came from.
	Cache string
	// ClusterPulls says that the nodes are not ours to load: workload images
	// are pulled by the cluster itself, and only recorded here.
	ClusterPulls bool
	// Labels are put on the containers that baking runs, beside our own, so
	// that clean-up finds them after a crash.
	Labels map[string]string
	// Keychain holds registry credentials; nil for docker's configuration.
	Keychain authn.Keychain
	// Progress is told, in one line each, what happens to which image. It may
	// be called concurrently, and may be nil.
	Progress func(image, line string)
}

// Resolver makes images available in the container engine.
type Resolver struct {
	opts       Options
	engine     engine
	registries *registries
	memory     *memory

	pulls chan struct{}
	loads chan struct{}

	bundleOnce sync.Once
	bundle     *bundle
	bundleErr  error
}

// New makes a Resolver. It asks nothing of engine or network yet.
func New(opts Options) *Resolver {
	return newResolver(opts, docker{opts.Docker})
}

func newResolver(opts Options, e engine) *Resolver {
	if opts.Keychain == nil {
		opts.Keychain = authn.DefaultKeychain
	}
	reg := newRegistries(e, opts.Keychain)
	if rest, ok := strings.CutPrefix(opts.Mirror, "http://"); ok {
		reg.plain, _, _ = strings.Cut(rest, "/")
	}
	return &Resolver{
		opts: opts, engine: e,
		registries: reg,
		memory:     openMemory(opts.Cache),
		pulls:      make(chan struct{}, pullsAtOnce),
		loads:      make(chan struct{}, 1),
	}
}

// Resolve makes every wanted image available and says where each came from, in
// the order of wants; an image wanted twice in one role is listed once. What is
// wrong by the settings alone is reported before anything is fetched. Otherwise
// every image is tried, and the error joins one UnavailableError for each that
// cannot be had, beside the resolutions of the others.
func (r *Resolver) Resolve(ctx context.Context, wants []Want) ([]Resolution, error) {
	jobs, err := r.jobs(wants)
	if err != nil {
		return nil, err
	}
	if err := r.memory.trouble; err != nil {
		r.progress("", fmt.Sprintf("starting without what earlier runs remembered: %v", err))
	}
	// Roles that share an image share the work.
	type outcome struct {
		once sync.Once
		res  Resolution
		err  error
	}
	outcomes := map[string]*outcome{}
	for _, j := range jobs {
		if outcomes[j.full] == nil {
			outcomes[j.full] = &outcome{}
		}
	}
	var wait sync.WaitGroup
	for _, j := range jobs {
		if j.byCluster {
			continue
		}
		wait.Go(func() {
			o := outcomes[j.full]
			o.once.Do(func() { o.res, o.err = r.resolve(ctx, j) })
		})
	}
	wait.Wait()

	var all []Resolution
	var failed []error
	reported := map[string]bool{}
	for _, j := range jobs {
		o := outcomes[j.full]
		switch {
		case j.byCluster:
			all = append(all, pulledByCluster(j))
		case o.err == nil:
			res := o.res
			res.Ref, res.Role = j.ref, j.role
			all = append(all, res)
		case !reported[j.full]:
			reported[j.full] = true
			failed = append(failed, o.err)
		}
	}
	return all, errors.Join(failed...)
}

// job is one wanted image with its decisions.
type job struct {
	name
	role      Role
	policy    Policy
	byCluster bool
}

// jobs reads the wants and reports all that is wrong with them at once.
func (r *Resolver) jobs(wants []Want) ([]job, error) {
	var jobs []job
	var wrong []error
	seen := map[Want]bool{}
	for _, w := range wants {
		if seen[w] {
			continue
		}
		seen[w] = true
		n, err := parse(w.Ref)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		policy, err := r.policyFor(n)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		j := job{name: n, role: w.Role, policy: policy, byCluster: r.opts.ClusterPulls && w.Role == RoleWorkload}
		if err := r.possible(j); err != nil {
			wrong = append(wrong, err)
			continue
		}
		jobs = append(jobs, j)
	}
	return jobs, errors.Join(wrong...)
}

// possible refuses what the settings alone rule out, so that nobody waits for
// a build of minutes to hear of a missing line in the run file.
func (r *Resolver) possible(j job) error {
	var a Attempt
	switch {
	case j.byCluster:
		return nil
	case j.policy == PolicyMirror && r.opts.Mirror == "":
		a = Attempt{"mirror", "none is configured (images.mirror)"}
	case j.policy == PolicyBundle && r.opts.Bundle == "":
		a = Attempt{"bundle", "none is configured (images.bundle)"}
	case j.policy == PolicyBuild:
		reason := r.cannotBuild(j.name)
		if reason == "" {
			return nil
		}
		a = Attempt{"build", reason}
	default:
		return nil
	}
	return &UnavailableError{Ref: j.ref, Policy: j.policy, Tried: []Attempt{a}}
}

// cannotBuild says why no recipe can make an image, or "".
func (r *Resolver) cannotBuild(n name) string {
	if r.opts.Builder == nil {
		return "no recipes here"
	}
	if n.digest != "" {
		return "a build cannot have the digest that the name asks for"
	}
	// The hash needs all that a build needs of the recipes, and its error says
	// which is missing: a recipe, one for this version, or one without a mistake.
	if _, err := r.opts.Builder.Hash(string(n.ref)); err != nil {
		return err.Error()
	}
	return ""
}

func pulledByCluster(j job) Resolution {
	return Resolution{Ref: j.ref, Role: j.role, Digest: j.digest, Source: ByCluster, From: "pulled by the cluster"}
}

func (r *Resolver) progress(ref Ref, line string) {
	if r.opts.Progress != nil {
		r.opts.Progress(string(ref), line)
	}
}

// within runs f when the gate has room.
func within(ctx context.Context, gate chan struct{}, f func() error) error {
	select {
	case gate <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-gate }()
	return f()
}
