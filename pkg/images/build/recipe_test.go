package build

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/airworthy/airworthy/fixtures"
)

// tree is a small set of recipes that uses every field.
func tree() fstest.MapFS {
	return fstest.MapFS{
		"common/trim.sh":      file("true\n"),
		"debian/recipe.yaml":  file("repository: debian\ntags: [trixie]\ndebootstrap: {include: [ca-certificates]}\n"),
		"app/recipe.yaml":     file("repository: example/app\ntags: ['1.0', 'RELEASE.*']\nbase: debian:trixie\nfiles: [run.sh, 'locks/${TAG}.txt']\nargs: {VERSION: '${TAG}'}\nbinaries: {bin: [tools/app]}\n"),
		"app/Dockerfile":      file("FROM scratch\n"),
		"app/run.sh":          file("exec app\n"),
		"app/locks/1.0.txt":   file("thing==1\n"),
		"app/unused.txt":      file("not named by the recipe\n"),
		"beside/recipe.yaml":  file("repository: example/shared\ntags: [beside-1]\nbase: debian:trixie\n"),
		"shared/recipe.yaml":  file("repository: example/shared\ntags: ['1']\nbase: debian:trixie\n"),
		"node/recipe.yaml":    file("repository: example/node\ntags: [v1]\npreload: ['docker.io/example/app:1.0']\n"),
		"node/Dockerfile":     file("FROM scratch\n"),
		"go/tools/build.yaml": file("source: cmd/app\nbinaries: {app: .}\n"),
		"go/tools/module.mod": file("module example.com/tools\n"),
		"go/tools/module.sum": file(""),
	}
}

// source is the project that the tree's program is built from.
func source() fstest.MapFS {
	return fstest.MapFS{
		"cmd/app/main.go":      file("package main\n"),
		"cmd/app/main_test.go": file("package main\n"),
	}
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestLoadRefusesWhatCannotBeBuilt(t *testing.T) {
	for _, test := range []struct {
		name, file, content, want string
	}{
		{"unknown key", "app/recipe.yaml", "repository: a\ntags: [x]\nbases: b\n", "field bases not found"},
		{"no repository", "app/recipe.yaml", "tags: [x]\n", "recipe app: repository is missing"},
		{"no tags", "app/recipe.yaml", "repository: a\n", "recipe app: tags is empty: name the versions that can be built"},
		{"unknown base", "app/recipe.yaml", "repository: a\ntags: [x]\nbase: debian:sid\n", "recipe app: image debian:sid cannot be built: recipe debian builds trixie of debian only"},
		{"unknown preload", "node/recipe.yaml", "repository: a\ntags: [x]\npreload: [other:1]\n", "recipe node: image other:1 cannot be built: there is no recipe for other"},
		{"half a replacement", "go/tools/build.yaml", "source: cmd/app\nbinaries: {app: .}\nreplace: [{module: m, file: a.go}]\n", `read go/tools/build.yaml: replace: "m" needs module, file and with`},
		{"two replacements in one module", "go/tools/build.yaml", "source: cmd/app\nbinaries: {app: .}\nreplace: [{module: m, file: a.go, with: a}, {module: m, file: b.go, with: b}]\n", `read go/tools/build.yaml: replace: "m" stands there twice`},
		{"unknown binary", "app/recipe.yaml", "repository: a\ntags: [x]\nbinaries: {bin: [tools/none]}\n", "recipe app: binary tools/none is not in go/tools/build.yaml"},
		{"module without a sum", "app/recipe.yaml", "repository: a\ntags: [x]\nmodules: [{module: m@v1, from: a, to: b}]\n", `recipe app: modules: "m@v1" needs module (path@version), sum, from and to`},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := tree()
			files[test.file] = file(test.content)
			_, err := New(Options{Recipes: files, Source: source()}).Hash("example/node:v1")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestFindsTheRecipeByName(t *testing.T) {
	b := New(Options{Recipes: tree(), Source: source()})
	for _, test := range []struct {
		ref, recipe, refusal string
	}{
		{ref: "example/app:1.0", recipe: "app"},
		{ref: "docker.io/example/app:1.0", recipe: "app"},
		{ref: "example/app:RELEASE.2025-01-01", recipe: "app"},
		{ref: "docker.io/library/debian:trixie", recipe: "debian"},
		{ref: "example/shared:1", recipe: "shared"},
		{ref: "example/shared:beside-1", recipe: "beside"},
		{ref: "example/shared:2", refusal: "image example/shared:2 cannot be built: recipe beside builds beside-1 of example/shared only; use one of these, or allow pulling\n" +
			"image example/shared:2 cannot be built: recipe shared builds 1 of example/shared only; use one of these, or allow pulling"},
		{ref: "example/app:2.0", refusal: "image example/app:2.0 cannot be built: recipe app builds 1.0, RELEASE.* of example/app only; use one of these, or allow pulling"},
		{ref: "example/app", refusal: "image example/app cannot be built: recipe app builds 1.0, RELEASE.* of example/app only; use one of these, or allow pulling"},
		{ref: "other/app:1.0", refusal: "image other/app:1.0 cannot be built: there is no recipe for other/app; allow pulling, or bring it in a bundle"},
		{ref: "localhost:5000/example/app", refusal: "image localhost:5000/example/app cannot be built: there is no recipe for localhost:5000/example/app; allow pulling, or bring it in a bundle"},
		{ref: "example/app@sha256:00", refusal: "image example/app@sha256:00 is named by digest, which can only be pulled: name it by tag, or allow pulling"},
		{ref: "example/app:", refusal: `image name "example/app:" is malformed: want REPOSITORY:TAG`},
	} {
		t.Run(test.ref, func(t *testing.T) {
			recipe, ok := b.Supports(test.ref)
			if recipe != test.recipe || ok != (test.recipe != "") {
				t.Errorf("Supports gives %q, %t; want %q", recipe, ok, test.recipe)
			}
			_, _, err := b.find(test.ref)
			if got := errText(err); got != test.refusal {
				t.Errorf("refusal is %q, want %q", got, test.refusal)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestLocalNameIsNotUpstreams(t *testing.T) {
	hash := strings.Repeat("0123456789abcdef", 4)
	for _, test := range []struct {
		name   string
		recipe recipe
		tag    string
		want   string
	}{
		{"the tag", recipe{name: "airflow"}, "3.2.2", "airworthy.local/airflow:3.2.2-0123456789ab"},
		{"what is built in its place", recipe{name: "minio", Version: "v0.1+x"}, "RELEASE.2025", "airworthy.local/minio:v0.1-x-0123456789ab"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := localName(&test.recipe, test.tag, hash); got != test.want {
				t.Errorf("local name is %s, want %s", got, test.want)
			}
		})
	}
}

func TestShippedRecipes(t *testing.T) {
	recipes, err := fs.Sub(fixtures.FS, "images")
	if err != nil {
		t.Fatal(err)
	}
	b := New(Options{Recipes: recipes, Source: fstest.MapFS{"cmd/airworthy-podnet/main.go": file("package main\n")}})
	for ref, want := range map[string]string{
		"kindest/node:v1.36.3":                     "node",
		"apache/airflow:3.2.2":                     "airflow",
		"postgres:15":                              "postgres",
		"minio/minio:RELEASE.2025-09-07T16-13-09Z": "minio",
		"airworthy/podnet:v1":                      "podnet",
		"registry.k8s.io/pause:3.10":               "pause",
	} {
		if got, ok := b.Supports(ref); !ok || got != want {
			t.Errorf("recipe for %s is %q, want %q", ref, got, want)
		}
		if _, err := b.Hash(ref); err != nil {
			t.Errorf("hash of %s: %v", ref, err)
		}
	}
	if err := b.loadErr; err != nil {
		t.Error(err)
	}
}
