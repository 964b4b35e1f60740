package images

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// layoutWriter writes an OCI image layout beside its final place and moves it
// there when it is complete, so that half a bundle never looks like one.
type layoutWriter struct {
	path    string // final place
	scratch string // folder for everything unfinished

	layers sync.Map // diff id -> func() (v1.Descriptor, error)

	mu   sync.Mutex
	have map[v1.Hash]bool
	file *os.File    // for a .tar
	tar  *tar.Writer // for a .tar
}

func newLayout(target string) (*layoutWriter, error) {
	if _, err := os.Lstat(target); err == nil {
		return nil, fmt.Errorf("save bundle: %s exists: remove it or give another name", target)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return nil, fmt.Errorf("save bundle: %w", err)
	}
	scratch, err := os.MkdirTemp(filepath.Dir(target), "."+filepath.Base(target)+".partial-*")
	if err != nil {
		return nil, fmt.Errorf("save bundle: %w", err)
	}
	w := &layoutWriter{path: target, scratch: scratch, have: map[v1.Hash]bool{}}
	if !strings.HasSuffix(target, ".tar") {
		return w, os.MkdirAll(filepath.Join(w.dir(), "blobs", "sha256"), 0o755)
	}
	if w.file, err = os.Create(filepath.Join(scratch, "bundle.tar")); err != nil {
		return nil, errors.Join(err, os.RemoveAll(scratch))
	}
	w.tar = tar.NewWriter(w.file)
	return w, w.entry("oci-layout", []byte(ociLayout))
}

// dir is where a folder bundle grows.
func (w *layoutWriter) dir() string { return filepath.Join(w.scratch, "bundle") }

// adopt takes over a finished scratch file as the blob with that digest.
func (w *layoutWriter) adopt(file string, digest v1.Hash, size int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.have[digest] {
		return os.Remove(file)
	}
	w.have[digest] = true
	if w.tar == nil {
		return errors.Join(os.Chmod(file, 0o644), os.Rename(file, filepath.Join(w.dir(), "blobs", "sha256", digest.Hex)))
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := w.tar.WriteHeader(&tar.Header{Name: blobPath(digest), Mode: 0o644, Size: size}); err != nil {
		return err
	}
	if _, err := io.Copy(w.tar, f); err != nil {
		return err
	}
	return os.Remove(file)
}

func (w *layoutWriter) entry(name string, data []byte) error {
	if err := w.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
		return err
	}
	_, err := w.tar.Write(data)
	return err
}

// finish writes the index and moves the bundle into its place.
func (w *layoutWriter) finish(index []byte) error {
	made := w.dir()
	if w.tar != nil {
		made = w.file.Name()
		if err := errors.Join(w.entry("index.json", index), w.tar.Close(), w.file.Close()); err != nil {
			return err
		}
	} else if err := errors.Join(
		os.WriteFile(filepath.Join(made, "oci-layout"), []byte(ociLayout), 0o644),
		os.WriteFile(filepath.Join(made, "index.json"), index, 0o644),
	); err != nil {
		return err
	}
	if err := os.Rename(made, w.path); err != nil {
		return err
	}
	return os.RemoveAll(w.scratch)
}

func (w *layoutWriter) abandon() error {
	if w.file != nil {
		_ = w.file.Close() // closed already, or to be removed
	}
	return os.RemoveAll(w.scratch)
}

func blobPath(h v1.Hash) string { return path.Join("blobs", h.Algorithm, h.Hex) }

// tarFiles are the files of an uncompressed archive, where they lie in it.
type tarFiles map[string]*io.SectionReader

// indexTar finds the files of an archive without reading their content.
func indexTar(f *os.File) (tarFiles, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	files := tarFiles{}
	links := map[string]string{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read archive %s: %w", f.Name(), err)
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			// The reader takes whole blocks from the file and nothing
			// ahead, so that the content begins where the file stands.
			at, err := f.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, err
			}
			files[name] = io.NewSectionReader(f, at, h.Size)
		case tar.TypeSymlink: // engines before 25 so mark a layer that is there twice
			links[name] = path.Join(path.Dir(name), h.Linkname)
		case tar.TypeLink:
			links[name] = path.Clean(h.Linkname)
		}
	}
	for name, target := range links {
		if section, ok := files[target]; ok {
			files[name] = section
		}
	}
	return files, nil
}

func (t tarFiles) read(name string) ([]byte, error) {
	section, ok := t[name]
	if !ok {
		return nil, fmt.Errorf("no %s", name)
	}
	return io.ReadAll(io.NewSectionReader(section, 0, section.Size()))
}

// readerWith ends a long copy when ctx does.
func readerWith(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
