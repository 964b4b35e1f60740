package images

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// fakeEngine holds images by every name that they have. It reaches no registry
// unless pulls are given.
type fakeEngine struct {
	mu     sync.Mutex
	images map[string]held // by full name, and by id
	// reached are the manifest digests that the engine's own network gives.
	reached map[string]string
	noPull  error             // every pull ends so
	saved   map[string][]byte // docker archives by name
	calls   []string
	asked   int
}

var errNoNetwork = errors.New("dial tcp: lookup: no such host")

func newFakeEngine() *fakeEngine {
	return &fakeEngine{images: map[string]held{}, reached: map[string]string{}, saved: map[string][]byte{}}
}

func key(name string) string {
	if strings.HasPrefix(name, "sha256:") {
		return name
	}
	n, err := parse(Ref(name))
	if err != nil {
		panic(err)
	}
	return n.full
}

func (e *fakeEngine) hold(name string, h held) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.images[key(name)], e.images[h.id] = h, h
}

func (e *fakeEngine) call(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, fmt.Sprintf(format, args...))
}

func (e *fakeEngine) inspect(_ context.Context, name string) (held, bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h, ok := e.images[key(name)]
	return h, ok, nil
}

func (e *fakeEngine) distribution(_ context.Context, ref, _ string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	if len(e.reached) == 0 {
		return "", errNoNetwork
	}
	if d, ok := e.reached[key(ref)]; ok {
		return d, nil
	}
	return "", cerrdefs.ErrNotFound.WithMessage("manifest unknown")
}

func (e *fakeEngine) pull(_ context.Context, ref, auth string, _ func(string)) error {
	e.call("pull %s", ref)
	if e.noPull != nil {
		return e.noPull
	}
	digest, ok := e.reached[key(ref)]
	if !ok {
		return errors.New("manifest unknown")
	}
	e.hold(ref, held{id: "sha256:1d", size: 7, repoDigests: []string{repoOf(ref) + "@" + digest}})
	return nil
}

func (e *fakeEngine) tag(_ context.Context, source, target string) error {
	e.call("tag %s %s", source, target)
	h, ok, _ := e.inspect(context.Background(), source)
	if !ok {
		return cerrdefs.ErrNotFound
	}
	e.hold(target, h)
	return nil
}

func (e *fakeEngine) save(_ context.Context, names []string) (io.ReadCloser, error) {
	data, ok := e.saved[key(names[0])]
	if !ok {
		return nil, cerrdefs.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// load takes a docker archive apart as far as an engine does.
func (e *fakeEngine) load(_ context.Context, archive io.Reader) error {
	data, err := io.ReadAll(archive)
	if err != nil {
		return err
	}
	contents, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
	if err != nil {
		return err
	}
	files := untar(data)
	for _, img := range contents {
		sum := sha256.Sum256(files[img.Config])
		h := held{id: "sha256:" + hex.EncodeToString(sum[:]), size: int64(len(data))}
		for _, layer := range img.Layers {
			if len(files[layer]) == 0 {
				return fmt.Errorf("no layer %s", layer)
			}
		}
		e.hold(h.id, h)
		for _, tag := range img.RepoTags {
			e.hold(strings.Replace(tag, "index.docker.io/", "docker.io/", 1), h)
		}
		e.call("load %v", img.RepoTags)
	}
	return nil
}

func (e *fakeEngine) architecture(context.Context) (string, error) { return "amd64", nil }

func untar(data []byte) map[string][]byte {
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if err != nil {
			return files
		}
		files[h.Name], _ = io.ReadAll(r)
	}
}

// layerOf is a layer with one file.
func layerOf(content string) string {
	var out bytes.Buffer
	t := tar.NewWriter(&out)
	_ = t.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(content))})
	_, _ = t.Write([]byte(content))
	_ = t.Close()
	return out.String()
}

// archiveOf makes what an engine exports: an image of layers with these files.
func archiveOf(layers ...string) (data []byte, id string) {
	var out bytes.Buffer
	t := tar.NewWriter(&out)
	put := func(name string, data []byte) {
		_ = t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))})
		_, _ = t.Write(data)
	}
	var diffs, paths []string
	for _, content := range layers {
		l := layerOf(content)
		sum := sha256.Sum256([]byte(l))
		hash := hex.EncodeToString(sum[:])
		put("blobs/sha256/"+hash, []byte(l))
		diffs, paths = append(diffs, "sha256:"+hash), append(paths, "blobs/sha256/"+hash)
	}
	config, _ := json.Marshal(map[string]any{"architecture": "amd64", "os": "linux", "rootfs": map[string]any{"type": "layers", "diff_ids": diffs}})
	sum := sha256.Sum256(config)
	hash := hex.EncodeToString(sum[:])
	put("blobs/sha256/"+hash, config)
	manifest, _ := json.Marshal([]map[string]any{{"Config": "blobs/sha256/" + hash, "RepoTags": nil, "Layers": paths}})
	put("manifest.json", manifest)
	_ = t.Close()
	return out.Bytes(), "sha256:" + hash
}

// fakeBuilder builds what recipes name, into the engine.
type fakeBuilder struct {
	engine  *fakeEngine
	recipes map[string]string // image -> recipe
	hash    string
	err     error
	errs    []error // of the first builds, before err counts
	built   int
	note    string
}

func (b *fakeBuilder) Supports(ref string) (string, bool) {
	recipe, ok := b.recipes[ref]
	return recipe, ok
}

func (b *fakeBuilder) Hash(ref string) (string, error) {
	if _, ok := b.recipes[ref]; !ok {
		return "", errors.New("no recipe makes it")
	}
	return b.hash, nil
}

func (b *fakeBuilder) Note(string) string { return b.note }

func (b *fakeBuilder) Build(_ context.Context, ref string) (BuildResult, error) {
	b.built++
	if b.built <= len(b.errs) {
		return BuildResult{}, b.errs[b.built-1]
	}
	if b.err != nil {
		return BuildResult{}, b.err
	}
	local := "airworthy.local/" + b.recipes[ref] + ":" + b.hash
	b.engine.hold(local, held{id: "sha256:b1", size: 9})
	return BuildResult{Local: local, ID: "sha256:b1", Recipe: b.recipes[ref], Hash: b.hash, Note: b.note}, nil
}
