package build

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/modfile"
)

// Modules that have one version of Kubernetes' client libraries, and of what these
// need, share the compiled packages: each other version costs a first run minutes.
// Kubernetes has those of its release, and kube-router, which few runs need, those
// that it was written for.
func TestModulesShareClientLibraries(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	want := versions(t, filepath.Join(root, "go.mod"))
	files, err := filepath.Glob(filepath.Join(root, "fixtures", "images", "go", "*", "module.mod"))
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		switch filepath.Base(filepath.Dir(file)) {
		case "kubernetes", "kube-router":
			continue
		}
		got := versions(t, file)
		if got["k8s.io/client-go"] == "" {
			continue
		}
		compared++
		for _, module := range []string{
			"k8s.io/api", "k8s.io/apimachinery", "k8s.io/client-go", "k8s.io/apiserver",
			"k8s.io/component-base", "k8s.io/kube-openapi", "k8s.io/utils", "k8s.io/klog/v2", "sigs.k8s.io/structured-merge-diff/v6",
			"sigs.k8s.io/json", "sigs.k8s.io/yaml", "github.com/go-logr/logr", "github.com/google/gnostic-models",
			"github.com/json-iterator/go", "github.com/fxamacker/cbor/v2", "github.com/go-openapi/swag", "golang.org/x/net",
			"golang.org/x/oauth2", "golang.org/x/sys", "golang.org/x/term", "golang.org/x/text", "golang.org/x/time", "google.golang.org/protobuf",
		} {
			if got[module] != "" && want[module] != "" && got[module] != want[module] {
				t.Errorf("%s: %s %s: go.mod has %s; `go get %s@%s` in the one that is older", file, module, got[module], want[module], module, want[module])
			}
		}
	}
	if compared < 5 {
		t.Errorf("%d modules with client-go were compared: too few for this to say anything", compared)
	}
}

// versions gives the required version of each module.
func versions(t *testing.T, file string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := modfile.Parse(file, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, require := range parsed.Require {
		found[require.Mod.Path] = require.Mod.Version
	}
	return found
}
