package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/airworthy/airworthy/pkg/images"
)

// projectModule is where a program of this project's own is looked for.
const projectModule = "github.com/airworthy/airworthy"

// buildBinaries makes the MODULE/BINARY programs that are not in the cache yet
// and gives the path of each. The host's Go toolchain builds them, so that its
// module proxy and its build cache apply.
func (b *Builder) buildBinaries(ctx context.Context, binaries []string, progress func(string)) (map[string]string, error) {
	paths := map[string]string{}
	byModule := map[string][]string{}
	for _, binary := range binaries {
		module, name, _ := strings.Cut(binary, "/")
		h, err := b.binaryHash(binary)
		if err != nil {
			return nil, err
		}
		paths[binary] = filepath.Join(b.opts.Cache, "go", "bin", h[:20], name)
		byModule[module] = append(byModule[module], name)
	}
	for _, module := range sortedKeys(byModule) {
		names := byModule[module]
		at := func(name string) string { return paths[module+"/"+name] }
		if err := b.buildModule(ctx, b.modules[module], names, at, progress); err != nil {
			return nil, fmt.Errorf("build %s from Go module %s: %w", strings.Join(names, ", "), module, err)
		}
	}
	return paths, nil
}

func (b *Builder) buildModule(ctx context.Context, m *goModule, names []string, at func(string) string, progress func(string)) error {
	// One at a time: a build uses every core, and two of one module would do the same work.
	unlock, err := lock(ctx, b.opts.Cache, "go-"+m.name)
	if err != nil {
		return err
	}
	defer unlock()
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, err := os.Stat(at(name))
		return err == nil
	})
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("go"); err != nil {
		return &images.CannotBuildError{Reason: "the Go toolchain is not on PATH: install Go 1.26.7 or newer"}
	}
	dir, err := b.writeModule(m)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for i, r := range m.Replace {
		if err := replaceIn(ctx, dir, r, filepath.Join(dir, fmt.Sprintf(".replaced-%d", i))); err != nil {
			return fmt.Errorf("replace %s of Go module %s: %w", r.File, r.Module, err)
		}
	}
	out := filepath.Join(dir, ".out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	ctx, done, err := b.turn(ctx, b.compiling)
	if err != nil {
		return err
	}
	defer done()
	for _, args := range goBuildArgs(m, missing, out) {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = dir
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOOS=linux")
		if err := run(cmd, progress); err != nil {
			return late(ctx, err)
		}
	}
	for _, name := range missing {
		if err := moveInto(filepath.Join(out, name), at(name)); err != nil {
			return err
		}
	}
	return nil
}

// CompileFlags are those of every program that is built here. What the linker's -w
// removes is not made at all: that is a fifth of the compiler's time. The Makefile
// compiles airworthy in the same way, so that all share Go's cache.
var CompileFlags = []string{"-mod=readonly", "-buildvcs=false", "-trimpath", "-gcflags=all=-dwarf=false"}

// goBuildArgs gives the command lines that build names into out. Programs whose
// package is called as they are go together, which shares loading and compiling.
func goBuildArgs(m *goModule, names []string, out string) [][]string {
	flags := slices.Concat([]string{"build", "-v"}, CompileFlags, []string{"-ldflags", strings.TrimSpace("-s -w " + strings.TrimSpace(m.LDFlags))})
	if len(m.Tags) > 0 {
		flags = append(flags, "-tags", strings.Join(m.Tags, ","))
	}
	var together []string
	var lines [][]string
	for _, name := range names {
		pkg := m.Binaries[name]
		if path.Base(pkg) == name {
			together = append(together, pkg)
			continue
		}
		lines = append(lines, slices.Concat(flags, []string{"-o", filepath.Join(out, name), pkg}))
	}
	if len(together) > 0 {
		lines = append(lines, slices.Concat(flags, []string{"-o", out + string(filepath.Separator)}, together))
	}
	return lines
}

// moduleSource gives the files of the module as the go command wants them named.
func (b *Builder) moduleSource(m *goModule) (map[string][]byte, error) {
	files := map[string][]byte{}
	for from, to := range map[string]string{"module.mod": "go.mod", "module.sum": "go.sum"} {
		data, err := fs.ReadFile(b.opts.Recipes, path.Join(goFolder, m.name, from))
		if err != nil {
			return nil, fmt.Errorf("read Go module %s: %w", m.name, err)
		}
		files[to] = data
	}
	for _, r := range m.Replace {
		data, err := fs.ReadFile(b.opts.Recipes, path.Join(goFolder, m.name, r.With))
		if err != nil {
			return nil, fmt.Errorf("read Go module %s: %w", m.name, err)
		}
		files[r.With] = data
	}
	if m.Source == "" {
		return files, nil
	}
	tree, err := b.projectSource()
	if err != nil {
		return nil, err
	}
	sources, err := fs.Glob(tree, m.Source+"/*.go")
	if err == nil && len(sources) == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("find the source of %s in %s: %w", m.name, m.Source, err)
	}
	for _, file := range sources {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		data, err := fs.ReadFile(tree, file)
		if err != nil {
			return nil, fmt.Errorf("read the source of %s: %w", m.name, err)
		}
		files[path.Base(file)] = data
	}
	return files, nil
}

// ProjectDir is the clone of this project that the running program lies in, as
// in its bin/, or else that it runs in, by what the go command says: programs of
// its own are built from it.
func ProjectDir() (string, error) {
	var around []string
	if self, err := os.Executable(); err == nil {
		around = append(around, filepath.Dir(self))
	}
	for _, dir := range append(around, "") {
		cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", projectModule)
		cmd.Dir = dir
		out, err := cmd.Output()
		if found := strings.TrimSpace(string(out)); err == nil && found != "" {
			return found, nil
		}
	}
	return "", fmt.Errorf("find this project's source, which is needed to build its own programs: run from a clone of %s with Go on PATH", projectModule)
}

// projectSource is the tree that this project's own programs are built from.
func (b *Builder) projectSource() (fs.FS, error) {
	b.sourceOnce.Do(func() {
		if b.source = b.opts.Source; b.source != nil {
			return
		}
		dir, err := ProjectDir()
		if err != nil {
			b.sourceErr = err
			return
		}
		b.source = os.DirFS(dir)
	})
	return b.source, b.sourceErr
}

// writeModule lays the module out in a directory of its own, for the caller to remove.
func (b *Builder) writeModule(m *goModule) (string, error) {
	files, err := b.moduleSource(m)
	if err != nil {
		return "", err
	}
	parent := filepath.Join(b.opts.Cache, "go", "src")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, m.name+"-")
	if err != nil {
		return "", err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	return dir, nil
}

// replaceIn has the module in dir use a copy of a required module, at to, with
// one file of its own. go.sum has told the original by then. The copy is named by
// a relative path, as the programs carry it.
func replaceIn(ctx context.Context, dir string, r moduleFile, to string) error {
	original, err := downloadModule(ctx, dir, r.Module)
	if err != nil {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(original.Dir)); err != nil {
		return err
	}
	file := filepath.Join(to, filepath.FromSlash(r.File))
	if _, err := os.Stat(file); err != nil {
		return err // nothing would be replaced
	}
	data, err := os.ReadFile(filepath.Join(dir, r.With))
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "edit", "-replace", r.Module+"=./"+filepath.Base(to))
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GOWORK=off")
	return run(cmd, func(string) {})
}

// moveInto renames a finished file to its place, so that half a file is never there.
func moveInto(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.Rename(from, to)
}
