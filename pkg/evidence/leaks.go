package evidence

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Leaks names the files that hold a known secret, in any form, in their content
// or their name, ordered by path. Nothing that was written through the Dir does;
// this looks at what others wrote into it, and at the Dir's own promise.
func (d *Dir) Leaks() ([]File, error) {
	var leaks []File
	err := filepath.WalkDir(d.path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(d.path, path)
		if err != nil {
			return err
		}
		holds := d.redactor.Holds([]byte(rel))
		if !holds {
			if holds, err = d.redactor.holdsFile(path); err != nil {
				return err
			}
		}
		if holds {
			leaks = append(leaks, File(filepath.ToSlash(rel)))
		}
		return nil
	})
	if err != nil {
		return leaks, fmt.Errorf("look for secrets in the run directory: %w", err)
	}
	slices.Sort(leaks)
	return leaks, nil
}

func (r *Redactor) holdsFile(path string) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	return r.holdsStream(file)
}

// holdsStream reads piece by piece: a log may be larger than what memory is there.
func (r *Redactor) holdsStream(from io.Reader) (bool, error) {
	span := r.span()
	if span == 0 {
		return false, nil // no secret is known
	}
	const piece = 64 << 10
	held := make([]byte, 0, piece+span)
	for {
		n, err := io.ReadFull(from, held[len(held):len(held)+piece])
		held = held[:len(held)+n]
		if r.Holds(held) {
			return true, nil
		}
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return false, nil
		case err != nil:
			return false, err
		}
		// A secret may lie across two pieces.
		held = held[:copy(held, held[len(held)-min(len(held), span-1):])]
	}
}
