// Package dagtest imports the DAG files with real Airflow installations, one
// for each version that the DAGs must run on. The installations are made once,
// as Python environments in a cache.
package dagtest

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed import_dags.py
var importer string

// Version is one Airflow to import with. Newest bounds the age of everything
// it depends on, so that the environment is the same tomorrow.
type Version struct {
	Airflow string // such as 3.2.2
	Newest  string // such as 2026-06-30
}

// Imported is what Airflow made of a folder of DAG files.
type Imported struct {
	Airflow string              `json:"airflow"`
	Errors  map[string]string   `json:"errors"` // file -> traceback
	DAGs    map[string][]string `json:"dags"`   // DAG id -> task ids, sorted
}

// pythons are tried in this order: versions that both Airflow 2.11 and 3.2 support.
var pythons = []string{"python3.12", "python3.11", "python3.10", "python3"}

// findPython returns a Python of 3.10 to 3.12 that can make environments.
func findPython(ctx context.Context) (string, error) {
	const probe = `import sys, venv, ensurepip; assert (3, 10) <= sys.version_info[:2] <= (3, 12), sys.version; print(sys.executable)`
	var tried []error
	for _, name := range pythons {
		out, err := run(ctx, nil, name, "-c", probe)
		if err == nil {
			return strings.TrimSpace(string(out)), nil
		}
		tried = append(tried, err)
	}
	return "", fmt.Errorf("find a Python of 3.10 to 3.12 with venv and pip: install one, such as the Debian packages python3 and python3-venv: %w", errors.Join(tried...))
}

// Environment returns the Python of an environment with this Airflow below
// cache, and makes it when it is not there.
func Environment(ctx context.Context, cache string, v Version) (string, error) {
	dir := filepath.Join(cache, "airflow-"+v.Airflow+"-"+v.Newest)
	python := filepath.Join(dir, "bin", "python")
	ready := filepath.Join(dir, "ready")
	if _, err := os.Stat(ready); err == nil {
		return python, nil
	}
	base, err := findPython(ctx)
	if err != nil {
		return "", err
	}
	uv, err := installer(ctx, cache, base)
	if err != nil {
		return "", err
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("remove half-made environment: %w", err)
	}
	if _, err := run(ctx, nil, uv, "venv", "--quiet", "--python", base, dir); err != nil {
		return "", err
	}
	// The DAGs use Kubernetes models, so the provider that brings them is needed too.
	_, err = run(ctx, systemCerts, uv, "pip", "install", "--quiet", "--python", python, "--exclude-newer", v.Newest,
		"apache-airflow=="+v.Airflow, "apache-airflow-providers-cncf-kubernetes", "apache-airflow-providers-standard")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(ready, nil, 0o644); err != nil {
		return "", fmt.Errorf("mark environment as ready: %w", err)
	}
	return python, nil
}

// systemCerts makes uv trust the machine's authorities instead of its own list,
// as pip and Go do: a company's mirror is signed by the company. The name of the
// variable changed.
var systemCerts = []string{"UV_SYSTEM_CERTS=true", "UV_NATIVE_TLS=true"}

// installer returns uv, which resolves Airflow's hundred packages in seconds
// where pip takes minutes, from an environment of its own.
func installer(ctx context.Context, cache, python string) (string, error) {
	dir := filepath.Join(cache, "uv")
	uv := filepath.Join(dir, "bin", "uv")
	if _, err := os.Stat(uv); err == nil {
		return uv, nil
	}
	if _, err := run(ctx, nil, python, "-m", "venv", "--clear", dir); err != nil {
		return "", err
	}
	if _, err := run(ctx, nil, filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "uv"); err != nil {
		return "", err
	}
	return uv, nil
}

// Import imports every DAG file of folder. home is an empty folder that
// Airflow may fill.
func Import(ctx context.Context, python, folder, home string) (Imported, error) {
	env := []string{
		"AIRFLOW_HOME=" + home,
		"AIRFLOW__CORE__LOAD_EXAMPLES=False",
		"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=sqlite:///" + filepath.Join(home, "airflow.db"),
	}
	out, err := run(ctx, env, python, "-c", importer, folder)
	if err != nil {
		return Imported{}, err
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var got Imported
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil {
		return Imported{}, fmt.Errorf("read what Airflow imported: %w in %q", err, lines[len(lines)-1])
	}
	return got, nil
}

// run runs a command and returns its output; the error has the end of what it
// said on its error stream.
func run(ctx context.Context, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(cmd.Environ(), env...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(said.String())
		return nil, fmt.Errorf("run %s %s: %w: %s", name, args[0], err, text[max(0, len(text)-2000):])
	}
	return out.Bytes(), nil
}
