package images

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// Annotations of an image in a bundle. They stand in the image's manifest,
// which its digest protects; those by which other tools find the image are
// repeated in the index.
const (
	annotationRefName    = "org.opencontainers.image.ref.name"
	annotationContainerd = "io.containerd.image.name"
	annotationRef        = "dev.airworthy.ref"    // as the run wanted it
	annotationRole       = "dev.airworthy.role"   // of Role
	annotationLocal      = "dev.airworthy.local"  // name in the container engine
	annotationOrigin     = "dev.airworthy.origin" // such as "built by recipe airflow@..."
	annotationDigest     = "dev.airworthy.digest" // upstream's manifest digest, where known
	annotationSize       = "dev.airworthy.size"   // bytes, uncompressed
)

// ociLayout is the content of the file that marks an OCI image layout.
const ociLayout = `{"imageLayoutVersion":"1.0.0"}`

// Save writes the images as an OCI image layout: a folder, or one file where
// path ends in .tar. Images that the cluster pulls by itself cannot be saved.
// The same images give the same bytes.
func (r *Resolver) Save(ctx context.Context, path string, all []Resolution) (err error) {
	out, err := newLayout(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("save bundle %s: %w", path, err), out.abandon())
		}
	}()
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for _, res := range sortedByRef(all) {
		if res.Source == ByCluster {
			return fmt.Errorf("image %s is pulled by the cluster and not held here: resolve it for a cluster of airworthy's own", res.Ref)
		}
		r.progress(res.Ref, "saving")
		desc, err := r.saveImage(ctx, out, res)
		if err != nil {
			return fmt.Errorf("image %s: %w", res.Ref, err)
		}
		index.Manifests = append(index.Manifests, desc)
	}
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	return out.finish(data)
}

// sortedByRef drops what is there twice, as an image wanted in two roles is.
func sortedByRef(all []Resolution) []Resolution {
	s := slices.Clone(all)
	slices.SortStableFunc(s, func(a, b Resolution) int { return strings.Compare(string(a.Ref), string(b.Ref)) })
	return slices.CompactFunc(s, func(a, b Resolution) bool { return a.Ref == b.Ref })
}

// saveImage copies one image out of the engine. The engine's archive goes to a
// file first, since its table of contents comes last.
func (r *Resolver) saveImage(ctx context.Context, out *layoutWriter, res Resolution) (v1.Descriptor, error) {
	archive, done, err := r.export(ctx, out.scratch, res.Local)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer done()
	config, layers, err := readArchive(archive)
	if err != nil {
		return v1.Descriptor{}, err
	}
	descriptors := make([]v1.Descriptor, len(layers))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(runtime.NumCPU())
	for i, layer := range layers {
		work.Go(func() (err error) {
			descriptors[i], err = out.layer(ctx, layer)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return v1.Descriptor{}, err
	}
	configDesc, err := out.bytes(config, types.OCIConfigJSON)
	if err != nil {
		return v1.Descriptor{}, err
	}
	full, err := FullName(Ref(res.Local))
	if err != nil {
		return v1.Descriptor{}, err
	}
	manifest, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1,
		Config: configDesc, Layers: descriptors, Annotations: annotations(res, full),
	})
	if err != nil {
		return v1.Descriptor{}, err
	}
	desc, err := out.bytes(manifest, types.OCIManifestSchema1)
	desc.Annotations = map[string]string{annotationRefName: full, annotationContainerd: full}
	return desc, err
}

func annotations(res Resolution, full string) map[string]string {
	return map[string]string{
		annotationRefName: full, annotationRef: string(res.Ref), annotationRole: string(res.Role), annotationLocal: res.Local,
		annotationOrigin: origin(res), annotationDigest: res.Digest, annotationSize: fmt.Sprint(res.Size),
	}
}

// origin says in words where an image came from, so that what was built does
// not read as the published image after it went through a bundle.
func origin(res Resolution) string {
	switch res.Source {
	case Built:
		return builtBy + res.From
	case Bundled:
		return res.From
	case Local:
		return "found in the container engine"
	default:
		return string(res.Source) + " from " + res.From
	}
}

// export writes the engine's archive of an image to a scratch file.
func (r *Resolver) export(ctx context.Context, dir, local string) (f *os.File, done func(), err error) {
	stream, err := r.engine.save(ctx, []string{local})
	if err != nil {
		return nil, nil, fmt.Errorf("export %s from the container engine: %w", local, err)
	}
	defer stream.Close()
	f, err = os.CreateTemp(dir, "export-*.tar")
	if err != nil {
		return nil, nil, err
	}
	done = func() {
		// Scratch: what cannot be removed now goes with its folder.
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	if _, err := io.Copy(f, stream); err != nil {
		done()
		return nil, nil, fmt.Errorf("export %s from the container engine: %w", local, err)
	}
	return f, done, nil
}

// archiveLayer is one layer in the engine's archive.
type archiveLayer struct {
	diffID v1.Hash
	tar    *io.SectionReader
}

// readArchive finds configuration and layers of the one image in an archive.
func readArchive(f *os.File) (config []byte, layers []archiveLayer, err error) {
	files, err := indexTar(f)
	if err != nil {
		return nil, nil, err
	}
	var contents []struct {
		Config string
		Layers []string
	}
	data, err := files.read("manifest.json")
	if err == nil {
		err = json.Unmarshal(data, &contents)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the engine's archive: %w", err)
	}
	if len(contents) != 1 {
		return nil, nil, fmt.Errorf("read the engine's archive: %d images instead of one", len(contents))
	}
	if config, err = files.read(contents[0].Config); err != nil {
		return nil, nil, fmt.Errorf("read the engine's archive: %w", err)
	}
	parsed, err := v1.ParseConfigFile(bytes.NewReader(config))
	if err != nil {
		return nil, nil, fmt.Errorf("read the image's configuration: %w", err)
	}
	if len(parsed.RootFS.DiffIDs) != len(contents[0].Layers) {
		return nil, nil, fmt.Errorf("read the engine's archive: %d layers, but the configuration names %d", len(contents[0].Layers), len(parsed.RootFS.DiffIDs))
	}
	for i, path := range contents[0].Layers {
		section, ok := files[path]
		if !ok {
			return nil, nil, fmt.Errorf("read the engine's archive: no %s", path)
		}
		layers = append(layers, archiveLayer{parsed.RootFS.DiffIDs[i], section})
	}
	return config, layers, nil
}

// layer compresses a layer into the bundle, once for all images that have it.
func (w *layoutWriter) layer(ctx context.Context, l archiveLayer) (v1.Descriptor, error) {
	once, _ := w.layers.LoadOrStore(l.diffID, sync.OnceValues(func() (v1.Descriptor, error) {
		return w.compress(ctx, l)
	}))
	return once.(func() (v1.Descriptor, error))()
}

func (w *layoutWriter) compress(ctx context.Context, l archiveLayer) (v1.Descriptor, error) {
	f, err := os.CreateTemp(w.scratch, "layer-*")
	if err != nil {
		return v1.Descriptor{}, err
	}
	hash, plain := sha256.New(), sha256.New()
	// The fastest level: 2 cores squeeze a gigabyte in seconds, not minutes.
	zip, err := gzip.NewWriterLevel(io.MultiWriter(f, hash), gzip.BestSpeed)
	if err != nil {
		return v1.Descriptor{}, err
	}
	_, err = io.Copy(io.MultiWriter(zip, plain), readerWith(ctx, io.NewSectionReader(l.tar, 0, l.tar.Size())))
	err = errors.Join(err, zip.Close())
	size, seekErr := f.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, seekErr, f.Close()); err != nil {
		return v1.Descriptor{}, fmt.Errorf("compress layer %s: %w", l.diffID, err)
	}
	if got := hex.EncodeToString(plain.Sum(nil)); got != l.diffID.Hex {
		return v1.Descriptor{}, fmt.Errorf("layer %s: the container engine gave content sha256:%s", l.diffID, got)
	}
	digest := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(hash.Sum(nil))}
	return v1.Descriptor{MediaType: types.OCILayer, Size: size, Digest: digest}, w.adopt(f.Name(), digest, size)
}

func (w *layoutWriter) bytes(data []byte, kind types.MediaType) (v1.Descriptor, error) {
	sum := sha256.Sum256(data)
	digest := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
	path := filepath.Join(w.scratch, digest.Hex)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: kind, Size: int64(len(data)), Digest: digest}, w.adopt(path, digest, int64(len(data)))
}
