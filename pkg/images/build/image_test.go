package build

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBuildContext(t *testing.T) {
	module := t.TempDir()
	for name, text := range map[string]string{"etc/a.conf": "a", "LICENSES/README": "l", "usr/bin/tool": "t"} {
		path := filepath.Join(module, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(t.TempDir(), "app")
	if err := os.WriteFile(program, []byte("elf"), 0o755); err != nil {
		t.Fatal(err)
	}

	var buffer bytes.Buffer
	c := contextTar{tar.NewWriter(&buffer)}
	r := &recipe{Binaries: map[string][]string{"bin": {"tools/app"}}}
	own := map[string][]byte{"Dockerfile": []byte("FROM scratch\n")}
	host := map[string][]byte{"host/env.sh": []byte("true\n")}
	if err := c.write(context.Background(), "", r, own, host, map[string]string{"tools/app": program}); err != nil {
		t.Fatal(err)
	}
	if err := c.tree(module, "files", []string{"LICENSES"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	want := `Dockerfile 644 "FROM scratch\n"
host/env.sh 644 "true\n"
bin/app 755 "elf"
files/etc/a.conf 644 "a"
files/usr/bin/tool 644 "t"
`
	if got := listTar(t, &buffer); got != want {
		t.Errorf("build context is\n%swant\n%s", got, want)
	}
}

func listTar(t *testing.T, r io.Reader) string {
	t.Helper()
	var out strings.Builder
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s %o %q\n", header.Name, header.Mode, content)
	}
}

func TestLockKeepsOthersOut(t *testing.T) {
	cache := t.TempDir()
	unlock, err := lock(context.Background(), cache, "node")
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := lock(short, cache, "node"); err == nil || !strings.Contains(err.Error(), "waiting for another builder of node to finish") {
		t.Errorf("a lock that is held gives %v", err)
	}
	other, err := lock(context.Background(), cache, "airflow")
	if err != nil {
		t.Fatal(err)
	}
	other()
	unlock()
	again, err := lock(context.Background(), cache, "node")
	if err != nil {
		t.Fatalf("a lock that was given up: %v", err)
	}
	again()
}

func TestBuildWithoutEngineSaysSo(t *testing.T) {
	_, err := New(Options{Recipes: tree(), Source: source()}).Build(context.Background(), "example/app:1.0")
	const want = "build image example/app:1.0 by recipe app: no container engine was given"
	if errText(err) != want {
		t.Errorf("error is %q, want %q", errText(err), want)
	}
}
