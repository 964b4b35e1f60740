package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Seal writes SHA256SUMS over every file but itself, ordered by path, as
// sha256sum reads it. Files that are not regular, or whose name holds a line
// break, cannot be summed: they are left out and named in the error.
func (d *Dir) Seal() error {
	sums, err := d.sums()
	if err != nil {
		err = fmt.Errorf("seal run directory: %w", err)
	}
	var b bytes.Buffer
	for _, f := range sorted(sums) {
		fmt.Fprintf(&b, "%s  %s\n", sums[f], f)
	}
	return errors.Join(err, d.replace(SumsFile, b.Bytes()))
}

// Change says how a file differs from its sum.
type Change string

const (
	Changed Change = "changed" // another content than was sealed
	Gone    Change = "missing" // sealed, and not there
	Extra   Change = "extra"   // there, and not sealed
)

// Difference is one file that is not as it was sealed.
type Difference struct {
	File   File   `json:"file"`
	Change Change `json:"change"`
}

func (d Difference) String() string { return fmt.Sprintf("%s is %s", d.File, d.Change) }

// VerifySums names every file that is not as Seal saw it, ordered by path.
func (d *Dir) VerifySums() ([]Difference, error) {
	data, err := d.ReadFile(SumsFile)
	if err != nil {
		return nil, fmt.Errorf("verify sums: %w", err)
	}
	sealed := map[File]string{}
	for n, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		sum, name, ok := strings.Cut(line, "  ")
		if raw, err := hex.DecodeString(sum); !ok || err != nil || len(raw) != sha256.Size {
			if len(data) == 0 {
				break
			}
			return nil, fmt.Errorf("verify sums: %s line %d is not a sum and a path", SumsFile, n+1)
		}
		sealed[File(name)] = sum
	}
	now, err := d.sums()
	if err != nil {
		return nil, fmt.Errorf("verify sums: %w", err)
	}
	var all []Difference
	for f, sum := range sealed {
		switch is, ok := now[f]; {
		case !ok:
			all = append(all, Difference{f, Gone})
		case is != sum:
			all = append(all, Difference{f, Changed})
		}
	}
	for f := range now {
		if _, ok := sealed[f]; !ok {
			all = append(all, Difference{f, Extra})
		}
	}
	slices.SortFunc(all, func(a, b Difference) int { return strings.Compare(string(a.File), string(b.File)) })
	return all, nil
}

// sums returns the SHA-256 of every regular file but SHA256SUMS, in hexadecimal.
func (d *Dir) sums() (map[File]string, error) {
	sums := map[File]string{}
	var errs []error
	err := filepath.WalkDir(d.path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(d.path, path)
		if err != nil {
			return err
		}
		f := File(filepath.ToSlash(rel))
		switch {
		case f == SumsFile:
			return nil
		case !entry.Type().IsRegular() || strings.ContainsAny(rel, "\n\r\\"):
			errs = append(errs, fmt.Errorf("%q is not a regular file with a plain name", rel))
			return nil
		}
		sums[f], err = sum(path)
		return err
	})
	return sums, errors.Join(append(errs, err)...)
}

func sum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func sorted(sums map[File]string) []File {
	files := make([]File, 0, len(sums))
	for f := range sums {
		files = append(files, f)
	}
	slices.Sort(files)
	return files
}
