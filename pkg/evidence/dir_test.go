package evidence

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.FixedZone("east", 3600))

func newDir(t *testing.T, secrets ...string) *Dir {
	t.Helper()
	d, err := create(t.TempDir(), "local", secrets, noon)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func read(t *testing.T, d *Dir, f File) string {
	t.Helper()
	data, err := d.ReadFile(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCreateNamesTheRun(t *testing.T) {
	base := filepath.Join(t.TempDir(), "out")
	for _, want := range []string{"local-20260102T110000Z", "local-20260102T110000Z-2", "local-20260102T110000Z-3"} {
		d, err := create(base, "local", nil, noon)
		if err != nil {
			t.Fatal(err)
		}
		if d.Name() != want || d.Path() != filepath.Join(base, want) {
			t.Errorf("run %s at %s, want %s", d.Name(), d.Path(), want)
		}
	}
}

func TestCreateAndOpenRefuse(t *testing.T) {
	if _, err := Create(t.TempDir(), "a/b", nil); err == nil || err.Error() != `create run directory: name "a/b" holds characters that a file name cannot` {
		t.Errorf("a name with a slash: %v", err)
	}
	d, err := Create(t.TempDir(), "run", []string{"abc"})
	if !errors.Is(err, ErrShortSecret) || d == nil {
		t.Errorf("a short secret gives %v and %v, want a usable directory with the error", d, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil || !strings.HasSuffix(err.Error(), "is not a directory") {
		t.Errorf("opening a file: %v", err)
	}
	if _, err := Open(file + "-absent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opening nothing: %v", err)
	}
}

func TestDirRedactsWhateverComesIn(t *testing.T) {
	d := newDir(t, "hunter2x")
	if err := d.AddSecrets("made-later"); err != nil {
		t.Fatal(err)
	}
	exported := t.TempDir()
	if err := os.MkdirAll(filepath.Join(exported, "node"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(exported, "node", "kubelet.log"), []byte("a hunter2x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(exported, "link")); err != nil {
		t.Fatal(err)
	}
	log, err := d.Log(PodLog("airflow", "scheduler-0", "scheduler"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = log.Write([]byte("x hunt"))
	_, err2 := log.Write([]byte("er2x y"))
	if err := errors.Join(
		err, err2, log.Close(),
		d.WriteFile(SetupFile("values.yaml"), []byte("a: hunter2x\n")),
		d.WriteJSON(RunFile, map[string]string{"a": "made-later", "b": "<"}),
		d.Append("events.txt", "one hunter2x\n"), d.Append("events.txt", "two\n"),
		d.Import(ClusterFile("logs"), exported),
	); err != nil {
		t.Fatal(err)
	}
	for f, want := range map[File]string{
		"setup/values.yaml": "a: [redacted]\n",
		"run.json":          "{\n  \"a\": \"[redacted]\",\n  \"b\": \"<\"\n}\n",
		"events.txt":        "one [redacted]\ntwo\n",
		"cluster/logs/airflow/scheduler-0/scheduler.log": "x [redacted] y",
		"cluster/logs/node/kubelet.log":                  "a [redacted]\n",
	} {
		if got := read(t, d, f); got != want {
			t.Errorf("%s holds %q, want %q", f, got, want)
		}
	}
	if _, err := d.ReadFile("cluster/logs/link"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a link was imported: %v", err)
	}
	if err := d.WriteDerived("report.md", []byte("x hunter2x")); err == nil ||
		err.Error() != "write report.md: it holds a secret that what it was made from should not have held" {
		t.Errorf("a derived file with a secret: %v", err)
	}
}

func TestDirRefusesPathsOutside(t *testing.T) {
	d := newDir(t)
	for _, f := range []File{"../x", "/etc/x", "", ".", "a/../../x", "a//b"} {
		want := `path "` + string(f) + `" does not lie below the run directory`
		for _, err := range []error{d.WriteFile(f, nil), d.Append(f, "")} {
			if err == nil || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("%q: %v", f, err)
			}
		}
	}
}

func TestDirNeverShowsHalfAFile(t *testing.T) {
	d := newDir(t)
	long, short := strings.Repeat("a", 1<<20), "b"
	if err := d.WriteFile("f", []byte(long)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 40 {
			content := []string{long, short}[i%2]
			if err := d.WriteFile("f", []byte(content)); err != nil {
				t.Error(err)
			}
		}
	})
	for range 40 {
		if got := read(t, d, "f"); got != long && got != short {
			t.Errorf("%d bytes were seen", len(got))
		}
	}
	wg.Wait()
	entries, err := os.ReadDir(d.Path())
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestPaths(t *testing.T) {
	tests := []struct{ got, want File }{
		{PodLog("ns", "pod", "c"), "cluster/logs/ns/pod/c.log"},
		{PodLog("ns", "../pod", "a/b"), "cluster/logs/ns/.._pod/a_b.log"},
		{ObjectFile("Deployment", "scheduler"), "cluster/objects/deployment/scheduler.yaml"},
		{EventsFile("airflow"), "cluster/events/airflow.jsonl"},
		{ServiceFile("postgres", "log.txt"), "setup/services/postgres/log.txt"},
		{AttemptDir("executor.xcom", 2), "checks/executor.xcom/attempt-2"},
		{SetupFile("..", ""), "setup/_../_"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
}
