package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	gib = 1 << 30

	diskWanted  = 15 * gib // images, a node and what pods write
	diskNeeded  = 5 * gib
	memoryGood  = 6 * gib
	instances   = 512     // inotify instances: every kubelet, containerd and log follower takes some
	watches     = 524_288 // inotify watches
	inotify     = "/proc/sys/fs/inotify/"
	fixByDoctor = "run `airworthy doctor --fix`"
)

// Why no cluster can be made by an engine on another machine, and what helps.
const (
	elsewhereText = "the container engine is on another machine, where clusters and services would publish their ports for that machine alone"
	elsewhereMend = "run airworthy there, or use cluster.kind: existing"
)

// CanServe says why the engine cannot serve clusters and services to this
// machine, or nil.
func (s Status) CanServe() error {
	if s.Elsewhere {
		return errors.New(Problem{What: elsewhereText, Where: s.Host, Mend: elsewhereMend}.String())
	}
	return nil
}

func (s *Status) add(p Problem) { s.Problems = append(s.Problems, p) }

// engineProblems says why there is no usable engine, or what is amiss with it.
func (s *Status) engineProblems(m machine, d daemon, asked error) {
	if asked != nil {
		s.add(s.unreachable(m, asked))
		return
	}
	if d.podman {
		s.add(Problem{What: "podman " + d.version + " answers in Docker's place, and is not supported", Where: s.Host, Fatal: true,
			Mend: "install Docker Engine and point DOCKER_HOST at it: kind's networks and node images are tried on Docker alone"})
		return
	}
	if s.Elsewhere = s.elsewhere(m); s.Elsewhere {
		s.add(Problem{What: elsewhereText, Where: s.Host, Mend: elsewhereMend})
	}
	if major(s.Version) < 23 && s.RestrictOOMScoreAdj {
		s.add(Problem{What: "Docker " + s.Version + " cannot run privileged containers where a capability is missing (CAP_SYS_RESOURCE is)", Where: s.Host, Fatal: true,
			Mend: "use Docker 23 or newer: remove this one, then " + fixByDoctor})
	}
	if s.StorageDriver == "vfs" {
		s.add(Problem{What: "storage driver vfs copies every image layer in full", Where: s.Host,
			Mend: "let Docker keep its data on a file system that overlay2 works on, such as ext4 or xfs"})
	}
	if s.Rootless && s.CgroupV1 {
		s.add(Problem{What: "rootless Docker on cgroup v1 cannot run cluster nodes", Where: s.Host, Fatal: true,
			Mend: "boot with systemd.unified_cgroup_hierarchy=1, or use Docker as root"})
	} else if s.Rootless {
		s.add(Problem{What: "Docker is rootless", Where: s.Host, Note: true,
			Mend: "cluster nodes need the cpu, memory, pids and cpuset controllers delegated to this user"})
	}
}

// unreachable words why no engine answers, and what helps on this machine.
func (s *Status) unreachable(m machine, asked error) Problem {
	p := Problem{Where: s.Host, Fatal: true}
	repair := s.repair(m)
	switch {
	case !s.local(), !s.ours && errors.Is(asked, errAbsent):
		p.What = "no container engine answers: " + asked.Error()
		p.Mend = "start it there, or set DOCKER_HOST to one that answers"
	case errors.Is(asked, errForbidden):
		p.What = "a container engine is there, but this user may not use it"
		p.Mend = "add the user to the group that owns the socket, `sudo usermod -aG docker \"$USER\"`, and log in again; or run as root"
	case !errors.Is(asked, errAbsent):
		p.What = "the container engine does not answer as one: " + asked.Error()
		p.Mend = "see its log, and restart it"
	case s.Daemon != "" && repair:
		p.What, p.Mend, p.Fixes = "Docker is installed ("+s.Daemon+") but not running", fixByDoctor, true
	case s.Daemon != "":
		p.What, p.Mend = "Docker is installed ("+s.Daemon+") but not running", "start it: `sudo systemctl start docker`; or "+fixByDoctor+" as root"
	case s.Podman != "" && repair:
		p.What, p.Mend, p.Fixes = "only podman is installed ("+s.Podman+"), and it is not supported", fixByDoctor+", which installs Docker Engine beside it", true
	case s.Podman != "":
		p.What, p.Mend = "only podman is installed ("+s.Podman+"), and it is not supported", "install Docker Engine beside it; on Debian or Ubuntu "+fixByDoctor+" as root does it"
	case repair:
		p.What, p.Mend, p.Fixes = "no container engine is installed", fixByDoctor+", which installs Docker Engine", true
	case m.release().debian:
		p.What, p.Mend = "no container engine is installed", fixByDoctor+" as root, or install Docker Engine yourself"
	default:
		p.What, p.Mend = "no container engine is installed", "install Docker Engine and start it; airworthy can do that on Debian and Ubuntu only"
	}
	return p
}

// repair reports whether Fix may install or start an engine here.
func (s *Status) repair(m machine) bool {
	return s.ours && m.uid == 0 && (s.Daemon != "" || m.release().debian)
}

// machineProblems looks at disk, memory and the kernel.
func (s *Status) machineProblems(m machine) {
	if s.FreeDisk >= 0 && s.FreeDisk < diskWanted {
		s.add(Problem{What: fmt.Sprintf("%s free on disk, %s wanted", size(s.FreeDisk), size(diskWanted)), Where: s.Root, Fatal: s.FreeDisk < diskNeeded, Room: true,
			Mend: "free some: `airworthy images prune` and `docker image prune` remove what no stack needs, and `docker system df` shows what Docker holds; or move Docker's data-root"})
	}
	if s.Memory > 0 && s.Memory < memoryGood {
		s.add(Problem{What: fmt.Sprintf("%s of memory, %s wanted", size(s.Memory), size(memoryGood)), Where: s.Host,
			Mend: "give the machine more; with less, pods are killed and checks fail for that reason"})
	}
	if s.CPUs == 1 {
		s.add(Problem{What: "one CPU core, two wanted", Where: s.Host, Mend: "give the machine more, or raise timeouts.scale in the run file"})
	}
	if !s.local() {
		return
	}
	s.inotifyProblem(m, "max_user_instances", instances)
	s.inotifyProblem(m, "max_user_watches", watches)
	if s.CgroupV1 {
		s.add(Problem{What: "cgroup v1", Where: "/sys/fs/cgroup", Note: true, Mend: "nothing to do: the kubelet is told to accept it"})
	}
	if s.RestrictOOMScoreAdj {
		s.add(Problem{What: "capability CAP_SYS_RESOURCE is missing", Where: "/proc/self/status", Note: true,
			Mend: "nothing to do: containerd in the nodes is told to leave OOM scores alone"})
	}
}

func (s *Status) inotifyProblem(m machine, name string, wanted int) {
	have := m.number(inotify + name)
	if have < 0 || have >= wanted {
		return
	}
	mend := fmt.Sprintf("`sudo sysctl fs.inotify.%s=%d`", name, wanted)
	if m.uid == 0 {
		mend = fixByDoctor + ", or `sysctl fs.inotify." + name + "=" + strconv.Itoa(wanted) + "`"
	}
	s.add(Problem{What: fmt.Sprintf("inotify %s is %d, %d wanted: nodes and log followers run out of them", name, have, wanted),
		Where: inotify + name, Mend: mend, Fixes: m.uid == 0})
}

// toolProblems looks at the commands that airworthy or kind calls.
func (s *Status) toolProblems(m machine) {
	debian := m.release().debian
	if s.CLI == "" {
		p := Problem{What: "no docker command is installed, and kind needs it", Where: "PATH", Fatal: true, Fixes: debian,
			Mend: "install Docker's command line client"}
		if debian {
			p.Mend = fixByDoctor + ", which fetches one for airworthy alone, or install docker-cli"
		}
		s.add(p)
	}
	if s.Go == "" {
		s.add(Problem{What: "no Go toolchain is installed", Where: "PATH", Mend: "install Go; it is needed only where images are built from packages"})
	}
	if s.Debootstrap == "" {
		p := Problem{What: "debootstrap is not installed", Where: "PATH", Fixes: debian && m.uid == 0,
			Mend: "install it; it is needed only where images are built from packages"}
		if p.Fixes {
			p.Mend = fixByDoctor + "; it is needed only where images are built from packages"
		}
		s.add(p)
	}
	if s.Browser == "" {
		p := Problem{What: "no Chromium is installed", Where: "PATH", Fixes: debian && m.uid == 0 && s.local(),
			Mend: "install it; it is needed only by ingress.login_browser, where the run file has an ingress"}
		if p.Fixes {
			p.Mend = fixByDoctor + ", which installs the package chromium; it is needed only by ingress.login_browser, where the run file has an ingress"
		}
		s.add(p)
	}
}

// major is the first number of a version, 0 when there is none.
func major(version string) int {
	first, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(first)
	return n
}

// size words a number of bytes.
func size(bytes int64) string {
	if bytes < gib {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(bytes)/gib), ".0") + " GiB"
}
