package images

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// bundle is an OCI image layout made by Save, open for reading.
type bundle struct {
	path   string
	open   func(name string) (io.ReadCloser, error)
	close  func() error
	images []bundledImage
}

// bundledImage is one image of a bundle; its manifest has been verified.
type bundledImage struct {
	manifest *v1.Manifest
	ref      Ref
	role     Role
	local    string
	origin   string
	digest   string
	size     int64
}

// Load verifies a bundle, loads every image of it into the container engine,
// and remembers them. A blob whose content is not what its digest says is
// named in the error; nothing is loaded then.
func (r *Resolver) Load(ctx context.Context, path string) ([]Resolution, error) {
	b, err := openBundle(path)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if err := b.verify(ctx, b.images...); err != nil {
		return nil, err
	}
	var all []Resolution
	for _, img := range b.images {
		got, err := r.loadImage(ctx, b, img, job{name: name{ref: img.ref}, role: img.role})
		if err != nil {
			return all, fmt.Errorf("load bundle %s: image %s: %w", path, img.ref, err)
		}
		if err := r.memory.put(got); err != nil {
			r.progress(img.ref, err.Error())
		}
		all = append(all, got.Resolution)
	}
	return all, nil
}

// openBundle reads index and manifests.
func openBundle(path string) (*bundle, error) {
	b := &bundle{path: path, close: func() error { return nil }}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open bundle: %w", err)
	}
	if info.IsDir() {
		b.open = func(name string) (io.ReadCloser, error) {
			return os.Open(filepath.Join(path, filepath.FromSlash(name)))
		}
	} else if err := b.openTar(); err != nil {
		return nil, err
	}
	if err := b.readIndex(); err != nil {
		return nil, errors.Join(fmt.Errorf("open bundle %s: %w", path, err), b.close())
	}
	return b, nil
}

func (b *bundle) openTar() error {
	f, err := os.Open(b.path)
	if err != nil {
		return fmt.Errorf("open bundle: %w", err)
	}
	files, err := indexTar(f)
	if err != nil {
		return errors.Join(fmt.Errorf("open bundle %s: %w", b.path, err), f.Close())
	}
	b.close = f.Close
	b.open = func(name string) (io.ReadCloser, error) {
		section, ok := files[name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return io.NopCloser(io.NewSectionReader(section, 0, section.Size())), nil
	}
	return nil
}

func (b *bundle) readIndex() error {
	r, err := b.open("index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("no index.json in it: this is not an OCI image layout; make one with airworthy images save")
	}
	if err != nil {
		return err
	}
	defer r.Close()
	index, err := v1.ParseIndexManifest(r)
	if err != nil {
		return fmt.Errorf("read index.json: %w", err)
	}
	for _, desc := range index.Manifests {
		img, err := b.readImage(desc)
		if err != nil {
			return err
		}
		b.images = append(b.images, img)
	}
	return nil
}

func (b *bundle) readImage(desc v1.Descriptor) (bundledImage, error) {
	data, err := b.blob(desc)
	if err != nil {
		return bundledImage{}, err
	}
	img := bundledImage{manifest: &v1.Manifest{}}
	if err := json.Unmarshal(data, img.manifest); err != nil {
		return bundledImage{}, fmt.Errorf("read blob %s: %w", desc.Digest, err)
	}
	a := img.manifest.Annotations
	// The index is the one file that no digest protects.
	if a[annotationRefName] != desc.Annotations[annotationRefName] {
		return bundledImage{}, fmt.Errorf("index.json calls blob %s %q, the blob itself says %q: the bundle was changed; copy it again",
			desc.Digest, desc.Annotations[annotationRefName], a[annotationRefName])
	}
	if a[annotationRef] == "" || a[annotationLocal] == "" {
		return bundledImage{}, fmt.Errorf("blob %s does not say which image it is: make the bundle with airworthy images save", desc.Digest)
	}
	img.ref, img.role, img.local = Ref(a[annotationRef]), Role(a[annotationRole]), a[annotationLocal]
	img.origin, img.digest = a[annotationOrigin], a[annotationDigest]
	if img.size, err = strconv.ParseInt(a[annotationSize], 10, 64); err != nil {
		return bundledImage{}, fmt.Errorf("read blob %s: %w", desc.Digest, err)
	}
	return img, nil
}

// blob reads a small blob whole.
func (b *bundle) blob(desc v1.Descriptor) ([]byte, error) {
	if err := b.check(context.Background(), desc); err != nil {
		return nil, err
	}
	r, err := b.open(blobPath(desc.Digest))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// verify compares every blob of the images with its digest, and reports all
// that differ.
func (b *bundle) verify(ctx context.Context, images ...bundledImage) error {
	seen := map[v1.Hash]bool{}
	var wrong []error
	for _, img := range images {
		for _, desc := range append([]v1.Descriptor{img.manifest.Config}, img.manifest.Layers...) {
			if seen[desc.Digest] {
				continue
			}
			seen[desc.Digest] = true
			if err := b.check(ctx, desc); err != nil {
				wrong = append(wrong, fmt.Errorf("bundle %s: image %s: %w", b.path, img.ref, err))
			}
		}
	}
	return errors.Join(wrong...)
}

// check compares one blob with its descriptor.
func (b *bundle) check(ctx context.Context, desc v1.Descriptor) error {
	r, err := b.open(blobPath(desc.Digest))
	if err != nil {
		return fmt.Errorf("blob %s is missing: copy the bundle again", desc.Digest)
	}
	defer r.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, readerWith(ctx, r))
	if err != nil {
		return fmt.Errorf("read blob %s: %w", desc.Digest, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != desc.Digest.Hex {
		return fmt.Errorf("blob %s was changed: its content (%d bytes instead of %d) is sha256:%s; copy the bundle again", desc.Digest, size, desc.Size, got)
	}
	return nil
}

// loadImage brings one verified image into the engine, or finds it there.
func (r *Resolver) loadImage(ctx context.Context, b *bundle, img bundledImage, j job) (remembered, error) {
	config := img.manifest.Config.Digest.String()
	_, there, err := r.engine.inspect(ctx, config)
	if err != nil {
		return remembered{}, err
	}
	n, err := parse(Ref(img.local))
	if err != nil {
		return remembered{}, err
	}
	local := img.local
	switch {
	case n.digest != "":
		// A name with a digest cannot be given by hand: the image's id has to do.
		local = config
		if !there {
			err = r.stream(ctx, b, img, nil)
		}
	case there:
		err = r.engine.tag(ctx, config, n.full)
	default:
		r.progress(j.ref, "loading from "+b.path)
		err = r.stream(ctx, b, img, []string{n.full})
	}
	if err != nil {
		return remembered{}, err
	}
	return r.arrived(ctx, j, remembered{Bundle: b.path, Resolution: Resolution{
		Local: local, Digest: img.digest, Source: Bundled, From: fmt.Sprintf("bundle %s, %s", b.path, img.origin),
	}})
}

// stream sends one image to the engine in the form that it loads.
func (r *Resolver) stream(ctx context.Context, b *bundle, img bundledImage, tags []string) error {
	out, in := io.Pipe()
	go func() { in.CloseWithError(b.archive(in, img, tags)) }()
	defer out.Close()
	return r.engine.load(ctx, out)
}

func (b *bundle) archive(w io.Writer, img bundledImage, tags []string) error {
	t := tar.NewWriter(w)
	config := img.manifest.Config.Digest.Hex + ".json"
	if err := b.copyBlob(t, config, img.manifest.Config); err != nil {
		return err
	}
	var layers []string
	written := map[string]bool{}
	for _, l := range img.manifest.Layers {
		name := l.Digest.Hex + ".tar.gz"
		layers = append(layers, name)
		if written[name] {
			continue
		}
		written[name] = true
		if err := b.copyBlob(t, name, l); err != nil {
			return err
		}
	}
	contents, err := json.Marshal([]map[string]any{{"Config": config, "RepoTags": tags, "Layers": layers}})
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: "manifest.json", Mode: 0o644, Size: int64(len(contents))}); err != nil {
		return err
	}
	if _, err := t.Write(contents); err != nil {
		return err
	}
	return t.Close()
}

func (b *bundle) copyBlob(t *tar.Writer, name string, desc v1.Descriptor) error {
	r, err := b.open(blobPath(desc.Digest))
	if err != nil {
		return err
	}
	defer r.Close()
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: desc.Size}); err != nil {
		return err
	}
	_, err = io.Copy(t, r)
	return err
}
