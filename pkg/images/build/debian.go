package build

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/airworthy/airworthy/pkg/images"
)

// buildDebian makes a base image of a Debian suite with debootstrap.
func (b *Builder) buildDebian(ctx context.Context, r *recipe, suite string, want Built) error {
	progress := b.progress(r.Repository + ":" + suite)
	if missing := needDebootstrap(ctx, progress); missing != nil {
		progress(missing.Error() + ": asking for the published image in its place")
		if err := b.publishedDebian(ctx, r, suite, want, progress); err != nil {
			// Not wrapped: the published image is worth another try.
			return fmt.Errorf("%s; take the published image: %w", missing, err)
		}
		return nil
	}
	parent := filepath.Join(b.opts.Cache, "debian")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(parent, suite+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	root := filepath.Join(dir, "root")
	args := []string{"--variant=minbase"}
	if len(r.Debootstrap.Include) > 0 {
		args = append(args, "--include="+strings.Join(r.Debootstrap.Include, ","))
	}
	args = append(args, suite, root)
	if mirror := debianMirror(ctx); mirror != "" {
		args = append(args, mirror)
	}
	ctx, done, err := b.turn(ctx, b.building)
	if err != nil {
		return err
	}
	defer done()
	defer unmount(root)
	if err := run(politely(ctx, "debootstrap", args...), progress); err != nil {
		return late(ctx, err)
	}
	return b.importRoot(ctx, root, want)
}

// publishedDebian makes the base of the image that Debian publishes, where
// debootstrap cannot be used: who is not root mostly reaches a registry. It is
// brought into the shape of debootstrap's, which other recipes build on.
func (b *Builder) publishedDebian(ctx context.Context, r *recipe, suite string, want Built, progress func(string)) error {
	host, err := b.hostFiles()
	if err != nil {
		return err
	}
	files := map[string][]byte{"Dockerfile": []byte(publishedDockerfile(r, suite, debianMirror(ctx)))}
	maps.Copy(files, host)
	ctx, done, err := b.turn(ctx, b.building)
	if err != nil {
		return err
	}
	defer done()
	var packed bytes.Buffer
	c := contextTar{tar.NewWriter(&packed)}
	for _, name := range sortedKeys(files) {
		if err := c.file(name, 0o644, int64(len(files[name])), bytes.NewReader(files[name])); err != nil {
			return err
		}
	}
	if err := c.Close(); err != nil {
		return err
	}
	return late(ctx, b.engineBuild(ctx, &packed, nil, want, progress))
}

// publishedDockerfile leaves one line in sources.list, as debootstrap does: with
// this machine's mirror, else with the one that the image names.
func publishedDockerfile(r *recipe, suite, mirror string) string {
	return fmt.Sprintf(`FROM %[1]s:%[2]s AS build
COPY host %[3]s
RUN mirror=%[4]s; [ -n "$mirror" ] || mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources | head -n 1)  && [ -n "$mirror" ] && rm -f /etc/apt/sources.list.d/* && echo "deb $mirror %[2]s main" > /etc/apt/sources.list  && export APT_CONFIG=%[3]s/apt.conf DEBIAN_FRONTEND=noninteractive && apt-get update -q  && apt-get install -qy --no-install-recommends %[5]s  && apt-get clean && rm -rf /var/lib/apt/lists/* %[3]s

FROM scratch
COPY --from=build / /
CMD ["/bin/bash"]
`, r.Repository, suite, hostMount, shellQuote(mirror), strings.Join(append([]string{"apt"}, r.Debootstrap.Include...), " "))
}

// politely is a command that is told to end, with all that it started, before
// it is killed: debootstrap takes its mounts away then.
func politely(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGTERM) }
	cmd.WaitDelay = politeness
	return cmd
}

// politeness is how long a command that was told to end may take.
const politeness = 20 * time.Second

// unmount takes away what a debootstrap that was killed has left mounted: to
// remove the directory would reach into the kernel's own files.
func unmount(root string) {
	for _, dir := range []string{"proc", "sys"} {
		_ = unix.Unmount(filepath.Join(root, dir), unix.MNT_DETACH) // mostly there is nothing
	}
}

// importRoot makes an image of a directory.
func (b *Builder) importRoot(ctx context.Context, root string, want Built) error {
	t := &tail{}
	tar := exec.CommandContext(ctx, "tar", "-C", root, "--numeric-owner",
		"--exclude=./var/cache/apt/archives/*.deb", "--exclude=./var/log/*.log", "--exclude=./dev/*", "-c", ".")
	tar.Stderr = t
	stream, err := tar.StdoutPipe()
	if err != nil {
		return err
	}
	if err := tar.Start(); err != nil {
		return fmt.Errorf("pack %s: %w", root, err)
	}
	result, err := b.opts.Docker.ImageImport(ctx, client.ImageImportSource{Source: stream, SourceName: "-"}, want.Local, client.ImageImportOptions{
		Changes: append(labelChanges(want), `CMD ["/bin/bash"]`),
	})
	if err == nil {
		err = errors.Join(readMessages(result, nil), result.Close())
	}
	if err != nil {
		_ = tar.Process.Kill() // nobody reads its output any more
	}
	waitErr := tar.Wait()
	if err != nil {
		return fmt.Errorf("import image %s: %w", want.Local, err)
	}
	if waitErr != nil {
		return t.wrap(fmt.Errorf("pack %s: %w", root, waitErr))
	}
	return nil
}

// needDebootstrap installs debootstrap where that is possible.
func needDebootstrap(ctx context.Context, progress func(string)) error {
	if _, err := exec.LookPath("debootstrap"); err == nil {
		if os.Geteuid() != 0 {
			return &images.CannotBuildError{Reason: "debootstrap needs root: run as root"}
		}
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return &images.CannotBuildError{Reason: "debootstrap is not installed: install it (it is packaged by Debian, Ubuntu, Fedora and Arch), or run as root on Debian or Ubuntu"}
	}
	progress("installing debootstrap by apt-get")
	for _, args := range [][]string{{"update", "-q"}, {"install", "-qy", "--no-install-recommends", "debootstrap"}} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(cmd.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if err := run(cmd, progress); err != nil {
			return fmt.Errorf("install debootstrap: %w", err)
		}
	}
	return nil
}

// debianMirror is the mirror of the main archive that this machine's apt is
// configured with; empty when there is none, and debootstrap's default is right.
func debianMirror(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages").Output()
	if err != nil {
		return ""
	}
	return pickMirror(string(out))
}

// pickMirror takes the first archive that calls itself Debian's main one, out of
// lines ORIGIN|LABEL|REPO_URI. Before the first `apt-get update` apt knows no
// origins; then the archive's usual path has to do.
func pickMirror(targets string) string {
	usual := ""
	for line := range strings.Lines(targets) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 3 {
			continue
		}
		uri := strings.TrimSuffix(f[2], "/")
		if f[0] == "Debian" && f[1] == "Debian" {
			return uri
		}
		if usual == "" && f[0] == "" && strings.HasSuffix(uri, "/debian") {
			usual = uri
		}
	}
	return usual
}
