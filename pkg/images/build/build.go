// Package build makes images from package registries alone: Debian packages,
// Go modules and Python packages. What is built is data, a recipe for each
// image below fixtures/images; this package knows how to follow one.
//
// An image that was built says so: its local name lies below airworthy.local,
// and its labels name the recipe and the hash of everything that went in. It
// must not know who needs an image, nor anything about Airflow or clusters.
package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/images"
)

// Labels of every image that was built, and of the containers used on the way.
const (
	LabelRecipe = "airworthy.dev/recipe"
	LabelHash   = "airworthy.dev/recipe-hash"
)

// localPrefix keeps the names of built images apart from upstream's.
const localPrefix = "airworthy.local/"

// Options of a Builder. Recipes, Cache and Docker are required for Build;
// Supports and Hash need Recipes only.
type Options struct {
	Recipes  fs.FS                    // the tree below fixtures/images
	Cache    string                   // directory for downloads and Go binaries; made when missing
	Docker   *client.Client           // the engine that builds and keeps the images
	Progress func(image, line string) // what the tools print, one line at a time; may be nil; called concurrently

	// Source is this project's source tree, for programs of its own that go
	// into images. When nil, the Go module around the working directory is used.
	Source fs.FS
	// BuildArgs are given to every build container and kept out of the image,
	// as the engine does for HTTP_PROXY, HTTPS_PROXY, NO_PROXY and their like.
	BuildArgs map[string]string
	// Limit bounds each piece of work on an image: its downloads, one compilation,
	// one build by the engine; 0 for no limit.
	Limit time.Duration
	// Labels are put on containers that a build runs, so that clean-up finds them
	// after a crash; no image carries them.
	Labels map[string]string
}

// Built is one image in the local container engine.
type Built = images.BuildResult

// Builder follows recipes. It is safe for concurrent use, also by several
// processes that share a cache directory.
type Builder struct {
	opts    Options
	recipes map[string]*recipe // by folder name
	modules map[string]*goModule
	loadErr error

	sourceOnce sync.Once
	source     fs.FS
	sourceErr  error

	// A compiler takes every core, the engine's builds mostly wait for downloads:
	// one of each at a time.
	compiling, building chan struct{}

	hostOnce sync.Once
	host     map[string][]byte
	hostErr  error
}

var _ images.Builder = (*Builder)(nil)

// New reads all recipes. An error in one of them is returned by Hash and Build,
// so that a caller which never builds is not stopped by it.
func New(o Options) *Builder {
	b := &Builder{opts: o, compiling: make(chan struct{}, 1), building: make(chan struct{}, 1)}
	b.recipes, b.modules, b.loadErr = load(o.Recipes)
	return b
}

// Supports names the recipe for an image as manifests name it. It is false for
// a version that the recipe cannot build; Hash and Build say why.
func (b *Builder) Supports(ref string) (recipe string, ok bool) {
	r, _, err := b.find(ref)
	if err != nil {
		return "", false
	}
	return r.name, true
}

// Hash is the hash, in hexadecimal, that an image built now would be labelled
// with. It covers recipe files, version and the hashes of the base and of the
// images inside; not the state of the package registries.
func (b *Builder) Hash(ref string) (string, error) {
	r, tag, err := b.find(ref)
	if err != nil {
		return "", err
	}
	return b.hash(r, tag)
}

// Note is what ref's recipe says of how the image differs from the published one.
func (b *Builder) Note(ref string) string {
	r, _, err := b.find(ref)
	if err != nil {
		return ""
	}
	return r.Note
}

// Build makes the image for ref in the local engine. It is idempotent: an image
// with the present hash is returned at once. Images that ref needs are built
// first.
func (b *Builder) Build(ctx context.Context, ref string) (Built, error) {
	r, tag, err := b.find(ref)
	if err != nil {
		return Built{}, err
	}
	built, err := b.build(ctx, r, tag)
	if err != nil {
		return Built{}, fmt.Errorf("build image %s by recipe %s: %w", ref, r.name, err)
	}
	return built, nil
}

// turn waits until nobody else does the kind of work that gate is for. The
// context that it gives is for that work, and ends with Options.Limit: waiting
// for one's turn does not count.
func (b *Builder) turn(ctx context.Context, gate chan struct{}) (working context.Context, done func(), err error) {
	select {
	case gate <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	working, cancel := b.limited(ctx)
	return working, func() { cancel(); <-gate }, nil
}

func (b *Builder) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if b.opts.Limit == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, b.opts.Limit, fmt.Errorf("not within %s (timeouts.build)", b.opts.Limit))
}

// late adds to an error that the limit is its cause, where it is.
func late(working context.Context, err error) error {
	if err != nil && errors.Is(working.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", context.Cause(working), err)
	}
	return err
}

func (b *Builder) build(ctx context.Context, r *recipe, tag string) (Built, error) {
	hash, err := b.hash(r, tag)
	if err != nil {
		return Built{}, err
	}
	want := Built{Local: localName(r, tag, hash), Recipe: r.name, Hash: hash, Note: r.Note}
	if found, ok, err := b.existing(ctx, want); err != nil || ok {
		return found, err
	}
	if b.opts.Cache == "" {
		return Built{}, errors.New("no cache directory was given")
	}
	unlock, err := lock(ctx, b.opts.Cache, r.name)
	if err != nil {
		return Built{}, err
	}
	defer unlock()
	// Whoever held the lock may have built just this.
	if found, ok, err := b.existing(ctx, want); err != nil || ok {
		return found, err
	}
	if r.Debootstrap != nil {
		err = b.buildDebian(ctx, r, tag, want)
	} else {
		err = b.buildImage(ctx, r, tag, want)
	}
	if err != nil {
		return Built{}, err
	}
	found, ok, err := b.existing(ctx, want)
	if err == nil && !ok {
		err = fmt.Errorf("the engine reported success but has no image %s", want.Local)
	}
	found.Cached = false
	return found, err
}

// existing looks an image up by its local name; ok is false when it is not there.
func (b *Builder) existing(ctx context.Context, want Built) (found Built, ok bool, err error) {
	if b.opts.Docker == nil {
		return want, false, errors.New("no container engine was given")
	}
	got, err := b.opts.Docker.ImageInspect(ctx, want.Local)
	if cerrdefs.IsNotFound(err) {
		return want, false, nil
	}
	if err != nil {
		return want, false, fmt.Errorf("inspect image %s: %w", want.Local, err)
	}
	if got.Config == nil || got.Config.Labels[LabelHash] != want.Hash {
		return want, false, nil
	}
	want.ID, want.Cached = got.ID, true
	return want, true, nil
}

// localName is the name of a built image in the local engine.
func localName(r *recipe, tag, hash string) string {
	version := strings.Map(func(c rune) rune {
		if c == '+' || c == '/' || c == ':' {
			return '-'
		}
		return c
	}, r.version(tag))
	return localPrefix + r.name + ":" + version + "-" + hash[:12]
}

func (b *Builder) progress(image string) func(string) {
	return func(line string) {
		if b.opts.Progress != nil {
			b.opts.Progress(image, line)
		}
	}
}
