//go:build cluster

package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/environment"
)

// A stack is stopped at several moments, politely and not. These tests need a
// container engine, the images, and `make build`; `make stops` runs them.

const (
	airworthyBinary = "../../bin/airworthy"
	politeLimit     = 3 * time.Minute // for evidence and clean-up after a signal
)

// moments are when a stack is stopped, by the line that is printed then, and
// what a kill leaves of the evidence: nobody was there to judge it.
var moments = []struct {
	name, line string
	kept       []string
}{
	{"cluster", "object storage: done", []string{"run.json"}}, // a service stands, the cluster is half made
	{"platform", "platform: begins", []string{"run.json"}},
	{"checks", "checks: ", []string{"run.json", "plan.json"}},
}

func TestStopsPolitely(t *testing.T) {
	stranger := bystander(t)
	for _, m := range moments {
		t.Run(m.name, func(t *testing.T) {
			name := "stop-" + m.name
			p := begin(t, name, "e2e", m.line)
			p.signal(t, syscall.SIGTERM)
			if code := p.wait(t, politeLimit); code != exitCannotTest {
				t.Errorf("exit code %d, want %d", code, exitCannotTest)
			}
			p.wantEvidence(t, "run.json", "plan.json", "report.yaml", "SHA256SUMS")
			wantNothingOf(t, name)
			wantStanding(t, stranger)
		})
	}
}

func TestDownAfterKill(t *testing.T) {
	stranger := bystander(t)
	for _, m := range moments {
		t.Run(m.name, func(t *testing.T) {
			name := "kill-" + m.name
			p := begin(t, name, "e2e", m.line)
			p.signal(t, syscall.SIGKILL)
			p.wait(t, time.Minute)
			p.wantEvidence(t, m.kept...)
			if left := containersOf(t, name); len(left) == 0 {
				t.Errorf("no container was left: this looked at nothing")
			}
			run(t, "down", name)
			wantNothingOf(t, name)
			wantStanding(t, stranger)
		})
	}
}

// Nobody may have to clean up by hand before the next `up`.
func TestUpAfterKill(t *testing.T) {
	for _, m := range moments[:2] {
		t.Run(m.name, func(t *testing.T) {
			name := "again-" + m.name
			p := begin(t, name, "up", m.line)
			p.signal(t, syscall.SIGKILL)
			p.wait(t, time.Minute)
			out := run(t, "up", "-f", "../../environments/minimal.yaml", "--set", "name="+name)
			if !strings.Contains(out, "going on") && !strings.Contains(out, "starting over") {
				t.Errorf("up does not say whether it goes on or starts over:\n%s", out)
			}
			run(t, "down", name)
			wantNothingOf(t, name)
		})
	}
}

// process is an airworthy that was started and reached its moment.
type process struct {
	cmd *exec.Cmd
	out string // directory of its run directories
}

// begin starts a command on a stack of its own and returns once it has printed line.
func begin(t *testing.T, name, command, line string) *process {
	t.Helper()
	p := &process{out: t.TempDir()}
	p.cmd = exec.Command(airworthyBinary, command, "-f", "../../environments/minimal.yaml", "--set", "name="+name, "--out", p.out, "--no-color")
	p.cmd.Env = append(os.Environ(), "CI=true")
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p.cmd.Stdout
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = exec.Command(airworthyBinary, "down", name).Run()
	})
	reached := make(chan struct{})
	go func() {
		seen := false
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			t.Log(lines.Text())
			if !seen && strings.Contains(lines.Text(), line) {
				seen = true
				close(reached)
			}
		}
	}()
	select {
	case <-reached:
	case <-time.After(10 * time.Minute):
		t.Fatalf("%s never printed %q", command, line)
	}
	return p
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func (p *process) wait(t *testing.T, limit time.Duration) (code int) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		return 0
	case <-time.After(limit):
		t.Fatalf("still running %s after the signal", limit)
		return 0
	}
}

func (p *process) wantEvidence(t *testing.T, files ...string) {
	t.Helper()
	dirs, _ := filepath.Glob(filepath.Join(p.out, "*"))
	if len(dirs) != 1 {
		t.Fatalf("%d run directories, want one: %v", len(dirs), dirs)
	}
	for _, file := range files {
		if _, err := os.Stat(filepath.Join(dirs[0], file)); err != nil {
			t.Errorf("evidence is missing: %v", err)
		}
	}
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, airworthyBinary, append(args, "--no-color", "--out", t.TempDir())...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("airworthy %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func docker(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.Fields(string(out))
}

// containersOf finds by the label and, since kind's nodes carry kind's own, by the cluster's name.
func containersOf(t *testing.T, name string) []string {
	t.Helper()
	return append(docker(t, "ps", "-aq", "--filter", "label="+environment.LabelStack+"="+name),
		docker(t, "ps", "-aq", "--filter", "label=io.x-k8s.kind.cluster=airworthy-"+name)...)
}

func wantNothingOf(t *testing.T, name string) {
	t.Helper()
	if left := containersOf(t, name); len(left) > 0 {
		t.Errorf("containers were left: %v", left)
	}
	for _, kind := range []string{"network", "volume"} {
		if left := docker(t, kind, "ls", "-q", "--filter", "label="+environment.LabelStack+"="+name); len(left) > 0 {
			t.Errorf("%ss were left: %v", kind, left)
		}
	}
}

// bystander is a container of somebody else's.
func bystander(t *testing.T) string {
	t.Helper()
	images := docker(t, "images", "-q", "airworthy.local/pause")
	if len(images) == 0 {
		t.Fatal("no image to make a container of: run `make e2e` first")
	}
	id := docker(t, "run", "-d", "--label", environment.LabelStack+"-of=somebody", images[0])[0]
	t.Cleanup(func() { docker(t, "rm", "-f", id) })
	return id
}

func wantStanding(t *testing.T, id string) {
	t.Helper()
	if state := docker(t, "inspect", "-f", "{{.State.Status}}", id); len(state) != 1 || state[0] != "running" {
		t.Errorf("a container that is not ours is %v", state)
	}
}
