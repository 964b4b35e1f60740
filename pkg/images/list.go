package images

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Listed is what is known of a wanted image, and what Resolve would do.
type Listed struct {
	Ref     Ref       `json:"ref"`
	Role    Role      `json:"role"`
	Policy  Policy    `json:"policy"`
	Present bool      `json:"present"` // in the container engine, and satisfying the policy
	Source  Source    `json:"source,omitempty"`
	From    string    `json:"from,omitempty"`
	Local   string    `json:"local,omitempty"`
	ID      string    `json:"id,omitempty"`
	Digest  string    `json:"digest,omitempty"`
	Size    int64     `json:"size,omitempty"`    // bytes, uncompressed
	Action  string    `json:"action"`            // use | load from ... | pull ... | build ... | pulled by the cluster | unavailable
	Reasons []Attempt `json:"reasons,omitempty"` // for unavailable: why each way is closed
}

// unavailable is the action of an image that cannot be had.
const unavailable = "unavailable"

// Unavailable reports whether every way to the image is closed.
func (l Listed) Unavailable() bool { return l.Action == unavailable }

// List says for each wanted image what is there, and what Resolve would do. It
// changes nothing; registries may be asked whether they are reachable.
func (r *Resolver) List(ctx context.Context, wants []Want) ([]Listed, error) {
	var jobs []job
	var wrong []error
	for _, w := range wants {
		n, err := parse(w.Ref)
		if err == nil {
			var p Policy
			if p, err = r.policyFor(n); err == nil {
				jobs = append(jobs, job{name: n, role: w.Role, policy: p, byCluster: r.opts.ClusterPulls && w.Role == RoleWorkload})
			}
		}
		wrong = append(wrong, err)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	all := make([]Listed, len(jobs))
	failed := make([]error, len(jobs))
	var wait sync.WaitGroup
	for i, j := range jobs {
		wait.Go(func() { all[i], failed[i] = r.list(ctx, j) })
	}
	wait.Wait()
	return all, errors.Join(failed...)
}

func (r *Resolver) list(ctx context.Context, j job) (Listed, error) {
	l := Listed{Ref: j.ref, Role: j.role, Policy: j.policy}
	if j.byCluster {
		res := pulledByCluster(j)
		l.Source, l.Digest, l.Action = res.Source, res.Digest, res.From
		return l, nil
	}
	have, ok, why, err := r.present(ctx, j)
	if err == nil && !ok && (j.policy == PolicyBuild || j.policy == PolicyBundle) {
		have, ok, err = r.stillThere(ctx, j)
	}
	if err != nil {
		return l, fmt.Errorf("image %s: %w", j.ref, err)
	}
	if ok {
		l.Present, l.Action = true, "use"
		l.Source, l.From, l.Local, l.ID, l.Digest, l.Size = have.Source, have.From, have.Local, have.ID, have.Digest, have.Size
		if r.fresh(ctx, j, have) {
			return l, nil
		}
	}
	l.Reasons = []Attempt{{"engine", why}}
	for _, w := range r.ways(j.policy) {
		action, err := w.plan(ctx, j)
		if err == nil {
			l.Action, l.Reasons = action, nil
			return l, ctx.Err()
		}
		l.Reasons = append(l.Reasons, Attempt{w.name, err.Error()})
	}
	if !ok {
		l.Action = unavailable
	}
	return l, ctx.Err()
}

// stillThere finds what recipe or bundle left in an earlier run.
func (r *Resolver) stillThere(ctx context.Context, j job) (Resolution, bool, error) {
	known, ok := r.memory.get(j.ref)
	source := map[Policy]Source{PolicyBuild: Built, PolicyBundle: Bundled}[j.policy]
	if !ok || known.Source != source || !r.current(known) || (source == Bundled && known.Bundle != r.opts.Bundle) {
		return Resolution{}, false, nil
	}
	have, ok, err := r.engine.inspect(ctx, known.Local)
	return known.Resolution, ok && have.id == known.ID, err
}

func (r *Resolver) planBundle(_ context.Context, j job) (string, error) {
	b, err := r.configured()
	if err != nil {
		return "", err
	}
	if _, err := b.find(j.name); err != nil {
		return "", err
	}
	return "load from " + b.path, nil
}

func (r *Resolver) planMirror(ctx context.Context, j job) (string, error) {
	if r.opts.Mirror == "" {
		return "", fmt.Errorf("%w (images.mirror)", errNotConfigured)
	}
	var failed []error
	for _, m := range j.mirrored(r.opts.Mirror) {
		_, err := r.registries.digest(ctx, m)
		if err == nil {
			return "pull " + m, nil
		}
		failed = append(failed, fmt.Errorf("%s: %w", m, err))
		if r.registries.unreachable(m) {
			break
		}
	}
	return "", errors.Join(failed...)
}

func (r *Resolver) planRegistry(ctx context.Context, j job) (string, error) {
	if err := j.published(); err != nil {
		return "", err
	}
	if _, err := r.registries.digest(ctx, j.full); err != nil {
		return "", err
	}
	return "pull " + j.full, nil
}

func (r *Resolver) planBuild(_ context.Context, j job) (string, error) {
	if reason := r.cannotBuild(j.name); reason != "" {
		return "", errors.New(reason)
	}
	recipe, _ := r.opts.Builder.Supports(string(j.ref))
	hash, err := r.opts.Builder.Hash(string(j.ref))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("build by recipe %s@%s", recipe, hash), nil
}
