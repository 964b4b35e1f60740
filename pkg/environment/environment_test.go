package environment_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/volume"
	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/environment"
)

// fakeEngine holds things by label and remembers what was removed.
type fakeEngine struct {
	environment.Engine
	containers []container.Summary
	networks   []network.Summary
	volumes    []volume.Volume
	removed    []string
	stuck      string // cannot be removed
}

func matches(filters client.Filters, labels map[string]string) bool {
	for label := range filters["label"] {
		key, value, _ := strings.Cut(label, "=")
		if labels[key] != value {
			return false
		}
	}
	return true
}

func (f *fakeEngine) ContainerList(_ context.Context, o client.ContainerListOptions) (r client.ContainerListResult, _ error) {
	for _, c := range f.containers {
		if matches(o.Filters, c.Labels) {
			r.Items = append(r.Items, c)
		}
	}
	return r, nil
}

func (f *fakeEngine) NetworkList(_ context.Context, o client.NetworkListOptions) (r client.NetworkListResult, _ error) {
	for _, n := range f.networks {
		if matches(o.Filters, n.Labels) {
			r.Items = append(r.Items, n)
		}
	}
	return r, nil
}

func (f *fakeEngine) VolumeList(_ context.Context, o client.VolumeListOptions) (r client.VolumeListResult, _ error) {
	for _, v := range f.volumes {
		if matches(o.Filters, v.Labels) {
			r.Items = append(r.Items, v)
		}
	}
	return r, nil
}

func (f *fakeEngine) remove(id string) error {
	if id == f.stuck {
		return errors.New("device is busy")
	}
	f.removed = append(f.removed, id)
	return nil
}

func (f *fakeEngine) ContainerRemove(_ context.Context, id string, o client.ContainerRemoveOptions) (r client.ContainerRemoveResult, _ error) {
	if !o.Force || !o.RemoveVolumes {
		return r, errors.New("volumes would stay")
	}
	return r, f.remove(id)
}

func (f *fakeEngine) NetworkRemove(_ context.Context, id string, _ client.NetworkRemoveOptions) (r client.NetworkRemoveResult, _ error) {
	return r, f.remove(id)
}

func (f *fakeEngine) VolumeRemove(_ context.Context, id string, _ client.VolumeRemoveOptions) (r client.VolumeRemoveResult, _ error) {
	return r, f.remove(id)
}

func (f *fakeEngine) ImageInspect(context.Context, string, ...client.ImageInspectOption) (client.ImageInspectResult, error) {
	return client.ImageInspectResult{InspectResponse: image.InspectResponse{}}, fmt.Errorf("no such image: %w", errdefs.ErrNotFound)
}

func populated() *fakeEngine {
	ours := map[string]string{environment.LabelStack: "one"}
	return &fakeEngine{
		containers: []container.Summary{
			{ID: "c1", Names: []string{"/airworthy-one-postgres"}, Labels: ours},
			{ID: "c2", Names: []string{"/airworthy-one-control-plane"}, Labels: map[string]string{"io.x-k8s.kind.cluster": "airworthy-one"}},
			{ID: "c3", Names: []string{"/kind-control-plane"}, Labels: map[string]string{"io.x-k8s.kind.cluster": "kind"}},
			{ID: "c4", Names: []string{"/airworthy-two-postgres"}, Labels: map[string]string{environment.LabelStack: "two"}},
		},
		networks: []network.Summary{
			{Network: network.Network{ID: "n1", Name: "airworthy-one", Labels: ours}},
			{Network: network.Network{ID: "n2", Name: "kind"}},
		},
		volumes: []volume.Volume{{Name: "v1", Labels: ours}, {Name: "v2"}},
	}
}

func TestRemoveTakesOnlyTheStack(t *testing.T) {
	f := populated()
	want := environment.Left{
		Containers: []string{"airworthy-one-control-plane", "airworthy-one-postgres"},
		Networks:   []string{"airworthy-one"}, Volumes: []string{"v1"},
	}
	left, err := environment.Leftovers(t.Context(), f, "one")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Error(diff)
	}
	if _, err := environment.Remove(t.Context(), f, "one"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"c1", "c2", "n1", "v1"}, f.removed); diff != "" {
		t.Error(diff)
	}
	if left, err := environment.Leftovers(t.Context(), f, "three"); err != nil || !left.Empty() {
		t.Errorf("a stack that is not there has %+v, %v", left, err)
	}
}

func TestRemoveGoesOnAfterAnError(t *testing.T) {
	f := populated()
	f.stuck = "c1"
	gone, err := environment.Remove(t.Context(), f, "one")
	if err == nil || err.Error() != "remove container airworthy-one-postgres: device is busy" {
		t.Errorf("error is %v", err)
	}
	if diff := cmp.Diff(environment.Left{
		Containers: []string{"airworthy-one-control-plane"}, Networks: []string{"airworthy-one"}, Volumes: []string{"v1"},
	}, gone); diff != "" {
		t.Error(diff)
	}
}

func TestEnsureNetworkRefusesAForeignOne(t *testing.T) {
	f := populated()
	f.networks = append(f.networks, network.Summary{Network: network.Network{ID: "n3", Name: "airworthy-three"}})
	if name, err := environment.EnsureNetwork(t.Context(), f, "one"); err != nil || name != "airworthy-one" {
		t.Errorf("got %q, %v", name, err)
	}
	if _, err := environment.EnsureNetwork(t.Context(), f, "three"); err == nil || !strings.Contains(err.Error(), "docker network rm airworthy-three") {
		t.Errorf("error is %v", err)
	}
}

const kubeconfig = `apiVersion: v1
kind: Config
current-context: %s
clusters:
  - {name: here, cluster: {server: %q}}
users:
  - {name: me, user: {token: secret}}
contexts:
  - {name: blue, context: {cluster: here, user: me}}
  - {name: green, context: {cluster: here, user: me}}
`

func TestUpErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, current, server string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, fmt.Appendf(nil, kubeconfig, current, server), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	unreachable := write("unreachable", "blue", closed.URL)
	none := write("none", `""`, closed.URL)
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, []byte("clusters: 3"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		options environment.Options
		key     string
		want    []string
	}{
		{"kind", environment.Options{Kind: "minikube"}, "cluster.kind", []string{`"minikube" is not known; set it to kind or existing`}},
		{
			"no file", environment.Options{Kind: "existing", Kubeconfig: filepath.Join(dir, "absent")},
			"cluster.kubeconfig", []string{"absent does not exist; name the file"},
		},
		{"no kubeconfig", environment.Options{Kind: "existing", Kubeconfig: broken}, "cluster.kubeconfig", []string{"read kubeconfig", "broken"}},
		{
			"unknown context", environment.Options{Kind: "existing", Kubeconfig: unreachable, Context: "red"},
			"cluster.context", []string{`has no context "red" (it has blue, green); name one of the file's contexts`},
		},
		{"no current context", environment.Options{Kind: "existing", Kubeconfig: none}, "cluster.context", []string{"has no current context (it has blue, green)"}},
		{
			"unreachable", environment.Options{Kind: "existing", Kubeconfig: unreachable, Context: "green"},
			"cluster.context", []string{"the API server of cluster green at " + closed.URL + " did not answer within 10s", "connection refused"},
		},
		{
			"node image", environment.Options{Kind: "kind", Stack: "one", NodeImage: "kindest/node:v9", Docker: populated()},
			"cluster.kubernetes", []string{"node image kindest/node:v9: the container engine does not hold the node image; have it built"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := environment.Up(t.Context(), test.options)
			var problem *environment.ConfigError
			if !errors.As(err, &problem) || problem.Key != test.key {
				t.Fatalf("error is %v, want one about %s", err, test.key)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %q, want %q in it", err, want)
				}
			}
		})
	}
}

func TestExistingClusterIsOnlyUsed(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/version" {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"gitVersion":"v1.36.3"}`)
	}))
	defer api.Close()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, fmt.Appendf(nil, kubeconfig, "blue", api.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster, err := environment.Up(t.Context(), environment.Options{Kind: "existing", Kubeconfig: path})
	if err != nil {
		t.Fatal(err)
	}
	info := cluster.Info()
	if info.Kind != "existing" || info.Name != "blue" || info.Kubernetes != "v1.36.3" || len(info.Nodes) != 0 {
		t.Errorf("info is %+v", info)
	}
	if strings.Contains(string(info.Kubeconfig), "green") {
		t.Error("the kubeconfig holds other contexts too")
	}
	if _, isReacher := cluster.(environment.HostReacher); isReacher {
		t.Error("a foreign cluster claims to publish ports here")
	}
	if _, err := environment.Attach(t.Context(), nil, info); err != nil {
		t.Error(err)
	}
	if err := cluster.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(api.URL, "http://")); err != nil {
		t.Error(err)
	}
}
