package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/await"
)

const (
	// startWithin is how long an engine may take to answer after its start; a
	// large image store on a slow disk was seen to take half a minute.
	startWithin = 90 * time.Second

	// unit is the transient systemd unit of an engine of airworthy's own.
	unit = "airworthy-docker"
)

// startEngine starts an installed engine and returns when it answers.
func (f *fixer) startEngine(ctx context.Context, daemon string) error {
	private := strings.HasPrefix(daemon, f.Dir+string(filepath.Separator))
	// systemd's own unit does not take our arguments.
	systemd := f.exists("/run/systemd/system") && f.lookPath("systemctl") != "" && len(f.Args) == 0
	var exited <-chan error
	logs := filepath.Join(f.Dir, "dockerd.log")
	l := launch{path: daemon, args: f.arguments(private), log: logs}
	if private {
		tree := filepath.Join(f.Dir, engineTree)
		l.bin = []string{filepath.Join(tree, "usr/bin"), filepath.Join(tree, "usr/sbin")}
	}
	var err error
	switch {
	case systemd && !private:
		logs = "journalctl -u docker"
		f.say("starting Docker by systemd")
		_, err = f.run(ctx, "systemctl", "start", "docker")
	case systemd:
		logs = "journalctl -u " + unit
		f.say("starting %s by systemd as unit %s", daemon, unit)
		err = f.transient(ctx, l)
	default:
		if len(f.Args) == 0 {
			f.removeStale("/var/run/docker.pid", "dockerd")
			f.removeStale("/var/run/docker/containerd/containerd.pid", "containerd")
		}
		f.say("starting %s, with its log in %s", daemon, logs)
		exited, err = f.launch(l)
	}
	if err != nil {
		return err
	}
	return f.answers(ctx, exited, logs)
}

// arguments of the daemon.
func (f *fixer) arguments(private bool) []string {
	var args []string
	if len(f.Args) > 0 && f.Host != DefaultHost {
		args = append(args, "--host", f.Host)
	}
	if private {
		tree := filepath.Join(f.Dir, engineTree)
		args = append(args,
			"--init-path", filepath.Join(tree, "usr/bin/tini-static"),
			"--userland-proxy-path", filepath.Join(tree, "usr/sbin/docker-proxy"))
	}
	return append(args, f.Args...)
}

// transient runs the daemon as a unit that lasts until the next boot.
func (f *fixer) transient(ctx context.Context, l launch) error {
	// A unit that failed before keeps its name; that there is none is no error.
	_, _ = f.run(ctx, "systemctl", "reset-failed", unit)
	args := []string{
		"--unit=" + unit, "--description=Docker Engine of airworthy",
		// Containers outlive a restart of the daemon, and their cgroups are its own affair.
		"--property=Delegate=yes", "--property=KillMode=process",
		"--property=TasksMax=infinity", "--property=LimitNOFILE=1048576",
		"--setenv=PATH=" + strings.Join(append(slices.Clone(l.bin), systemPath...), ":"),
		l.path,
	}
	_, err := f.run(ctx, "systemd-run", append(args, l.args...)...)
	return err
}

// removeStale removes a pid file that names no process, or another one: where
// /var/run outlives a reboot, dockerd would take whoever has its old number
// for itself and refuse to start.
func (f *fixer) removeStale(path, command string) {
	pid := f.number(path)
	if pid <= 0 || strings.TrimSpace(f.head(fmt.Sprintf("/proc/%d/comm", pid), 64)) == command {
		return
	}
	f.say("removing %s, which names process %d that is not %s", path, pid, command)
	if err := os.Remove(path); err != nil {
		f.say("could not remove it: %v", err)
	}
}

// answers waits until the engine answers, and gives up at once when the daemon
// has ended.
func (f *fixer) answers(ctx context.Context, exited <-chan error, logs string) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	d, err := await.Until(ctx, "the container engine at "+f.Host, 200*time.Millisecond,
		func(ctx context.Context) (daemon, error) {
			select {
			case err := <-exited:
				return daemon{}, await.Stop(fmt.Errorf("dockerd ended: %w: %s", err, f.lastWords(logs)))
			default:
			}
			d, err := f.ask(ctx, f.Host)
			if errors.Is(err, errForbidden) {
				err = await.Stop(err)
			}
			return d, err
		},
		func(daemon) error { return nil })
	if err != nil {
		return fmt.Errorf("%w: see %s", err, logs)
	}
	f.say("Docker %s answers at %s", d.version, f.Host)
	return nil
}

// lastWords is the end of a log.
func (f *fixer) lastWords(log string) string {
	data, err := f.readFile(log)
	if err != nil {
		return "no log"
	}
	return tail(string(data), 400)
}
