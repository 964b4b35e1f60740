package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// engineTree and cliTree are where packages are unpacked below Options.Dir.
	engineTree = "engine"
	cliTree    = "cli"

	// oldest is the first major version of Docker that runs privileged
	// containers where a capability is missing.
	oldest = 23

	// debianKeys signs Debian's archive.
	debianKeys = "/usr/share/keyrings/debian-archive-keyring.gpg"
)

// borrowed says from which later suite a private engine comes, for releases
// whose own is too old. The daemon and containerd of that suite were seen to
// run there; its runc was not, so that the release's own is used.
var borrowed = map[string]string{"bookworm": "trixie"}

// installEngine installs the distribution's engine where it is recent enough,
// else one of the next release in a directory of its own. It returns the path
// of dockerd.
func (f *fixer) installEngine(ctx context.Context) (string, error) {
	os := f.release()
	offered, err := f.candidate(ctx, "docker.io")
	if err != nil {
		return "", err
	}
	if major(offered) >= oldest {
		packages := []string{"docker.io", "iptables"}
		if cli, err := f.candidate(ctx, "docker-cli"); err != nil {
			return "", err
		} else if cli != "" {
			packages = append(packages, "docker-cli") // split off since Debian 13
		}
		f.say("installing Docker %s from the packages of %s: %s", offered, os.name, strings.Join(packages, " "))
		if err := f.install(ctx, packages...); err != nil {
			return "", err
		}
		if daemon := f.lookPath("dockerd"); daemon != "" {
			return daemon, nil
		}
		return "", errors.New("package docker.io brought no dockerd: install Docker Engine yourself")
	}
	suite := borrowed[os.codename]
	if suite == "" || os.id != "debian" {
		if offered == "" {
			offered = "none"
		}
		return "", fmt.Errorf("%s offers Docker %s, and %d or newer is needed: install Docker Engine from its own packages", os.name, offered, oldest)
	}
	f.say("%s offers Docker %s, which is too old: taking the engine of Debian %s into %s", os.name, offered, suite, f.Dir)
	return f.privateEngine(ctx, suite)
}

// privateEngine unpacks dockerd, containerd and the docker command of suite
// below Dir. What the release itself has new enough comes from the release.
func (f *fixer) privateEngine(ctx context.Context, suite string) (string, error) {
	var missing []string
	for command, name := range map[string]string{"runc": "runc", "iptables": "iptables"} {
		if f.lookPath(command) == "" {
			missing = append(missing, name)
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		f.say("installing %s, which the engine calls", strings.Join(missing, " and "))
		if err := f.install(ctx, missing...); err != nil {
			return "", err
		}
	}
	apt, err := f.borrow(ctx, suite)
	if err != nil {
		return "", err
	}
	if err := f.unpack(ctx, apt, engineTree, "docker.io", "containerd", "tini", "docker-cli"); err != nil {
		return "", err
	}
	return filepath.Join(f.Dir, engineTree, "usr/sbin/dockerd"), nil
}

// cli fetches a docker command of airworthy's own.
func (f *fixer) cli(ctx context.Context) error {
	os := f.release()
	f.say("fetching a docker command into %s, as kind needs one", filepath.Join(f.Dir, cliTree))
	offered, err := f.candidate(ctx, "docker-cli")
	if err != nil {
		return fmt.Errorf("fetch the docker command: %w", err)
	}
	var apt []string
	if suite := borrowed[os.codename]; offered == "" && suite != "" && os.id == "debian" {
		apt, err = f.borrow(ctx, suite)
	} else if offered == "" {
		err = fmt.Errorf("%s has no package docker-cli: install Docker's command line client yourself", os.name)
	}
	if err == nil {
		err = f.unpack(ctx, apt, cliTree, "docker-cli")
	}
	if err != nil {
		return fmt.Errorf("fetch the docker command: %w", err)
	}
	return nil
}

// candidate is the version of a package that apt would install, "" for none.
// The lists are fetched first where there are none, as in a fresh image.
func (f *fixer) candidate(ctx context.Context, name string) (string, error) {
	for updated := false; ; updated = true {
		out, err := f.run(ctx, "apt-cache", "policy", name)
		if err != nil {
			return "", err
		}
		for line := range strings.Lines(out) {
			version, ok := strings.CutPrefix(strings.TrimSpace(line), "Candidate: ")
			if ok && version != "(none)" {
				if _, upstream, epoch := strings.Cut(version, ":"); epoch {
					version = upstream
				}
				return version, nil
			}
		}
		if updated || f.uid != 0 {
			return "", nil
		}
		if targets, err := f.targets(ctx); err != nil || len(targets) > 0 {
			return "", err
		}
		f.say("fetching the package lists, as there are none")
		if _, err := f.run(ctx, "apt-get", "update"); err != nil {
			return "", err
		}
	}
}

// target is a package list that the machine's apt is configured with.
type target struct{ release, component, uri string }

// targets asks apt what it is configured with. It names only lists that it has.
func (f *fixer) targets(ctx context.Context) ([]target, error) {
	out, err := f.run(ctx, "apt-get", "indextargets", "--format", "$(RELEASE)|$(COMPONENT)|$(REPO_URI)", "Created-By: Packages")
	if err != nil {
		return nil, err
	}
	var targets []target
	for line := range strings.Lines(out) {
		if parts := strings.Split(strings.TrimSpace(line), "|"); len(parts) == 3 {
			targets = append(targets, target{parts[0], parts[1], parts[2]})
		}
	}
	return targets, nil
}

// borrow prepares apt lists of another suite from the mirror that this machine
// uses for its own, and returns the options that make apt use them alone.
func (f *fixer) borrow(ctx context.Context, suite string) ([]string, error) {
	codename := f.release().codename
	targets, err := f.targets(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(targets, func(t target) bool { return t.release == codename && t.component == "main" })
	if i < 0 {
		return nil, fmt.Errorf("apt is configured with no mirror for %s main: run apt-get update and see what it says, or install Docker Engine yourself", codename)
	}
	signed := ""
	if f.exists(debianKeys) {
		signed = "[signed-by=" + debianKeys + "] "
	}
	dir := filepath.Join(f.Dir, "apt")
	for _, below := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, below), 0o755); err != nil {
			return nil, fmt.Errorf("make directory for package lists: %w", err)
		}
	}
	sources := filepath.Join(dir, suite+".list")
	if err := f.writeFile(sources, fmt.Appendf(nil, "deb %s%s %s main\n", signed, targets[i].uri, suite)); err != nil {
		return nil, fmt.Errorf("write package source: %w", err)
	}
	// Options, not a file named by APT_CONFIG: proxies and credentials of the
	// machine's configuration stay in force.
	apt := []string{
		"-o", "Dir::Etc::SourceList=" + sources,
		"-o", "Dir::Etc::SourceParts=/dev/null",
		"-o", "Dir::State::Lists=" + filepath.Join(dir, "lists"),
		"-o", "Dir::Cache=" + filepath.Join(dir, "cache"),
	}
	f.say("fetching the package lists of Debian %s from %s", suite, targets[i].uri)
	if _, err := f.run(ctx, "apt-get", append(slices.Clone(apt), "-o", "APT::Sandbox::User=root", "update")...); err != nil {
		return nil, err
	}
	return apt, nil
}

// install installs packages of the machine's own suite.
func (f *fixer) install(ctx context.Context, packages ...string) error {
	if f.uid != 0 {
		return fmt.Errorf("install %s: only root can: run `airworthy doctor --fix` as root", strings.Join(packages, ", "))
	}
	args := append([]string{"-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends"}, packages...)
	_, err := f.run(ctx, "apt-get", args...)
	if err == nil {
		return nil
	}
	// Stale lists name versions that the mirror has no more.
	f.say("fetching the package lists anew")
	if _, updateErr := f.run(ctx, "apt-get", "update"); updateErr != nil {
		return errors.Join(err, updateErr)
	}
	_, err = f.run(ctx, "apt-get", args...)
	return err
}

// unpack downloads packages and unpacks them, without installing, as tree
// below Dir. The tree appears whole or not at all.
func (f *fixer) unpack(ctx context.Context, apt []string, tree string, packages ...string) error {
	f.say("downloading %s", strings.Join(packages, ", "))
	work, err := os.MkdirTemp(f.Dir, "unpack-")
	if err != nil {
		return fmt.Errorf("make directory to unpack in: %w", err)
	}
	defer os.RemoveAll(work)
	// apt-get download writes to the working directory only.
	args := append([]string{"-C", work, "apt-get", "-q", "-o", "APT::Sandbox::User=root"}, apt...)
	args = append(append(args, "download"), packages...)
	if _, err := f.run(ctx, "env", args...); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(files) != len(packages) {
		return fmt.Errorf("download %s: %d files came: %w", strings.Join(packages, ", "), len(files), err)
	}
	root := filepath.Join(work, "root")
	for _, file := range files {
		if _, err := f.run(ctx, "dpkg", "-x", file, root); err != nil {
			return err
		}
	}
	if err := os.Chmod(root, 0o755); err != nil {
		return fmt.Errorf("unpack %s: %w", tree, err)
	}
	final := filepath.Join(f.Dir, tree)
	if err := os.RemoveAll(final); err != nil {
		return fmt.Errorf("remove an unfinished %s: %w", tree, err)
	}
	if err := os.Rename(root, final); err != nil {
		return fmt.Errorf("put %s in its place: %w", tree, err)
	}
	return nil
}
