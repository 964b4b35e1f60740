package build

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// buildImage follows a recipe with a Dockerfile: what it needs first, then the
// Dockerfile, then the images that its containerd is to hold.
func (b *Builder) buildImage(ctx context.Context, r *recipe, tag string, want Built) error {
	progress := b.progress(r.Repository + ":" + tag)
	// All programs of the images inside as well: one call of the Go toolchain
	// for a module is cheaper than one for each image.
	binaries, err := b.allBinaries(r)
	if err != nil {
		return err
	}
	var (
		base   string
		paths  map[string]string
		inside = make([]Built, len(r.Preload))
	)
	// Packages are waited for while Go compiles.
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		paths, err = b.buildBinaries(gctx, binaries, progress)
		return err
	})
	g.Go(func() error {
		if r.Base == "" {
			return nil
		}
		built, err := b.Build(gctx, r.Base)
		base = built.Local
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	for i, ref := range r.Preload {
		if inside[i], err = b.Build(ctx, ref); err != nil {
			return err
		}
	}
	first := want
	if len(r.Preload) > 0 {
		first.Local = want.Local + "-empty" // replaced by the one with its images
	}
	if err := b.docker(ctx, r, tag, base, paths, first, progress); err != nil {
		return err
	}
	if len(r.Preload) == 0 {
		return nil
	}
	loading, cancel := b.limited(ctx)
	defer cancel()
	if err := b.preload(loading, r, first.Local, inside, want, progress); err != nil {
		return late(loading, err)
	}
	// Only a name goes: the layers are part of the image that was just made.
	if _, err := b.opts.Docker.ImageRemove(ctx, first.Local, client.ImageRemoveOptions{}); err != nil {
		return fmt.Errorf("remove the name %s: %w", first.Local, err)
	}
	return nil
}

func (b *Builder) allBinaries(r *recipe) ([]string, error) {
	all := r.binaries()
	for _, ref := range r.Preload {
		inner, _, err := b.find(ref)
		if err != nil {
			return nil, err
		}
		all = append(all, inner.binaries()...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// docker runs the recipe's Dockerfile. The classic builder is asked for, as it
// is a part of every engine; BuildKit is not.
func (b *Builder) docker(ctx context.Context, r *recipe, tag, base string, binaries map[string]string, want Built, progress func(string)) error {
	files, err := b.contextFiles(r, tag)
	if err != nil {
		return err
	}
	host, err := b.hostFiles()
	if err != nil {
		return err
	}
	args := map[string]*string{}
	for name, value := range r.Args {
		value = expand(value, tag)
		args[name] = &value
	}
	if base != "" {
		args["BASE"] = &base
	}
	// What is downloaded for it is, beside whatever else is built.
	downloading, cancel := b.limited(ctx)
	err = late(downloading, r.download(downloading, b.opts.Cache, nil))
	cancel()
	if err != nil {
		return err
	}
	ctx, done, err := b.turn(ctx, b.building)
	if err != nil {
		return err
	}
	defer done()
	reader, writer := io.Pipe()
	go func() {
		c := contextTar{tar.NewWriter(writer)}
		err := c.write(ctx, b.opts.Cache, r, files, host, binaries)
		writer.CloseWithError(errors.Join(err, c.Close()))
	}()
	defer reader.Close()
	return late(ctx, b.engineBuild(ctx, reader, args, want, progress))
}

// engineBuild runs the Dockerfile of a build context.
func (b *Builder) engineBuild(ctx context.Context, files io.Reader, args map[string]*string, want Built, progress func(string)) error {
	all := map[string]*string{}
	for name, value := range b.opts.BuildArgs {
		all[name] = &value
	}
	maps.Copy(all, args)
	result, err := b.opts.Docker.ImageBuild(ctx, files, client.ImageBuildOptions{
		Tags: []string{want.Local}, Labels: labels(want), BuildArgs: all,
		NetworkMode: "host", Remove: true, ForceRemove: true, Version: build.BuilderV1,
	})
	if err != nil {
		return fmt.Errorf("start the build of %s: %w", want.Local, err)
	}
	t := &tail{next: progress}
	err = errors.Join(readMessages(result.Body, t), result.Body.Close())
	if err != nil {
		return t.wrap(err)
	}
	return nil
}

// message is one line of what the engine answers to builds and imports.
type message struct {
	Stream string `json:"stream"`
	Status string `json:"status"`
	Error  string `json:"error"`
}

// readMessages reads the engine's answer to its end; an error in it is returned.
func readMessages(r io.Reader, out io.Writer) error {
	d := json.NewDecoder(r)
	for {
		var m message
		if err := d.Decode(&m); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the engine's answer: %w", err)
		}
		if m.Error != "" {
			return errors.New(strings.TrimSpace(m.Error))
		}
		if out != nil && m.Stream != "" {
			_, _ = io.WriteString(out, m.Stream) // to memory
		}
	}
}

func labels(want Built) map[string]string {
	return map[string]string{LabelRecipe: want.Recipe, LabelHash: want.Hash}
}

func labelChanges(want Built) []string {
	return []string{"LABEL " + LabelRecipe + "=" + want.Recipe, "LABEL " + LabelHash + "=" + want.Hash}
}

// contextTar writes a build context.
type contextTar struct{ *tar.Writer }

func (c contextTar) write(ctx context.Context, cache string, r *recipe, own, host map[string][]byte, binaries map[string]string) error {
	for _, files := range []map[string][]byte{own, host} {
		for _, name := range sortedKeys(files) {
			if err := c.file(name, 0o644, int64(len(files[name])), bytes.NewReader(files[name])); err != nil {
				return err
			}
		}
	}
	for _, dir := range sortedKeys(r.Binaries) {
		for _, binary := range r.Binaries[dir] {
			if err := c.copy(binaries[binary], path.Join(dir, path.Base(binary)), 0o755); err != nil {
				return err
			}
		}
	}
	if err := c.packages(ctx, cache, r); err != nil {
		return err
	}
	for _, m := range r.Modules {
		from, err := moduleDir(ctx, cache, m)
		if err != nil {
			return err
		}
		if err := c.tree(from, m.To, m.Without); err != nil {
			return fmt.Errorf("take %s of Go module %s: %w", m.From, m.Module, err)
		}
	}
	return nil
}

// file adds one file. Times are left at zero, so that the engine's cache sees
// the same file when it is the same.
func (c contextTar) file(name string, mode, size int64, content io.Reader) error {
	if err := c.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: size}); err != nil {
		return err
	}
	_, err := io.Copy(c.Writer, content)
	return err
}

func (c contextTar) copy(from, to string, mode int64) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return c.file(to, mode, info.Size(), f)
}

// tree adds a file, or a folder with everything below it but without.
func (c contextTar) tree(from, to string, without []string) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		if slices.Contains(without, filepath.ToSlash(rel)) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		return c.copy(p, path.Join(to, filepath.ToSlash(rel)), 0o644)
	})
}
