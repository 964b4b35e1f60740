package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"testing"
)

const (
	bookworm = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_CODENAME=bookworm\n"
	trixie   = "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\nVERSION_CODENAME=trixie\n"
	noble    = "PRETTY_NAME=\"Ubuntu 24.04.3 LTS\"\nID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n"
	jammy    = "PRETTY_NAME=\"Ubuntu 22.04 LTS\"\nID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=jammy\n"
	fedora   = "PRETTY_NAME=\"Fedora Linux 42\"\nID=fedora\n"

	sound   = "Name:\tx\nCapBnd:\t000001ffffffffff\n"
	limited = "Name:\tx\nCapBnd:\t000001fffeffffff\n"
)

// fake is a machine on which everything is as it should be; tests spoil it.
type fake struct {
	machine
	files    map[string]string
	commands map[string]string // name -> path
	engine   daemon
	asked    error
	free     int64
	outputs  map[string]string // the beginning of a command line -> what it prints
	ran      []string
	launched []launch
	onLaunch func()
	exited   chan error
}

func newFake() *fake {
	f := &fake{
		files: map[string]string{
			"/etc/os-release":                   bookworm,
			"/proc/self/status":                 sound,
			"/proc/meminfo":                     "MemTotal:       16777216 kB\n",
			inotify + "max_user_instances":      "512\n",
			inotify + "max_user_watches":        "1048576\n",
			"/sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
			"/usr/bin/docker":                   "\x7fELF",
		},
		commands: map[string]string{
			"docker": "/usr/bin/docker", "dockerd": "/usr/sbin/dockerd", "go": "/usr/bin/go", "debootstrap": "/usr/sbin/debootstrap", "chromium": "/usr/bin/chromium",
			"apt-get": "/usr/bin/apt-get", "runc": "/usr/sbin/runc", "iptables": "/usr/sbin/iptables",
		},
		engine: daemon{version: "28.3.0", apiVersion: "1.51", driver: "overlay2", root: "/var/lib/docker", cgroup: "2", memory: 16 * gib, cpus: 4},
		free:   100 * gib,
		exited: make(chan error, 1),
	}
	f.machine = machine{
		cpus: 4,
		ask: func(context.Context, string) (daemon, error) {
			if f.asked != nil {
				return daemon{}, f.asked
			}
			return f.engine, nil
		},
		lookPath: func(name string) string { return f.commands[name] },
		exists:   func(path string) bool { _, ok := f.files[path]; return ok },
		readFile: func(path string) ([]byte, error) {
			if text, ok := f.files[path]; ok {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		},
		writeFile: func(path string, data []byte) error { f.files[path] = string(data); return nil },
		freeBytes: func(string) (int64, error) { return f.free, nil },
		run: func(_ context.Context, name string, args ...string) (string, error) {
			line := strings.Join(append([]string{name}, args...), " ")
			f.ran = append(f.ran, line)
			for beginning, output := range f.outputs {
				if strings.HasPrefix(line, beginning) {
					if reason, failed := strings.CutPrefix(output, "error: "); failed {
						return "", errors.New(reason)
					}
					return output, nil
				}
			}
			return "", nil
		},
		lookup: func(host string) []net.IP {
			if ip := net.ParseIP(host); ip != nil {
				return []net.IP{ip}
			}
			return map[string][]net.IP{"build": {net.IPv4(192, 0, 2, 1)}, "me": {net.IPv4(192, 0, 2, 2)}, "localhost": {net.IPv6loopback}}[host]
		},
		addresses: func() []net.IP { return []net.IP{net.IPv4(192, 0, 2, 2)} },
		launch: func(l launch) (<-chan error, error) {
			f.launched = append(f.launched, l)
			if f.onLaunch != nil {
				f.onLaunch()
			}
			return f.exited, nil
		},
	}
	return f
}

// absent takes the engine away; without says which commands go too.
func (f *fake) absent(without ...string) {
	f.asked = fmt.Errorf("%w: no such file", errAbsent)
	for _, name := range without {
		delete(f.commands, name)
	}
}

func TestDetectProblems(t *testing.T) {
	const socket = DefaultHost
	tests := []struct {
		name     string
		spoil    func(*fake)
		host     string
		problems []string // "fatal", "fixes" and "note" before the text, where they hold
		removes  bool     // removing works all the same
	}{
		{name: "nothing is wrong", spoil: func(*fake) {}},
		{
			name: "no engine, root on Debian", spoil: func(f *fake) { f.uid = 0; f.absent("dockerd") },
			problems: []string{"fatal fixes no container engine is installed (unix:///var/run/docker.sock): run `airworthy doctor --fix`, which installs Docker Engine"},
		},
		{
			name: "no engine, not root", spoil: func(f *fake) { f.uid = 1000; f.absent("dockerd") },
			problems: []string{"fatal no container engine is installed (unix:///var/run/docker.sock): run `airworthy doctor --fix` as root, or install Docker Engine yourself"},
		},
		{
			name: "no engine, elsewhere", spoil: func(f *fake) { f.files["/etc/os-release"] = fedora; f.absent("dockerd", "apt-get") },
			problems: []string{"fatal no container engine is installed (unix:///var/run/docker.sock): install Docker Engine and start it; airworthy can do that on Debian and Ubuntu only"},
		},
		{
			name: "a stopped engine, root", spoil: func(f *fake) { f.absent() },
			problems: []string{"fatal fixes Docker is installed (/usr/sbin/dockerd) but not running (unix:///var/run/docker.sock): run `airworthy doctor --fix`"},
		},
		{
			name: "a stopped engine, not root", spoil: func(f *fake) { f.uid = 1000; f.absent() },
			problems: []string{"fatal Docker is installed (/usr/sbin/dockerd) but not running (unix:///var/run/docker.sock): start it: `sudo systemctl start docker`; or run `airworthy doctor --fix` as root"},
		},
		{
			name: "not in the docker group", spoil: func(f *fake) { f.uid = 1000; f.asked = fmt.Errorf("%w: dial", errForbidden) },
			problems: []string{"fatal a container engine is there, but this user may not use it (unix:///var/run/docker.sock): add the user to the group that owns the socket, `sudo usermod -aG docker \"$USER\"`, and log in again; or run as root"},
		},
		{
			name:     "podman instead, not root",
			spoil:    func(f *fake) { f.uid = 1000; f.absent("dockerd"); f.commands["podman"] = "/usr/bin/podman" },
			problems: []string{"fatal only podman is installed (/usr/bin/podman), and it is not supported (unix:///var/run/docker.sock): install Docker Engine beside it; on Debian or Ubuntu run `airworthy doctor --fix` as root does it"},
		},
		{
			name: "podman answers", spoil: func(f *fake) { f.engine.podman, f.engine.version = true, "5.4.0" },
			problems: []string{"fatal podman 5.4.0 answers in Docker's place, and is not supported (unix:///var/run/docker.sock): install Docker Engine and point DOCKER_HOST at it: kind's networks and node images are tried on Docker alone"},
		},
		{
			name: "the docker command is podman's", spoil: func(f *fake) { f.uid = 1000; f.files["/usr/bin/docker"] = "#!/bin/sh\nexec podman \"$@\"\n" },
			problems: []string{"fatal fixes no docker command is installed, and kind needs it (PATH): run `airworthy doctor --fix`, which fetches one for airworthy alone, or install docker-cli"},
		},
		{
			name: "an engine elsewhere does not answer", host: "tcp://build:2375", spoil: func(f *fake) { f.absent() },
			problems: []string{"fatal no container engine answers: nothing answers there: no such file (tcp://build:2375): start it there, or set DOCKER_HOST to one that answers"},
		},
		{
			name: "an engine elsewhere answers", host: "tcp://build:2375", spoil: func(*fake) {},
			problems: []string{"the container engine is on another machine, where clusters and services would publish their ports for that machine alone (tcp://build:2375): run airworthy there, or use cluster.kind: existing"},
		},
		{name: "an engine of this machine answers by TCP", host: "tcp://127.0.0.1:2375", spoil: func(*fake) {}},
		{name: "one by a name of this machine", host: "tcp://me:2375", spoil: func(*fake) {}},
		{name: "one by no name at all", host: "tcp://:2375", spoil: func(*fake) {}},
		{name: "one by a name that only the client can look up", host: "ssh://alias", spoil: func(*fake) {}},
		{
			name: "another address of this machine does not answer", host: "unix:///home/me/docker.sock", spoil: func(f *fake) { f.absent() },
			problems: []string{"fatal no container engine answers: nothing answers there: no such file (unix:///home/me/docker.sock): start it there, or set DOCKER_HOST to one that answers"},
		},
		{
			name: "an engine that hangs", spoil: func(f *fake) { f.asked = errors.New("no answer within 20s") },
			problems: []string{"fatal the container engine does not answer as one: no answer within 20s (unix:///var/run/docker.sock): see its log, and restart it"},
		},
		{
			name: "little disk", spoil: func(f *fake) { f.free = 12 * gib },
			problems: []string{"12 GiB free on disk, 15 GiB wanted (/var/lib/docker): free some: `airworthy images prune` and `docker image prune` remove what no stack needs, and `docker system df` shows what Docker holds; or move Docker's data-root"},
		},
		{
			name: "no disk", spoil: func(f *fake) { f.free = 2 * gib }, removes: true,
			problems: []string{"fatal 2 GiB free on disk, 15 GiB wanted (/var/lib/docker): free some: `airworthy images prune` and `docker image prune` remove what no stack needs, and `docker system df` shows what Docker holds; or move Docker's data-root"},
		},
		{
			name: "little memory and one core", spoil: func(f *fake) { f.engine.memory, f.engine.cpus = 4*gib, 1 },
			problems: []string{
				"4 GiB of memory, 6 GiB wanted (unix:///var/run/docker.sock): give the machine more; with less, pods are killed and checks fail for that reason",
				"one CPU core, two wanted (unix:///var/run/docker.sock): give the machine more, or raise timeouts.scale in the run file",
			},
		},
		{
			name:     "inotify, not root",
			spoil:    func(f *fake) { f.uid = 1000; f.files[inotify+"max_user_instances"] = "128\n" },
			problems: []string{"inotify max_user_instances is 128, 512 wanted: nodes and log followers run out of them (/proc/sys/fs/inotify/max_user_instances): `sudo sysctl fs.inotify.max_user_instances=512`"},
		},
		{
			name: "inotify, root", spoil: func(f *fake) { f.files[inotify+"max_user_watches"] = "8192\n" },
			problems: []string{"fixes inotify max_user_watches is 8192, 524288 wanted: nodes and log followers run out of them (/proc/sys/fs/inotify/max_user_watches): run `airworthy doctor --fix`, or `sysctl fs.inotify.max_user_watches=524288`"},
		},
		{
			name: "cgroup v1 and a missing capability", spoil: func(f *fake) { f.engine.cgroup = "1"; f.files["/proc/self/status"] = limited },
			problems: []string{
				"note cgroup v1 (/sys/fs/cgroup): nothing to do: the kubelet is told to accept it",
				"note capability CAP_SYS_RESOURCE is missing (/proc/self/status): nothing to do: containerd in the nodes is told to leave OOM scores alone",
			},
		},
		{
			name: "an old engine and a missing capability", spoil: func(f *fake) { f.engine.version = "20.10.24+dfsg1"; f.files["/proc/self/status"] = limited },
			problems: []string{
				"fatal Docker 20.10.24+dfsg1 cannot run privileged containers where a capability is missing (CAP_SYS_RESOURCE is) (unix:///var/run/docker.sock): use Docker 23 or newer: remove this one, then run `airworthy doctor --fix`",
				"note capability CAP_SYS_RESOURCE is missing (/proc/self/status): nothing to do: containerd in the nodes is told to leave OOM scores alone",
			},
		},
		{
			name: "rootless on cgroup v1", spoil: func(f *fake) { f.engine.rootless, f.engine.cgroup = true, "1" },
			problems: []string{
				"fatal rootless Docker on cgroup v1 cannot run cluster nodes (unix:///var/run/docker.sock): boot with systemd.unified_cgroup_hierarchy=1, or use Docker as root",
				"note cgroup v1 (/sys/fs/cgroup): nothing to do: the kubelet is told to accept it",
			},
		},
		{
			name: "no tools to build with", spoil: func(f *fake) {
				delete(f.commands, "go")
				delete(f.commands, "debootstrap")
				delete(f.commands, "chromium")
			},
			problems: []string{
				"no Go toolchain is installed (PATH): install Go; it is needed only where images are built from packages",
				"fixes debootstrap is not installed (PATH): run `airworthy doctor --fix`; it is needed only where images are built from packages",
				"fixes no Chromium is installed (PATH): run `airworthy doctor --fix`, which installs the package chromium; it is needed only by ingress.login_browser, where the run file has an ingress",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFake()
			test.spoil(f)
			host := test.host
			if host == "" {
				host = socket
			}
			s, err := detect(t.Context(), f.machine, Options{Host: host, Dir: "/private"})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range s.Problems {
				text := p.String()
				if p.Note {
					text = "note " + text
				}
				if p.Fixes {
					text = "fixes " + text
				}
				if p.Fatal {
					text = "fatal " + text
				}
				got = append(got, text)
			}
			if !slices.Equal(got, test.problems) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.problems, "\n"))
			}
			if fatal := slices.ContainsFunc(s.Problems, func(p Problem) bool { return p.Fatal }); fatal != (s.Err() != nil) {
				t.Errorf("Err() is %v", s.Err())
			}
			if (s.ErrToRemove() == nil) != (s.Err() == nil || test.removes) {
				t.Errorf("ErrToRemove() is %v, and Err() %v", s.ErrToRemove(), s.Err())
			}
		})
	}
}

func TestDetectSaysWhereItsOwnCommandsAre(t *testing.T) {
	f := newFake()
	f.absent("docker", "dockerd")
	f.files["/private/engine/usr/bin/docker"] = "\x7fELF"
	f.files["/private/engine/usr/sbin/dockerd"] = "\x7fELF"
	s, err := detect(t.Context(), f.machine, Options{Dir: "/private"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Bin != "/private/engine/usr/bin" || s.CLI != "/private/engine/usr/bin/docker" || s.Daemon != "/private/engine/usr/sbin/dockerd" {
		t.Errorf("got Bin %q, CLI %q, Daemon %q", s.Bin, s.CLI, s.Daemon)
	}
}

func TestDetectRefusesAnAddress(t *testing.T) {
	_, err := detect(t.Context(), newFake().machine, Options{Host: "/var/run/docker.sock"})
	if err == nil || err.Error() != `read engine address "/var/run/docker.sock": must be unix:///path or tcp://host:port: mend DOCKER_HOST` {
		t.Errorf("got %v", err)
	}
}
