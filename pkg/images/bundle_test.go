package images

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// saved makes a bundle of two images that share a layer.
func saved(t *testing.T, file string) (path string, all []Resolution) {
	t.Helper()
	e := newFakeEngine()
	base := strings.Repeat("base of both ", 1000)
	one, idOne := archiveOf(base, "one")
	two, idTwo := archiveOf(base, "two")
	e.saved["docker.io/library/postgres:15"], e.saved["airworthy.local/airflow:h1"] = one, two
	all = []Resolution{
		{"postgres:15", RoleService, "postgres:15", idOne, "sha256:feed", Pulled, "docker.io/library/postgres:15", 11},
		{"apache/airflow:3.2.2", RoleWorkload, "airworthy.local/airflow:h1", idTwo, idTwo, Built, "recipe airflow@h1", 12},
		{"postgres:15", RoleWorkload, "postgres:15", idOne, "sha256:feed", Pulled, "docker.io/library/postgres:15", 11},
	}
	path = filepath.Join(t.TempDir(), file)
	if err := testResolver(e, Options{}).Save(t.Context(), path, all); err != nil {
		t.Fatal(err)
	}
	return path, all
}

func TestBundleKeepsImagesAndWhereTheyCameFrom(t *testing.T) {
	for _, file := range []string{"bundle", "bundle.tar"} {
		t.Run(file, func(t *testing.T) {
			path, all := saved(t, file)
			e := newFakeEngine()
			got, err := testResolver(e, Options{}).Load(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				got[i].Size = 0 // the fake counts the archive
			}
			want := []Resolution{
				{"apache/airflow:3.2.2", RoleWorkload, "airworthy.local/airflow:h1", all[1].ID, all[1].ID, Bundled, "bundle " + path + ", built by recipe airflow@h1", 0},
				{"postgres:15", RoleService, "postgres:15", all[0].ID, "sha256:feed", Bundled, "bundle " + path + ", pulled from docker.io/library/postgres:15", 0},
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			loads := []string{"load [airworthy.local/airflow:h1]", "load [docker.io/library/postgres:15]"}
			if !reflect.DeepEqual(e.calls, loads) {
				t.Errorf("the engine did %q, want %q", e.calls, loads)
			}
		})
	}
}

func TestBundleIsALayoutThatOthersRead(t *testing.T) {
	path, _ := saved(t, "bundle")
	index, err := layout.ImageIndexFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	blobs, err := filepath.Glob(filepath.Join(path, "blobs", "sha256", "*"))
	if err != nil || len(blobs) != 7 {
		t.Errorf("%d blobs, error %v, want 7: two manifests, two configurations, three layers", len(blobs), err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left over: %v, error %v", left, err)
	}
}

func TestBundleIsTheSameForTheSameImages(t *testing.T) {
	one, _ := saved(t, "bundle")
	two, _ := saved(t, "bundle")
	a, errA := os.ReadFile(filepath.Join(one, "index.json"))
	b, errB := os.ReadFile(filepath.Join(two, "index.json"))
	if err := errors.Join(errA, errB); err != nil || string(a) != string(b) {
		t.Errorf("error %v, first\n%s\nsecond\n%s", err, a, b)
	}
}

func TestLoadNamesTheBlobThatWasChanged(t *testing.T) {
	path, _ := saved(t, "bundle")
	blobs, err := filepath.Glob(filepath.Join(path, "blobs", "sha256", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, blob := range blobs {
		t.Run(filepath.Base(blob)[:12], func(t *testing.T) {
			good, err := os.ReadFile(blob)
			if err != nil {
				t.Fatal(err)
			}
			defer os.WriteFile(blob, good, 0o644)
			bad := append([]byte{}, good...)
			bad[len(bad)/2] ^= 1
			if err := os.WriteFile(blob, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			e := newFakeEngine()
			_, err = testResolver(e, Options{}).Load(t.Context(), path)
			if want := "blob sha256:" + filepath.Base(blob) + " was changed"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want it to say %q", err, want)
			}
			if len(e.calls) != 0 {
				t.Errorf("the engine did %q", e.calls)
			}
			if err := os.Remove(blob); err != nil {
				t.Fatal(err)
			}
			_, err = testResolver(e, Options{}).Load(t.Context(), path)
			if want := "blob sha256:" + filepath.Base(blob) + " is missing"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want it to say %q", err, want)
			}
		})
	}
}

func TestLoadNoticesAnotherNameInTheIndex(t *testing.T) {
	path, _ := saved(t, "bundle")
	file := filepath.Join(path, "index.json")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(data), "airworthy.local/airflow:h1", "docker.io/apache/airflow:3.2.2")
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = testResolver(newFakeEngine(), Options{}).Load(t.Context(), path)
	if want := `"docker.io/apache/airflow:3.2.2", the blob itself says "airworthy.local/airflow:h1"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want it to say %q", err, want)
	}
}

func TestLoadAndSaveRefuse(t *testing.T) {
	empty := t.TempDir()
	r := testResolver(newFakeEngine(), Options{})
	_, missing := r.Load(t.Context(), filepath.Join(empty, "none"))
	_, other := r.Load(t.Context(), empty)
	there := r.Save(t.Context(), empty, nil)
	byCluster := r.Save(t.Context(), filepath.Join(empty, "x"), []Resolution{{Ref: "a:1", Source: ByCluster}})
	for _, tt := range []struct {
		err  error
		want string
	}{
		{missing, "no such file or directory"},
		{other, "this is not an OCI image layout; make one with airworthy images save"},
		{there, "exists: remove it or give another name"},
		{byCluster, "image a:1 is pulled by the cluster"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("error %v, want it to say %q", tt.err, tt.want)
		}
	}
	if left, _ := os.ReadDir(empty); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestResolveByBundle(t *testing.T) {
	path, all := saved(t, "bundle.tar")
	e := newFakeEngine()
	wants := []Want{{"docker.io/apache/airflow:3.2.2", RoleWorkload}}
	cache := t.TempDir()
	resolve := func() []Resolution {
		t.Helper()
		got, err := testResolver(e, Options{Bundle: path, Policy: "bundle", Cache: cache}).Resolve(t.Context(), wants)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := resolve()
	if g := got[0]; g.Source != Bundled || g.ID != all[1].ID || g.Local != "airworthy.local/airflow:h1" || g.From != "bundle "+path+", built by recipe airflow@h1" {
		t.Errorf("got %+v", g)
	}
	if again := resolve(); !reflect.DeepEqual(again, got) {
		t.Errorf("second time %+v, want %+v", again, got)
	}
	if want := []string{"load [airworthy.local/airflow:h1]", "tag " + all[1].ID + " airworthy.local/airflow:h1"}; !reflect.DeepEqual(e.calls, want) {
		t.Errorf("the engine did %q, want %q", e.calls, want)
	}
	_, err := testResolver(newFakeEngine(), Options{Bundle: path, Policy: "bundle"}).Resolve(t.Context(), []Want{{"other:1", RoleService}})
	if want := "bundle: " + path + " does not hold it"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want it to say %q", err, want)
	}
}

func TestListSaysWhatIsThereAndWhatWouldBeDone(t *testing.T) {
	path, _ := saved(t, "bundle")
	e := newFakeEngine()
	e.hold("there:1", held{id: "sha256:1d", size: 7})
	b := &fakeBuilder{engine: e, hash: "h1", recipes: map[string]string{"registry.invalid/made:1": "made"}}
	got, err := testResolver(e, Options{Bundle: path, Builder: b}).List(t.Context(), []Want{
		{"there:1", RoleService}, {"postgres:15", RoleService}, {"registry.invalid/made:1", RoleWorkload}, {"airworthy.local/none:1", RoleWorkload}})
	want := []Listed{
		{Ref: "there:1", Role: RoleService, Policy: PolicyAuto, Present: true, Source: Local, From: "the container engine", Local: "there:1", ID: "sha256:1d", Digest: "sha256:1d", Size: 7, Action: "use"},
		{Ref: "postgres:15", Role: RoleService, Policy: PolicyAuto, Action: "load from " + path},
		{Ref: "registry.invalid/made:1", Role: RoleWorkload, Policy: PolicyAuto, Action: "build by recipe made@h1"},
		{Ref: "airworthy.local/none:1", Role: RoleWorkload, Policy: PolicyAuto, Action: "unavailable", Reasons: []Attempt{
			{"engine", "not there"}, {"bundle", path + " does not hold it"}, {"mirror", "not configured (images.mirror)"},
			{"registry", "names below airworthy.local are in no registry"}, {"build", "no recipe makes it"}}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("error %v\ngot  %+v\nwant %+v", err, got, want)
	}
	if b.built != 0 || len(e.calls) != 0 {
		t.Errorf("listing built %d images and did %q", b.built, e.calls)
	}
}
