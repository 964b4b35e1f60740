// Package engine finds the container engine of this machine, says what is
// wrong with it, and installs or starts one where it can. It knows Docker and
// the machine; it must not know what runs on the engine.
package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// DefaultHost is where an engine of this machine answers unless told otherwise.
const DefaultHost = "unix:///var/run/docker.sock"

// Options of Detect and Fix.
type Options struct {
	// Host is the engine's address; empty is DefaultHost.
	Host string
	// Dir is a directory for an engine or a docker command of airworthy's own,
	// and for the log of a daemon that Fix starts. It should be absolute and
	// outlive the run.
	Dir string
	// Args are further arguments for a daemon that Fix starts. At a Host other
	// than the default one, Fix starts a daemon only where Args are given; they
	// must name directories of its own.
	Args []string
}

// Problem is one thing that is wrong, or worth knowing, about the machine.
type Problem struct {
	What  string `json:"what"`
	Where string `json:"where"`
	Mend  string `json:"mend"`
	Fatal bool   `json:"fatal"` // nothing can be run
	Note  bool   `json:"note"`  // a fact that airworthy copes with by itself
	Fixes bool   `json:"fixes"` // Fix can mend it here
	Room  bool   `json:"room"`  // there is too little room, which removing things does not need
}

func (p Problem) String() string { return fmt.Sprintf("%s (%s): %s", p.What, p.Where, p.Mend) }

// Status is what Detect found. Sizes are in bytes.
type Status struct {
	Host          string `json:"host"`
	Reachable     bool   `json:"reachable"`
	Version       string `json:"version,omitempty"`
	APIVersion    string `json:"apiVersion,omitempty"`
	StorageDriver string `json:"storageDriver,omitempty"`
	Root          string `json:"root,omitempty"` // where the engine keeps images and containers
	FreeDisk      int64  `json:"freeDisk"`       // under Root; -1 when unknown
	Memory        int64  `json:"memory"`
	CPUs          int    `json:"cpus"`
	Rootless      bool   `json:"rootless"`
	CgroupVersion string `json:"cgroupVersion"` // 1 or 2

	// CgroupV1 says that the kubelet must be told not to refuse cgroup v1.
	CgroupV1 bool `json:"cgroupV1"`
	// Elsewhere says that the engine is on another machine; see CanServe.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// RestrictOOMScoreAdj says that CAP_SYS_RESOURCE is missing, so that
	// containerd in the nodes must be told to restrict_oom_score_adj.
	RestrictOOMScoreAdj bool `json:"restrictOOMScoreAdj"`

	Daemon      string `json:"daemon,omitempty"`      // an installed dockerd
	Podman      string `json:"podman,omitempty"`      // an installed podman
	CLI         string `json:"cli,omitempty"`         // the docker command, which kind needs
	Bin         string `json:"bin,omitempty"`         // to be put before PATH, when CLI is airworthy's own
	Go          string `json:"go,omitempty"`          // the Go command, which building images needs
	Debootstrap string `json:"debootstrap,omitempty"` // likewise
	Browser     string `json:"browser,omitempty"`     // a Chromium, which one check of the ingress needs

	Problems []Problem `json:"problems"`

	ours bool // Fix may start a daemon at Host
}

// Err is every fatal problem in one error, or nil.
func (s Status) Err() error { return s.fatal(func(Problem) bool { return true }) }

// ErrToRemove is Err for what only removes: a full disk is a reason to do it.
func (s Status) ErrToRemove() error { return s.fatal(func(p Problem) bool { return !p.Room }) }

func (s Status) fatal(counts func(Problem) bool) error {
	var errs []error
	for _, p := range s.Problems {
		if p.Fatal && counts(p) {
			errs = append(errs, errors.New(p.String()))
		}
	}
	return errors.Join(errs...)
}

// Fixable reports whether Fix can mend anything.
func (s Status) Fixable() bool {
	for _, p := range s.Problems {
		if p.Fixes {
			return true
		}
	}
	return false
}

// Detect looks at the engine and the machine and changes nothing. What is wrong
// is in Status.Problems; the error says only that looking was not possible.
func Detect(ctx context.Context, o Options) (Status, error) {
	return detect(ctx, thisMachine(), o)
}

func detect(ctx context.Context, m machine, o Options) (Status, error) {
	if o.Host == "" {
		o.Host = DefaultHost
	}
	if scheme, rest, ok := strings.Cut(o.Host, "://"); !ok || rest == "" || (scheme != "unix" && scheme != "tcp" && scheme != "ssh" && scheme != "http" && scheme != "https") {
		return Status{}, fmt.Errorf("read engine address %q: must be unix:///path or tcp://host:port: mend DOCKER_HOST", o.Host)
	}
	// At an address of the user's own, a daemon started with the default
	// directories would get into the way of the one that has them.
	ours := o.Host == DefaultHost || o.Host == "unix:///run/docker.sock" || (len(o.Args) > 0 && strings.HasPrefix(o.Host, "unix://"))
	s := Status{Host: o.Host, FreeDisk: -1, ours: ours}
	s.tools(m, o)
	d, err := m.ask(ctx, o.Host)
	if ctx.Err() != nil {
		return s, fmt.Errorf("look for a container engine: %w", ctx.Err())
	}
	if err == nil {
		s.answered(m, d)
	} else {
		s.machine(m)
	}
	s.CgroupV1 = s.CgroupVersion == "1"
	s.RestrictOOMScoreAdj = s.local() && !m.hasCapSysResource()
	s.engineProblems(m, d, err)
	s.machineProblems(m)
	s.toolProblems(m)
	return s, nil
}

// browsers are the names that distributions give to Chromium; pkg/browser
// looks for the same.
var browsers = []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"}

// tools finds the commands on PATH and in the private directory.
func (s *Status) tools(m machine, o Options) {
	s.Daemon = m.lookPath("dockerd")
	if private := filepath.Join(o.Dir, engineTree, "usr/sbin/dockerd"); s.Daemon == "" && o.Dir != "" && m.exists(private) {
		s.Daemon = private
	}
	s.Podman = m.lookPath("podman")
	s.Go = m.lookPath("go")
	s.Debootstrap = m.lookPath("debootstrap")
	for _, name := range browsers {
		if s.Browser = m.lookPath(name); s.Browser != "" {
			break
		}
	}
	if s.CLI = m.lookPath("docker"); s.CLI != "" && !podmanScript(m, s.CLI) {
		return
	}
	s.CLI = ""
	for _, tree := range []string{engineTree, cliTree} {
		if bin := filepath.Join(o.Dir, tree, "usr/bin"); o.Dir != "" && m.exists(filepath.Join(bin, "docker")) {
			s.CLI, s.Bin = filepath.Join(bin, "docker"), bin
			return
		}
	}
}

// podmanScript reports whether the docker command is podman under another name.
func podmanScript(m machine, path string) bool {
	head := m.head(path, 512)
	return strings.HasPrefix(head, "#!") && strings.Contains(head, "podman")
}

// answered takes over what the engine says about itself.
func (s *Status) answered(m machine, d daemon) {
	s.Reachable = true
	s.Version, s.APIVersion = d.version, d.apiVersion
	s.StorageDriver, s.Root, s.CgroupVersion = d.driver, d.root, d.cgroup
	s.Memory, s.CPUs, s.Rootless = d.memory, d.cpus, d.rootless
	if s.local() {
		if free, err := m.freeBytes(d.root); err == nil {
			s.FreeDisk = free
		}
	}
}

// machine fills in what can be known while no engine answers.
func (s *Status) machine(m machine) {
	s.Memory, s.CPUs = m.memory(), m.cpus
	s.CgroupVersion = "1"
	if m.exists("/sys/fs/cgroup/cgroup.controllers") {
		s.CgroupVersion = "2"
	}
	if !s.local() {
		return
	}
	for _, dir := range []string{"/var/lib/docker", "/var/lib", "/"} {
		if free, err := m.freeBytes(dir); err == nil {
			s.Root, s.FreeDisk = dir, free
			return
		}
	}
}

// elsewhere reports whether the engine, which answered, is on another machine.
func (s *Status) elsewhere(m machine) bool {
	u, err := url.Parse(s.Host)
	if err != nil || s.local() || u.Hostname() == "" {
		return false
	}
	found := m.lookup(u.Hostname())
	return len(found) > 0 && !slices.ContainsFunc(found, func(ip net.IP) bool {
		return ip.IsLoopback() || ip.IsUnspecified() || slices.ContainsFunc(m.addresses(), ip.Equal)
	})
}

// local reports whether the engine is one of this machine.
func (s *Status) local() bool { return strings.HasPrefix(s.Host, "unix://") }
