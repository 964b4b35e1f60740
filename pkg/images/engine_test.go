//go:build engine

package images

import (
	"archive/tar"
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

// scratch imports a tiny image into the real engine, and removes it at the end.
func scratch(t *testing.T, api *client.Client, name string) held {
	t.Helper()
	var root bytes.Buffer
	w := tar.NewWriter(&root)
	if err := w.WriteHeader(&tar.Header{Name: "hello", Mode: 0o644, Size: int64(len(t.Name()))}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, t.Name()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	repo, tag, _ := strings.Cut(name, ":")
	out, err := api.ImageImport(t.Context(), client.ImageImportSource{Source: &root, SourceName: "-"}, repo, client.ImageImportOptions{Tag: tag})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatal(err)
	}
	have, ok, err := docker{api}.inspect(t.Context(), name)
	if err != nil || !ok {
		t.Fatalf("%s: there is %v, error %v", name, ok, err)
	}
	return have
}

func engineOfThisMachine(t *testing.T) *client.Client {
	t.Helper()
	api, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func remove(t *testing.T, api *client.Client, name string) {
	t.Helper()
	if _, err := api.ImageRemove(t.Context(), name, client.ImageRemoveOptions{PruneChildren: true}); err != nil {
		t.Fatal(err)
	}
}

func TestEngineSaveAndLoad(t *testing.T) {
	api := engineOfThisMachine(t)
	for _, file := range []string{"bundle", "bundle.tar"} {
		t.Run(file, func(t *testing.T) {
			const name = "airworthy.local/engine-test:1"
			have := scratch(t, api, name)
			path := filepath.Join(t.TempDir(), file)
			r := New(Options{Docker: api})
			if err := r.Save(t.Context(), path, []Resolution{{"upstream/thing:1", RoleService, name, have.id, have.id, Built, "recipe thing@1", have.size}}); err != nil {
				t.Fatal(err)
			}
			remove(t, api, name)
			if _, ok, err := r.engine.inspect(t.Context(), have.id); ok || err != nil {
				t.Fatalf("removed, but there is %v, error %v", ok, err)
			}
			got, err := r.Load(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer remove(t, api, name)
			want := Resolution{"upstream/thing:1", RoleService, name, have.id, have.id, Bundled, "bundle " + path + ", built by recipe thing@1", have.size}
			if len(got) != 1 || got[0] != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			// A second time there is nothing to load.
			if again, err := r.Load(t.Context(), path); err != nil || again[0] != want {
				t.Errorf("again: %+v, error %v", again, err)
			}
		})
	}
}

func TestEnginePullsFromARegistryOfThisMachine(t *testing.T) {
	api := engineOfThisMachine(t)
	host := testRegistry(t)
	digest, id := push(t, host+"/team/app:1")
	ref := Ref(host + "/team/app:1")
	got, err := New(Options{Docker: api, Policy: "pull"}).Resolve(t.Context(), []Want{{ref, RoleService}})
	if err != nil {
		t.Fatal(err)
	}
	defer remove(t, api, string(ref))
	if g := got[0]; g.Source != Pulled || g.Digest != digest || g.ID != id || g.Local != string(ref) {
		t.Errorf("got %+v, want digest %s and id %s", g, digest, id)
	}
}

func TestEngineMirrorGivesUpstreamsName(t *testing.T) {
	api := engineOfThisMachine(t)
	host := testRegistry(t)
	digest, id := push(t, host+"/cache/docker.io/airworthy/mirror-test:1")
	const ref = "airworthy/mirror-test:1"
	options := Options{Docker: api, Policy: "mirror", Mirror: host + "/cache"}
	for _, run := range []string{"first", "second, without memory"} {
		got, err := New(options).Resolve(t.Context(), []Want{{ref, RoleService}})
		if err != nil {
			t.Fatal(err)
		}
		if g := got[0]; g.Source != Mirrored || g.Digest != digest || g.ID != id || g.Local != ref || g.From != host+"/cache/docker.io/airworthy/mirror-test:1" {
			t.Errorf("%s: got %+v, want digest %s and id %s", run, g, digest, id)
		}
	}
	remove(t, api, ref)
	remove(t, api, host+"/cache/docker.io/airworthy/mirror-test:1")
}

func TestEngineRegistriesAreAskedOnceAndQuickly(t *testing.T) {
	api := engineOfThisMachine(t)
	r := New(Options{Docker: api, Policy: "pull"})
	_, err := r.Resolve(t.Context(), []Want{{"registry.invalid/app:1", RoleService}, {"registry.invalid/job:1", RoleService}})
	if err == nil || strings.Count(err.Error(), "registry registry.invalid cannot be reached") != 2 {
		t.Errorf("error %v", err)
	}
	t.Log(err)
}

func TestEnginePruneRemovesOldBakedImagesAlone(t *testing.T) {
	api := engineOfThisMachine(t)
	r := New(Options{Docker: api})
	// Whatever else was baked on this machine is not the test's to remove.
	others, err := api.ImageList(t.Context(), client.ImageListOptions{Filters: client.Filters{}.Add("label", labelBaked)})
	if err != nil {
		t.Fatal(err)
	}
	var keep []Resolution
	for _, img := range others.Items {
		keep = append(keep, Resolution{ID: img.ID})
	}
	bake := func(tag, content string) string {
		out, err := api.ImageImport(t.Context(), client.ImageImportSource{Source: strings.NewReader(layerOf(content)), SourceName: "-"},
			"airworthy.local/prune-test", client.ImageImportOptions{Tag: tag, Changes: []string{"LABEL " + labelBaked + "=" + tag}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, out); err != nil {
			t.Fatal(err)
		}
		have, _, err := r.engine.inspect(t.Context(), "airworthy.local/prune-test:"+tag)
		if err != nil {
			t.Fatal(err)
		}
		return have.id
	}
	bake("old", "old")
	current := bake("new", "new")
	defer remove(t, api, "airworthy.local/prune-test:new")
	removed, err := r.Prune(t.Context(), append(keep, Resolution{ID: current})...)
	if err != nil || len(removed) != 1 || removed[0] != "airworthy.local/prune-test:old" {
		t.Errorf("removed %v, error %v, want airworthy.local/prune-test:old", removed, err)
	}
}
