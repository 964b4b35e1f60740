package engine

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fixFake runs fix on a fake whose engine answers once it was started.
func fixFake(t *testing.T, f *fake, dir string) (said []string, err error) {
	t.Helper()
	if f.onLaunch == nil {
		f.onLaunch = func() { f.asked = nil }
	}
	// What apt and systemd leave behind.
	run := f.run
	f.run = func(ctx context.Context, name string, args ...string) (string, error) {
		out, err := run(ctx, name, args...)
		if line := f.ran[len(f.ran)-1]; err != nil {
			return out, err
		} else if strings.Contains(line, "install -y") && strings.Contains(line, "docker.io") {
			f.commands["dockerd"], f.commands["docker"] = "/usr/sbin/dockerd", "/usr/bin/docker"
		} else if strings.HasPrefix(line, "systemctl start") || strings.HasPrefix(line, "systemd-run") {
			f.asked = nil
		}
		return out, err
	}
	err = fix(t.Context(), f.machine, Options{Dir: dir}, func(s string) { said = append(said, strings.ReplaceAll(s, dir, "DIR")) })
	return said, err
}

func TestFix(t *testing.T) {
	systemd := func(f *fake) {
		f.files["/run/systemd/system"] = ""
		f.commands["systemctl"] = "/usr/bin/systemctl"
	}
	tests := []struct {
		name  string
		spoil func(*fake)
		said  []string
		ran   []string
		err   string
	}{
		{name: "nothing to do", spoil: func(*fake) {}},
		{
			name:  "a stopped engine without systemd",
			spoil: func(f *fake) { f.absent() },
			said:  []string{"starting /usr/sbin/dockerd, with its log in DIR/dockerd.log", "Docker 28.3.0 answers at unix:///var/run/docker.sock"},
		},
		{
			name:  "a stopped engine with systemd",
			spoil: func(f *fake) { f.absent(); systemd(f) },
			said:  []string{"starting Docker by systemd", "Docker 28.3.0 answers at unix:///var/run/docker.sock"},
			ran:   []string{"systemctl start docker"},
		},
		{
			name: "a recent engine of the distribution, with the command split off",
			spoil: func(f *fake) {
				f.files["/etc/os-release"] = trixie
				f.absent("dockerd", "docker")
				f.outputs = map[string]string{
					"apt-cache policy docker.io":  "docker.io:\n  Candidate: 26.1.5+dfsg1-9+b1\n",
					"apt-cache policy docker-cli": "docker-cli:\n  Candidate: 26.1.5+dfsg1-9+b1\n",
				}
			},
			said: []string{
				"installing Docker 26.1.5+dfsg1-9+b1 from the packages of Debian GNU/Linux 13 (trixie): docker.io iptables docker-cli",
				"starting /usr/sbin/dockerd, with its log in DIR/dockerd.log",
				"Docker 28.3.0 answers at unix:///var/run/docker.sock",
			},
			ran: []string{
				"apt-cache policy docker.io", "apt-cache policy docker-cli",
				"apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends docker.io iptables docker-cli",
			},
		},
		{
			name: "Ubuntu in a fresh image without package lists",
			spoil: func(f *fake) {
				f.files["/etc/os-release"] = noble
				f.absent("dockerd", "docker")
				policies := []string{"docker.io:\n  Candidate: (none)\n", "docker.io:\n  Candidate: 28.2.2-0ubuntu1\n", "", ""}
				run := f.run
				f.run = func(ctx context.Context, name string, args ...string) (string, error) {
					out, err := run(ctx, name, args...)
					if name == "apt-cache" && args[1] == "docker.io" {
						out, policies = policies[0], policies[1:]
					}
					if name == "apt-get" && args[0] == "indextargets" && len(policies) < 3 {
						out = "noble|main|http://mirror.example/ubuntu/\n"
					}
					return out, err
				}
			},
			said: []string{
				"fetching the package lists, as there are none",
				"installing Docker 28.2.2-0ubuntu1 from the packages of Ubuntu 24.04.3 LTS: docker.io iptables",
				"starting /usr/sbin/dockerd, with its log in DIR/dockerd.log",
				"Docker 28.3.0 answers at unix:///var/run/docker.sock",
			},
			ran: []string{
				"apt-cache policy docker.io", "apt-get indextargets --format $(RELEASE)|$(COMPONENT)|$(REPO_URI) Created-By: Packages", "apt-get update",
				"apt-cache policy docker.io", "apt-cache policy docker-cli", "apt-get indextargets --format $(RELEASE)|$(COMPONENT)|$(REPO_URI) Created-By: Packages",
				"apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends docker.io iptables",
			},
		},
		{
			name: "a distribution with an old engine only",
			spoil: func(f *fake) {
				f.files["/etc/os-release"] = jammy
				f.absent("dockerd", "docker")
				f.outputs = map[string]string{"apt-cache policy docker.io": "  Candidate: 20.10.12-0ubuntu4\n"}
			},
			ran: []string{"apt-cache policy docker.io"},
			err: "install a container engine: Ubuntu 22.04 LTS offers Docker 20.10.12-0ubuntu4, and 23 or newer is needed: install Docker Engine from its own packages",
		},
		{
			name:  "not root",
			spoil: func(f *fake) { f.uid = 1000; f.absent("dockerd") },
			err:   "no container engine is installed (unix:///var/run/docker.sock): run `airworthy doctor --fix` as root, or install Docker Engine yourself",
		},
		{
			name: "kernel limits, debootstrap and chromium",
			spoil: func(f *fake) {
				f.files[inotify+"max_user_instances"] = "128\n"
				delete(f.commands, "debootstrap")
				delete(f.commands, "chromium")
			},
			said: []string{
				"raising fs.inotify.max_user_instances from 128 to 512 until the next boot",
				"installing debootstrap, which makes base images from packages",
				"installing chromium, by which the user interface is checked through the ingress",
			},
			ran: []string{
				"apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends debootstrap",
				"apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends chromium",
			},
		},
		{
			name: "a distribution without Chromium",
			spoil: func(f *fake) {
				delete(f.commands, "chromium")
				f.outputs = map[string]string{"apt-get -o DPkg::Lock::Timeout=300 install": "error: no installation candidate"}
			},
			said: []string{
				"installing chromium, by which the user interface is checked through the ingress",
				"fetching the package lists anew",
				"going on without chromium: no installation candidate",
			},
			ran: []string{
				"apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends chromium",
				"apt-get update",
				"apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends chromium",
			},
		},
		{
			name: "a daemon that ends at once",
			spoil: func(f *fake) {
				f.absent()
				f.onLaunch = func() { f.exited <- errors.New("exit status 1") }
			},
			said: []string{"starting /usr/sbin/dockerd, with its log in DIR/dockerd.log"},
			err:  "start the container engine: waiting for the container engine at unix:///var/run/docker.sock: gave up after 0s: dockerd ended: exit status 1: no log: see DIR/dockerd.log",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFake()
			test.spoil(f)
			dir := t.TempDir()
			said, err := fixFake(t, f, dir)
			if !slices.Equal(said, test.said) {
				t.Errorf("said:\n%s\nwant:\n%s", strings.Join(said, "\n"), strings.Join(test.said, "\n"))
			}
			if !slices.Equal(f.ran, test.ran) {
				t.Errorf("ran:\n%s\nwant:\n%s", strings.Join(f.ran, "\n"), strings.Join(test.ran, "\n"))
			}
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), dir, "DIR")
			}
			if got != test.err {
				t.Errorf("error:\n%s\nwant:\n%s", got, test.err)
			}
		})
	}
}

func TestAPrivateEngineIsStartedWithItsOwnHelpers(t *testing.T) {
	f := newFake()
	f.absent("dockerd", "docker")
	dir := t.TempDir()
	for _, file := range []string{"usr/bin/docker", "usr/sbin/dockerd"} {
		f.files[filepath.Join(dir, "engine", file)] = "\x7fELF"
	}
	said, err := fixFake(t, f, dir)
	if err != nil {
		t.Fatalf("%v after %q", err, said)
	}
	want := launch{
		path: dir + "/engine/usr/sbin/dockerd",
		args: []string{"--init-path", dir + "/engine/usr/bin/tini-static", "--userland-proxy-path", dir + "/engine/usr/sbin/docker-proxy"},
		bin:  []string{dir + "/engine/usr/bin", dir + "/engine/usr/sbin"},
		log:  dir + "/dockerd.log",
	}
	if len(f.launched) != 1 || f.launched[0].path != want.path || f.launched[0].log != want.log ||
		!slices.Equal(f.launched[0].args, want.args) || !slices.Equal(f.launched[0].bin, want.bin) {
		t.Errorf("launched %+v, want %+v", f.launched, want)
	}
}

func TestBorrowUsesTheMachinesOwnMirror(t *testing.T) {
	f := newFake()
	f.outputs = map[string]string{"apt-get indextargets": "|main|https://node.example/\nbookworm-updates|main|http://mirror.example/debian/\nbookworm|main|http://mirror.example/debian/\n"}
	dir := t.TempDir()
	x := &fixer{machine: f.machine, Options: Options{Dir: dir}, report: func(string) {}}
	apt, err := x.borrow(t.Context(), "trixie")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.files[dir+"/apt/trixie.list"], "deb http://mirror.example/debian/ trixie main\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	if want := "Dir::Etc::SourceList=" + dir + "/apt/trixie.list"; apt[1] != want {
		t.Errorf("apt gets %q, want %q", apt, want)
	}

	f.outputs = map[string]string{"apt-get indextargets": "|main|https://node.example/\n"}
	_, err = x.borrow(t.Context(), "trixie")
	if err == nil || !strings.HasPrefix(err.Error(), "apt is configured with no mirror for bookworm main: ") {
		t.Errorf("without a mirror: %v", err)
	}
}
