//go:build engine

package gitserver_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/gitrepo"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/gitserver"
)

var image = flag.String("gitserver-image", "airworthy/gitserver:v1", "Git server image in the container engine")

const stack = "aw-env-gitserver"

func TestServer(t *testing.T) {
	t.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	docker, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	t.Cleanup(func() {
		if _, err := environment.Remove(context.Background(), docker, stack); err != nil {
			t.Error(err)
		}
	})
	network, err := environment.EnsureNetwork(ctx, docker, stack)
	if err != nil {
		t.Fatal(err)
	}
	place := service.Placement{
		Network: network, Name: environment.Name(stack) + "-git",
		Labels: map[string]string{environment.LabelStack: stack, environment.LabelPart: "git"},
	}
	start := time.Now()
	server, err := gitserver.Run(ctx, *image, place)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("up in %s", time.Since(start))
	if _, err := gitserver.Attach(ctx, place, server.Git()); err != nil {
		t.Error(err)
	}
	repo, err := gitrepo.New(server.Git())
	if err != nil {
		t.Fatal(err)
	}
	first := commit(ctx, t, repo, gitrepo.Main, gitrepo.Change{Write: map[string]string{"dags/a.py": "1\n", "dags/b.py": "b\n"}})
	second := commit(ctx, t, repo, gitrepo.Main, gitrepo.Change{Rename: map[string]string{"dags/b.py": "dags/c.py"}, Write: map[string]string{"dags/a.py": "2\n"}})
	side := commit(ctx, t, repo, "side", gitrepo.Change{Remove: []string{"dags/c.py"}})
	if err := repo.Tag(ctx, "one", gitrepo.Main, first); err != nil {
		t.Error(err)
	}
	if got, err := repo.Log(ctx, gitrepo.Main); err != nil || len(got) != 2 || got[0] != second || got[1] != first {
		t.Errorf("log: %v, %v, want %s and %s", got, err, second, first)
	}
	c := clients(t, server.Git())
	t.Run("the deploy key may read and not write", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "clone")
		c.must(t, c.ssh, "clone", server.Git().SSH.FromHost, dir)
		if got := c.must(t, c.ssh, "-C", dir, "rev-parse", "HEAD", "origin/side", "one^{}"); got != second+"\n"+side+"\n"+first {
			t.Errorf("HEAD, side and tag: %s", got)
		}
		c.must(t, c.ssh, "-C", dir, "-c", "user.name=x", "-c", "user.email=x@y", "commit", "--allow-empty", "-m", "x")
		if out, err := c.run(c.ssh, "-C", dir, "push"); err == nil || !strings.Contains(out, "this key may not run") {
			t.Errorf("push with the deploy key: %v: %s", err, out)
		}
	})
	t.Run("the token may read and not write", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "clone")
		c.must(t, c.https, "clone", server.Git().HTTPS.FromHost, dir)
		c.must(t, c.https, "-C", dir, "-c", "user.name=x", "-c", "user.email=x@y", "commit", "--allow-empty", "-m", "x")
		if out, err := c.run(c.https, "-C", dir, "push"); err == nil || !strings.Contains(out, "403") {
			t.Errorf("push with the token: %v: %s", err, out)
		}
		if out, err := c.run([]string{"GIT_SSL_CAINFO=" + c.ca}, "ls-remote", server.Git().HTTPS.FromHost); err == nil || !strings.Contains(out, "could not read Username") {
			t.Errorf("without the token: %v: %s", err, out)
		}
		if out, err := c.run(nil, "ls-remote", server.Git().HTTPS.FromHost); err == nil || !strings.Contains(out, "certificate") {
			t.Errorf("without the CA: %v: %s", err, out)
		}
	})
	t.Run("a wrong host key is noticed", func(t *testing.T) {
		wrong, err := gitrepo.StrangersKey()
		if err != nil {
			t.Fatal(err)
		}
		g := server.Git()
		g.HostKey = wrong
		other := clients(t, g)
		if out, err := other.run(other.ssh, "ls-remote", g.SSH.FromHost); err == nil || !strings.Contains(out, "Host key verification failed") {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("goes away and comes back", func(t *testing.T) {
		if err := repo.Offline(ctx, 2*time.Second); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(20 * time.Second)
		gone := false
		for time.Now().Before(deadline) {
			_, err := c.run(c.ssh, "ls-remote", server.Git().SSH.FromHost)
			if err == nil && gone {
				return
			}
			gone = gone || err != nil
		}
		t.Errorf("went away: %t, and did not come back", gone)
	})
}

func commit(ctx context.Context, t *testing.T, repo *gitrepo.Repo, branch string, change gitrepo.Change) string {
	t.Helper()
	hash, err := repo.Commit(ctx, branch, "test", change)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// real is the machine's own git with what a client is given.
type real struct {
	ssh, https []string
	ca         string
}

func clients(t *testing.T, g service.Git) real {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	hosts, err := g.KnownHosts(g.SSH.FromHost)
	if err != nil {
		t.Fatal(err)
	}
	ca := write("ca.crt", g.CA)
	helper := "!f() { echo username=" + g.User + "; echo password=" + g.Token + "; }; f"
	return real{
		ca: ca,
		ssh: []string{"GIT_SSH_COMMAND=ssh -F none -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile=" + write("known_hosts", hosts) +
			" -o StrictHostKeyChecking=yes -i " + write("key", g.Key)},
		https: []string{"GIT_SSL_CAINFO=" + ca, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=credential.helper", "GIT_CONFIG_VALUE_0=" + helper},
	}
}

func (c real) run(env []string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"}, env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (c real) must(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out, err := c.run(env, args...)
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return out
}
