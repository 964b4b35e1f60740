package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/authn"
	gcrname "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/moby/api/pkg/authconfig"
	apiregistry "github.com/moby/moby/api/types/registry"
)

// reachTimeout bounds the one question by which a registry is found to be
// reachable. A name server that is dead costs five of these seconds, before
// the next one is asked.
const reachTimeout = 10 * time.Second

// registries reaches container registries in two ways, because either may be
// the one that is configured: by this process (its proxy, its certificates),
// and through the container engine (its proxy, certificates and mirrors).
// Whether a host can be reached is asked once.
type registries struct {
	engine   engine
	keychain authn.Keychain
	client   http.RoundTripper
	timeout  time.Duration
	plain    string // host that speaks HTTP alone; empty for none

	mu    sync.Mutex
	hosts map[string]*reach
}

// reach is what was found out about a registry host.
type reach struct {
	once   sync.Once
	direct error // nil: this process reaches it
	engine error // nil: the engine reaches it
}

func newRegistries(e engine, keychain authn.Keychain) *registries {
	return &registries{engine: e, keychain: keychain, client: remote.DefaultTransport, timeout: reachTimeout, hosts: map[string]*reach{}}
}

// parse reads an image name. Plain HTTP is spoken to this machine, to private
// addresses, and to the host whose setting says so; never as a fallback.
func (r *registries) parse(image string) (gcrname.Reference, error) {
	options := []gcrname.Option{gcrname.WeakValidation}
	if r.plain != "" && strings.HasPrefix(image, r.plain+"/") {
		options = append(options, gcrname.Insecure)
	}
	ref, err := gcrname.ParseReference(image, options...)
	if err != nil {
		return nil, fmt.Errorf("read image name %q: %w", image, err)
	}
	return ref, nil
}

// reach asks host, once, by both ways at the same time. The image is only what
// the engine's question is about.
func (r *registries) reach(ctx context.Context, ref gcrname.Reference, image string) *reach {
	host := ref.Context().RegistryStr()
	r.mu.Lock()
	known := r.hosts[host]
	if known == nil {
		known = &reach{}
		r.hosts[host] = known
	}
	r.mu.Unlock()
	known.once.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, r.timeout)
		defer cancel()
		var wait sync.WaitGroup
		wait.Go(func() { _, known.direct = transport.Ping(ctx, ref.Context().Registry, r.client) })
		wait.Go(func() {
			_, err := r.engine.distribution(ctx, image, r.auth(ref))
			if !answered(err) {
				known.engine = err
			}
		})
		wait.Wait()
	})
	return known
}

// answered says that a registry gave an answer, be it a refusal.
func answered(err error) bool {
	return err == nil || cerrdefs.IsNotFound(err) || cerrdefs.IsUnauthorized(err) || cerrdefs.IsPermissionDenied(err)
}

// err is nil when the host can be reached one way or the other.
func (k *reach) err(host string) error {
	if k.direct == nil || k.engine == nil {
		return nil
	}
	byEngine := strings.TrimPrefix(k.engine.Error(), "Error response from daemon: ")
	if byEngine == k.direct.Error() {
		return fmt.Errorf("registry %s cannot be reached, neither from here nor by the container engine: %w", host, k.direct)
	}
	return fmt.Errorf("registry %s cannot be reached, from here (%w) or by the container engine (%s)", host, k.direct, byEngine)
}

// auth is the engine's form of the credentials that the docker configuration
// holds for a registry; empty for none.
func (r *registries) auth(ref gcrname.Reference) string {
	authenticator, err := r.keychain.Resolve(ref.Context())
	if err != nil {
		// A broken credential helper shows as the registry's own refusal,
		// which says more about the image than the helper's error would.
		return ""
	}
	c, err := authenticator.Authorization()
	if err != nil || *c == (authn.AuthConfig{}) {
		return ""
	}
	encoded, err := authconfig.Encode(apiregistry.AuthConfig{
		Username: c.Username, Password: c.Password, Auth: c.Auth,
		IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken,
		ServerAddress: ref.Context().RegistryStr(),
	})
	if err != nil {
		return ""
	}
	return encoded
}

// digest asks the registry for the manifest digest of image.
func (r *registries) digest(ctx context.Context, image string) (string, error) {
	ref, err := r.parse(image)
	if err != nil {
		return "", err
	}
	known := r.reach(ctx, ref, image)
	if err := known.err(ref.Context().RegistryStr()); err != nil {
		return "", err
	}
	if known.direct != nil {
		return r.engine.distribution(ctx, image, r.auth(ref))
	}
	desc, err := remote.Head(ref, r.options(ctx)...)
	if err != nil {
		return "", short(err)
	}
	return desc.Digest.String(), nil
}

// pull brings image into the engine under the name local and returns the
// manifest digest. The engine pulls; where it cannot reach the registry and
// this process can, the image goes through here.
func (r *registries) pull(ctx context.Context, image, local string, progress func(string)) (string, error) {
	digest, err := r.digest(ctx, image)
	if err != nil {
		return "", err
	}
	ref, err := r.parse(image)
	if err != nil {
		return "", err
	}
	known := r.reach(ctx, ref, image)
	byEngine := known.engine
	if byEngine == nil {
		if byEngine = r.pullByEngine(ctx, ref, image, local, &digest, progress); byEngine == nil {
			return digest, nil
		}
	}
	if known.direct != nil || ctx.Err() != nil {
		return "", byEngine
	}
	progress(fmt.Sprintf("the container engine cannot pull it (%v); pulling it from here", byEngine))
	if err := r.pullDirect(ctx, ref, local); err != nil {
		return "", errors.Join(fmt.Errorf("by the container engine: %w", byEngine), fmt.Errorf("from here: %w", err))
	}
	return digest, nil
}

func (r *registries) pullByEngine(ctx context.Context, ref gcrname.Reference, image, local string, digest *string, progress func(string)) error {
	if err := r.engine.pull(ctx, image, r.auth(ref), progress); err != nil {
		return err
	}
	got, ok, err := r.engine.inspect(ctx, image)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("pull %s: the container engine said it was done, but does not have it", image)
	}
	// The tag may have moved since it was asked: what lies here counts.
	if d := digestOf(got.repoDigests, repoOf(image)); d != "" {
		*digest = d
	}
	if local == image || repoOf(local) == repoOf(image) {
		return nil
	}
	return r.engine.tag(ctx, got.id, local)
}

// pullDirect streams the image from the registry into the engine.
func (r *registries) pullDirect(ctx context.Context, ref gcrname.Reference, local string) error {
	arch, err := r.engine.architecture(ctx)
	if err != nil {
		return err
	}
	img, err := remote.Image(ref, append(r.options(ctx), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: arch}))...)
	if err != nil {
		return short(err)
	}
	tag, err := gcrname.NewTag(local, gcrname.WeakValidation)
	if err != nil {
		return fmt.Errorf("read image name %q: %w", local, err)
	}
	out, in := io.Pipe()
	go func() { in.CloseWithError(tarball.Write(tag, img, in)) }()
	defer out.Close()
	return r.engine.load(ctx, out)
}

func (r *registries) options(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(r.keychain), remote.WithTransport(r.client)}
}

// short leaves the request out of a registry's answer where the answer alone
// tells enough.
func short(err error) error {
	if refusal, ok := errors.AsType[*transport.Error](err); ok {
		switch refusal.StatusCode {
		case http.StatusNotFound:
			return fmt.Errorf("the registry does not have it: %w", err)
		case http.StatusUnauthorized, http.StatusForbidden:
			return fmt.Errorf("the registry refuses it: run docker login, or ask for access: %w", err)
		}
	}
	return err
}

// unreachable says that the registry of image was asked, and could not be
// reached.
func (r *registries) unreachable(image string) bool {
	ref, err := r.parse(image)
	if err != nil {
		return false
	}
	r.mu.Lock()
	known := r.hosts[ref.Context().RegistryStr()]
	r.mu.Unlock()
	return known != nil && known.direct != nil && known.engine != nil
}
