package build

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// download is one file of a package registry, pinned by its sum.
type download struct {
	folder string // in the build context
	name   string // of the package, as the recipe writes it
	file   string // its own name
	url    func(context.Context) (string, error)
	sum    string // as the recipe writes it
	hash   func() hash.Hash
	text   func([]byte) string // of the hash, as the recipe writes it
}

// downloads lists the files that the recipe takes from Maven's and npm's
// registries, in a fixed order.
func (r *recipe) downloads() ([]download, error) {
	var out []download
	var errs []error
	for _, folder := range sortedKeys(r.Maven) {
		for _, name := range sortedKeys(r.Maven[folder]) {
			d, err := mavenDownload(folder, name, r.Maven[folder][name])
			out, errs = append(out, d), append(errs, err)
		}
	}
	for _, folder := range sortedKeys(r.NPM) {
		for _, name := range sortedKeys(r.NPM[folder]) {
			d, err := npmDownload(folder, name, r.NPM[folder][name])
			out, errs = append(out, d), append(errs, err)
		}
	}
	return out, errors.Join(errs...)
}

func mavenDownload(folder, name, sum string) (download, error) {
	parts := strings.Split(name, ":")
	if len(parts) < 3 || len(parts) > 4 || len(sum) != 2*sha256.Size {
		return download{}, fmt.Errorf("maven: %q needs GROUP:ARTIFACT:VERSION[:CLASSIFIER] and the SHA-256 of the jar, got %q", name, sum)
	}
	file := strings.Join(parts[1:], "-") + ".jar"
	return download{
		folder: folder, name: name, file: file, sum: sum, hash: sha256.New, text: hex.EncodeToString,
		url: func(context.Context) (string, error) {
			repository, err := mavenRepository()
			return repository + path.Join("/", strings.ReplaceAll(parts[0], ".", "/"), parts[1], parts[2], file), err
		},
	}, nil
}

func npmDownload(folder, name, sum string) (download, error) {
	at := strings.LastIndex(name, "@")
	if at < 1 || !strings.HasPrefix(sum, "sha512-") {
		return download{}, fmt.Errorf("npm: %q needs NAME@VERSION and its integrity, sha512-..., got %q", name, sum)
	}
	file := path.Base(name[:at]) + "-" + name[at+1:] + ".tgz"
	return download{
		folder: folder, name: name, file: file, sum: sum, hash: sha512.New,
		text: func(b []byte) string { return "sha512-" + base64.StdEncoding.EncodeToString(b) },
		url: func(ctx context.Context) (string, error) {
			return npmRegistry(ctx) + "/" + name[:at] + "/-/" + file, nil
		},
	}, nil
}

func (r *recipe) packageProblems() []string {
	_, err := r.downloads()
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// download brings the recipe's files of package registries into the cache, and
// hands each to take, which may be nil.
func (r *recipe) download(ctx context.Context, cache string, take func(d download, file string) error) error {
	all, err := r.downloads()
	if err != nil {
		return err
	}
	for _, d := range all {
		file, err := d.fetch(ctx, filepath.Join(cache, "packages"))
		if err != nil {
			return fmt.Errorf("download %s: %w", d.name, err)
		}
		if take == nil {
			continue
		}
		if err := take(d, file); err != nil {
			return err
		}
	}
	return nil
}

// packages adds the recipe's files of package registries to the build context.
func (c contextTar) packages(ctx context.Context, cache string, r *recipe) error {
	return r.download(ctx, cache, func(d download, file string) error {
		return c.copy(file, path.Join(d.folder, d.file), 0o644)
	})
}

// fetch gives the file in the cache, after a download where it is not there.
// The sum is checked before the file gets its name: what has it is right.
func (d download) fetch(ctx context.Context, cache string) (string, error) {
	wanted := sha256.Sum256([]byte(d.sum))
	to := filepath.Join(cache, hex.EncodeToString(wanted[:8])+"-"+d.file)
	if _, err := os.Stat(to); err == nil {
		return to, nil
	}
	url, err := d.url(ctx)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	half, err := os.CreateTemp(cache, ".half-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(half.Name()) // gone already where it was renamed
	h := d.hash()
	err = errors.Join(get(ctx, url, io.MultiWriter(half, h)), half.Close())
	if err != nil {
		return "", err
	}
	if got := d.text(h.Sum(nil)); got != d.sum {
		return "", fmt.Errorf("the sum of %s is %s, the recipe was written for %s", url, got, d.sum)
	}
	return to, os.Rename(half.Name(), to)
}

// downloads reads the proxy of the environment, and gives up on a server that
// takes a request and says nothing.
var downloads = &http.Client{Transport: answering(http.DefaultTransport.(*http.Transport).Clone())}

func answering(t *http.Transport) *http.Transport {
	t.ResponseHeaderTimeout = time.Minute
	return t
}

func get(ctx context.Context, url string, to io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := downloads.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	_, err = io.Copy(to, answer.Body)
	return err
}
