package helm

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"

	"github.com/airworthy/airworthy/pkg/platform"
)

// sample is a chart with what makes rendering hard: a hook, braces that are not
// a template, a document marker inside a value.
var sample = fstest.MapFS{
	"c/Chart.yaml":  {Data: []byte("apiVersion: v2\nname: sample\nversion: 1.2.3\nkubeVersion: '>=1.28.0-0'\n")},
	"c/values.yaml": {Data: []byte("image: app:1\n")},
	"c/templates/deployment.yaml": {Data: []byte(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers: [{name: first, image: init:2}]
      containers:
        - name: web
          image: {{ .Values.image }}
          env: [{name: A, value: "1"}]
`)},
	"c/templates/hook.yaml": {Data: []byte(`apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-migrate
  annotations: {helm.sh/hook: "pre-install,pre-upgrade"}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: migrate, image: migrate:3}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-files}
data:
  dag.py: |
    print("{{ "{{ ds }}" }}")
    ---
    print("{{ "{%" }} if x {{ "%}" }}")
`)},
}

func load(t *testing.T) Source {
	t.Helper()
	src, err := LoadFS(sample, "c")
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func sampleRequest() Request {
	return Request{Release: "r", Namespace: "n", Labels: map[string]string{"airworthy.dev/stack": "s"}}
}

func TestRenderLabelsEverything(t *testing.T) {
	r, err := Render(context.Background(), load(t), sampleRequest())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range r.Objects {
		names = append(names, o.GetKind()+"/"+o.GetName())
		if got := o.GetLabels()["airworthy.dev/stack"]; got != "s" {
			t.Errorf("%s/%s: stack label = %q, want s", o.GetKind(), o.GetName(), got)
		}
		if where, ok := templates[o.GetKind()]; ok {
			template, _ := dig(o.Object, append(where[:len(where):len(where)], "metadata", "labels")...)
			if template["airworthy.dev/stack"] != "s" {
				t.Errorf("%s/%s: pod template's labels = %v", o.GetKind(), o.GetName(), template)
			}
		}
	}
	if want := []string{"ConfigMap/r-files", "Deployment/r-web", "Job/r-migrate"}; !slices.Equal(names, want) {
		t.Errorf("objects = %q, want %q", names, want)
	}
	if want := []string{"app:1", "init:2", "migrate:3"}; !slices.Equal(r.Images(), want) {
		t.Errorf("images = %q, want %q", r.Images(), want)
	}
}

// TestFrozenChartIsWhatWasRendered renders the frozen chart, as an install
// does, and expects the same objects and the same hooks.
func TestFrozenChartIsWhatWasRendered(t *testing.T) {
	request := sampleRequest()
	request.Overlays = []platform.Overlay{{Kind: "Job", Name: "migrate", Patch: "spec: {backoffLimit: 7}"}}
	r, err := Render(context.Background(), load(t), request)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Render(context.Background(), Source{Chart: r.chart}, Request{Release: "r", Namespace: "n"})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := r.Manifests()
	got, _ := again.Manifests()
	if got != want {
		t.Errorf("the frozen chart renders\n%s\nwant\n%s", got, want)
	}
	if !strings.Contains(want, `print("{{ ds }}")`) || !strings.Contains(want, "backoffLimit: 7") {
		t.Errorf("rendered:\n%s", want)
	}
	if hooks := hooksOf(t, r.chart); !slices.Equal(hooks, []string{"r-migrate"}) {
		t.Errorf("hooks = %q, want [r-migrate]", hooks)
	}
}

func hooksOf(t *testing.T, c *chart.Chart) []string {
	t.Helper()
	run := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	run.ClientOnly, run.DryRun, run.ReleaseName, run.Namespace = true, true, "r", "n"
	c.Metadata.KubeVersion = ""
	release, err := run.Run(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, h := range release.Hooks {
		names = append(names, h.Name)
	}
	return names
}

func TestOverlays(t *testing.T) {
	for _, row := range []struct {
		name    string
		overlay platform.Overlay
		want    string // part of the manifests
		without string
		err     string
	}{
		{"a list is merged by name", platform.Overlay{Kind: "Deployment", Name: "web",
			Patch: "spec: {template: {spec: {containers: [{name: web, env: [{name: B, value: '2'}]}]}}}"}, "- name: A\n          value: \"1\"", "", ""},
		{"a whole object goes", platform.Overlay{Kind: "ConfigMap", Name: "r-files", Delete: true}, "kind: Deployment", "kind: ConfigMap", ""},
		{"null removes", platform.Overlay{Kind: "Deployment", Name: "web",
			Patch: "spec: {template: {spec: {initContainers: null}}}"}, "app:1", "init:2", ""},
		{"nothing matches", platform.Overlay{Kind: "Deployment", Name: "db", Delete: true}, "", "",
			"overlay matches nothing: no Deployment is named db or *-db; there are: r-web"},
		{"a name is not a part of a word", platform.Overlay{Kind: "Deployment", Name: "eb", Delete: true}, "", "",
			"overlay matches nothing: no Deployment is named eb or *-eb; there are: r-web"},
		{"no object of that kind", platform.Overlay{Kind: "CronJob", Name: "x", Delete: true}, "", "",
			"overlay matches nothing: no CronJob is named x or *-x; there are: none"},
		{"an empty patch", platform.Overlay{Kind: "Deployment", Name: "web"}, "", "",
			"apply overlay to Deployment/web: the patch is empty"},
	} {
		t.Run(row.name, func(t *testing.T) {
			request := sampleRequest()
			request.Overlays = []platform.Overlay{row.overlay}
			r, err := Render(context.Background(), load(t), request)
			if row.err != "" {
				if err == nil || err.Error() != row.err {
					t.Fatalf("error = %v, want %s", err, row.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, _ := r.Manifests()
			if !strings.Contains(got, row.want) || (row.without != "" && strings.Contains(got, row.without)) {
				t.Errorf("rendered:\n%s", got)
			}
		})
	}
}

func TestDigestFollowsContent(t *testing.T) {
	changed := fstest.MapFS{}
	for name, file := range sample {
		changed[name] = file
	}
	changed["c/values.yaml"] = &fstest.MapFile{Data: []byte("image: app:2\n")}
	other, err := LoadFS(changed, "c")
	if err != nil {
		t.Fatal(err)
	}
	if a, b := load(t).Digest, other.Digest; a == b || a != load(t).Digest {
		t.Errorf("digests %s and %s", a, b)
	}
}
