package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	gcrname "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

type anonymous struct{}

func (anonymous) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

// testResolver cannot reach any registry, save those of the test on this machine.
func testResolver(e *fakeEngine, o Options) *Resolver {
	o.Keychain = anonymous{}
	r := newResolver(o, e)
	r.registries.timeout = 10 * time.Second
	return r
}

func testRegistry(t *testing.T) string {
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// push puts a random image into a registry and returns manifest digest and id.
func push(t *testing.T, image string) (digest, id string) {
	t.Helper()
	img, err := random.Image(64, 2)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := gcrname.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	c, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return d.String(), c.String()
}

func TestResolveDecides(t *testing.T) {
	const digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	upstream := held{id: "sha256:1d", size: 7, repoDigests: []string{"apache/airflow@" + digest}}
	byHand := held{id: "sha256:2d", size: 8}
	// registry.invalid never resolves: this process reaches nothing here.
	const ref = "registry.invalid/airflow:3.2.2"
	hereUpstream := held{id: "sha256:1d", size: 7, repoDigests: []string{"registry.invalid/airflow@" + digest}}
	tests := []struct {
		name    string
		policy  string
		ref     Ref
		there   map[string]held
		reached map[string]string
		recipe  bool
		want    Resolution
		calls   []string
	}{
		{"auto takes what was pulled before", "", "apache/airflow:3.2.2", map[string]held{"apache/airflow:3.2.2": upstream}, nil, true,
			Resolution{"apache/airflow:3.2.2", RoleWorkload, "apache/airflow:3.2.2", "sha256:1d", digest, Pulled, "docker.io/apache/airflow:3.2.2", 7}, nil},
		{"auto takes an image made by hand and does not call it pulled", "auto", "apache/airflow:3.2.2", map[string]held{"apache/airflow:3.2.2": byHand}, nil, true,
			Resolution{"apache/airflow:3.2.2", RoleWorkload, "apache/airflow:3.2.2", "sha256:2d", "sha256:2d", Local, "the container engine", 8}, nil},
		{"auto builds where no registry answers", "auto", ref, nil, nil, true,
			Resolution{ref, RoleWorkload, "airworthy.local/airflow:h1", "sha256:b1", "sha256:b1", Built, "recipe airflow@h1", 9}, nil},
		{"auto pulls where the engine alone reaches the registry", "auto", ref, nil, map[string]string{ref: digest}, true,
			Resolution{ref, RoleWorkload, ref, "sha256:1d", digest, Pulled, ref, 7}, []string{"pull " + ref}},
		{"auto builds what the registry does not have", "auto", ref, nil, map[string]string{"other.invalid/x:1": digest}, true,
			Resolution{ref, RoleWorkload, "airworthy.local/airflow:h1", "sha256:b1", "sha256:b1", Built, "recipe airflow@h1", 9}, nil},
		{"pull does not take an image made by hand", "pull", ref, map[string]held{ref: byHand}, map[string]string{ref: digest}, true,
			Resolution{ref, RoleWorkload, ref, "sha256:1d", digest, Pulled, ref, 7}, []string{"pull " + ref}},
		{"pull takes what was pulled before", "pull", ref, map[string]held{ref: hereUpstream}, nil, false,
			Resolution{ref, RoleWorkload, ref, "sha256:1d", digest, Pulled, ref, 7}, nil},
		{"build does not take what was pulled", "build", ref, map[string]held{ref: hereUpstream}, map[string]string{ref: digest}, true,
			Resolution{ref, RoleWorkload, "airworthy.local/airflow:h1", "sha256:b1", "sha256:b1", Built, "recipe airflow@h1", 9}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newFakeEngine()
			for n, h := range tt.there {
				e.hold(n, h)
			}
			for n, d := range tt.reached {
				e.reached[key(n)] = d
			}
			b := &fakeBuilder{engine: e, hash: "h1", recipes: map[string]string{}}
			if tt.recipe {
				b.recipes[string(tt.ref)] = "airflow"
			}
			got, err := testResolver(e, Options{Policy: tt.policy, Builder: b}).Resolve(t.Context(), []Want{{tt.ref, RoleWorkload}})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, []Resolution{tt.want}) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if !reflect.DeepEqual(e.calls, tt.calls) {
				t.Errorf("the engine did %q, want %q", e.calls, tt.calls)
			}
		})
	}
}

func TestABuildThatBrokeOffIsTriedOnceMore(t *testing.T) {
	broke := errors.New("download x: unexpected EOF")
	for _, tt := range []struct {
		name  string
		errs  []error
		built int
		err   string
	}{
		{"never", nil, 1, ""},
		{"once", []error{broke}, 2, ""},
		{"twice", []error{broke, broke}, 2, "unexpected EOF"},
		{"for good", []error{fmt.Errorf("build: %w", &CannotBuildError{Reason: "needs root"})}, 1, "needs root"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &fakeBuilder{engine: newFakeEngine(), hash: "h1", recipes: map[string]string{"a:1": "a"}, errs: tt.errs}
			_, err := testResolver(b.engine, Options{Policy: "build", Builder: b}).Resolve(t.Context(), []Want{{"a:1", RoleService}})
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if b.built != tt.built {
				t.Errorf("%d builds, want %d", b.built, tt.built)
			}
		})
	}
}

func TestResolveSaysWhyAnImageCannotBeHad(t *testing.T) {
	tests := []struct {
		name   string
		opts   Options
		ref    Ref
		policy Policy
		want   []string
	}{
		{"auto", Options{}, "registry.invalid/app:1", PolicyAuto, []string{
			"image registry.invalid/app:1 cannot be had (policy auto)",
			"engine: not there",
			"bundle: not configured (images.bundle)",
			"mirror: not configured (images.mirror)",
			"registry: registry registry.invalid cannot be reached, from here (",
			"or by the container engine (dial tcp: lookup: no such host)",
			"build: no recipe makes it",
			"to mend: make one of these ways work: docker load the image"}},
		{"mirror without one", Options{Policy: "mirror"}, "a:1", PolicyMirror, []string{
			"image a:1 cannot be had (policy mirror)", "mirror: none is configured (images.mirror)", "to mend: set images.mirror"}},
		{"bundle without one", Options{Policy: "bundle"}, "a:1", PolicyBundle, []string{
			"bundle: none is configured (images.bundle)", "airworthy images save"}},
		{"build without a recipe", Options{PerImage: map[string]string{"a": "build"}}, "a:1", PolicyBuild, []string{
			"build: no recipe makes it"}},
		{"build of a digest", Options{Policy: "build"}, "a@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", PolicyBuild, []string{
			"a build cannot have the digest that the name asks for"}},
		{"local names stay here", Options{Policy: "pull"}, "airworthy.local/a:1", PolicyPull, []string{
			"registry: names below airworthy.local are in no registry"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.opts.Builder = &fakeBuilder{}
			_, err := testResolver(newFakeEngine(), tt.opts).Resolve(t.Context(), []Want{{tt.ref, RoleWorkload}})
			failure, ok := errors.AsType[*UnavailableError](err)
			if !ok || failure.Ref != tt.ref || failure.Policy != tt.policy {
				t.Fatalf("error %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestResolveReportsEveryFailureAndEverySuccess(t *testing.T) {
	e := newFakeEngine()
	e.hold("good:1", held{id: "sha256:1d", size: 7})
	got, err := testResolver(e, Options{}).Resolve(t.Context(), []Want{
		{"registry.invalid/app:1", RoleService}, {"good:1", RoleService}, {"registry.invalid/job:1", RoleWorkload}, {"registry.invalid/app:1", RoleWorkload}})
	if len(got) != 1 || got[0].Ref != "good:1" {
		t.Errorf("resolved %+v, want good:1 alone", got)
	}
	if err == nil || strings.Count(err.Error(), "registry.invalid/app:1 cannot be had") != 1 || strings.Count(err.Error(), "registry.invalid/job:1 cannot be had") != 1 {
		t.Errorf("error %v, want each image once", err)
	}
	if e.asked != 1 {
		t.Errorf("the registry was asked %d times through the engine, want once for all images", e.asked)
	}
}

func TestResolveRefusesBadSettingsBeforeAnyWork(t *testing.T) {
	e := newFakeEngine()
	b := &fakeBuilder{engine: e, hash: "h1", recipes: map[string]string{"a:1": "a"}}
	_, err := testResolver(e, Options{Policy: "build", Builder: b, PerImage: map[string]string{"b:1": "fetch"}}).Resolve(t.Context(),
		[]Want{{"a:1", RoleService}, {"b:1", RoleService}, {"UPPER", RoleService}})
	for _, want := range []string{
		`image b:1: unknown policy "fetch": use one of auto, pull, mirror, build, bundle`,
		`read image name "UPPER"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
	if b.built != 0 {
		t.Errorf("%d builds were made", b.built)
	}
}

func TestPerImagePolicyTheMostExactNameWins(t *testing.T) {
	r := testResolver(newFakeEngine(), Options{Policy: "build", PerImage: map[string]string{
		"apache/airflow": "mirror", "apache/airflow:3.2.2": "pull", "docker.io/library/postgres": "bundle"}})
	for ref, want := range map[Ref]Policy{
		"apache/airflow:3.2.2": PolicyPull, "apache/airflow:3.1.0": PolicyMirror, "postgres:15": PolicyBundle, "minio/minio:x": PolicyBuild,
	} {
		n, err := parse(ref)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.policyFor(n); got != want || err != nil {
			t.Errorf("%s: policy %q, error %v, want %q", ref, got, err, want)
		}
	}
}

func TestResolveForAClusterThatPullsByItselfOnlyRecordsWorkloads(t *testing.T) {
	e := newFakeEngine()
	e.hold("postgres:15", held{id: "sha256:1d", size: 7})
	got, err := testResolver(e, Options{ClusterPulls: true, Policy: "auto"}).Resolve(t.Context(),
		[]Want{{"registry.invalid/app:1", RoleWorkload}, {"postgres:15", RoleService}})
	want := []Resolution{
		{Ref: "registry.invalid/app:1", Role: RoleWorkload, Source: ByCluster, From: "pulled by the cluster"},
		{"postgres:15", RoleService, "postgres:15", "sha256:1d", "sha256:1d", Local, "the container engine", 7},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, error %v\nwant %+v", got, err, want)
	}
}

func TestPullFromARegistryThatOnlyThisProcessReaches(t *testing.T) {
	host := testRegistry(t)
	digest, id := push(t, host+"/team/app:1")
	e := newFakeEngine()
	e.noPull = errNoNetwork
	ref := Ref(host + "/team/app:1")
	got, err := testResolver(e, Options{Policy: "pull", Cache: t.TempDir()}).Resolve(t.Context(), []Want{{ref, RoleWorkload}})
	if err != nil {
		t.Fatal(err)
	}
	if g := got[0]; g.Source != Pulled || g.Digest != digest || g.ID != id || g.Local != string(ref) || g.From != string(ref) {
		t.Errorf("got %+v, want digest %s and id %s", g, digest, id)
	}
}

func TestMirrorAnswersForUpstreamsName(t *testing.T) {
	tests := []struct{ name, pushed string }{
		{"with upstream's host as a folder", "/cache/docker.io/apache/airflow:3.2.2"},
		{"without it", "/cache/apache/airflow:3.2.2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			host := testRegistry(t)
			digest, id := push(t, host+tt.pushed)
			e := newFakeEngine()
			e.noPull = errNoNetwork
			got, err := testResolver(e, Options{Mirror: "http://" + host + "/cache/"}).Resolve(t.Context(), []Want{{"apache/airflow:3.2.2", RoleWorkload}})
			if err != nil {
				t.Fatal(err)
			}
			if g := got[0]; g.Source != Mirrored || g.Digest != digest || g.ID != id || g.Local != "apache/airflow:3.2.2" || g.From != host+tt.pushed {
				t.Errorf("got %+v, want digest %s and id %s", g, digest, id)
			}
		})
	}
}

func TestMirrorThatLacksTheImageSaysSo(t *testing.T) {
	host := testRegistry(t)
	_, err := testResolver(newFakeEngine(), Options{Policy: "mirror", Mirror: host}).Resolve(t.Context(), []Want{{"apache/airflow:3.2.2", RoleWorkload}})
	for _, want := range []string{host + "/docker.io/apache/airflow:3.2.2: the registry does not have it", host + "/apache/airflow:3.2.2: the registry does not have it"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
}

func TestLatestIsAskedFor(t *testing.T) {
	host := testRegistry(t)
	digest, _ := push(t, host+"/app:latest")
	e := newFakeEngine()
	e.noPull = errNoNetwork
	ref := Ref(host + "/app")
	e.hold(string(ref), held{id: "sha256:01d", repoDigests: []string{string(ref) + "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}})
	got, err := testResolver(e, Options{}).Resolve(t.Context(), []Want{{ref, RoleService}})
	if err != nil || got[0].Digest != digest {
		t.Errorf("got %+v, error %v, want the new digest %s", got, err, digest)
	}
}

func TestMemoryIsNotTrustedBlindly(t *testing.T) {
	const ref = "registry.invalid/airflow:3.2.2"
	cache := t.TempDir()
	e := newFakeEngine()
	b := &fakeBuilder{engine: e, hash: "h1", recipes: map[string]string{ref: "airflow"}}
	resolve := func() Resolution {
		t.Helper()
		got, err := testResolver(e, Options{Cache: cache, Builder: b}).Resolve(t.Context(), []Want{{ref, RoleWorkload}})
		if err != nil {
			t.Fatal(err)
		}
		return got[0]
	}
	first := resolve()
	asked := e.asked
	if again := resolve(); again != first || b.built != 1 || e.asked != asked {
		t.Errorf("second run: %+v, %d builds, %d questions to registries; want %+v, 1, %d", again, b.built, e.asked, first, asked)
	}
	b.note = "a stand-in"
	if said := resolve(); said.From != first.From+": a stand-in" || b.built != 1 {
		t.Errorf("the recipe says more of the same image, but %q is told after %d builds", said.From, b.built)
	}
	b.hash = "h2"
	if changed := resolve(); changed.Local != "airworthy.local/airflow:h2" {
		t.Errorf("the recipe changed, but %+v is used", changed)
	}
	delete(e.images, key("airworthy.local/airflow:h2"))
	if resolve(); b.built != 3 {
		t.Errorf("%d builds, want a third one for the image that was removed", b.built)
	}
	e.hold("airworthy.local/airflow:h2", held{id: "sha256:0ther"})
	if resolve(); b.built != 4 {
		t.Errorf("%d builds, want a fourth one for the name that was given to another image", b.built)
	}
	if err := os.WriteFile(filepath.Join(cache, "images.json"), []byte("{half"), 0o644); err != nil {
		t.Fatal(err)
	}
	resolve()
}

func TestResolveEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := testResolver(newFakeEngine(), Options{}).Resolve(ctx, []Want{{"registry.invalid/app:1", RoleService}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want it to be the cancellation", err)
	}
}
