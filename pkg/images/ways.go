package images

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// way is one way to an image that is not there yet.
type way struct {
	name string
	// plan says what would be done, without doing it.
	plan func(context.Context, job) (string, error)
	get  func(context.Context, job) (remembered, error)
}

// errNotConfigured rules a way out that auto would otherwise have tried.
var errNotConfigured = errors.New("not configured")

// ways lists what a policy allows, in the order of trying. Auto prefers what
// was brought or set up on purpose to what may work, and content published by
// upstream to content built here.
func (r *Resolver) ways(p Policy) []way {
	all := map[Policy]way{
		PolicyBundle: {"bundle", r.planBundle, r.fromBundle},
		PolicyMirror: {"mirror", r.planMirror, r.fromMirror},
		PolicyPull:   {"registry", r.planRegistry, r.fromRegistry},
		PolicyBuild:  {"build", r.planBuild, r.fromBuild},
	}
	if p == PolicyAuto {
		return []way{all[PolicyBundle], all[PolicyMirror], all[PolicyPull], all[PolicyBuild]}
	}
	return []way{all[p]}
}

// resolve takes the image that is there, or the first way that works.
func (r *Resolver) resolve(ctx context.Context, j job) (Resolution, error) {
	have, ok, why, err := r.present(ctx, j)
	if err != nil {
		return Resolution{}, fmt.Errorf("image %s: %w", j.ref, err)
	}
	if ok && r.fresh(ctx, j, have) {
		return have, nil
	}
	failure := &UnavailableError{Ref: j.ref, Policy: j.policy, Tried: []Attempt{{"engine", why}}}
	for _, w := range r.ways(j.policy) {
		got, err := w.get(ctx, j)
		if err == nil {
			if err := r.memory.put(got); err != nil {
				r.progress(j.ref, err.Error())
			}
			return got.Resolution, nil
		}
		if ctx.Err() != nil {
			return Resolution{}, fmt.Errorf("image %s: interrupted while trying %s: %w", j.ref, w.name, context.Cause(ctx))
		}
		failure.Tried = append(failure.Tried, Attempt{w.name, err.Error()})
		if !errors.Is(err, errNotConfigured) {
			r.progress(j.ref, fmt.Sprintf("not by %s: %v", w.name, err))
		}
	}
	if ok {
		r.progress(j.ref, "using the one that is there, which may be old")
		return have, nil
	}
	return Resolution{}, failure
}

// present finds the image in the engine, when what is there satisfies the
// policy; else it says why not.
func (r *Resolver) present(ctx context.Context, j job) (Resolution, bool, string, error) {
	if j.policy == PolicyBuild || j.policy == PolicyBundle {
		return Resolution{}, false, "only what the " + string(j.policy) + " makes counts", nil
	}
	if known, ok := r.memory.get(j.ref); ok && j.policy.keeps(known.Source) {
		have, ok, err := r.engine.inspect(ctx, known.Local)
		if err != nil {
			return Resolution{}, false, "", err
		}
		if ok && have.id == known.ID && r.current(known) {
			if known.Source == Built { // what is said of it may have changed
				note := r.opts.Builder.Note(string(known.Ref))
				known.From = BuildResult{Recipe: known.Recipe, Hash: known.Hash, Note: note}.from()
			}
			return known.Resolution, true, "", nil
		}
	}
	have, ok, err := r.engine.inspect(ctx, j.local)
	if err != nil {
		return Resolution{}, false, "", err
	}
	if !ok {
		return Resolution{}, false, "not there", nil
	}
	res := r.origin(j.name, have)
	if !j.policy.keeps(res.Source) {
		return Resolution{}, false, fmt.Sprintf("one of that name is there, but its source is %q (%s)", res.Source, res.From), nil
	}
	return res, true, "one of that name is there, but may be old", nil
}

// current says whether a remembered image is what its recipe would make now.
func (r *Resolver) current(known remembered) bool {
	if known.Source != Built {
		return true
	}
	if r.opts.Builder == nil {
		return false
	}
	hash, err := r.opts.Builder.Hash(string(known.Ref))
	return err == nil && hash == known.Hash
}

// origin reads from the engine's records where an image of upstream's name
// came from.
func (r *Resolver) origin(n name, have held) Resolution {
	res := Resolution{Ref: n.ref, Local: n.local, ID: have.id, Digest: have.id, Size: have.size, Source: Local, From: "the container engine"}
	if d := digestOf(have.repoDigests, n.repo); d != "" {
		res.Source, res.Digest, res.From = Pulled, d, n.full
		return res
	}
	if r.opts.Mirror == "" {
		return res
	}
	for _, m := range n.mirrored(r.opts.Mirror) {
		if d := digestOf(have.repoDigests, repoOf(m)); d != "" {
			res.Source, res.Digest, res.From = Mirrored, d, m
			return res
		}
	}
	return res
}

// fresh asks the registry about a name that moves (latest). What cannot be
// asked is taken as it is.
func (r *Resolver) fresh(ctx context.Context, j job, have Resolution) bool {
	if !j.moving() || (have.Source != Pulled && have.Source != Mirrored) {
		return true
	}
	digest, err := r.registries.digest(ctx, have.From)
	if err != nil {
		r.progress(j.ref, fmt.Sprintf("using the one that is there, not knowing whether it is the latest: %v", err))
		return true
	}
	return digest == have.Digest
}

func (r *Resolver) fromMirror(ctx context.Context, j job) (remembered, error) {
	if r.opts.Mirror == "" {
		return remembered{}, fmt.Errorf("%w (images.mirror)", errNotConfigured)
	}
	var failed []string
	for _, m := range j.mirrored(r.opts.Mirror) {
		got, err := r.pulled(ctx, j, m, Mirrored)
		if err == nil || ctx.Err() != nil {
			return got, err
		}
		failed = append(failed, fmt.Sprintf("%s: %v", m, err))
		if r.registries.unreachable(m) {
			break
		}
	}
	return remembered{}, errors.New(strings.Join(failed, "; "))
}

func (r *Resolver) fromRegistry(ctx context.Context, j job) (remembered, error) {
	if err := j.published(); err != nil {
		return remembered{}, err
	}
	return r.pulled(ctx, j, j.full, Pulled)
}

// pulled pulls the image by the name from, which for a mirror is not its own.
func (r *Resolver) pulled(ctx context.Context, j job, from string, source Source) (remembered, error) {
	local := j.local
	if source == Mirrored && j.digest != "" {
		// An engine refuses to tag by digest: the mirror's name has to do.
		local = from
	}
	var digest string
	err := within(ctx, r.pulls, func() (err error) {
		r.progress(j.ref, "asking for "+from)
		digest, err = r.registries.pull(ctx, from, local, func(line string) { r.progress(j.ref, line) })
		return err
	})
	if err != nil {
		return remembered{}, err
	}
	return r.arrived(ctx, j, remembered{Resolution: Resolution{Local: local, Digest: digest, Source: source, From: from}})
}

func (r *Resolver) fromBuild(ctx context.Context, j job) (remembered, error) {
	if reason := r.cannotBuild(j.name); reason != "" {
		return remembered{}, errors.New(reason)
	}
	built, err := r.opts.Builder.Build(ctx, string(j.ref))
	var unable *CannotBuildError
	if err != nil && ctx.Err() == nil && !errors.As(err, &unable) {
		// Most of what goes wrong is a download that broke off, and whatever was
		// downloaded and compiled before it is there still.
		r.progress(j.ref, fmt.Sprintf("building once more: %v", err))
		built, err = r.opts.Builder.Build(ctx, string(j.ref))
	}
	if err != nil {
		return remembered{}, err
	}
	return r.arrived(ctx, j, remembered{Recipe: built.Recipe, Hash: built.Hash, Resolution: Resolution{
		Local: built.Local, Digest: built.ID, Source: Built, From: built.from(),
	}})
}

// from names the recipe, and says where what it makes is not what the image's
// name promises: that goes into every report.
func (b BuildResult) from() string {
	from := fmt.Sprintf("recipe %s@%s", b.Recipe, b.Hash)
	if b.Note != "" {
		from += ": " + b.Note
	}
	return from
}

// arrived completes an entry with what the engine says of the image.
func (r *Resolver) arrived(ctx context.Context, j job, e remembered) (remembered, error) {
	have, ok, err := r.engine.inspect(ctx, e.Local)
	if err != nil {
		return remembered{}, err
	}
	if !ok {
		return remembered{}, fmt.Errorf("%s is not in the container engine after all", e.Local)
	}
	e.Ref, e.Role, e.ID, e.Size = j.ref, j.role, have.id, have.size
	if e.Digest == "" {
		e.Digest = have.id
	}
	r.progress(j.ref, fmt.Sprintf("%s, %s", e.Source, e.From))
	return e, nil
}
