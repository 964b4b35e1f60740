package engine

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/await"
)

var realEngine = flag.Bool("real", false, "install and start a real engine in a temporary directory; needs root, a Debian-like system and its mirror")

// TestFixBringsUpARealEngine starts a second engine beside whatever runs here.
// It has its own socket, data and containerd, and a network namespace of its
// own: a dockerd that starts makes or deletes the interface docker0, which would
// be the other engine's.
func TestFixBringsUpARealEngine(t *testing.T) {
	if !*realEngine {
		t.Skip("installs packages: give -real")
	}
	// Short, as the path of a socket has at most 107 characters.
	dir, err := os.MkdirTemp("", "aw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	pidfile := filepath.Join(dir, "docker.pid")
	o := Options{
		Host: "unix://" + filepath.Join(dir, "docker.sock"),
		Dir:  filepath.Join(dir, "private"),
		Args: []string{
			"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", pidfile,
			"--containerd-namespace", "airworthy-test", "--containerd-plugins-namespace", "airworthy-test-plugins",
		},
	}
	t.Cleanup(func() { stop(t, pidfile) })

	said := fixed(t, o)
	if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, "starting ") }) {
		t.Errorf("starting the engine was not reported: %q", said)
	}
	if again := fixed(t, o); len(again) != 0 {
		t.Errorf("the second call did something: %q", again)
	}

	stop(t, pidfile)
	start := time.Now()
	said = fixed(t, o)
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("starting a stopped engine took %s", took)
	}
	if len(said) != 2 || !strings.HasPrefix(said[0], "starting ") || !strings.Contains(said[1], " answers at "+o.Host) {
		t.Errorf("a stopped engine was not just started: %q", said)
	}
}

// TestFetchesARealCLI fetches the docker command as on a machine without one.
func TestFetchesARealCLI(t *testing.T) {
	if !*realEngine {
		t.Skip("downloads packages: give -real")
	}
	f := &fixer{machine: thisMachine(), Options: Options{Dir: t.TempDir()}, report: func(s string) { t.Log(s) }}
	if err := f.cli(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(f.Dir, cliTree, "usr/bin/docker"), "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "Docker version ") {
		t.Errorf("the fetched docker command said %q, %v", out, err)
	}
}

// fixed does what Fix does, with the daemon in its own network, and checks that an engine answers after it.
func fixed(t *testing.T, o Options) []string {
	t.Helper()
	m := thisMachine()
	m.launch = func(l launch) (<-chan error, error) {
		l.args = append([]string{"--net", "--", l.path}, l.args...)
		l.path = "unshare"
		return start(l)
	}
	var said []string
	if err := fix(t.Context(), m, o, func(s string) { said = append(said, s); t.Log(s) }); err != nil {
		log, _ := os.ReadFile(filepath.Join(o.Dir, "dockerd.log"))
		t.Fatalf("%v\n%s", err, log)
	}
	s, err := Detect(t.Context(), o)
	if err != nil || !s.Reachable {
		t.Fatalf("no engine answers after Fix: %+v, %v", s, err)
	}
	t.Logf("%+v", s)
	return said
}

// stop ends the daemon of the test by its process id and waits until it is gone.
func stop(t *testing.T, pidfile string) {
	data, err := os.ReadFile(pidfile)
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(pid, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = await.Until(ctx, "the end of the test's daemon", 50*time.Millisecond,
		func(context.Context) (bool, error) { _, err := os.Stat(pidfile); return err != nil, nil },
		func(gone bool) error {
			if gone {
				return nil
			}
			return os.ErrExist
		})
	if err != nil {
		t.Error(err)
	}
}
