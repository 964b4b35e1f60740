// Package archtest holds the import rules of docs/design.md. Its test reads the
// tree and fails where a package imports what its layer must not know.
package archtest

import "strings"

// module is the path that packages are named relative to.
const module = "github.com/airworthy/airworthy/"

// Groups of foreign packages, by the prefix of their import path.
var (
	ginkgo     = []string{"github.com/onsi/ginkgo/", "github.com/onsi/gomega"}
	kubernetes = []string{"k8s.io/", "sigs.k8s.io/e2e-framework", "sigs.k8s.io/controller-runtime"}
	kind       = []string{"sigs.k8s.io/kind"}
	helm       = []string{"helm.sh/"}
	containers = []string{"github.com/testcontainers/", "github.com/moby/", "github.com/docker/"}
	cobra      = []string{"github.com/spf13/cobra"}
)

// rule is what the packages below one folder must not import.
type rule struct {
	folder string   // relative to the module; packages at it and below it
	why    string   // the row of the table in docs/design.md, in words
	only   []string // foreign imports that are allowed; nil allows all that never does not forbid
	ours   []string // folders of this module that are allowed; nil allows all that never does not forbid
	tests  bool     // the rule is about _test.go files too
	never  []string // prefixes of import paths; ours are relative to the module, as pkg/stack
}

var (
	yaml = []string{"go.yaml.in/yaml/"}
	none = []string{}
)

// rules are checked all: a package obeys every rule whose folder it is in.
var rules = []rule{
	{
		folder: "pkg/conformance", only: yaml, ours: []string{"pkg/conformance", "pkg/await"},
		why: "conformance knows the standard library and yaml: it judges from data alone",
	},
	{
		folder: "pkg/config", only: yaml, ours: []string{"pkg/config"},
		why: "config knows the standard library and yaml",
	},
	{
		folder: "pkg/evidence", only: yaml, ours: []string{"pkg/evidence", "pkg/conformance", "pkg/await"},
		why: "evidence knows the standard library and yaml: whoever collects from a cluster hands it bytes",
	},
	{
		folder: "pkg/await", only: none, ours: none,
		why: "await knows the standard library alone",
	},
	{
		folder: "pkg/airflow", only: none, ours: []string{"pkg/airflow", "pkg/await"},
		why: "airflow knows the standard library and await: its client works against any Airflow",
	},
	{
		folder: "internal/rest", only: none, ours: none,
		why: "rest knows the standard library alone",
	},
	{
		folder: "pkg/graylog", only: none, ours: []string{"pkg/graylog", "internal/rest"},
		why: "graylog knows the standard library alone: suites link its client without what runs a server",
	},
	{
		folder: "pkg/grafana", only: none, ours: []string{"pkg/grafana", "internal/rest"},
		why: "grafana knows the standard library alone: its client works against any Grafana",
	},
	{
		folder: "pkg/kube", never: join(ginkgo, helm, kind, containers, []string{"pkg/airflow", "pkg/platform", "pkg/images", "pkg/service", "pkg/stack"}),
		why: "kube knows client-go and klient, and no Airflow words or Helm",
	},
	{
		folder: "pkg/browser", never: join(ginkgo, helm, kind, kubernetes, containers), ours: none,
		why: "browser drives a browser, and knows neither Airflow nor the cluster",
	},
	{
		folder: "pkg/environment", never: join(ginkgo, helm, []string{"pkg/airflow", "pkg/platform", "pkg/images", "pkg/service", "pkg/stack"}),
		why: "environment knows client-go, klient, kind and await, and no Airflow words or Helm",
	},
	{
		folder: "pkg/engine", never: join(ginkgo, helm, kubernetes, kind, []string{"pkg/airflow", "pkg/platform", "pkg/images", "pkg/service", "pkg/stack", "pkg/environment"}),
		why: "engine knows the container engine and await, and nothing that runs on it",
	},
	{
		folder: "pkg/images", never: join(ginkgo, helm, []string{"pkg/airflow", "pkg/platform", "pkg/service", "pkg/stack"}),
		why: "images knows environment, await and container libraries, never platform",
	},
	{
		folder: "pkg/service", never: join(ginkgo, helm, []string{"pkg/airflow", "pkg/platform", "pkg/stack"}),
		why: "services know environment, await and container libraries, never platform",
	},
	{
		folder: "pkg/platform", never: join(ginkgo, containers, kind, []string{"pkg/stack"}),
		why: "platform knows what is below it, fixtures and the Helm SDK",
	},
	{
		folder: "pkg/platform/official", never: []string{"pkg/platform/reference", "pkg/platform/community"},
		why: "an adapter knows no other adapter",
	},
	{
		folder: "pkg/platform/reference", never: []string{"pkg/platform/official", "pkg/platform/community"},
		why: "an adapter knows no other adapter",
	},
	{
		folder: "pkg/stack", never: ginkgo,
		why: "stack composes what is below it, for the command line and for Ginkgo alike",
	},
	{
		folder: "pkg", never: join(cobra, []string{"cmd", "suites", "internal/archtest", "internal/golden"}),
		why: "pkg is a library: no command line, no suites, no test helpers",
	},
	{
		folder: "suites", tests: true, never: join(helm, kind, []string{"github.com/testcontainers/", "cmd"}, cobra),
		why: "suites know harness and the types that it hands out",
	},
	{
		folder: "cmd", never: []string{"suites", "pkg/harness", "github.com/onsi/ginkgo/v2$", "github.com/onsi/gomega"},
		why: "cmd knows pkg except harness, and runs the suites as binaries",
	},
	{
		folder: "", never: []string{"gopkg.in/yaml.v3", "gopkg.in/yaml.v2", "github.com/golang/glog", "io/ioutil"},
		why: "one library for one thing: yaml is go.yaml.in/yaml/v3 or sigs.k8s.io/yaml",
	},
}

func join(groups ...[]string) (all []string) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

// within reports whether path is folder or below it. A trailing $ means folder alone.
func within(path, folder string) bool {
	if exact, ok := strings.CutSuffix(folder, "$"); ok {
		return path == exact
	}
	folder = strings.TrimSuffix(folder, "/")
	return folder == "" || path == folder || strings.HasPrefix(path, folder+"/")
}
