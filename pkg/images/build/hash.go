package build

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io/fs"
	"path"
	"runtime"
	"strings"
)

// builderVersion changes when this package makes another image of the same recipe.
const builderVersion = "1"

// trimFile is offered to every Dockerfile as host/trim.sh.
const trimFile = "common/trim.sh"

// sum collects named parts; the length of each is written as well, so that no
// two lists of parts look alike.
type sum struct{ h hash.Hash }

func newSum() sum { return sum{sha256.New()} }

func (s sum) add(name string, content []byte) {
	fmt.Fprintf(s.h, "%d %s %d\n", len(name), name, len(content))
	s.h.Write(content)
}

func (s sum) hex() string { return hex.EncodeToString(s.h.Sum(nil)) }

func (b *Builder) hash(r *recipe, tag string) (string, error) {
	s := newSum()
	s.add("builder", []byte(builderVersion+" "+runtime.GOARCH))
	// The decoded recipe: a comment in it changes no image.
	decoded, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("hash recipe %s: %w", r.name, err)
	}
	s.add("recipe "+r.name, decoded)
	s.add("version", []byte(r.version(tag)))
	if r.Debootstrap != nil {
		return s.hex(), nil
	}
	files, err := b.contextFiles(r, tag)
	if err != nil {
		return "", err
	}
	for _, name := range sortedKeys(files) {
		s.add("file "+name, files[name])
	}
	for _, binary := range r.binaries() {
		h, err := b.binaryHash(binary)
		if err != nil {
			return "", err
		}
		s.add("binary "+binary, []byte(h))
	}
	for _, ref := range append([]string{r.Base}, r.Preload...) {
		if ref == "" {
			continue
		}
		h, err := b.Hash(ref)
		if err != nil {
			return "", err
		}
		s.add("image "+ref, []byte(h))
	}
	return s.hex(), nil
}

// contextFiles reads the recipe's own part of the build context: the
// Dockerfile, its files, and the script that every Dockerfile may call.
func (b *Builder) contextFiles(r *recipe, tag string) (map[string][]byte, error) {
	out := map[string][]byte{}
	read := func(from, to string) error {
		return fs.WalkDir(b.opts.Recipes, from, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return fmt.Errorf("recipe %s: read %s: %w", r.name, from, err)
			}
			if d.IsDir() {
				return nil
			}
			data, err := fs.ReadFile(b.opts.Recipes, p)
			out[path.Join(to, strings.TrimPrefix(p, from))] = data
			return err
		})
	}
	if err := read(r.dockerfile(), "Dockerfile"); err != nil {
		return nil, err
	}
	if err := read(trimFile, "host/trim.sh"); err != nil {
		return nil, err
	}
	for _, file := range r.Files {
		name := expand(file, tag)
		if err := read(path.Join(r.name, name), name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// binaryHash covers the module files, the flags and the package of a binary,
// and the source where it is this project's own.
func (b *Builder) binaryHash(binary string) (string, error) {
	module, name, _ := strings.Cut(binary, "/")
	m := b.modules[module]
	files, err := b.moduleSource(m)
	if err != nil {
		return "", err
	}
	s := newSum()
	s.add("flags", []byte(m.LDFlags+" "+runtime.GOARCH))
	if len(m.Tags) > 0 {
		s.add("tags", []byte(strings.Join(m.Tags, ",")))
	}
	s.add("package", []byte(m.Binaries[name]))
	for _, r := range m.Replace {
		s.add("replaced "+r.Module, []byte(r.File+" "+r.With))
	}
	for _, file := range sortedKeys(files) {
		s.add("file "+file, files[file])
	}
	return s.hex(), nil
}
