package stack

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

func sample() Handoff {
	run := config.Default()
	run.Name = "sample"
	run.Platform.Values = map[string]any{"triggerer": map[string]any{"enabled": true}}
	return Handoff{
		Name: "sample", Run: run, Cluster: environment.Info{Kind: "kind", Kubeconfig: []byte("kubeconfig")},
		Release:    platform.Release{Name: "airflow", Namespace: "airflow", DAGFolder: "/opt/airflow/dags", Components: []platform.Component{{Name: "scheduler"}}},
		AirflowURL: "http://127.0.0.1:1", AirflowImage: "apache/airflow:3.2.2", AdminUser: "admin", AdminPassword: "secret-a",
		Engine:        "unix:///var/run/docker.sock",
		Database:      service.Endpoint{FromHost: "127.0.0.1:2", User: "u", Secret: "secret-b", Container: "sample-postgres"},
		DatabaseAdmin: service.Endpoint{FromHost: "127.0.0.1:2", User: "a", Secret: "secret-c"},
		ObjectStorage: service.Endpoint{FromHost: "127.0.0.1:3", Bucket: "logs"},
		FernetKey:     "secret-c", JWTSecret: "secret-d", APISecretKey: "secret-e",
		ObjectAdmin: service.Endpoint{FromHost: "127.0.0.1:3", User: "root"},
		Next:        standing.Next{FernetKey: "secret-f", ObjectUser: "next"},
		Ingress:     platform.Reached{HTTPS: "127.0.0.1:4", CA: "certificate"},
		Secrets:     []string{"secret-a", "secret-b"}, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Ready: true,
	}
}

func TestHandoffSurvivesItsFile(t *testing.T) {
	path := HandoffPath(t.TempDir(), "sample")
	want := sample()
	if err := WriteHandoff(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadHandoff(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a file with secrets has mode %v (%v)", info.Mode(), err)
	}
}

// What was decrypted is for memory alone.
func TestHandoffWritesNothingDecrypted(t *testing.T) {
	path := HandoffPath(t.TempDir(), "sample")
	values := Values{Values: map[string]any{"password": "decrypted-a"}, Secrets: []string{"decrypted-a", "decrypted-b"}}
	h := newHandoff(sample().Run, values)
	if !slices.Contains(h.AllSecrets(), "decrypted-b") {
		t.Error("evidence may hold what was decrypted")
	}
	if err := WriteHandoff(path, h); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "decrypted-") {
		t.Errorf("decrypted on disk:\n%s", text)
	}
}

// The suites read the same file through another type: no field may get lost.
func TestStandingReadsTheHandoff(t *testing.T) {
	path := HandoffPath(t.TempDir(), "sample")
	want := sample()
	if err := WriteHandoff(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := standing.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	from, to := reflect.ValueOf(want), reflect.ValueOf(got)
	for i := range to.NumField() {
		name := to.Type().Field(i).Name
		if name == "Cluster" {
			continue
		}
		if !reflect.DeepEqual(to.Field(i).Interface(), from.FieldByName(name).Interface()) {
			t.Errorf("%s: got %+v, want %+v", name, to.Field(i), from.FieldByName(name))
		}
	}
	if string(got.Cluster.Kubeconfig) != "kubeconfig" {
		t.Errorf("kubeconfig: got %q", got.Cluster.Kubeconfig)
	}
}

func TestReadHandoffSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	_, err := ReadHandoff(HandoffPath(dir, "nothing"))
	if err == nil || !strings.Contains(err.Error(), "bring one up with `airworthy up`") {
		t.Errorf("got %v", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "stacks"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(HandoffPath(dir, "spoilt"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	stacks, err := Standing(dir)
	if err == nil || len(stacks) != 1 || stacks[0].Name != "spoilt" {
		t.Errorf("a spoilt file must still name its stack: got %+v, %v", stacks, err)
	}
}

func TestSecretsOfTwoStacksDiffer(t *testing.T) {
	one, other := newSecrets().all(), newSecrets().all()
	for i := range one {
		if one[i] == other[i] || len(one[i]) < 12 {
			t.Errorf("secret %d: %d characters, equal: %t", i, len(one[i]), one[i] == other[i])
		}
	}
}
