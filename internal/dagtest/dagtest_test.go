package dagtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/airworthy/airworthy/dags"
)

// TestDAGsImport fails, rather than skips, where Python cannot be had: a DAG
// file that only one Airflow can read would be found by users otherwise.
func TestDAGsImport(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "airworthy", "dagtest")
	for _, v := range []Version{
		{Airflow: "2.11.0", Newest: "2026-06-30"},
		{Airflow: "3.2.2", Newest: "2026-06-30"},
	} {
		t.Run(v.Airflow, func(t *testing.T) {
			python, err := Environment(t.Context(), cache, v)
			if err != nil {
				t.Fatal(err)
			}
			folder := t.TempDir()
			for name, content := range dags.Files() {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := Import(t.Context(), python, folder, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if got.Airflow != v.Airflow {
				t.Errorf("imported with Airflow %s", got.Airflow)
			}
			for file, text := range got.Errors {
				t.Errorf("%s: %s", filepath.Base(file), text)
			}
			for name := range dags.Files() {
				id := strings.TrimSuffix(name, ".py")
				if len(got.DAGs[id]) == 0 {
					t.Errorf("%s: defines no DAG of the id %s with a task", name, id)
				}
			}
		})
	}
}

func TestImportReportsBrokenFile(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	python, err := Environment(t.Context(), filepath.Join(cache, "airworthy", "dagtest"), Version{"3.2.2", "2026-06-30"})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "broken.py"), []byte("import not_a_module\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Import(t.Context(), python, folder, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Errors) != 1 || len(got.DAGs) != 0 {
		t.Errorf("got %d errors and %d DAGs, want 1 and 0", len(got.Errors), len(got.DAGs))
	}
}
