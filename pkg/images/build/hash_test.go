package build

import (
	"testing"
	"testing/fstest"
)

func TestHashChangesWithWhatGoesIn(t *testing.T) {
	hash := func(recipes, source fstest.MapFS, ref string) string {
		t.Helper()
		h, err := New(Options{Recipes: recipes, Source: source}).Hash(ref)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	const app, node = "example/app:1.0", "example/node:v1"
	appBefore, nodeBefore := hash(tree(), source(), app), hash(tree(), source(), node)
	if appBefore != hash(tree(), source(), "docker.io/"+app) {
		t.Error("the hash depends on how the image is named")
	}
	for _, test := range []struct {
		name, file, content string
		inSource            bool
		changes             bool // both the image and the one that holds it
	}{
		{name: "Dockerfile", file: "app/Dockerfile", content: "FROM scratch\nENV A=1\n", changes: true},
		{name: "named file", file: "app/run.sh", content: "exec app -v\n", changes: true},
		{name: "lock of the version", file: "app/locks/1.0.txt", content: "thing==2\n", changes: true},
		{name: "lock of another version", file: "app/locks/2.0.txt", content: "thing==2\n"},
		{name: "file that the recipe does not name", file: "app/unused.txt", content: "changed\n"},
		{name: "the base's packages", file: "debian/recipe.yaml", content: "repository: debian\ntags: [trixie]\ndebootstrap: {include: [ca-certificates, less]}\n", changes: true},
		{name: "a comment in the base's recipe", file: "debian/recipe.yaml", content: "# why\nrepository: debian\ntags: [trixie]\ndebootstrap: {include: [ca-certificates]}\n"},
		{name: "shared script", file: "common/trim.sh", content: "false\n", changes: true},
		{name: "module requirements", file: "go/tools/module.mod", content: "module example.com/tools\n\ngo 1.26\n", changes: true},
		{name: "module sums", file: "go/tools/module.sum", content: "x v1 h1:=\n", changes: true},
		{name: "file in a required module", file: "go/tools/build.yaml", content: "source: cmd/app\nbinaries: {app: .}\nreplace: [{module: example.com/m, file: a.go, with: module.sum}]\n", changes: true},
		{name: "linker flags", file: "go/tools/build.yaml", content: "source: cmd/app\nldflags: -X a=b\nbinaries: {app: .}\n", changes: true},
		{name: "another program of the module", file: "go/tools/build.yaml", content: "source: cmd/app\nbinaries: {app: ., b: ./b}\n"},
		{name: "the project's own source", file: "cmd/app/main.go", content: "package main\n\n// x\n", inSource: true, changes: true},
		{name: "its tests", file: "cmd/app/main_test.go", content: "package main\n\n// x\n", inSource: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			recipes, src := tree(), source()
			if test.inSource {
				src[test.file] = file(test.content)
			} else {
				recipes[test.file] = file(test.content)
			}
			if changed := hash(recipes, src, app) != appBefore; changed != test.changes {
				t.Errorf("the image's hash changed: %t, want %t", changed, test.changes)
			}
			if changed := hash(recipes, src, node) != nodeBefore; changed != test.changes {
				t.Errorf("the hash of the image that holds it changed: %t, want %t", changed, test.changes)
			}
		})
	}
}

func TestHashTellsVersionsApart(t *testing.T) {
	recipes := tree()
	recipes["app/locks/RELEASE.1.txt"] = recipes["app/locks/1.0.txt"]
	b := New(Options{Recipes: recipes, Source: source()})
	one, err := b.Hash("example/app:1.0")
	if err != nil {
		t.Fatal(err)
	}
	two, err := b.Hash("example/app:RELEASE.1")
	if err != nil {
		t.Fatal(err)
	}
	if one == two {
		t.Error("two versions have one hash")
	}
}

func TestHashNamesWhatIsMissing(t *testing.T) {
	b := New(Options{Recipes: tree(), Source: source()})
	_, err := b.Hash("example/app:RELEASE.1")
	const want = "recipe app: read app/locks/RELEASE.1.txt: open app/locks/RELEASE.1.txt: file does not exist"
	if errText(err) != want {
		t.Errorf("error is %q, want %q", errText(err), want)
	}
}
