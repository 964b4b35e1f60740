// Package golden compares what a test made with a committed file, and rewrites
// the file where the test binary was given -update:
//
//	go test ./pkg/config -update
package golden

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files instead of comparing with them")

// Equal fails t where got is not, byte for byte, what the file at path holds.
// With -update it writes got there instead, and makes the folder.
func Equal(t testing.TB, path string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		t.Fatalf("read golden file: %v", err)
	}
	if *update {
		if !missing && bytes.Equal(want, got) {
			return
		}
		if err := write(path, got); err != nil {
			t.Fatalf("update golden file: %v", err)
		}
		t.Logf("updated %s", path)
		return
	}
	if missing {
		t.Fatalf("golden file %s does not exist: run the test with -update, and read what it wrote", path)
	}
	if diff := Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (- is the file, + is what the test made; -update rewrites it):\n%s", path, diff)
	}
}

func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return os.WriteFile(path, data, 0o644)
}
