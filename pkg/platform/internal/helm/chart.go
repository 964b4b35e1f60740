// Package helm renders charts without a cluster and installs what was rendered.
// It owns everything that touches the Helm SDK and how a release becomes ready;
// it must not know Airflow, nor any one chart.
package helm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
)

// Source is a chart with the digest of its content.
type Source struct {
	Chart  *chart.Chart
	Digest string // sha256:<hex> of the archive, or of names and contents in a folder
}

// LoadFS reads the chart whose Chart.yaml lies in dir of fsys.
func LoadFS(fsys fs.FS, dir string) (Source, error) {
	var files []*loader.BufferedFile
	err := fs.WalkDir(fsys, dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		relative := strings.TrimPrefix(strings.TrimPrefix(name, path.Clean(dir)), "/")
		files = append(files, &loader.BufferedFile{Name: relative, Data: data})
		return nil
	})
	if err != nil {
		return Source{}, fmt.Errorf("read chart %s: %w", dir, err)
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Name < files[j].Name })
	loaded, err := loader.LoadFiles(files)
	if err != nil {
		return Source{}, fmt.Errorf("load chart %s: %w", dir, err)
	}
	sum := sha256.New()
	for _, f := range files {
		fmt.Fprintf(sum, "%s\x00%d\x00", f.Name, len(f.Data))
		sum.Write(f.Data)
	}
	return Source{Chart: loaded, Digest: "sha256:" + hex.EncodeToString(sum.Sum(nil))}, nil
}

// LoadPath reads a chart from a folder or a .tgz.
func LoadPath(name string) (Source, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Source{}, fmt.Errorf("chart %s does not exist: set platform.chart to a chart folder or the .tgz of a packaged chart", name)
	case err != nil:
		return Source{}, fmt.Errorf("read chart %s: %w", name, err)
	case info.IsDir():
		return LoadFS(os.DirFS(name), ".")
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return Source{}, fmt.Errorf("read chart %s: %w", name, err)
	}
	loaded, err := loader.LoadArchive(strings.NewReader(string(data)))
	if err != nil {
		return Source{}, fmt.Errorf("load chart %s: %w: platform.chart must be a chart folder or the .tgz of a packaged chart", name, err)
	}
	sum := sha256.Sum256(data)
	return Source{Chart: loaded, Digest: "sha256:" + hex.EncodeToString(sum[:])}, nil
}
