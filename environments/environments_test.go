package environments_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/airworthy/airworthy/environments"
	"github.com/airworthy/airworthy/pkg/config"
)

// brought stands in for what the user of a file has to bring, by the file's name.
func brought(t *testing.T, name string) []string {
	t.Helper()
	switch name {
	case "official-chart.yaml":
		return []string{"platform.chart=" + t.TempDir()}
	case "existing-cluster.yaml":
		path := filepath.Join(t.TempDir(), "kubeconfig")
		if err := os.WriteFile(path, []byte("apiVersion: v1\nkind: Config\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"cluster.kubeconfig=" + path}
	}
	return nil
}

func TestShippedRunFiles(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("run.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(environments.FS, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stacks := map[string]string{}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			data, err := environments.FS.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			run, err := config.Parse(name, data, brought(t, name))
			if err != nil {
				t.Error(err)
			}
			if other, taken := stacks[run.Name]; taken {
				t.Errorf("has the stack name %q of %s: the two could not stand side by side", run.Name, other)
			}
			stacks[run.Name] = name
			if first, _, _ := strings.Cut(string(data), "\n"); first != "# yaml-language-server: $schema=run.schema.json" {
				t.Errorf("begins with %q: editors do not find the schema", first)
			}
			var doc any
			if err := yaml.Unmarshal(data, &doc); err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(doc); err != nil {
				t.Error(err)
			}
		})
	}
	if len(names) < 5 {
		t.Errorf("only %q are embedded", names)
	}
}

// TestLocalShowsEveryKey: local.yaml is what people copy from, so that every
// key stands there, at its default unless its comment names another.
func TestLocalShowsEveryKey(t *testing.T) {
	data, err := environments.FS.ReadFile("local.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var shown map[string]any
	if err := yaml.Unmarshal(data, &shown); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(config.Default())
	if err != nil {
		t.Fatal(err)
	}
	var defaults map[string]any
	if err := yaml.Unmarshal(text, &defaults); err != nil {
		t.Fatal(err)
	}
	if got, want := paths("", shown), paths("", defaults); !reflect.DeepEqual(got, want) {
		t.Errorf("keys in local.yaml: %v\nkeys there are:      %v", got, want)
	}
	run, err := config.Parse("local.yaml", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	// Shown as empty collections, which are the same to everyone who reads them.
	want.Platform.Values, want.Images.PerImage = map[string]any{}, map[string]string{}
	want.Checks.Skip, want.Platform.ValuesFiles = []string{}, []string{}
	want.Platform.DAGDelivery, want.Git.Kind = "git-sync", "ssh"
	want.Metrics.Kind, want.LogShipping.Kind = "prometheus", "graylog"
	want.Ingress.Kind, want.Ingress.Certificates = "traefik", "acme"
	if !reflect.DeepEqual(run, want) {
		t.Errorf("local.yaml is        %+v\nit should be this:   %+v", run, want)
	}
}

// paths are the keys of nested mappings, as a set.
func paths(above string, m map[string]any) map[string]bool {
	all := map[string]bool{}
	for key, value := range m {
		path := above + "/" + key
		all[path] = true
		if below, ok := value.(map[string]any); ok {
			for p := range paths(path, below) {
				all[p] = true
			}
		}
	}
	return all
}
