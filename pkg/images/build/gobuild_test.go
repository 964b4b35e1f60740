package build

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A required module is used with one file replaced, and the rest as it is.
func TestReplaceIn(t *testing.T) {
	proxy := t.TempDir()
	serve(t, proxy, "example.com/greeting", map[string]string{
		"go.mod": "module example.com/greeting\n\ngo 1.22\n",
		"a.go":   "package greeting\n\nfunc To() string { return Name() }\n",
		"b.go":   "package greeting\n\nfunc Name() string { return \"the world\" }\n",
	})
	for name, value := range map[string]string{
		"GOPROXY": "file://" + proxy, "GOSUMDB": "off", "GOWORK": "off", "GOFLAGS": "-modcacherw", "GOMODCACHE": t.TempDir(),
	} {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":   "module example.com/tools\n\ngo 1.22\n\nrequire example.com/greeting v1.0.0\n",
		"main.go":  "package main\n\nimport \"example.com/greeting\"\n\nfunc main() { print(greeting.To()) }\n",
		"less.txt": "package greeting\n\nfunc Name() string { return \"nobody\" }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	absent := moduleFile{Module: "example.com/greeting", File: "c.go", With: "less.txt"}
	if err := replaceIn(t.Context(), dir, absent, filepath.Join(dir, ".replaced-0")); err == nil || !strings.Contains(err.Error(), "c.go") {
		t.Errorf("a file that is not there: got %v", err)
	}
	less := moduleFile{Module: "example.com/greeting", File: "b.go", With: "less.txt"}
	if err := replaceIn(t.Context(), dir, less, filepath.Join(dir, ".replaced-1")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "-mod=readonly", ".")
	cmd.Dir = dir
	if said, err := cmd.CombinedOutput(); err != nil || string(said) != "nobody" {
		t.Errorf("got %q, %v, want nobody", said, err)
	}
}

// serve lays a module out as a proxy in a folder serves it.
func serve(t *testing.T, proxy, module string, files map[string]string) {
	t.Helper()
	at := filepath.Join(proxy, module, "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"v1.0.0.mod": files["go.mod"], "v1.0.0.info": `{"Version":"v1.0.0"}`} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	archive, err := os.Create(filepath.Join(at, "v1.0.0.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	w := zip.NewWriter(archive)
	for name, text := range files {
		f, err := w.Create(module + "@v1.0.0/" + name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
