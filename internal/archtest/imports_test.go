package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// pkg is what `go list -json` says about a package.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestImportRules(t *testing.T) {
	for _, p := range list(t) {
		for _, broken := range violations(p, rules) {
			t.Error(broken)
		}
	}
}

// list returns the packages of the module.
func list(t *testing.T) []pkg {
	t.Helper()
	// -e: a package that does not build at the moment fails in its own tests.
	// The suites are behind their build tag.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-tags=e2e", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages: %v\n%s", err, stderr.String())
	}
	var all []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read the list of packages: %v", err)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		t.Fatal("go list named no package of the module")
	}
	return all
}

// violations says what p imports against which rule, one line each.
func violations(p pkg, rules []rule) []string {
	name := strings.TrimPrefix(p.ImportPath, module)
	var broken []string
	for _, r := range rules {
		if !within(name, r.folder) {
			continue
		}
		imports := slices.Clone(p.Imports)
		if r.tests {
			imports = append(append(imports, p.TestImports...), p.XTestImports...)
		}
		slices.Sort(imports)
		for _, imported := range slices.Compact(imports) {
			if reason := r.forbids(name, imported); reason != "" {
				broken = append(broken, fmt.Sprintf("%s imports %s: %s (%s)", name, strings.TrimPrefix(imported, module), r.why, reason))
			}
		}
	}
	return broken
}

// forbids says why the package name must not import another one, or "".
func (r rule) forbids(name, imported string) string {
	relative, ours := strings.CutPrefix(imported, module)
	if i := slices.IndexFunc(r.never, func(n string) bool { return within(relative, n) }); i >= 0 {
		return "rule for " + r.label() + ": never " + strings.TrimSuffix(r.never[i], "$")
	}
	if first, second := suite(name), suite(relative); ours && first != "" && second != "" && first != second {
		return "rule for suites: never each other"
	}
	allowed, what := r.only, "foreign packages"
	if ours {
		allowed, what = r.ours, "packages of this module"
	} else if standard(imported) {
		return ""
	}
	if allowed == nil || slices.ContainsFunc(allowed, func(a string) bool { return within(relative, a) }) {
		return ""
	}
	list := strings.Join(allowed, ", ")
	if list == "" {
		list = "none"
	}
	return fmt.Sprintf("rule for %s: of %s only %s", r.label(), what, list)
}

func (r rule) label() string {
	if r.folder == "" {
		return "every package"
	}
	return r.folder
}

// suite is the folder right below suites/ that a package is in.
func suite(name string) string {
	rest, ok := strings.CutPrefix(name, "suites/")
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

// standard reports whether path is of the standard library: no dot in its first element.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func TestViolations(t *testing.T) {
	tests := []struct {
		name   string
		pkg    pkg
		broken []string
	}{
		{"what is allowed", pkg{ImportPath: module + "pkg/airflow/internal/v2", Imports: []string{"net/http", module + "pkg/await", module + "pkg/airflow"}}, nil},
		{
			"a foreign package in a pure one",
			pkg{ImportPath: module + "pkg/conformance", Imports: []string{"k8s.io/client-go/rest", "go.yaml.in/yaml/v3"}},
			[]string{"pkg/conformance imports k8s.io/client-go/rest: conformance knows the standard library and yaml: it judges from data alone (rule for pkg/conformance: of foreign packages only go.yaml.in/yaml/)"},
		},
		{
			"a package of a layer above",
			pkg{ImportPath: module + "pkg/service/minio", Imports: []string{module + "pkg/platform"}},
			[]string{"pkg/service/minio imports pkg/platform: services know environment, await and container libraries, never platform (rule for pkg/service: never pkg/platform)"},
		},
		{
			"one adapter in another",
			pkg{ImportPath: module + "pkg/platform/official", Imports: []string{module + "pkg/platform/reference"}},
			[]string{"pkg/platform/official imports pkg/platform/reference: an adapter knows no other adapter (rule for pkg/platform/official: never pkg/platform/reference)"},
		},
		{
			"one suite in the test files of another",
			pkg{ImportPath: module + "suites/resilience", XTestImports: []string{module + "suites/platform"}},
			[]string{"suites/resilience imports suites/platform: suites know harness and the types that it hands out (rule for suites: never each other)"},
		},
		{"a test library in the test files of a library", pkg{ImportPath: module + "pkg/stack", TestImports: []string{"github.com/onsi/gomega"}}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if broken := violations(test.pkg, rules); !slices.Equal(broken, test.broken) {
				t.Errorf("got  %q\nwant %q", broken, test.broken)
			}
		})
	}
}
