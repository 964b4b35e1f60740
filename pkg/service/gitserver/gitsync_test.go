//go:build engine

package gitserver_test

import (
	"context"
	"flag"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tcnetwork "github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/gitrepo"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/gitserver"
)

var gitSync = flag.String("gitsync-image", "registry.k8s.io/git-sync/git-sync:v4.7.1", "git-sync's image, or its stand-in, in the container engine")

const syncStack = "aw-env-gitsync"

// TestGitSyncImage syncs from the server as pods do: as Airflow's user, which
// the image does not know, over SSH with a pinned host key and over HTTPS with
// a token and an authority.
func TestGitSyncImage(t *testing.T) {
	t.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	docker, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	t.Cleanup(func() {
		if _, err := environment.Remove(context.Background(), docker, syncStack); err != nil {
			t.Error(err)
		}
	})
	network, err := environment.EnsureNetwork(ctx, docker, syncStack)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{environment.LabelStack: syncStack, environment.LabelPart: "git"}
	server, err := gitserver.Run(ctx, *image, service.Placement{Network: network, Name: environment.Name(syncStack) + "-git", Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	g := server.Git()
	repo, err := gitrepo.New(g)
	if err != nil {
		t.Fatal(err)
	}
	hash := commit(ctx, t, repo, gitrepo.Main, gitrepo.Change{Write: map[string]string{"dags/a.py": "1\n"}})
	hosts, err := g.KnownHosts(g.SSH.FromPod)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := gitrepo.StrangersKey()
	if err != nil {
		t.Fatal(err)
	}
	strange, err := service.KnownHosts(g.SSH.FromPod, stranger)
	if err != nil {
		t.Fatal(err)
	}
	ssh := map[string]string{"GITSYNC_REPO": g.SSH.FromPod, "GITSYNC_ADD_USER": "true"}
	https := map[string]string{
		"GITSYNC_REPO": g.HTTPS.FromPod, "GITSYNC_USERNAME": g.User, "GITSYNC_PASSWORD_FILE": "/etc/git-secret/token",
		"GITSYNC_GIT_CONFIG": "http.sslCAInfo:/etc/git-secret/ca.crt",
	}
	tests := []struct {
		name  string
		env   map[string]string
		files map[string]string
		want  string
		code  int
	}{
		{"ssh", ssh, map[string]string{"ssh": g.Key, "known_hosts": hosts}, hash, 0},
		{"ssh, another host key", ssh, map[string]string{"ssh": g.Key, "known_hosts": strange}, "Host key verification failed", 1},
		{"https", https, map[string]string{"token": g.Token, "ca.crt": g.CA}, hash, 0},
		{"https, another authority", https, map[string]string{"token": g.Token, "ca.crt": "\n"}, "certificate", 1},
		{"https, a wrong token", https, map[string]string{"token": "wrong", "ca.crt": g.CA}, "Authentication failed", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, log := syncOnce(ctx, t, network, labels, test.env, test.files)
			if code != test.code || !strings.Contains(log, test.want) {
				t.Errorf("exit code %d, want %d; the log lacks %q:\n%s", code, test.code, test.want, log)
			}
		})
	}
}

func syncOnce(ctx context.Context, t *testing.T, network string, labels, env, files map[string]string) (int, string) {
	t.Helper()
	var mounted []testcontainers.ContainerFile
	for name, content := range files {
		// As Kubernetes mounts a secret for a pod with a group: root's, readable to the group.
		mounted = append(mounted, testcontainers.ContainerFile{Reader: strings.NewReader(content), ContainerFilePath: "/etc/git-secret/" + name, FileMode: 0o440})
	}
	synced, err := testcontainers.Run(ctx, *gitSync,
		testcontainers.WithLabels(labels), testcontainers.WithEnv(env), testcontainers.WithFiles(mounted...),
		testcontainers.WithEnv(map[string]string{"GITSYNC_ROOT": "/tmp/git", "GITSYNC_ONE_TIME": "true"}),
		testcontainers.WithConfigModifier(func(c *container.Config) { c.User = "50000:0" }),
		tcnetwork.WithNetworkName(nil, network), testcontainers.WithWaitStrategy(wait.ForExit()))
	if err != nil {
		t.Fatal(err)
	}
	state, err := synced.State(ctx)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := synced.Logs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	log, err := io.ReadAll(stream)
	if err != nil {
		t.Fatal(err)
	}
	return state.ExitCode, string(log)
}
